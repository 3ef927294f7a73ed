//! The requests of a run, kept in the lake beside its entry in the audit: on its page, in the API and on the command line.

use std::time::Duration;

use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_model::requests::RunRequests;
use bronzed_simulator::SimConfig;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_storage::lake::Lake;
use bronzed_storage::requests;
use serde_json::Value;

use crate::secrets::ask;
use crate::support::hooked::Hooked;
use crate::support::lake::{Backend, TestLake};
use crate::support::scene::{DAY, Scene, config};
use crate::support::stage::{NEXT_MORNING, Stage, day};
use crate::support::{only, runtime};

/// A request that fails in four ways one after the other, each of them worth a retry.
fn bad_hour() -> Faults {
    let faults = [
        Fault::RateLimited,
        Fault::Unavailable,
        Fault::Hang,
        Fault::CutOff,
    ];
    let rules = (1..).zip(faults).map(|(nth, fault)| {
        let rule = Rule::nth(nth, fault);
        rule.dataset("pncp.contratacoes")
            .slice("modalidade=6")
            .page(1)
    });
    Faults::by_rule(rules)
}

#[test]
fn each_failed_request_is_told_with_its_reason_by_page_api_and_command_line_after_a_restart() {
    let sim = SimConfig {
        faults: bad_hour(),
        ..config(Catalog::generated(5, day(), 300, 2_400))
    };
    let scene = Scene::new(Backend::Folder, sim);
    let run = scene
        .reader()
        .env("BRONZED__SOURCES__PNCP__LIMITS__TIMEOUT", "3s")
        .run()
        .expect(0);
    let run_id = run.json()["run_id"].as_str().unwrap().to_owned();

    let shown = scene.program(&["runs", "--requests", &run_id, "--json"]);
    let kept: Value = shown.run().expect(0).json();
    let of_page = kept["requests"].as_array().unwrap().iter();
    let of_page: Vec<_> = of_page
        .filter(|one| one["slice"] == "modalidade=6" && one["page"] == 1)
        .collect();
    let told: Vec<_> = of_page
        .iter()
        .map(|one| {
            (
                one["attempt"].as_u64().unwrap(),
                one["outcome"].as_str().unwrap(),
                one["status"].as_u64(),
            )
        })
        .take(5)
        .collect();
    assert_eq!(
        told,
        [
            (1, "rate_limited", Some(429)),
            (2, "status", Some(503)),
            (3, "timed_out", None),
            (4, "broke_off", None),
            (5, "page", Some(200)),
        ]
    );
    assert_eq!(of_page[0]["asked_ms"], 1_000, "{}", of_page[0]);
    for failed in &of_page[..4] {
        assert!(failed["wait_ms"].is_u64(), "{failed}");
        assert!(!failed["detail"].as_str().unwrap().is_empty(), "{failed}");
    }
    assert!(
        of_page[2]["took_ms"].as_u64().unwrap() >= 3_000,
        "{}",
        of_page[2]
    );
    let text = scene
        .program(&["runs", "--requests", &run_id])
        .run()
        .expect(0)
        .stdout;
    for part in [
        "rate_limited 429",
        "status 503",
        "timed_out",
        "broke_off",
        "no whole answer within 3s",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }

    // Another process, which knows of the run from the lake alone.
    let daemon = scene
        .program(&["daemon"])
        .envs(&only("pncp.contratacoes"))
        .env("BRONZED__SERVER__LISTEN", "127.0.0.1:0");
    let mut daemon = daemon.start();
    let started = daemon.log_line("daemon started");
    let address = started["listen"].as_str().unwrap().to_owned();
    let get = |path: &str| {
        let answer = ask(&address, "GET", path, None, "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let of_api = get(&format!("/api/v1/runs/{run_id}/requests"));
    assert_eq!(serde_json::from_str::<Value>(&of_api).unwrap(), kept);
    let page = get(&format!("/dataset/pncp/contratacoes/{DAY}/{run_id}"));
    for part in [
        "“too many requests”",
        "an error status",
        "no whole answer in time",
        "an answer that broke off",
        "as the server asked",
        "no whole answer within 3s",
    ] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
    assert!(page.contains("class=\"bad\" d=\"M"), "failures are drawn");
    let unknown = format!("/api/v1/runs/{}/requests", uuid::Uuid::nil());
    let unknown = ask(&address, "GET", &unknown, None, "");
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    daemon.interrupt();
    daemon.wait().expect(0);
}

fn stage(records: u32, store: &Hooked) -> Stage {
    let catalog = Catalog::generated(5, day(), records, 2_400);
    let lake = TestLake::new(Backend::Folder);
    let stage = Stage::new(lake, catalog, Faults::default(), 5).over(store.clone());
    stage.at(NEXT_MORNING);
    stage
}

fn is_of_requests(operation: &str) -> bool {
    operation.starts_with("PUT _bronzed/requests/")
}

#[test]
fn a_lake_that_refuses_the_list_of_requests_fails_no_run() {
    let store = Hooked::new();
    let stage = stage(300, &store);
    store.refuse(is_of_requests);
    let report = stage.run(Mode::Full);
    assert_eq!(
        (report.status(), report.complete),
        (Status::Ok, true),
        "{report:?}"
    );
    let log = store.take_log();
    assert!(log.iter().any(|one| is_of_requests(one)), "it was tried");
}

#[test]
fn the_list_of_requests_is_one_write_after_all_others_and_none_of_a_run_that_asked_for_nothing() {
    let store = Hooked::new();
    let stage = stage(300, &store);
    stage.run(Mode::Full);
    let log = store.take_log();
    let writes: Vec<_> = log.iter().filter(|one| one.starts_with("PUT ")).collect();
    let lists = writes.iter().filter(|one| is_of_requests(one)).count();
    assert_eq!(lists, 1, "{writes:?}");
    assert!(is_of_requests(writes.last().unwrap()), "{writes:?}");
    store.refuse(|operation| operation.starts_with("GET pncp/_state/"));
    stage.run(Mode::Full);
    assert!(!store.take_log().iter().any(|one| is_of_requests(one)));
}

#[test]
fn the_requests_of_a_run_of_hundreds_take_a_few_kilobytes() {
    let store = Hooked::new();
    let stage = stage(19_500, &store);
    let report = stage.run(Mode::Full);
    let lake = Lake::over(std::sync::Arc::new(store), "the test's store");
    let read = async {
        let run_id = report.execution.run_id;
        let found: RunRequests = requests::read(&lake, run_id).await.unwrap().unwrap();
        let key = requests::key(run_id).unwrap();
        let (packed, _) = lake.get(&key).await.unwrap().unwrap();
        (found, packed.len())
    };
    let (found, bytes) = runtime().block_on(read);
    assert_eq!(found.total, report.counts().requests);
    let text = serde_json::to_vec(&found).unwrap().len();
    println!(
        "{} requests, {} kept: {bytes} bytes, {text} of JSON",
        found.total,
        found.requests.len()
    );
    assert!(found.total >= 400, "{}", found.total);
    assert!(bytes < 10_000, "{bytes}");
    let slices: u64 = found.slices.iter().map(|slice| slice.requests).sum();
    assert_eq!(slices, found.total);
    assert!(Duration::from_millis(found.took_ms) <= report.took + Duration::from_secs(1));
}
