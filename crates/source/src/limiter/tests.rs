mod found;

use super::adaptation::GROW_AFTER;
use super::*;
use futures::FutureExt;
use futures::future::join_all;
use std::time::Duration;
use tokio::time::{advance, sleep};

fn limits(concurrency: usize, requests_per_second: Option<f64>, burst: u32) -> Pool {
    Pool {
        concurrency,
        requests_per_second,
        burst,
    }
}

fn limiter(concurrency: usize) -> Arc<AdaptiveLimiter> {
    AdaptiveLimiter::new(&limits(concurrency, None, 1), &BTreeMap::new())
}

/// Obtains a permit at once, or fails the test.
fn enter_now(limiter: &Arc<AdaptiveLimiter>) -> Permit {
    let entered = limiter.enter(None, Priority::Hourly).now_or_never();
    entered.expect("a free place")
}

fn is_full(limiter: &Arc<AdaptiveLimiter>) -> bool {
    limiter
        .enter(None, Priority::Hourly)
        .now_or_never()
        .is_none()
}

/// Start times of `count` requests that arrive together, and end as soon as they start.
async fn beginnings(limiter: &Arc<AdaptiveLimiter>, count: usize) -> Vec<Duration> {
    let origin = Instant::now();
    let requests = (0..count).map(|_| async {
        let _permit = limiter.enter(None, Priority::Daily).await;
        origin.elapsed()
    });
    let mut times = join_all(requests).await;
    times.sort();
    times
}

