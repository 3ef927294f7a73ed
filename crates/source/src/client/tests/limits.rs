//! Promise P8 and related ones: bounds on the load, and the end of waits.

use super::*;
use crate::breaker::FAILURES_TO_OPEN;
use bronzed_model::declaration::{Blackout, Pool};
use futures::FutureExt;
use futures::future::join_all;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Barrier, Notify};

#[tokio::test]
async fn p8_requests_in_flight_reach_the_concurrency_and_never_pass_it() {
    let (in_flight, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (three, peak) = (Arc::new(Barrier::new(3)), Arc::clone(&most));
    let server = Server::start(move |_| {
        let now = in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(now, Ordering::SeqCst);
        let (three, in_flight) = (Arc::clone(&three), Arc::clone(&in_flight));
        let together = async move {
            three.wait().await;
            in_flight.fetch_sub(1, Ordering::SeqCst);
        };
        Step::Held(together.boxed(), json(&envelope(&["1", "2", "3"], 3)))
    })
    .await;
    let mut source = source(&server.url);
    source.limits.concurrency = 3;
    let client = client(&source);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let requests: Vec<_> = (0..12)
        .map(|page| request(testing::dataset(), page))
        .collect();
    let fetches = requests
        .iter()
        .map(|request| client.fetch(request, &usage, &cancel));
    join_all(fetches).await.into_iter().for_each(assert_page);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn no_place_is_held_during_a_wait() {
    let server = Server::start(|head| match head.contains("pagina=1&") {
        true => Step::Answer(answer("503 Busy", "Retry-After: 20\r\n", b"")),
        false => page(),
    })
    .await;
    let mut source = source(&server.url);
    source.limits.concurrency = 1;
    let client = client(&source);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let (busy, free) = (
        request(testing::dataset(), 0),
        request(testing::dataset(), 1),
    );
    let mut busy = Box::pin(client.fetch(&busy, &usage, &cancel));
    tokio::select! {
        _ = &mut busy => panic!("it waits for 20 s"),
        answer = client.fetch(&free, &usage, &cancel) => assert_page(answer),
    }
    // Cancelling the run ends the wait.
    cancel.cancel();
    assert!(matches!(
        busy.now_or_never(),
        Some(Err(FetchError::Cancelled))
    ));
}

#[tokio::test]
async fn cancelling_ends_a_request_under_way_and_frees_its_place() {
    let asked = Arc::new(Notify::new());
    let arrived = Arc::clone(&asked);
    let server = Server::start(move |head| match head.contains("pagina=1&") {
        true => {
            arrived.notify_one();
            Step::Hang(vec![])
        }
        false => page(),
    })
    .await;
    let mut source = source(&server.url);
    source.limits.concurrency = 1;
    let client = client(&source);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let (hanging, next) = (
        request(testing::dataset(), 0),
        request(testing::dataset(), 1),
    );
    let stop = async {
        asked.notified().await;
        cancel.cancel();
    };
    let (outcome, ()) = futures::join!(client.fetch(&hanging, &usage, &cancel), stop);
    assert!(matches!(outcome, Err(FetchError::Cancelled)));
    let cancelled = client.fetch(&next, &usage, &cancel).await;
    assert!(
        matches!(cancelled, Err(FetchError::Cancelled)),
        "nothing begins any more"
    );
    assert_page(client.fetch(&next, &usage, &CancellationToken::new()).await);
}

#[tokio::test]
async fn a_run_sends_no_more_requests_than_its_budget_retries_included() {
    let server = Server::start(|_| status("500 Internal Server Error")).await;
    let mut fetch = Fetch::from(&server);
    fetch.dataset.limits.max_requests_per_run = Some(3);
    let error = fetch.first().await.unwrap_err();
    assert!(matches!(error, FetchError::Budget { max: 3 }), "{error}");
    assert_eq!(fetch.sent(), (3, 2));
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_source_that_fails_and_fails_is_left_alone() {
    let server = Server::start(|_| status("500 Internal Server Error")).await;
    let client = client(&source(&server.url));
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let mut request = request(testing::dataset(), 0);
    let down = loop {
        request.page += 1;
        match client.fetch(&request, &usage, &cancel).await {
            Err(error @ FetchError::SourceDown { .. }) => break error,
            other => drop(gave_up(other)),
        }
    };
    assert_eq!(server.count(), FAILURES_TO_OPEN as usize);
    let text = down.to_string();
    assert!(
        text.contains("source `pncp` is taken for down: 20 failures in a row"),
        "{text}"
    );
    assert!(text.contains("answered status 500"), "{text}");
    let again = client.clone().fetch(&request, &usage, &cancel).await;
    assert!(matches!(again, Err(FetchError::SourceDown { .. })));
    assert_eq!(
        server.count(),
        FAILURES_TO_OPEN as usize,
        "nothing more was sent"
    );
    // The request fails at once even if all slots are taken.
    let throttle = &client.0.throttle;
    let places = (0..throttle.limit()).map(|_| throttle.enter(&request.dataset, request.priority));
    let _all = join_all(places).await;
    let at_once = client.fetch(&request, &usage, &cancel).now_or_never();
    assert!(matches!(at_once, Some(Err(FetchError::SourceDown { .. }))));
}

#[tokio::test]
async fn refusals_and_rate_limits_are_no_sign_that_the_source_is_down() {
    let lines = Arc::new(Mutex::new(0));
    let server = Server::start(move |_| {
        let mut count = lines.lock().unwrap();
        *count += 1;
        match *count % 2 {
            0 => status("404 Not Found"),
            _ => status("429 Too Many Requests"),
        }
    })
    .await;
    let client = client(&source(&server.url));
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let request = request(testing::dataset(), 0);
    for _ in 0..FAILURES_TO_OPEN + 5 {
        let answer = client.fetch(&request, &usage, &cancel).await;
        assert_eq!(answer.unwrap_err().refused_status(), Some(404));
    }
}

#[tokio::test]
async fn too_many_requests_lowers_how_many_are_in_flight() {
    let server = Server::script(vec![status("429 Too Many Requests"), page()]).await;
    let client = client(&source(&server.url));
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let request = request(testing::dataset(), 0);
    assert_page(client.fetch(&request, &usage, &cancel).await);
    assert_eq!(client.0.throttle.limit(), 4, "of 8");
}

#[tokio::test]
async fn waiting_for_a_turn_takes_none_of_the_time_for_tries() {
    let longest = Duration::from_secs(1);
    let steps = Mutex::new(vec![page(), status("503 Service Unavailable")]);
    let server = Server::start(move |head| match head.contains("pagina=1&") {
        true => Step::Held(
            tokio::time::sleep(longest.mul_f64(1.2)).boxed(),
            json(&envelope(&["1", "2", "3"], 3)),
        ),
        false => steps.lock().unwrap().pop().unwrap(),
    })
    .await;
    let mut source = source(&server.url);
    source.limits.concurrency = 1;
    let client = client(&source);
    let mut dataset = testing::dataset();
    dataset.retry.max_elapsed = longest;
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let (slow, queued) = (request(dataset.clone(), 0), request(dataset, 1));
    let (slow, queued) = futures::join!(
        client.fetch(&slow, &usage, &cancel),
        client.fetch(&queued, &usage, &cancel)
    );
    assert_page(slow);
    assert_page(queued);
}

/// A client of a source with a pool of concurrency 1, and a request of a dataset in the pool.
fn pooled(server: &Server) -> (SourceClient, PageRequest) {
    let mut source = source(&server.url);
    let pool = Pool {
        concurrency: 1,
        requests_per_second: None,
        burst: 1,
    };
    source.pools.insert("narrow".to_owned(), pool);
    let mut dataset = testing::dataset();
    dataset.pool = Some("narrow".to_owned());
    (client(&source), request(dataset, 0))
}

#[tokio::test]
async fn a_pool_binds_its_datasets_and_no_others() {
    let (in_pool, free) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (held, freed) = (Arc::clone(&in_pool), Arc::clone(&free));
    let server = Server::start(move |head| match head.contains("pagina=9&") {
        true => page(),
        false => {
            let (held, freed) = (Arc::clone(&held), Arc::clone(&freed));
            let hold = async move {
                held.notify_one();
                freed.notified().await;
            };
            Step::Held(hold.boxed(), json(&envelope(&["1", "2", "3"], 3)))
        }
    })
    .await;
    let (client, first) = pooled(&server);
    let second = PageRequest {
        page: 1,
        ..first.clone()
    };
    let other = request(testing::dataset(), 8);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let mut both = Box::pin(futures::future::join(
        client.fetch(&first, &usage, &cancel),
        client.fetch(&second, &usage, &cancel),
    ));
    tokio::select! {
        _ = &mut both => panic!("they are held"),
        () = in_pool.notified() => {}
    }
    tokio::select! {
        _ = &mut both => panic!("they are held"),
        answer = client.fetch(&other, &usage, &cancel) => assert_page(answer),
    }
    assert_eq!(server.count(), 2, "the second of the pool has waited");
    free.notify_one();
    let one_more = async {
        in_pool.notified().await;
        free.notify_one();
    };
    let ((first, second), ()) = futures::join!(both, one_more);
    assert_page(first);
    assert_page(second);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_in_a_blackout_and_its_wait_takes_none_of_the_time_for_tries() {
    let server = Server::start(|_| page()).await;
    let mut source = source(&server.url);
    source.blackout = vec![Blackout {
        start: "20:00:00".parse().unwrap(),
        end: "21:00:00".parse().unwrap(),
    }];
    let begin: DateTime<Utc> = "2025-10-22T23:10:00Z".parse().unwrap();
    let clock = bronzed_model::clock::ManualClock::new(begin);
    let entropy = Arc::new(Entropy::seeded(7));
    let client = SourceClient::new(&source, Arc::new(clock.clone()), entropy).unwrap();
    let request = request(testing::dataset(), 0);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let fetch = client.fetch(&request, &usage, &cancel);
    tokio::pin!(fetch);
    for minute in 0..50 {
        clock.set(begin + chrono::TimeDelta::minutes(minute));
        let waited = tokio::time::timeout(Duration::from_secs(60), &mut fetch).await;
        assert!(waited.is_err() && usage.requests() == 0, "minute {minute}");
    }
    clock.set(begin + chrono::TimeDelta::minutes(50));
    assert_page(fetch.await);
}

#[tokio::test]
async fn a_host_that_is_down_holds_up_no_other_of_the_source() {
    let down = Server::start(|_| status("500 Internal Server Error")).await;
    let up = Server::start(|_| page()).await;
    let mut source = source(&down.url);
    let mut elsewhere = testing::dataset();
    elsewhere.base_url = Some(up.url.clone());
    let dataset = Arc::new(elsewhere.clone());
    source.datasets.insert("elsewhere".to_owned(), dataset);
    let client = client(&source);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let mut failing = request(testing::dataset(), 0);
    while !matches!(
        client.fetch(&failing, &usage, &cancel).await,
        Err(FetchError::SourceDown { .. })
    ) {
        failing.page += 1;
    }
    let other = request(elsewhere, 0);
    assert_page(client.fetch(&other, &usage, &cancel).await);
}
