//! Defects of the replaced pipeline, each as a test named after what went wrong there. The table is in
//! `docs/operate/replaced-pipeline.md`.

use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_simulator::answer::Answer;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::oddity::Oddities;
use bronzed_simulator::pncp::record::Record;
use tokio_util::sync::CancellationToken;

use crate::support::hooked::Hooked;
use crate::support::lake::{Backend, TestLake};
use crate::support::runtime;
use crate::support::stage::{NEXT_MORNING, STATE, Stage, day};

fn stage(records: u32) -> Stage {
    stage_with(records, Faults::default(), &[])
}

fn stage_with(records: u32, faults: Faults, settings: &[(&str, &str)]) -> Stage {
    let catalog = Catalog::generated(5, day(), records, 2_400);
    let stage = Stage::with(TestLake::new(Backend::Folder), catalog, faults, 5, settings);
    stage.at(NEXT_MORNING);
    stage
}

fn is_data(operation: &str) -> bool {
    operation.starts_with("PUT ") && operation.ends_with(".parquet")
}

fn is_state(operation: &str) -> bool {
    operation.starts_with("PUT ") && operation.ends_with("state_20251022.json")
}

#[test]
fn state_written_before_the_data_lost_rows() {
    let store = Hooked::new();
    let stage = stage(300).over(store.clone());
    store.refuse(is_data);
    assert_eq!(stage.run(Mode::Full).status(), Status::Failed);
    store.refuse(|_| false);
    store.take_log();

    let report = stage.run(Mode::Full);
    assert_eq!(
        report.counts().new,
        300,
        "nothing was taken for stored: {report:?}"
    );
    let log = store.take_log();
    let data = log.iter().position(|operation| is_data(operation)).unwrap();
    let state = log
        .iter()
        .position(|operation| is_state(operation))
        .unwrap();
    assert!(
        data < state,
        "P3: the state is never ahead of bronze: {log:?}"
    );
}

#[test]
fn data_written_without_a_shared_commit_doubled_rows() {
    let store = Hooked::new();
    let stage = stage(300).over(store.clone());
    store.refuse(is_state);
    assert_eq!(stage.run(Mode::Full).status(), Status::Failed);
    assert_eq!(
        store.take_log().iter().filter(|one| is_data(one)).count(),
        1
    );

    store.refuse(|_| false);
    let next = stage.run(Mode::Full);
    assert_eq!(
        (next.counts().new, next.counts().duplicates),
        (0, 300),
        "P1"
    );
    assert!(
        !store.take_log().iter().any(|operation| is_data(operation)),
        "P6"
    );
}

#[test]
fn a_read_error_of_the_state_was_taken_for_no_state() {
    let store = Hooked::new();
    let stage = stage(300).over(store.clone());
    stage.run(Mode::Full);
    store.take_log();
    store.refuse(|operation| operation == format!("GET {STATE}"));
    let report = stage.run(Mode::Full);
    assert_eq!(report.status(), Status::Failed);
    let error = report.execution.error.clone().unwrap();
    assert!(error.contains("state_20251022.json"), "{error}");
    let written = store
        .take_log()
        .into_iter()
        .filter(|one| one.starts_with("PUT "));
    assert_eq!(
        written.collect::<Vec<_>>(),
        Vec::<String>::new(),
        "the history is untouched"
    );
}

#[test]
fn concurrent_jobs_wrote_over_each_other() {
    let stage = stage(2_000);
    let runs = (0..4).map(|_| stage.play("contratacoes", Mode::Full, CancellationToken::new()));
    let reports = runtime().block_on(futures::future::join_all(runs));
    let new: u64 = reports.iter().map(|report| report.counts().new).sum();
    assert_eq!(new, 2_000, "P1: four runs at once store each record once");
    assert_eq!(stage.stored(), stage.served());
    assert_eq!(
        stage.state()["executions"].as_array().unwrap().len(),
        4,
        "P7"
    );
}

#[test]
fn a_failed_slice_counted_as_no_rows_and_the_run_was_green() {
    let broken = Rule::always(Fault::ServerError).slice("modalidade=8");
    let stage = stage_with(500, Faults::by_rule([broken]), &[]);
    let report = stage.run(Mode::Full);
    assert_eq!(report.status(), Status::Partial, "P7: never green");
    assert_eq!(report.execution.failed_slices[0].0, "modalidade=8");
    assert!(!report.complete, "P4");
    assert!(report.counts().new > 0, "the other slices are in");
    stage.judge("some");
}

