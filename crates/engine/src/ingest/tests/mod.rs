//! Runs over sources that a test declares in TOML and whose API it simulates over real HTTP: results of each
//! paging style, of versions, and of children.

mod beside;
mod child;
mod clamped;
mod counted;
mod emptied;
mod expectations;
mod newest;
mod off_day;
mod paging;
mod values;
mod versions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::ingest::progress::Unwatched;
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order, run};
use bronzed_model::clock::ManualClock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::CommitSettings;
use bronzed_source::SourceClient;
use bronzed_source::testing::{Server, Step, answer, json};
use bronzed_storage::bronze::{layout, reader};
use bronzed_storage::lake::Lake;

/// Day that is read, unless a test uses another one.
const DAY: &str = "2025-10-22";
/// Time at which `DAY` has ended and settled.
const LATER: &str = "2025-10-24T12:00:00Z";

/// Head of each declared source, with minimal back-off.
const TOP: &str = r#"
name = "s"
timezone = "America/Sao_Paulo"
[limits]
concurrency = 4
[retry]
initial = "1ms"
max = "2ms"
"#;

/// Row of bronze: its metadata columns and its record.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: String,
    key: String,
    version: Option<String>,
    parent: Option<String>,
    slice: Option<String>,
    record: Value,
}

/// Declared source, with its API and a lake.
struct Scene {
    source: Arc<Source>,
    lake: Lake,
    store: Arc<InMemory>,
    clock: ManualClock,
    entropy: Arc<Entropy>,
    commit: CommitSettings,
    /// Day that is read.
    day: Day,
    /// Paths and queries of the requests, in the order of their arrival.
    asked: Arc<Mutex<Vec<String>>>,
    _server: Server,
}

impl Scene {
    /// Sets up the source of `toml`, whose datasets all have `columns`; `api` returns the response to the
    /// URL of a request.
    async fn new(
        toml: &str,
        columns: &str,
        api: impl Fn(&Url) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let server = Server::start(move |head| {
            let target = head.split(' ').nth(1).unwrap_or_default();
            let url = Url::parse(&format!("http://api{target}")).unwrap();
            seen.lock().unwrap().push(target.to_owned());
            Step::Answer(api(&url))
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("bronzed.toml", "[lake]\nurl = \"memory:///\"");
        let base = format!("base_url = \"{}\"\n", server.url);
        write("sources/s.toml", &format!("{base}{TOP}{toml}"));
        write("sources/columns.txt", &format!("[columns]\n{columns}"));
        let settings = bronzed_config::load(Some(folder.path()), []);
        let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
        let store = Arc::new(InMemory::new());
        Self {
            source: settings.sources["s"].clone(),
            lake: Lake::over(store.clone(), "memory"),
            store,
            clock: ManualClock::new(LATER.parse().unwrap()),
            entropy: Arc::new(Entropy::seeded(11)),
            commit: settings.commit,
            day: day(),
            asked,
            _server: server,
        }
    }

    async fn run(&self, dataset: &str, mode: Mode) -> RunReport {
        self.run_until(dataset, mode, CancellationToken::new())
            .await
    }

    async fn run_until(&self, dataset: &str, mode: Mode, cancel: CancellationToken) -> RunReport {
        self.run_day(dataset, self.day, mode, cancel).await
    }

    /// Performs a full run for another day than the usual one.
    async fn run_for(&self, dataset: &str, day: &str) -> RunReport {
        let cancel = CancellationToken::new();
        self.run_day(dataset, day.parse().unwrap(), Mode::Full, cancel)
            .await
    }

    async fn run_day(
        &self,
        dataset: &str,
        day: Day,
        mode: Mode,
        cancel: CancellationToken,
    ) -> RunReport {
        let clock = Arc::new(self.clock.clone());
        let entropy = Arc::clone(&self.entropy);
        let client = SourceClient::new(&self.source, clock.clone(), entropy.clone()).unwrap();
        let context = Context {
            lake: self.lake.clone(),
            client,
            zone: self.source.timezone,
            concurrency: self.source.limits.concurrency,
            commit: self.commit,
            index: None,
            clock,
            entropy,
            observer: Arc::new(Unwatched),
            keeps_requests: false,
            cancel,
        };
        let order = Order {
            dataset: self.source.datasets[dataset].clone(),
            day,
            mode,
            job: "test".to_owned(),
            priority: Priority::Hourly,
        };
        run(&context, &order).await
    }

    /// Returns the state of a dataset's day.
    async fn state(&self, dataset: &str, day: &str) -> Value {
        let prefix = &self.source.datasets[dataset].prefix;
        let key = layout::state_key(prefix, day.parse().unwrap());
        let (bytes, _) = self.lake.get(&key).await.unwrap().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Returns the rows of a dataset's day, by file.
    async fn files(&self, dataset: &str) -> Vec<Vec<Row>> {
        let prefix = &self.source.datasets[dataset].prefix;
        let mut files = BTreeMap::new();
        for entry in self
            .lake
            .list(&layout::partition(prefix, self.day))
            .await
            .unwrap()
        {
            if let Some(number) = layout::file_number(prefix, self.day, &entry.key) {
                let (bytes, _) = self.lake.get(&entry.key).await.unwrap().unwrap();
                files.insert(number, rows(bytes));
            }
        }
        files.into_values().collect()
    }

    /// Returns the rows of a dataset's day.
    async fn rows(&self, dataset: &str) -> Vec<Row> {
        self.files(dataset).await.concat()
    }

    /// Returns the ids of a dataset's day, sorted.
    async fn ids(&self, dataset: &str) -> Vec<String> {
        let mut ids: Vec<_> = self
            .rows(dataset)
            .await
            .into_iter()
            .map(|row| row.id)
            .collect();
        ids.sort();
        ids
    }

    /// Returns the paths and queries requested since the last call.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn day() -> Day {
    DAY.parse().unwrap()
}

fn rows(bytes: bytes::Bytes) -> Vec<Row> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    let column = |name: &str| -> Vec<Option<String>> {
        let texts = batches.iter().flat_map(|batch| {
            let column = batch.column_by_name(name).unwrap().as_string::<i32>();
            column.iter().map(|text| text.map(str::to_owned))
        });
        texts.collect()
    };
    let (ids, keys, versions) = (column("_id"), column("_key"), column("_version"));
    let (parents, slices) = (column("_parent_id"), column("_slice"));
    let records = reader::records(bytes).unwrap();
    let row = |(position, record): (usize, String)| Row {
        id: ids[position].clone().unwrap(),
        key: keys[position].clone().unwrap(),
        version: versions[position].clone(),
        parent: parents[position].clone(),
        slice: slices[position].clone(),
        record: serde_json::from_str(&record).unwrap(),
    };
    records.into_iter().enumerate().map(row).collect()
}

/// Returns a query parameter as a number; 0 if it is missing.
fn number(url: &Url, name: &str) -> usize {
    param(url, name).map_or(0, |text| text.parse().unwrap())
}

fn param(url: &Url, name: &str) -> Option<String> {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// Returns the JSON of records with the ids of a range.
fn records(range: std::ops::Range<usize>) -> String {
    let records: Vec<_> = range.map(|n| format!(r#"{{"id":"r{n:03}"}}"#)).collect();
    format!("[{}]", records.join(","))
}

fn not_found() -> Vec<u8> {
    answer("404 Not Found", "", b"no such thing")
}

fn ok(body: String) -> Vec<u8> {
    json(&body)
}
