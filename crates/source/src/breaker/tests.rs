use super::*;
use crate::circuit::FIRST_COOL_DOWN;
use bronzed_model::clock::ManualClock;
use futures::FutureExt;
use tokio::time::advance;

const ONE: &str = "/v1/contratacoes";
const OTHER: &str = "/v1/contratos";

fn breaker() -> Breaker {
    let now = "2025-10-22T12:00:00Z".parse().unwrap();
    Breaker::new("http://h".to_owned(), Arc::new(ManualClock::new(now)))
}

fn url(page: u32) -> Url {
    Url::parse(&format!("http://h/?pagina={page}")).unwrap()
}

fn refused() -> Failure {
    Failure::NoConnection {
        host: "h".to_owned(),
        problem: "connection refused".to_owned(),
        hint: String::new(),
    }
}

fn unavailable() -> Failure {
    Failure::Status {
        status: 503,
        snippet: String::new(),
    }
}

fn pass<'b>(breaker: &'b Breaker, endpoint: &str) -> Pass<'b> {
    breaker.pass(endpoint).unwrap().expect("no probe")
}

/// Fails `count` requests for several pages. Returns the host or endpoint that the last one took down.
fn fail(breaker: &Breaker, endpoint: &str, failure: &Failure, count: u32) -> Option<Down> {
    let fail = |page| pass(breaker, endpoint).failed(&url(page), failure);
    (0..count).map(fail).last().flatten()
}

/// Takes the host down.
fn cut_off(breaker: &Breaker) -> Down {
    fail(breaker, ONE, &refused(), FAILURES_TO_OPEN).expect("it opens")
}

