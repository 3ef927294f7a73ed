//! Shared by the tests of snapshots and feeds: a lake in memory, an API on loopback whose responses a
//! function decides, and whole runs over both, some of which crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::ingest::progress::Unwatched;
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order, run};
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_model::settings::CommitSettings;
use bronzed_source::SourceClient;
use bronzed_source::testing::{Server, Step, source};
use bronzed_storage::bronze::{layout, reader};
use bronzed_storage::lake::Lake;
use bronzed_storage::testing::faulty::{Fault, Faulty, Late, Op};

/// Environment of a test: lake, clock, dataset and API.
pub(super) struct World {
    pub store: Arc<dyn ObjectStore>,
    pub clock: ManualClock,
    pub dataset: Arc<Dataset>,
    pub commit: CommitSettings,
    source: Source,
    server: Server,
    entropy: Arc<Entropy>,
    late: Arc<Late>,
}

/// Query parameters of a request.
pub(super) type Params = BTreeMap<String, String>;

impl World {
    /// Starts an API with one dataset; `api` returns the response to the parameters of a request.
    pub async fn new(
        dataset: Dataset,
        seed: u64,
        api: impl Fn(Params) -> Step + Send + Sync + 'static,
    ) -> Self {
        let server = Server::start(move |head| {
            let target = head.split(' ').nth(1).unwrap_or_default();
            let url = Url::parse("http://api").and_then(|base| base.join(target));
            let url = url.unwrap();
            let params = url.query_pairs();
            api(params.map(|(k, v)| (k.into(), v.into())).collect())
        })
        .await;
        let dataset = Arc::new(dataset);
        let mut source = source(&server.url);
        source.name.clone_from(&dataset.source);
        source.datasets = BTreeMap::from([(dataset.name.clone(), dataset.clone())]);
        Self {
            store: Arc::new(InMemory::new()),
            clock: ManualClock::new("2025-10-22T11:00:00Z".parse().unwrap()),
            commit: CommitSettings {
                max_records: 8_000,
                max_bytes: 1 << 30,
            },
            dataset,
            source,
            server,
            entropy: Arc::new(Entropy::seeded(seed)),
            late: Arc::default(),
        }
    }

    /// Sets the time.
    pub fn at(&self, time: &str) -> &Self {
        self.clock.set(time.parse().unwrap());
        self
    }

    /// Returns the current day.
    pub fn today(&self) -> Day {
        Day::of(self.clock.now(), self.source.timezone)
    }

    /// Number of requests that the API has received.
    pub fn requests(&self) -> usize {
        self.server.count()
    }

    /// Performs a run that shares nothing in memory with other runs.
    pub async fn run(&self) -> RunReport {
        self.run_over(self.store.clone(), self.today()).await
    }

    /// Performs a run over `store` for `day`, which may differ from the current day.
    pub async fn run_over(&self, store: Arc<dyn ObjectStore>, day: Day) -> RunReport {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let client = SourceClient::new(&self.source, clock.clone(), self.entropy.clone());
        let context = Context {
            lake: Lake::over(store, "memory:///"),
            client: client.unwrap(),
            zone: self.source.timezone,
            concurrency: 4,
            commit: self.commit,
            index: None,
            clock,
            entropy: self.entropy.clone(),
            observer: Arc::new(Unwatched),
            keeps_requests: true,
            cancel: CancellationToken::new(),
        };
        let order = Order {
            dataset: self.dataset.clone(),
            day,
            mode: Mode::Full,
            job: "test".to_owned(),
            priority: Priority::Hourly,
        };
        run(&context, &order).await
    }

    /// Performs a run over a lake with the faults that `decide` injects. `None` if the run crashed.
    pub async fn run_with(
        &self,
        mut decide: impl FnMut(Op, &str) -> Option<Fault> + Send + 'static,
    ) -> Option<RunReport> {
        let died = Arc::new(Notify::new());
        let tell = died.clone();
        let decide = move |op, key: &str| {
            let fault = decide(op, key);
            if matches!(fault, Some(Fault::Crash { .. })) {
                tell.notify_one();
            }
            fault
        };
        let store = Faulty::new(self.store.clone(), self.late.clone(), decide);
        let run = self.run_over(Arc::new(store), self.today());
        tokio::pin!(run);
        tokio::select! {
            biased;
            report = &mut run => Some(report),
            // The crashing operation takes its effect, if any, before it hangs.
            () = async { died.notified().await; settle().await } => None,
        }
    }

