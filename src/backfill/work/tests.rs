use super::*;
use async_trait::async_trait;
use bronzed_engine::ingest::progress::Unwatched;
use bronzed_model::clock::SystemClock;
use bronzed_model::declaration::{Dataset, Mode, Priority, RequestLimits};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_model::settings::CommitSettings;
use bronzed_source::SourceClient;
use bronzed_source::failure::Failure;
use bronzed_source::testing::{self, HttpRequest, RawResponse, Transport, TransportError, source};
use bronzed_storage::lake::Lake;
use bytes::Bytes;
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// An API with one record in each slice, unreachable for some time.
#[derive(Debug)]
struct Api {
    begun: Instant,
    /// Start and end of the outage, in seconds.
    away: (u64, u64),
    asked: Arc<Mutex<Vec<u64>>>,
}

#[async_trait]
impl Transport for Api {
    async fn send(
        &self,
        request: &HttpRequest,
        _limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError> {
        let url = &request.url;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = self.begun.elapsed().as_secs();
        self.asked.lock().unwrap().push(now);
        if (self.away.0..self.away.1).contains(&now) {
            return Err(TransportError::Off(Failure::NoConnection {
                host: "api".to_owned(),
                problem: "connection refused".to_owned(),
                hint: String::new(),
            }));
        }
        let query: BTreeMap<_, _> = url.query_pairs().collect();
        let (day, slice) = (&query["dataInicial"], &query["codigoModalidadeContratacao"]);
        let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
        let body = format!(
            r#"{{"data":[{{"numeroControlePNCP":"{slice}-{month}-{day}","dataPublicacaoPncp":"{year}-{month}-{day}T08:41:33"}}],"totalRegistros":1,"totalPaginas":1,"empty":false}}"#
        );
        Ok(RawResponse {
            status: 200,
            content_type: Some("application/json".to_owned()),
            body: Bytes::from(body),
            ..RawResponse::default()
        })
    }
}

struct Scene {
    context: Context,
    orders: Vec<Order>,
    asked: Arc<Mutex<Vec<u64>>>,
    store: Arc<InMemory>,
}

/// Days of one dataset whose API is unreachable in the interval `away`, in seconds.
fn scene(days: usize, away: (u64, u64), tries: u32) -> Scene {
    let source = source(&"http://api.test/".parse().unwrap());
    let asked = Arc::default();
    let api = Api {
        begun: Instant::now(),
        away,
        asked: Arc::clone(&asked),
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(Entropy::seeded(7)));
    let client = SourceClient::over(Arc::new(api), &source, clock.clone(), entropy.clone());
    let store = Arc::new(InMemory::new());
    let mut dataset: Dataset = testing::dataset();
    dataset.retry.max_attempts = tries;
    let dataset = Arc::new(dataset);
    let first: bronzed_model::day::Day = "2025-08-01".parse().unwrap();
    let orders = std::iter::successors(Some(first), |day| Some(day.next())).take(days);
    let orders = orders.map(|day| Order {
        dataset: Arc::clone(&dataset),
        day,
        mode: Mode::Full,
        job: super::super::JOB.to_owned(),
        priority: Priority::Backfill,
    });
    Scene {
        orders: orders.collect(),
        context: Context {
            lake: Lake::over(store.clone(), "memory"),
            client,
            zone: source.timezone,
            concurrency: source.limits.concurrency,
            commit: CommitSettings {
                max_records: 8_000,
                max_bytes: 1 << 30,
            },
            index: None,
            clock,
            entropy,
            observer: Arc::new(Unwatched),
            keeps_requests: false,
            cancel: CancellationToken::new(),
        },
        asked,
        store,
    }
}

/// Executes the orders; returns the outcomes of the finished days, the outage that ended the work, and all
/// outages waited for.
async fn work_through(
    scene: &Scene,
    max_outage: Duration,
) -> (Vec<Status>, Option<Outage>, Vec<Outage>) {
    let (mut done, mut waits) = (Vec::new(), Vec::new());
    let tell = |told: Told<'_>| match told {
        Told::Done(report) => done.push(report.status()),
        Told::Waits(outage) => waits.push(outage.clone()),
        Told::Begins(_) | Told::Cut(_) | Told::Tries => {}
    };
    let outage = work(&scene.context, &scene.orders, max_outage, tell).await;
    (done, outage, waits)
}

async fn states(scene: &Scene) -> usize {
    let store: Arc<dyn object_store::ObjectStore> = scene.store.clone();
    let lake = Lake::over(store, "memory");
    lake.list("pncp/").await.unwrap().len()
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn an_outage_made_all_days_that_were_left_of_a_backfill_fail_in_seconds() {
    let scene = scene(60, (10, 3_610), 4);
    let (done, outage, waits) = work_through(&scene, DAY).await;
    assert_eq!((done.len(), outage), (60, None));
    assert!(done.iter().all(|status| *status == Status::Ok), "{done:?}");
    assert_eq!(waits[0].what, "http://api.test");
    let asked = scene.asked.lock().unwrap().clone();
    let during = asked.iter().filter(|at| (10..3_610).contains(*at)).count();
    assert!(during <= 50, "{during} requests in the outage");
    let back = asked.iter().find(|at| **at >= 3_610).unwrap();
    assert!(*back <= 3_610 + 600, "{back}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_the_patience_ends_a_backfill() {
    let scene = scene(3, (0, u64::MAX), 20);
    let (done, outage, _) = work_through(&scene, Duration::from_secs(3_600)).await;
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(
        outage.unwrap().reason,
        "no connection to api: connection refused"
    );
    let last = *scene.asked.lock().unwrap().last().unwrap();
    assert!((3_000..=3_700).contains(&last), "{last}");
    assert_eq!(states(&scene).await, 0, "no day was charged with it");
}

#[tokio::test(start_paused = true)]
async fn without_patience_a_backfill_gives_up_at_once() {
    let scene = scene(3, (0, u64::MAX), 20);
    let (_, outage, waits) = work_through(&scene, Duration::ZERO).await;
    assert!(outage.is_some() && waits.is_empty());
    assert!(*scene.asked.lock().unwrap().last().unwrap() < 60);
}
