//! Processes that share a lake, a source and its limits, on a paused clock.

use super::*;
use crate::lease::document::LeaseDocument;
use bronzed_model::declaration::{Pool, Priority};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::{Instant, sleep};

/// Clock that follows tokio's paused time, with an offset.
#[derive(Debug, Clone, Copy)]
struct Ticking {
    origin: Instant,
    off: TimeDelta,
}

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2025-11-27T08:00:00Z".parse().unwrap();
        start + TimeDelta::from_std(self.origin.elapsed()).unwrap() + self.off
    }
}

/// Requests in flight from all processes.
#[derive(Debug, Default)]
struct Api {
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

/// A lake and an API, shared by processes.
struct World {
    lake: Lake,
    clock: Ticking,
    api: Arc<Api>,
    limits: Pool,
    pools: BTreeMap<String, Pool>,
}

/// A process. Dropping it ends it like a kill, with its requests.
struct Process {
    limiter: Arc<AdaptiveLimiter>,
    lease: Arc<Lease>,
    api: Arc<Api>,
    requests: Vec<JoinHandle<()>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.requests.iter().for_each(JoinHandle::abort);
    }
}

impl World {
    fn new(concurrency: usize) -> Self {
        let store = Arc::new(object_store::memory::InMemory::new());
        Self {
            lake: Lake::over(store, "memory:///"),
            clock: Ticking {
                origin: Instant::now(),
                off: TimeDelta::zero(),
            },
            api: Arc::default(),
            limits: limits(concurrency),
            pools: BTreeMap::new(),
        }
    }

    fn process(&self, host: &str) -> Process {
        self.start(host, &self.limits, self.clock)
    }

    fn start(&self, host: &str, own: &Pool, clock: Ticking) -> Process {
        let who = ProcessIdentity {
            host: host.to_owned(),
            pid: 1,
            command: "daemon".to_owned(),
            runs: |_| None,
        };
        let limiter = AdaptiveLimiter::new(own, &self.pools);
        let shared = SharedLimits {
            lake: self.lake.clone(),
            together: self.limits.concurrency,
            who,
        };
        let entropy = Arc::new(Entropy::seeded(7));
        let lease = Lease::new("pncp", &limiter, shared, Arc::new(clock), entropy);
        Process {
            limiter,
            lease: Arc::new(lease),
            api: Arc::clone(&self.api),
            requests: Vec::new(),
        }
    }

    async fn document(&self) -> LeaseDocument {
        document::at(&self.lake, &key("pncp"))
            .load()
            .await
            .unwrap()
            .unwrap_or_default()
    }

    /// Returns the shares in the lake, by host.
    async fn shares(&self) -> BTreeMap<String, usize> {
        let document = self.document().await;
        let holders = document.holders.into_values();
        let share = |holder: document::Holder| (holder.host.clone(), holder.of("limits").share);
        holders.map(share).collect()
    }

    fn most(&self) -> usize {
        self.api.most.swap(0, Ordering::SeqCst)
    }
}

impl Process {
    /// Sends requests endlessly, `many` at a time, of 3 s each.
    fn ask(mut self, many: usize, pool: Option<&str>) -> Self {
        let pool = pool.and_then(|pool| self.limiter.pool(pool));
        for _ in 0..many {
            let (limiter, lease) = (Arc::clone(&self.limiter), Arc::clone(&self.lease));
            let api = Arc::clone(&self.api);
            self.requests.push(tokio::spawn(async move {
                loop {
                    lease.want(pool);
                    let _permit = limiter.enter(pool, Priority::Daily).await;
                    let _counted = Counted::new(&api);
                    sleep(Duration::from_secs(3)).await;
                }
            }));
        }
        self
    }

    fn share(&self) -> usize {
        self.limiter.share(LimitId::SOURCE)
    }

    /// Shuts down in order.
    async fn end(mut self) {
        for request in self.requests.drain(..) {
            request.abort();
            let _ = request.await;
        }
        self.lease.close().await;
    }
}