#[test]
fn html_and_cut_off_json_were_taken_for_no_data() {
    let faults = Faults::by_rule([
        Rule::always(Fault::Html).slice("modalidade=6"),
        Rule::always(Fault::CutOff).slice("modalidade=8"),
    ]);
    let stage = stage_with(500, faults, &[]);
    let report = stage.run(Mode::Full);
    let failed: Vec<_> = report
        .execution
        .failed_slices
        .iter()
        .map(|(label, _)| label)
        .collect();
    assert_eq!(failed, ["modalidade=6", "modalidade=8"]);
    assert!(!report.complete);
}

#[test]
fn the_last_ten_pages_were_the_first_ten() {
    // Modalidade 6 has some 700 records on 15 pages; the newest are on the last ones.
    let stage = stage(2_000);
    stage.at("2025-10-22T12:00:00-03:00").run(Mode::Full);
    let report = stage.at("2025-10-22T18:00:00-03:00").run(Mode::New);
    assert_eq!(report.status(), Status::Ok);
    assert!(report.counts().new > 500, "{report:?}");
    assert_eq!(stage.stored(), stage.served());
}

#[test]
fn a_missing_paginas_restantes_ended_the_walk() {
    // A short page as the API might send it: without the field, and without rows.
    let body = r#"{"data":[],"totalRegistros":2000,"totalPaginas":40,"numeroPagina":4}"#;
    let short = Fault::Answer(Box::new(Answer::json(200, body)));
    let rule = Rule::nth(1, short).slice("modalidade=6").page(4);
    let stage = stage_with(2_000, Faults::by_rule([rule]), &[]);
    let report = stage.run(Mode::Full);
    assert!(report.complete, "{report:?}");
    assert_eq!(stage.stored(), stage.served());
}

#[test]
fn refusals_were_retried_like_outages() {
    // A page size of 5 is out of bounds: status 400, which no retry can fix.
    let page_size = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__PAGINATOR__PAGE_SIZE";
    let stage = stage_with(100, Faults::default(), &[(page_size, "5")]);
    let report = stage.run(Mode::Full);
    assert_eq!(report.status(), Status::Failed);
    assert_eq!((report.counts().requests, report.counts().retries), (14, 0));
    let (_, reason) = &report.execution.failed_slices[0];
    assert!(reason.contains("400"), "{reason}");
}

#[test]
fn records_without_an_id_were_dropped_in_silence() {
    let odd = GeneratedDay {
        oddities: Oddities::each(0.2),
        ..GeneratedDay::new(6, day(), 1_000)
    };
    let catalog = Catalog::new().with(odd.records());
    let lake = TestLake::new(Backend::Folder);
    let stage = Stage::new(lake, catalog, Faults::default(), 6);
    let report = stage.at(NEXT_MORNING).run(Mode::Full);
    assert!(
        report.counts().unidentified > 100,
        "P2: stored, and counted"
    );
    assert!(
        report.counts().drift > 100,
        "unknown and mistyped values are counted"
    );
    assert_eq!(stage.stored(), stage.served());
    stage.judge("all");
    assert_eq!(
        stage.run(Mode::Full).counts().new,
        0,
        "and known again by their content"
    );
}

#[test]
fn a_newer_version_of_a_record_on_the_same_day_was_lost() {
    let version = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__VERSION";
    // Mode `new` isn't available for a dataset with versions.
    let mode = "BRONZED__SOURCES__PNCP__JOB__HOURLY__MODE";
    let stage = stage_with(
        100,
        Faults::default(),
        &[(version, "dataAtualizacaoGlobal"), (mode, "full")],
    );
    stage.run(Mode::Full);
    let before = stage.stored();
    let (id, stamp) = before[0].split_once('@').unwrap();
    let catalog = stage.simulator.catalog();
    let now = stage.simulator.clock().brasilia();
    let listed = catalog
        .list(Some(day()), now, true)
        .find(|one| one.id == id)
        .unwrap();
    let newer = listed
        .record
        .unwrap()
        .get()
        .replace(stamp, "2025-10-22T23:59:59");
    catalog.withdraw(id);
    catalog.add(Record::from_json(&newer).unwrap());
    let report = stage.run(Mode::Full);
    assert_eq!(
        report.counts().new,
        1,
        "the version is stored beside the first one"
    );
    assert_eq!(stage.stored().len(), before.len() + 1);
}
