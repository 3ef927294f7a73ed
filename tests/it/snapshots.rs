//! A snapshot over several days, read from the simulated API into a folder, and checked with the query from
//! the documentation.

use std::fs;
use std::sync::Arc;

use bronzed_config as configuration;
use bronzed_engine::ingest::progress::Unwatched;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Context, Order, run};
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_simulator::churn::Churn;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::provider::Provider;
use bronzed_simulator::row::Listing;
use bronzed_simulator::table::Stamp;
use bronzed_simulator::tcu::{INIDONEOS, generated};
use bronzed_simulator::{SimConfig, Simulator};
use bronzed_source::SourceClient;
use bronzed_storage::lake::Lake;
use bronzed_storage::state::inspect;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::program::Program;
use crate::support::promises;
use crate::support::python::{json_of, python};
use crate::support::runtime;
use crate::support::stage::instant;

const SOURCE: &str = r#"
name = "tcu"
base_url = "https://contas.tcu.gov.br"
timezone = "America/Sao_Paulo"

[dataset.inidoneos]
kind = "snapshot"
path = "/ords/condenacao/consulta/inidoneos"
data_selector = "/items"
primary_key = ["cpf_cnpj", "processo", "deliberacao"]
schema = "tcu/inidoneos.toml"

[dataset.inidoneos.paginator]
type = "offset"
offset_param = "offset"
page_size_param = "limit"
page_size = 500
has_more_path = "/hasMore"

[dataset.inidoneos.completeness]
require = "has_more"
"#;

const COLUMNS: &str = r#"
[columns]
nome = "string"
cpf_cnpj = "string"
processo = "string"
deliberacao = "string"
data_final = "instant"
"#;

#[test]
fn one_query_on_the_files_tells_what_was_in_force_on_each_day() {
    let clock = ManualClock::new(instant("2025-10-20T09:00:00-03:00"));
    let churn = Churn {
        days: 4,
        changed: 20,
        added: 5,
        removed: 3,
        ..Churn::still(7, 5_000, "2025-10-20T06:00:00".parse().unwrap())
    };
    let catalog = Catalog::default();
    let mut simulated = SimConfig::new(catalog, SimClock::over(Arc::new(clock.clone())));
    simulated.tables = simulated
        .tables
        .with(&INIDONEOS, generated::inidoneos(&churn));
    let simulator = runtime().block_on(Simulator::start(simulated)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::create_dir_all(config.join("sources/tcu")).unwrap();
    fs::write(config.join("bronzed.toml"), "").unwrap();
    fs::write(config.join("sources/tcu.toml"), SOURCE).unwrap();
    fs::write(config.join("sources/tcu/inidoneos.toml"), COLUMNS).unwrap();
    let lake = folder.path().join("data");
    let environment = [
        ("BRONZED__LAKE__URL", lake.to_str().unwrap().to_owned()),
        (
            "BRONZED__SOURCES__TCU__BASE_URL",
            simulator.base_url_of(Provider::Tcu),
        ),
    ];
    let named = |environment: &[(&str, String); 2]| {
        environment
            .clone()
            .map(|(name, value)| (name.to_owned(), value))
    };
    // Every run starts from the lake alone, as after a restart.
    let run_at = |time: &str| -> RunReport {
        clock.set(instant(time));
        let settings = configuration::load(Some(&config), named(&environment)).unwrap();
        let source = &settings.sources["tcu"];
        let (now, entropy) = (Arc::new(clock.clone()), Arc::new(Entropy::seeded(3)));
        let context = Context {
            index: None,
            lake: Lake::open(&settings.lake).unwrap(),
            client: SourceClient::new(source, now.clone(), entropy.clone()).unwrap(),
            zone: source.timezone,
            concurrency: source.limits.concurrency,
            commit: settings.commit,
            clock: now.clone(),
            entropy,
            observer: Arc::new(Unwatched),
            keeps_requests: true,
            cancel: CancellationToken::new(),
        };
        let order = Order {
            dataset: source.datasets["inidoneos"].clone(),
            day: Day::of(now.now(), source.timezone),
            mode: Mode::Full,
            job: "test".to_owned(),
            priority: Priority::Daily,
        };
        let report = runtime().block_on(run(&context, &order));
        runtime().block_on(promises::assert_kept(&context.lake, &settings));
        report
    };
    let in_force = || {
        let now = simulator.clock().brasilia();
        let listed = simulator
            .tables()
            .of(&INIDONEOS)
            .list(None, Stamp::At, now, true);
        let listed: Vec<_> = listed
            .filter(|row| row.listing == Listing::Visible)
            .filter_map(|row| row.record)
            .collect();
        serde_json::to_string(&listed).unwrap()
    };

    let settings = configuration::load(Some(&config), named(&environment)).unwrap();
    let open = Lake::open(&settings.lake).unwrap();
    let source = &settings.sources["tcu"];
    let found = |dataset: &Dataset, day: &str| {
        let inspected = inspect(&open, dataset, source.timezone, day.parse().unwrap());
        runtime().block_on(inspected).unwrap().findings
    };
    let declared = &source.datasets["inidoneos"];
    let other = Dataset {
        primary_key: vec!["/cpf_cnpj".to_owned()],
        ..(**declared).clone()
    };

    let mut expected = Vec::new();
    // No run on the 23rd.
    for (day, new) in [("20", 5_000), ("21", 28), ("22", 28), ("24", 56)] {
        let report = run_at(&format!("2025-10-{day}T09:00:00-03:00"));
        assert_eq!(report.status(), Status::Ok, "{report:?}");
        assert!(report.complete);
        // Over two days, a few rows changed twice, or were added and deleted again.
        let stored = report.counts().new;
        assert!((new * 9 / 10..=new).contains(&stored), "{stored} on {day}");
        let file = folder.path().join(format!("{day}.json"));
        fs::write(&file, in_force()).unwrap();
        let today = format!("2025-10-{day}");
        assert_eq!(found(declared, &today), [], "`state verify` of a sound day");
        assert!(!found(&other, &today).is_empty(), "under another key");
        expected.push(json!({"day": format!("2025-10-{day}"), "records": file}));
    }
    expected.push(json!({"day": "2025-10-23", "records": folder.path().join("22.json")}));

    let views = Program::new(&["views", "--config", config.to_str().unwrap()]);
    let views = views.env("BRONZED__LAKE__URL", lake.to_str().unwrap());
    let sql = folder.path().join("views.sql");
    fs::write(&sql, views.run().expect(0).stdout).unwrap();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/use/snapshots.md");
    let judged = json_of(
        python()
            .script("snapshot.py")
            .args([docs, lake.to_str().unwrap(), "tcu_inidoneos"])
            .arg(json!(expected).to_string())
            .arg(sql),
    );
    assert_eq!(judged["days"], 5);
}