/// A request in flight.
struct Counted<'a>(&'a Api);

impl<'a> Counted<'a> {
    fn new(api: &'a Api) -> Self {
        let now = api.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        api.most.fetch_max(now, Ordering::SeqCst);
        Self(api)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

fn limits(concurrency: usize) -> Pool {
    Pool {
        concurrency,
        requests_per_second: None,
        burst: 1,
    }
}

fn by_host<const N: usize>(shares: [(&str, usize); N]) -> BTreeMap<String, usize> {
    shares.map(|(host, share)| (host.to_owned(), share)).into()
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn two_daemons_asked_with_six_requests_in_flight_where_three_are_allowed() {
    let shared = World::new(3);
    let first = shared.process("a").ask(9, None);
    seconds(5).await;
    assert_eq!((first.share(), shared.most()), (3, 3));
    let second = shared.process("b").ask(9, None);
    seconds(25).await;
    assert_eq!(shared.shares().await, by_host([("a", 2), ("b", 1)]));
    assert_eq!((first.share(), second.share()), (2, 1));
    seconds(300).await;
    assert_eq!(shared.most(), 3, "all the while");
    first.end().await;
    seconds(15).await;
    assert_eq!(shared.shares().await, by_host([("b", 3)]));
    assert_eq!((second.share(), shared.most()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_share_of_a_daemon_that_was_killed_was_lost_for_ever() {
    let shared = World::new(3);
    let first = shared.process("a").ask(9, None);
    seconds(1).await;
    let second = shared.process("b").ask(9, None);
    seconds(60).await;
    drop(first);
    seconds(50).await;
    assert_eq!(second.share(), 1, "it may live yet");
    seconds(40).await;
    assert_eq!(shared.shares().await, by_host([("b", 3)]));
    // A later process finds an expired entry, and doesn't wait.
    drop(second);
    seconds(100).await;
    let third = shared.process("c").ask(9, None);
    seconds(1).await;
    assert_eq!((third.share(), shared.most()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_process_of_this_machine_that_is_gone_is_not_waited_for() {
    let shared = World::new(3);
    let first = shared.process("a").ask(3, None);
    seconds(1).await;
    drop(first);
    let again = shared.process("a").ask(3, None);
    seconds(1).await;
    assert_eq!(shared.shares().await, by_host([("a", 3)]));
    assert_eq!(again.share(), 3);
}

#[tokio::test(start_paused = true)]
async fn three_processes_on_three_places_have_one_each_and_a_fourth_takes_turns() {
    let shared = World::new(3);
    let mut all = Vec::new();
    for host in ["a", "b", "c"] {
        all.push(shared.process(host).ask(3, None));
        seconds(40).await;
    }
    let shares = shared.shares().await;
    assert_eq!(shares, by_host([("a", 1), ("b", 1), ("c", 1)]));
    all.push(shared.process("d").ask(3, None));
    let mut had = BTreeMap::new();
    for _ in 0..600 {
        seconds(1).await;
        for (number, one) in all.iter().enumerate() {
            *had.entry(number).or_insert(0) += one.share();
        }
    }
    assert_eq!(shared.most(), 3);
    let (least, most) = (had.values().min().unwrap(), had.values().max().unwrap());
    assert!(*least > 200 && *most < 600, "seconds of each: {had:?}");
}

#[tokio::test(start_paused = true)]
async fn many_that_come_at_once_share_all_the_same() {
    let shared = World::new(6);
    let hosts: Vec<_> = (0..6).map(|host| host.to_string()).collect();
    let all: Vec<_> = hosts
        .iter()
        .map(|host| shared.process(host).ask(6, None))
        .collect();
    seconds(120).await;
    assert_eq!(shared.most(), 6);
    assert_eq!(all.iter().map(Process::share).collect::<Vec<_>>(), [1; 6]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_given_back_by_whoever_asks_nothing_and_costs_nothing_then() {
    let shared = World::new(3);
    let process = shared.process("a").ask(1, None);
    seconds(100).await;
    process.requests.iter().for_each(JoinHandle::abort);
    seconds(60).await;
    assert!(shared.document().await.holders.is_empty());
    let (bytes, version) = shared.lake.get(&key("pncp")).await.unwrap().unwrap();
    assert!(!process.lease.desk.lock().running);
    seconds(3_600).await;
    let later = shared.lake.get(&key("pncp")).await.unwrap().unwrap();
    assert_eq!(later, (bytes, version));
    // The next request takes it again.
    let process = process.ask(3, None);
    seconds(1).await;
    assert_eq!(shared.shares().await, by_host([("a", 3)]));
    process.end().await;
    assert!(shared.document().await.holders.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_whose_clock_is_wrong_is_not_robbed_while_it_lives() {
    for minutes in [-10, 10] {
        let shared = World::new(3);
        let wrong = Ticking {
            off: TimeDelta::minutes(minutes),
            ..shared.clock
        };
        let first = shared.start("a", &shared.limits, wrong).ask(9, None);
        seconds(5).await;
        let second = shared.process("b").ask(9, None);
        seconds(60).await;
        shared.most();
        seconds(600).await;
        assert_eq!(shared.most(), 3, "{minutes}");
        assert_eq!(first.share() + second.share(), 3, "{minutes}");
        drop(first);
        seconds(90).await;
        assert_eq!(second.share(), 3, "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_that_is_understood_one_request_goes_on_at_a_time() {
    let shared = World::new(3);
    let newer = r#"{"format": 2, "holders": {}}"#;
    let lake = &shared.lake;
    lake.create(&key("pncp"), newer.into()).await.unwrap();
    let process = shared.process("a").ask(3, None);
    seconds(30).await;
    assert_eq!((process.share(), shared.most()), (1, 1));
    let (bytes, version) = lake.get(&key("pncp")).await.unwrap().unwrap();
    assert_eq!(bytes, newer, "it isn't written over");
    let empty = r#"{"format": 1, "holders": {}}"#;
    lake.replace(&key("pncp"), empty.into(), &version)
        .await
        .unwrap();
    seconds(15).await;
    assert_eq!(process.share(), 3);
}

#[tokio::test(start_paused = true)]
async fn shards_are_holders_like_others() {
    let shared = World::new(3);
    let own = limits(1);
    let shards: Vec<_> = ["a", "b", "c"]
        .map(|host| shared.start(host, &own, shared.clock).ask(3, None))
        .into();
    seconds(30).await;
    assert!(shards.iter().all(|shard| shard.share() == 1));
    let daemon = shared.process("d").ask(3, None);
    seconds(300).await;
    assert_eq!(shared.most(), 3);
    drop(daemon);
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_one_is_used_in_turns_and_left_to_the_one_that_wants_it() {
    let mut shared = World::new(4);
    shared.pools.insert("slow".to_owned(), limits(1));
    let first = shared.process("a").ask(2, Some("slow"));
    let second = shared.process("b").ask(4, None);
    seconds(60).await;
    let slow = first.limiter.pool("slow").unwrap();
    let shares = [first.limiter.share(slow), second.limiter.share(slow)];
    assert_eq!(shares, [1, 0], "wanted by one");
    let second = second.ask(2, Some("slow"));
    let mut had = [0, 0];
    for _ in 0..600 {
        seconds(1).await;
        let shares = [first.limiter.share(slow), second.limiter.share(slow)];
        assert!(shares.iter().sum::<usize>() <= 1, "{shares:?}");
        had[0] += shares[0];
        had[1] += shares[1];
    }
    assert!(had.iter().all(|seconds| *seconds > 150), "{had:?}");
    assert_eq!(shared.most(), 3, "two of the second, and one in the pool");
}
