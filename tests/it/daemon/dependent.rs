//! A dataset whose slices are another dataset's rows, in a lake that has neither.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bronzed::server::daemon::DaemonService as _;
use bronzed::server::view::RunStatus;
use bronzed::session::AppContext;
use bronzed_model::clock::ManualClock;
use bronzed_model::entropy::Entropy;
use bronzed_source::testing::{Server, Step, answer, json};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::complete_days;
use chrono::{DateTime, Utc};
use tempfile::TempDir;
use url::Url;

use crate::support::driven::Life;
use crate::support::hooked::Hooked;
use crate::support::runtime;

const SOURCE: &str = r#"
name = "s"
timezone = "America/Sao_Paulo"

[retry]
max_attempts = 1

[dataset.orgaos]
kind = "snapshot"
path = "/orgaos"
primary_key = ["id"]
schema = "columns.txt"

[dataset.orgaos.paginator]
type = "single"

[dataset.contratos]
path = "/contratos"
primary_key = ["id"]
schema = "columns.txt"

[dataset.contratos.params]
orgao = "{orgao}"

[dataset.contratos.slices]
orgao = { dataset = "orgaos", field = "id" }

[dataset.contratos.window]
start_param = "dia"
format = "%Y-%m-%d"
settle = "0s"

[dataset.contratos.paginator]
type = "single"

[dataset.contratos.coverage]
from = 2025-10-19

[job.daily]
cron = "0 5 * * *"
days = "today"
datasets = ["orgaos"]

[job.backfill]
cron = "0 6 * * *"
days = "incomplete"
datasets = ["contratos"]
"#;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// At a first start each day of the backlog failed, one after the other, until the other dataset had been read.
#[test]
fn days_that_lack_their_slices_failed_one_after_the_other() {
    let answers = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&answers);
    let server = runtime().block_on(Server::start(move |head| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let url = Url::parse("http://api").and_then(|base| base.join(target));
        let url = url.expect("a target");
        let params: BTreeMap<_, _> = url.query_pairs().collect();
        Step::Answer(match url.path() {
            "/api/orgaos" if open.load(Ordering::SeqCst) => json(r#"[{"id":"7"},{"id":"8"}]"#),
            "/api/orgaos" => answer("500 Internal Server Error", "", b"no"),
            _ => json(&format!(
                r#"[{{"id":"{} of {}"}}]"#,
                params["dia"], params["orgao"]
            )),
        })
    }));
    let folder = TempDir::with_prefix("bronzed-config-").unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("sources")).unwrap();
    write("bronzed.toml", "[lake]\nurl = \"memory:///\"\n");
    write("sources/columns.txt", "[columns]\nid = \"string\"\n");
    let base = format!("base_url = \"{}\"\n", server.url);
    write("sources/s.toml", &format!("{base}{SOURCE}"));
    let settings = bronzed_config::load(Some(folder.path()), []);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    runtime().block_on(async {
        let clock = ManualClock::new(at("2025-10-22T12:00:00-03:00"));
        let lake = Lake::over(Arc::new(Hooked::new()), "the test's store");
        let (time, entropy) = (Arc::new(clock.clone()), Arc::new(Entropy::seeded(5)));
        let context = AppContext::over(settings, lake.clone(), time, entropy).unwrap();
        let life = Life::start(context);
        life.look().await;
        let runs = life.daemon.runs().await.unwrap();
        let of = |name: &str| runs.iter().filter(|run| run.dataset == name).count();
        assert!(of("orgaos") > 0, "{runs:#?}");
        assert_eq!(of("contratos"), 0, "{runs:#?}");

        answers.store(true, Ordering::SeqCst);
        clock.set(at("2025-10-22T13:00:00-03:00"));
        life.look().await;
        let complete = complete_days(&lake, "s_contratos").await.unwrap();
        let complete: Vec<_> = complete.iter().map(ToString::to_string).collect();
        let runs = life.daemon.runs().await.unwrap();
        assert_eq!(
            complete,
            ["2025-10-19", "2025-10-20", "2025-10-21"],
            "{runs:#?}"
        );
        let of_contratos = runs.iter().filter(|run| run.dataset == "contratos");
        for run in of_contratos {
            assert_eq!(run.status, RunStatus::Ok, "{run:#?}");
        }
        life.stop().await;
    });
}
