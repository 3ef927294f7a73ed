//! A lake and a client that read one dataset from an [`Api`].

use std::sync::Arc;

use bronzed_engine::ingest::progress::Unwatched;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Context, Order, run};
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::declaration::{Dataset, Kind, Mode, Priority, SilverTable, Version};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_model::json::canonical::canonical;
use bronzed_model::settings::Settings;
use bronzed_source::SourceClient;
use bronzed_storage::bronze::drift::Drift;
use bronzed_storage::bronze::{layout, reader};
use bronzed_storage::lake::Lake;
use bronzed_tables::silver::{Built, SilverBuilder};
use tokio_util::sync::CancellationToken;

use super::api::{Answers, Api};
use super::case::Case;
use crate::support::lake::{Backend, TestLake};
use crate::support::promises;
use crate::support::runtime;
use crate::support::stage::instant;

/// Time of all reads.
pub const NOW: &str = "2026-11-20T12:00:00-03:00";
/// Day of [`NOW`], which is the day of snapshots.
pub const TODAY: &str = "2026-11-20";

/// Harness that reads one dataset.
pub struct Desk {
    pub api: Api,
    pub lake: TestLake,
    pub clock: ManualClock,
    settings: Settings,
    dataset: Arc<Dataset>,
    /// Datasets to read before, each with its day; the most distant first.
    before: Vec<(Arc<Dataset>, String)>,
    entropy: Arc<Entropy>,
}

impl Desk {
    /// Starts the API with these responses, over an empty lake.
    pub fn new(case: &Case, answers: &Answers) -> Self {
        let (api, lake) = (Api::start(answers), TestLake::new(Backend::Folder));
        let source = case.source().to_uppercase();
        let of_source = |key: &str| format!("BRONZED__SOURCES__{source}__{key}");
        let root = match case.source() {
            "pncp" => format!("{}/api", api.url),
            _ => api.url.clone(),
        };
        let mut environment = vec![
            ("BRONZED__LAKE__URL".to_owned(), lake.url().to_owned()),
            (of_source("BASE_URL"), root.clone()),
            (of_source("RETRY__INITIAL"), "1ms".to_owned()),
            (of_source("RETRY__MAX"), "5ms".to_owned()),
            (
                of_source("LIMITS__REQUESTS_PER_SECOND"),
                "100000".to_owned(),
            ),
            (of_source("LIMITS__BURST"), "100000".to_owned()),
        ];
        if case.source() == "tcu" {
            environment.push((of_source("DATASET__ACORDAOS__BASE_URL"), root));
        }
        let settings =
            bronzed_config::load(None, environment).unwrap_or_else(|error| panic!("{error}"));
        let declared = &settings.sources[case.source()];
        let dataset = declared.datasets[case.name()].clone();
        let before = case.before.as_deref();
        let before = std::iter::successors(before, |case| case.before.as_deref());
        let before = before.map(|case| (declared.datasets[case.name()].clone(), case.day()));
        let mut before: Vec<_> = before.collect();
        before.reverse();
        Self {
            api,
            lake,
            clock: ManualClock::new(instant(NOW)),
            settings,
            dataset,
            before,
            entropy: Arc::new(Entropy::seeded(7)),
        }
    }

    /// Reads a day of the dataset, after the datasets that must be read before.
    ///
    /// # Errors
    /// Returns the reasons if reading one of those datasets failed.
    pub fn read(&self, day: &str, mode: Mode) -> Result<RunReport, String> {
        for (dataset, day) in &self.before {
            let report = self.run(dataset, day, Mode::Full);
            if report.status() != Status::Ok {
                return Err(format!("{}: {}", dataset.full_name(), report.reasons()));
            }
        }
        Ok(self.run(&self.dataset, day, mode))
    }

    /// Reads a day, which must end with status `ok`.
    ///
    /// # Errors
    /// Returns the reasons if it doesn't.
    pub fn read_well(&self, day: &str, mode: Mode) -> Result<RunReport, String> {
        let report = self.read(day, mode)?;
        match report.status() {
            Status::Ok => Ok(report),
            other => Err(format!("{}: {}", other.name(), report.reasons())),
        }
    }

    fn run(&self, dataset: &Arc<Dataset>, day: &str, mode: Mode) -> RunReport {
        let source = &self.settings.sources[&dataset.source];
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let client = SourceClient::new(source, clock.clone(), self.entropy.clone());
        let context = Context {
            index: None,
            lake: Lake::open(&self.settings.lake).expect("a lake"),
            client: client.expect("a client"),
            zone: source.timezone,
            concurrency: source.limits.concurrency,
            commit: self.settings.commit,
            clock,
            entropy: self.entropy.clone(),
            observer: Arc::new(Unwatched),
            keeps_requests: true,
            cancel: CancellationToken::new(),
        };
        let order = Order {
            dataset: dataset.clone(),
            day: day.parse().expect("a day"),
            mode,
            job: "test".to_owned(),
            priority: Priority::Hourly,
        };
        let report = runtime().block_on(run(&context, &order));
        runtime().block_on(promises::assert_kept(&context.lake, &self.settings));
        report
    }

    /// Returns the silver tables that the dataset feeds.
    pub fn silver(&self) -> Vec<Arc<SilverTable>> {
        let tables = self.settings.sources[&self.dataset.source].silver.values();
        let fed = tables.filter(|table| {
            let mut inputs = table.inputs.iter();
            inputs.any(|input| input.name == self.dataset.name)
        });
        fed.cloned().collect()
    }

    /// Builds a silver table.
    ///
    /// # Errors
    /// Returns the error of the build.
    pub fn build(&self, table: &SilverTable) -> Result<Built, String> {
        let lake = Lake::open(&self.settings.lake).expect("a lake");
        let builder = SilverBuilder::new(lake);
        let built = builder.build(table, self.clock.now(), &|| false, &|_| {});
        runtime().block_on(built).map_err(|error| error.to_string())
    }

    /// Returns the dataset under test.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Returns path and query of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.api.asked()
    }

    /// Returns the keys of the dataset's files.
    pub fn files(&self) -> Vec<String> {
        let prefix = &self.dataset.prefix;
        let mut keys = self.lake.keys();
        keys.retain(|key| layout::file_day(prefix, key).is_some());
        keys
    }

    /// Returns id and canonical record of every row; the id is without its version if versions are told by
    /// content.
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for key in self.files() {
            let bytes = self.lake.get(&key);
            let facts = reader::facts(bytes.clone().into(), &[]).expect("ids");
            let records = reader::records(bytes.into()).expect("records");
            let by_content = self.dataset.version == Version::Content
                || matches!(self.dataset.kind, Kind::Snapshot);
            let ids = facts.ids.iter().map(|id| match id.rsplit_once('@') {
                Some((key, _)) if by_content => key.to_owned(),
                _ => id.to_string(),
            });
            let records = records
                .iter()
                .map(|record| canonical(record).expect("JSON"));
            rows.extend(ids.zip(records));
        }
        rows
    }

    /// Returns the fields that no column holds, sorted.
    pub fn drift(&self) -> Vec<String> {
        let mut drift = Drift::default();
        for key in self.files() {
            let day = layout::file_day(&self.dataset.prefix, &key).expect("a day");
            let extras = reader::extras(self.lake.get(&key).into()).expect("_extra");
            for extra in extras.expect("a file of ours") {
                drift.see(&self.dataset.schema, day, &extra);
            }
        }
        let findings = drift.findings();
        let mut fields: Vec<_> = findings.iter().map(|one| one.field.clone()).collect();
        fields.sort();
        fields
    }
}