/// Maximum number of starts in any half-open window of this length.
fn busiest(times: &[Duration], window: Duration) -> usize {
    let within = |from: &Duration| {
        let until = *from + window;
        times
            .iter()
            .filter(|at| *at >= from && **at < until)
            .count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn p8_never_more_in_flight_than_the_declared_concurrency() {
    let limiter = limiter(3);
    let permits = [(); 3].map(|()| enter_now(&limiter));
    assert!(is_full(&limiter));
    drop(permits);
    let _permits = [(); 3].map(|()| enter_now(&limiter));
    assert!(is_full(&limiter));
}

#[tokio::test(start_paused = true)]
async fn p8_in_any_window_never_more_requests_than_the_rate() {
    for (rate, burst) in [
        (10.0, 1),
        (10.0, 4),
        (10.0, 10),
        (10.0, 50),
        (2.5, 2),
        (1.0, 3),
    ] {
        let limiter = AdaptiveLimiter::new(&limits(100, Some(rate), burst), &BTreeMap::new());
        // After a pause, as at the beginning, a burst is allowed.
        let mut times = beginnings(&limiter, 37).await;
        let so_far = times.last().copied().unwrap();
        let pause = Duration::from_millis(2_345);
        sleep(pause).await;
        let later = beginnings(&limiter, 37).await;
        times.extend(later.iter().map(|at| *at + so_far + pause));

        let second = Duration::from_secs(1);
        let (most, bound) = (busiest(&times, second), f64::ceil(rate) as usize);
        assert!(most <= bound, "{rate}/s burst {burst}: {most} in a second");
        let at_once = busiest(&times, Duration::from_millis(1));
        assert_eq!(
            at_once,
            (burst as usize).min(rate as usize),
            "{rate}/s burst {burst}"
        );
        // And not slower than necessary.
        assert!(
            so_far <= Duration::from_secs_f64(37.0 / rate + 1.0),
            "{so_far:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn p8_a_rate_below_one_spaces_requests() {
    let limiter = AdaptiveLimiter::new(&limits(8, Some(0.5), 5), &BTreeMap::new());
    let times = beginnings(&limiter, 4).await;
    let seconds: Vec<_> = times.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 2, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_free_place_goes_to_the_greatest_priority_and_then_to_who_came_first() {
    let limiter = limiter(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let holder = enter_now(&limiter);
    let mut tasks = Vec::new();
    for (name, priority) in [
        ("backfill", Priority::Backfill),
        ("daily 1", Priority::Daily),
        ("hourly 1", Priority::Hourly),
        ("daily 2", Priority::Daily),
        ("hourly 2", Priority::Hourly),
    ] {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            let _permit = limiter.enter(None, priority).await;
            order.lock().unwrap().push(name);
        }));
        // Each request is queued before the next arrives.
        tokio::task::yield_now().await;
    }
    drop(holder);
    join_all(tasks).await;
    let order = order.lock().unwrap().clone();
    assert_eq!(
        order,
        ["hourly 1", "hourly 2", "daily 1", "daily 2", "backfill"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_hourly_request_overtakes_a_backfill_that_waits_for_the_rate() {
    let limiter = AdaptiveLimiter::new(&limits(8, Some(1.0), 1), &BTreeMap::new());
    let origin = Instant::now();
    drop(enter_now(&limiter));
    let backfill = async {
        drop(limiter.enter(None, Priority::Backfill).await);
        origin.elapsed().as_secs()
    };
    let hourly = async {
        sleep(Duration::from_millis(500)).await;
        drop(limiter.enter(None, Priority::Hourly).await);
        origin.elapsed().as_secs()
    };
    assert_eq!(futures::join!(backfill, hourly), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_nothing_behind() {
    let limiter = limiter(1);
    let holder = enter_now(&limiter);
    let (first, second) = (
        limiter.enter(None, Priority::Hourly),
        limiter.enter(None, Priority::Daily),
    );
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    // The first waiter is woken, but dropped before it is polled.
    drop(holder);
    drop(first);
    let permit = second.await;
    assert!(is_full(&limiter));
    drop(permit);
    drop(enter_now(&limiter));
    assert_eq!(limiter.in_flight(LimitId::SOURCE), 0);
    assert!(!limiter.is_wanted(LimitId::SOURCE));
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_for_the_rate_takes_none_of_it() {
    let limiter = AdaptiveLimiter::new(&limits(8, Some(1.0), 1), &BTreeMap::new());
    drop(enter_now(&limiter));
    for _ in 0..5 {
        assert!(is_full(&limiter), "the rate");
    }
    advance(Duration::from_secs(1)).await;
    drop(enter_now(&limiter));
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_halves_the_limit_down_to_one() {
    let limiter = limiter(8);
    for expected in [4, 2, 1, 1] {
        enter_now(&limiter).rate_limited();
        assert_eq!(limiter.limit(), expected);
    }
    let _permit = enter_now(&limiter);
    assert!(is_full(&limiter));
}

#[tokio::test(start_paused = true)]
async fn requests_refused_together_halve_the_limit_once() {
    let limiter = limiter(8);
    let together: Vec<_> = (0..8).map(|_| enter_now(&limiter)).collect();
    together.into_iter().for_each(Permit::rate_limited);
    assert_eq!(limiter.limit(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_limit_grows_back_with_good_answers_but_never_beyond_the_declared_one() {
    let limiter = limiter(3);
    enter_now(&limiter).rate_limited();
    enter_now(&limiter).rate_limited();
    assert_eq!(limiter.limit(), 1);
    let mut grown = Vec::new();
    for _ in 0..4 {
        answer_well(&limiter, GROW_AFTER);
        grown.push(limiter.limit());
    }
    // 2 was refused, and is tried again only later.
    assert_eq!(grown, [1, 1, 1, 1]);
    answer_well(&limiter, 100 - 4 * GROW_AFTER);
    assert_eq!(limiter.limit(), 2);
    for _ in 0..4 {
        answer_well(&limiter, GROW_AFTER);
    }
    assert_eq!(limiter.limit(), 3);
}

/// Has so many requests answered well, with as many in flight as the limit allows.
fn answer_well(limiter: &Arc<AdaptiveLimiter>, answers: u32) {
    let mut left = answers;
    while left > 0 {
        let limit = limiter.limit();
        for permit in (0..limit).map(|_| enter_now(limiter)).collect::<Vec<_>>() {
            if left > 0 && limiter.limit() == limit {
                left -= 1;
                permit.good();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_trial_takes_back_one_step_and_is_repeated_ever_more_seldom() {
    let limiter = limiter(8);
    enter_now(&limiter).rate_limited();
    answer_well(&limiter, 3 * GROW_AFTER);
    assert_eq!(limiter.limit(), 7, "one below what was refused");
    for wait in [100, 200, 400, 800, 1_600, 1_600] {
        answer_well(&limiter, wait - 1);
        assert_eq!(limiter.limit(), 7, "too early");
        answer_well(&limiter, 1);
        assert_eq!(limiter.limit(), 8);
        enter_now(&limiter).rate_limited();
        assert_eq!(limiter.limit(), 7);
    }
    // Refused where it was borne: the server bears less than before.
    enter_now(&limiter).rate_limited();
    assert_eq!(limiter.limit(), 4);
}

#[tokio::test(start_paused = true)]
async fn good_answers_to_few_requests_say_nothing_of_many() {
    let limiter = limiter(8);
    enter_now(&limiter).rate_limited();
    (0..1_000).for_each(|_| enter_now(&limiter).good());
    assert_eq!(limiter.limit(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_declared_limits_may_be_as_odd_as_they_like() {
    for (rate, burst) in [(1e-9, 1), (1e12, u32::MAX)] {
        let limiter = AdaptiveLimiter::new(&limits(0, Some(rate), burst), &BTreeMap::new());
        drop(enter_now(&limiter));
    }
}

/// A source with concurrency 2, and its pool with concurrency 1.
fn with_pool() -> (Arc<AdaptiveLimiter>, Option<LimitId>) {
    let pools = BTreeMap::from([("slow".to_owned(), limits(1, None, 1))]);
    let limiter = AdaptiveLimiter::new(&limits(2, None, 1), &pools);
    let pool = limiter.pool("slow");
    assert!(pool.is_some());
    (limiter, pool)
}

#[tokio::test(start_paused = true)]
async fn a_backfill_queueing_at_the_source_held_the_place_of_its_pool_against_an_hourly_run() {
    let (limiter, pool) = with_pool();
    let others = [(); 2].map(|()| enter_now(&limiter));
    let mut backfill = Box::pin(limiter.enter(pool, Priority::Backfill));
    assert!(backfill.as_mut().now_or_never().is_none());
    let mut hourly = Box::pin(limiter.enter(pool, Priority::Hourly));
    assert!(hourly.as_mut().now_or_never().is_none());
    drop(others);
    let first = hourly.await;
    assert!(
        backfill.as_mut().now_or_never().is_none(),
        "the pool is full"
    );
    drop(first);
    drop(backfill.await);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_full_pool_lets_others_pass() {
    let (limiter, pool) = with_pool();
    let in_pool = limiter.enter(pool, Priority::Daily).now_or_never();
    assert!(in_pool.is_some());
    let mut waiting = Box::pin(limiter.enter(pool, Priority::Hourly));
    assert!(waiting.as_mut().now_or_never().is_none());
    let other = limiter.enter(None, Priority::Backfill).now_or_never();
    assert!(
        other.is_some(),
        "the source has room for one that isn't of the pool"
    );
    // The pool's slot can be used once it is free, although the other slot of the source is taken.
    drop(in_pool);
    drop(waiting.await);
}

#[tokio::test(start_paused = true)]
async fn the_share_bounds_what_is_in_flight_and_the_rate() {
    let limiter = AdaptiveLimiter::new(&limits(4, Some(4.0), 1), &BTreeMap::new());
    limiter.set_share(LimitId::SOURCE, 0);
    assert!(is_full(&limiter), "no share");
    assert!(!limiter.is_wanted(LimitId::SOURCE));
    let raised = async {
        sleep(Duration::from_secs(5)).await;
        limiter.set_share(LimitId::SOURCE, 1);
    };
    let waiting = async {
        let origin = Instant::now();
        let _permit = limiter.enter(None, Priority::Daily).await;
        (origin.elapsed(), limiter.in_flight(LimitId::SOURCE))
    };
    let ((), waited) = futures::join!(raised, waiting);
    assert_eq!(waited, (Duration::from_secs(5), 1));
    sleep(Duration::from_secs(5)).await;
    let times = beginnings(&limiter, 4).await;
    let seconds: Vec<_> = times.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [0, 1, 2, 3], "a quarter of the rate");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_when_the_share_falls_is_let_finish() {
    let limiter = limiter(3);
    let mut permits: Vec<_> = (0..3).map(|_| enter_now(&limiter)).collect();
    limiter.set_share(LimitId::SOURCE, 1);
    assert_eq!(limiter.in_flight(LimitId::SOURCE), 3);
    permits.truncate(1);
    assert!(is_full(&limiter));
    permits.clear();
    drop(enter_now(&limiter));
    limiter.set_share(LimitId::SOURCE, 3);
    let _all: Vec<_> = (0..3).map(|_| enter_now(&limiter)).collect();
    assert!(is_full(&limiter));
}