#[tokio::test(start_paused = true)]
async fn a_host_that_nobody_can_reach_is_down_and_says_since_when() {
    let breaker = breaker();
    assert_eq!(fail(&breaker, ONE, &refused(), FAILURES_TO_OPEN - 1), None);
    assert_eq!(breaker.down(ONE), None);
    let down = fail(&breaker, ONE, &refused(), 1).expect("it opens");
    assert_eq!(breaker.pass(ONE).unwrap_err(), down);
    assert_eq!((&*down.what, down.failures), ("http://h", FAILURES_TO_OPEN));
    assert_eq!(down.since.to_rfc3339(), "2025-10-22T12:00:00+00:00");
    assert_eq!(down.last, "no connection to h: connection refused");
    assert_eq!(down.probe_in, FIRST_COOL_DOWN);
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_that_fails_does_not_take_its_siblings_down() {
    let breaker = breaker();
    let down = fail(&breaker, ONE, &unavailable(), FAILURES_TO_OPEN).expect("it opens");
    assert_eq!(down.what, "http://h/v1/contratacoes");
    assert_eq!(breaker.down(ONE).as_ref(), Some(&down));
    assert_eq!(breaker.down(OTHER), None);
    // A few failures of another endpoint don't open its circuit either.
    assert_eq!(fail(&breaker, OTHER, &unavailable(), 4), None);
    assert_eq!(pass(&breaker, OTHER).answered(), None);
    assert_eq!(breaker.down(OTHER), None);
    assert_eq!(breaker.down(ONE).as_ref(), Some(&down), "it is down still");
    advance(FIRST_COOL_DOWN).await;
    let back = pass(&breaker, ONE).answered().expect("it was down");
    assert_eq!(back.what, down.what);
    assert_eq!(breaker.down(ONE), None);
}

#[tokio::test(start_paused = true)]
async fn siblings_that_answer_keep_the_host_up() {
    let breaker = breaker();
    for _ in 0..10 * FAILURES_TO_OPEN {
        if let Ok(Some(pass)) = breaker.pass(ONE) {
            pass.failed(&url(1), &refused());
        }
        assert_eq!(pass(&breaker, OTHER).answered(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn several_endpoints_that_fail_take_the_host_down() {
    let breaker = breaker();
    fail(&breaker, ONE, &unavailable(), FAILURES_TO_OPEN).expect("the endpoint is down");
    let down = fail(&breaker, OTHER, &unavailable(), 5).expect("the host is down");
    assert_eq!(down.what, "http://h");
    assert!(breaker.pass(ONE).is_err() && breaker.pass(OTHER).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_has_not_failed_probes_a_host_that_is_down_at_once() {
    let breaker = breaker();
    cut_off(&breaker);
    let probe_in = |endpoint| breaker.down(endpoint).unwrap().probe_in;
    assert_eq!(
        (probe_in(ONE), probe_in(OTHER)),
        (FIRST_COOL_DOWN, Duration::ZERO)
    );
    let probe = pass(&breaker, OTHER);
    assert_eq!(probe.failed(&url(1), &refused()), None);
    assert_eq!(probe_in(OTHER), FIRST_COOL_DOWN, "and has its answer");
    let third = pass(&breaker, "/v1/atas");
    assert_eq!(third.answered().unwrap().what, "http://h");
    assert_eq!((breaker.down(ONE), breaker.down(OTHER)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn one_page_that_fails_and_fails_takes_nothing_down() {
    let breaker = breaker();
    for failure in [unavailable(), Failure::TimedOut(Duration::from_secs(90))] {
        for _ in 0..3 * FAILURES_TO_OPEN {
            assert_eq!(pass(&breaker, ONE).failed(&url(1), &failure), None);
        }
    }
    assert!(
        pass(&breaker, ONE)
            .failed(&url(2), &unavailable())
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_between_starts_the_count_again() {
    let breaker = breaker();
    for _ in 0..3 {
        assert_eq!(fail(&breaker, ONE, &refused(), FAILURES_TO_OPEN - 1), None);
        assert_eq!(pass(&breaker, ONE).answered(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_thirteen_of_fourteen_slices_wait_for_the_probe_and_do_not_fail() {
    let breaker = breaker();
    cut_off(&breaker);
    advance(FIRST_COOL_DOWN - Duration::from_millis(1)).await;
    assert!(breaker.probed(ONE).await.is_err());
    advance(Duration::from_millis(1)).await;
    let probe = pass(&breaker, ONE);
    let mut slices: Vec<_> = (0..13).map(|_| Box::pin(breaker.probed(ONE))).collect();
    for slice in &mut slices {
        assert!(slice.now_or_never().is_none(), "it waits");
    }
    assert!(breaker.pass(ONE).unwrap().is_none(), "one probe at a time");
    assert!(breaker.down(ONE).unwrap().probing);
    probe.answered().expect("the host was down");
    for slice in &mut slices {
        assert_eq!(slice.now_or_never(), Some(Ok(())), "it goes on at once");
    }
    assert_eq!(fail(&breaker, ONE, &refused(), FAILURES_TO_OPEN - 1), None);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_probe_that_fails_is_told() {
    let breaker = breaker();
    cut_off(&breaker);
    advance(FIRST_COOL_DOWN).await;
    let probe = pass(&breaker, ONE);
    let mut other = Box::pin(breaker.probed(ONE));
    assert!((&mut other).now_or_never().is_none());
    assert_eq!(probe.failed(&url(1), &refused()), None, "told once");
    let down = other.now_or_never().unwrap().unwrap_err();
    assert_eq!(down.probe_in, FIRST_COOL_DOWN * 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_through_the_cool_down_probes_at_once() {
    let clock = ManualClock::new("2025-10-22T12:00:00Z".parse().unwrap());
    let breaker = Breaker::new("http://h".to_owned(), Arc::new(clock.clone()));
    cut_off(&breaker);
    clock.set("2025-10-22T09:00:00Z".parse().unwrap());
    assert!(breaker.pass(ONE).is_err(), "the clock was put back");
    clock.set("2025-10-22T12:01:00Z".parse().unwrap());
    assert!(breaker.pass(ONE).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn failed_probes_double_the_cool_down_up_to_a_bound() {
    let breaker = breaker();
    cut_off(&breaker);
    advance(FIRST_COOL_DOWN).await;
    for seconds in [120, 240, 480, 600, 600] {
        assert_eq!(fail(&breaker, ONE, &refused(), 1), None);
        let cool_down = Duration::from_secs(seconds);
        assert_eq!(breaker.down(ONE).unwrap().probe_in, cool_down);
        advance(cool_down).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_an_outcome_leaves_the_next_one_free() {
    let breaker = breaker();
    cut_off(&breaker);
    advance(FIRST_COOL_DOWN).await;
    let probe = pass(&breaker, ONE);
    let mut other = Box::pin(breaker.probed(ONE));
    assert!((&mut other).now_or_never().is_none());
    drop(probe);
    assert_eq!(other.now_or_never(), Some(Ok(())));
    assert!(breaker.pass(ONE).unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn stragglers_do_not_prolong_the_cool_down_and_an_answer_ends_it() {
    let breaker = breaker();
    let late = [(); 2].map(|()| pass(&breaker, ONE));
    cut_off(&breaker);
    advance(Duration::from_secs(30)).await;
    let [failing, answered] = late;
    assert_eq!(failing.failed(&url(1), &refused()), None);
    let left = breaker.down(ONE).unwrap().probe_in;
    assert_eq!(left, Duration::from_secs(30));
    assert!(answered.answered().is_some());
    assert_eq!(breaker.down(ONE), None);
}