    /// Performs a run whose operation number `nth` on the lake meets a fault. Returns the report (`None` if
    /// the run crashed), and `true` if there was such an operation.
    pub async fn run_with_fault_at(&self, nth: usize, fault: Fault) -> (Option<RunReport>, bool) {
        let (count, met) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let noted = met.clone();
        let mut fault = Some(fault);
        let report = self
            .run_with(move |_, _| {
                let is_it = count.fetch_add(1, Ordering::Relaxed) == nth;
                if !is_it {
                    return None;
                }
                noted.store(1, Ordering::Relaxed);
                fault.take()
            })
            .await;
        (report, met.load(Ordering::Relaxed) == 1)
    }

    /// Applies the delayed writes.
    pub async fn deliver_late(&self) {
        while self.late.deliver(&*self.store).await {}
    }

    /// Returns the keys of all objects whose key contains `part`, sorted.
    pub async fn keys(&self, part: &str) -> Vec<String> {
        let lake = Lake::over(self.store.clone(), "memory:///");
        let found = lake.list(&self.dataset.prefix).await.unwrap();
        let keys = found.into_iter().map(|entry| entry.key);
        keys.filter(|key| key.contains(part)).collect()
    }

    /// Deletes an object of the lake.
    pub async fn delete(&self, key: &str) {
        self.store.delete(&Path::from(key)).await.unwrap();
    }

    /// Overwrites an object.
    pub async fn put(&self, key: &str, content: &'static [u8]) {
        self.store
            .put(&Path::from(key), content.into())
            .await
            .unwrap();
    }

    /// Returns the state document of a day.
    pub async fn state(&self, day: &str) -> Value {
        let key = layout::state_key(&self.dataset.prefix, day.parse().unwrap());
        let found = self.store.get(&Path::from(key)).await.unwrap();
        serde_json::from_slice(&found.bytes().await.unwrap()).unwrap()
    }

    /// Returns the rows of all files, in the order of days and numbers. Checks promise P1: within a day, no
    /// id has two rows.
    pub async fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for key in self.keys(".parquet").await {
            let day = layout::file_day(&self.dataset.prefix, &key).unwrap();
            let found = self.store.get(&Path::from(key.as_str())).await.unwrap();
            let bytes = found.bytes().await.unwrap();
            let mut records = reader::records(bytes.clone()).unwrap().into_iter();
            let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
            for batch in batches.build().unwrap() {
                let batch = batch.unwrap();
                for row in 0..batch.num_rows() {
                    let text = |name: &str| {
                        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
                        column.is_valid(row).then(|| column.value(row).to_owned())
                    };
                    rows.push(Row {
                        day,
                        id: text("_id").unwrap(),
                        key: text("_key").unwrap(),
                        op: text("_op"),
                        run: text("_run_id").unwrap(),
                        record: records.next().unwrap(),
                    });
                }
            }
        }
        let mut ids: Vec<_> = rows.iter().map(|row| (row.day, &row.id)).collect();
        ids.sort();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None, "P1: an id has two rows");
        rows
    }
}

/// Injects every kind of fault into each lake operation of a run, each time in a new world from `given`.
/// Another run follows, then the delayed writes, then a last run. `healed` checks the final state, and
/// `unharmed` the run that had no such operation any more. Returns the number of operations that met a
/// fault.
pub(super) async fn at_every_operation<T>(
    given: impl AsyncFn() -> (World, T),
    unharmed: impl Fn(&RunReport),
    healed: impl AsyncFn(&World, &T),
) -> usize {
    let faults: [fn() -> Fault; 5] = [
        || Fault::Crash { happens: true },
        || Fault::Crash { happens: false },
        || Fault::LoseReply,
        || Fault::Fail,
        || Fault::Delay,
    ];
    let mut met = 0;
    for fault in faults {
        for nth in 0.. {
            let (world, of) = given().await;
            let (report, was_met) = world.run_with_fault_at(nth, fault()).await;
            if !was_met {
                unharmed(&report.unwrap());
                break;
            }
            met += 1;
            let report = world.run().await;
            world.deliver_late().await;
            let last = world.run().await;
            for report in [&report, &last] {
                assert_eq!(report.status(), Status::Ok, "operation {nth}: {report:?}");
                assert!(report.counts().balanced(), "operation {nth}: {report:?}");
            }
            healed(&world, &of).await;
        }
    }
    met
}

/// Row of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub day: Day,
    pub id: String,
    pub key: String,
    pub op: Option<String>,
    pub run: String,
    pub record: String,
}

/// Lets all tasks run that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Data served by an API, shared with the test that changes it.
pub(super) type Shared<T> = Arc<Mutex<T>>;
