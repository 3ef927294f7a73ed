//! Responses with faults, one test per quirk.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use chrono::TimeDelta;

use super::*;
use crate::answer::Answer;
use crate::faults::{Fault, Faults, Rule};
use crate::pncp::generated::GeneratedDay;

/// Returns the page with this fault, after a check that the repeated request is answered correctly.
async fn spoilt(fault: Fault) -> Result<Seen, reqwest::Error> {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::first(1, fault)]);
    })
    .await;
    let seen = page(&simulator, 6, 1).await;
    assert_eq!(page(&simulator, 6, 1).await.unwrap().ids().len(), 50);
    seen
}

#[tokio::test]
async fn too_many_requests_as_json_says_how_long_to_wait() {
    let seen = spoilt(Fault::RateLimited).await.unwrap();
    assert_eq!((seen.status, seen.header("retry-after")), (429, Some("1")));
    assert!(seen.json()["message"].is_string());
}

#[tokio::test]
async fn too_many_requests_from_the_firewall_is_html_and_says_nothing() {
    let seen = spoilt(Fault::Firewall).await.unwrap();
    assert_eq!((seen.status, seen.header("retry-after")), (429, None));
    assert!(
        seen.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(seen.body.contains("Limite de Requisições Excedido"));
}

#[tokio::test]
async fn server_errors_are_json_messages() {
    for (fault, status) in [(Fault::ServerError, 500), (Fault::Unavailable, 503)] {
        let seen = spoilt(fault).await.unwrap();
        assert_eq!(seen.status, status);
        assert!(seen.json()["message"].is_string());
    }
}

#[tokio::test]
async fn html_comes_with_status_200() {
    let seen = spoilt(Fault::Html).await.unwrap();
    assert_eq!(seen.status, 200);
    assert!(
        seen.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn a_correct_request_is_now_and_then_unprocessable() {
    let seen = spoilt(Fault::Unprocessable).await.unwrap();
    assert_eq!(seen.status, 422);
    assert_eq!(seen.json()["error"], "422 UNPROCESSABLE_ENTITY");
}

#[tokio::test]
async fn a_connection_is_reset() {
    let error = spoilt(Fault::Reset).await.err().unwrap();
    let mut cause: Option<&dyn Error> = Some(&error);
    let mut kinds = Vec::new();
    while let Some(error) = cause {
        kinds.extend(
            error
                .downcast_ref::<std::io::Error>()
                .map(std::io::Error::kind),
        );
        cause = error.source();
    }
    assert!(
        kinds.contains(&std::io::ErrorKind::ConnectionReset),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_body_is_cut_off_before_its_announced_end() {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::always(Fault::CutOff)]);
    })
    .await;
    // Modalidade 2 has no rows, but its response is cut off, too.
    for modalidade in [6, 8, 2] {
        let url = page_url(&simulator, modalidade, 1);
        let mut response = client().get(url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let announced = response.content_length().unwrap();
        let mut received = 0;
        let error = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => received += chunk.len() as u64,
                Ok(None) => panic!("the body ended well"),
                Err(error) => break error,
            }
        };
        assert!(error.is_decode() || error.is_body(), "{error:?}");
        assert!(received < announced, "{received} of {announced}");
    }
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_client_gives_up() {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::always(Fault::Hang).page(1)]);
    })
    .await;
    let patience = Duration::from_millis(50);
    let url = page_url(&simulator, 6, 1);
    let given_up = client().get(&url).timeout(patience).send().await;
    assert!(given_up.is_err_and(|error| error.is_timeout()));
    // The request stays in flight until the server has noticed that the client is gone.
    for number in 2.. {
        page(&simulator, 6, 99).await.unwrap();
        let last = simulator.ledger().pop().unwrap();
        assert_eq!(last.attempt, Some(number - 1));
        if last.in_flight == 1 {
            break;
        }
        assert!(
            number < 1_000,
            "the request that was given up is still in flight"
        );
    }
    let hung = &simulator.ledger()[0];
    assert_eq!((hung.status, hung.fault), (None, Some("hang")));
}

#[tokio::test]
async fn a_hang_has_an_end() {
    let simulator = given(generated(), |config| {
        config.faults = Faults {
            hang: Duration::from_millis(20),
            ..Faults::by_rule([Rule::always(Fault::Hang)])
        };
    })
    .await;
    let error = page(&simulator, 6, 1).await.err().unwrap();
    assert!(!error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn an_empty_page_in_the_middle_keeps_its_totals() {
    let simulator = given(generated(), |config| {
        let hollow = Rule::first(1, Fault::EmptyPage).page(2);
        config.faults = Faults::by_rule([hollow, Rule::first(1, Fault::NoContent).page(3)]);
    })
    .await;
    let total = page(&simulator, 6, 1).await.unwrap().json()["totalRegistros"].clone();
    let hollow = page(&simulator, 6, 2).await.unwrap().json();
    assert_eq!(
        (&hollow["totalRegistros"], &hollow["empty"]),
        (&total, &Value::Bool(true))
    );
    assert_eq!(hollow["data"].as_array().unwrap().len(), 0);
    assert_eq!(page(&simulator, 6, 3).await.unwrap().status, 204);
    assert_eq!(page(&simulator, 6, 3).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_scripted_answer_is_given_to_the_letter() {
    let seen = spoilt(Fault::Answer(Box::new(Answer::json(418, "{}"))))
        .await
        .unwrap();
    assert_eq!((seen.status, seen.body.as_str()), (418, "{}"));
}

#[tokio::test]
async fn a_late_record_repeats_a_row_on_the_next_page() {
    let late = GeneratedDay {
        late: 0.5,
        ..GeneratedDay::new(1, day(), 500)
    };
    let simulator = given(Catalog::new().with(late.records()), |config| {
        config.clock = SimClock::standing(time("17:00:00"));
        config.faults = Faults::by_rule([Rule::first(1, Fault::Shift).page(2)]);
    })
    .await;
    let first = page(&simulator, 6, 1).await.unwrap();
    let second = page(&simulator, 6, 2).await.unwrap();
    let total = |seen: &Seen| seen.json()["totalRegistros"].as_u64().unwrap();
    assert_eq!(total(&second), total(&first) + 1);
    assert_eq!(second.ids().first(), first.ids().last());
    assert_eq!(simulator.ledger()[1].fault, Some("shift"));
}

#[tokio::test]
async fn a_withdrawn_record_hides_a_row_between_two_pages() {
    let simulator = given(generated(), |config| {
        config.faults = Faults::by_rule([Rule::first(1, Fault::Withdraw).page(2)]);
    })
    .await;
    let first = page(&simulator, 6, 1).await.unwrap();
    let second = page(&simulator, 6, 2).await.unwrap();
    let again = page(&simulator, 6, 1).await.unwrap();
    let total = |seen: &Seen| seen.json()["totalRegistros"].as_u64().unwrap();
    assert_eq!(total(&second), total(&first) - 1);
    let seen: BTreeSet<_> = first.ids().into_iter().chain(second.ids()).collect();
    let missed = again.ids().pop().unwrap();
    assert!(!seen.contains(&missed));
}

#[tokio::test]
async fn the_clock_moves_on_between_two_pages() {
    let simulator = given(generated(), |config| {
        config.clock = SimClock::standing(time("12:00:00"));
        let hours = Fault::Advance(TimeDelta::hours(6));
        config.faults = Faults::by_rule([Rule::first(1, hours).page(2)]);
    })
    .await;
    let total = |seen: Seen| seen.json()["totalRegistros"].as_u64().unwrap();
    let first = total(page(&simulator, 6, 1).await.unwrap());
    let second = total(page(&simulator, 6, 2).await.unwrap());
    assert!(second > first, "{second} after {first}");
    assert_eq!(
        simulator.clock().brasilia().to_string(),
        "2025-10-22 18:00:00"
    );
}

#[tokio::test]
async fn too_many_requests_in_flight_meet_the_firewall() {
    let simulator = given(generated(), |config| {
        config.max_in_flight = Some(2);
        config.faults = Faults::by_rule([Rule::always(Fault::Hang).page(1)]);
    })
    .await;
    let url = page_url(&simulator, 6, 1);
    let waiting = futures::future::join(client().get(&url).send(), client().get(&url).send());
    let refused = async {
        while simulator.ledger().len() < 2 {
            tokio::task::yield_now().await;
        }
        page(&simulator, 6, 2).await.unwrap()
    };
    let refused = futures::future::select(Box::pin(waiting), Box::pin(refused)).await;
    let futures::future::Either::Right((refused, _)) = refused else {
        panic!("a hanging request ended");
    };
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains("Limite de Requisições Excedido"));
    let entry = simulator.ledger().pop().unwrap();
    assert_eq!(
        (entry.in_flight, entry.fault, entry.attempt),
        (3, Some("over_limit"), None)
    );
}

/// Returns the responses to 60 requests in this order, by page and attempt.
async fn traces(seed: u64, order: impl Iterator<Item = u64>) -> BTreeSet<(u64, usize, String)> {
    let simulator = given(generated(), |config| {
        config.seed = seed;
        config.faults = Faults::bad_day(0.1);
    })
    .await;
    let simulator = Arc::new(simulator);
    let mut attempts = [0; 4];
    let mut traces = BTreeSet::new();
    for number in order {
        attempts[number as usize] += 1;
        traces.insert((
            number,
            attempts[number as usize],
            trace(&simulator, 6, number).await,
        ));
    }
    traces
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_faults_in_any_order_of_asking() {
    let forwards = traces(7, (0..30).map(|n| 1 + n % 3)).await;
    let backwards = traces(7, (0..30).map(|n| 3 - n % 3)).await;
    assert_eq!(forwards, backwards);
    let outcomes: BTreeSet<_> = forwards
        .iter()
        .map(|(_, _, trace)| trace.chars().take(3).collect::<String>())
        .collect();
    assert!(outcomes.len() >= 4, "{outcomes:?}");
    assert_ne!(forwards, traces(8, (0..30).map(|n| 1 + n % 3)).await);
}

#[tokio::test]
async fn faults_in_a_row_are_bounded_where_that_is_asked_for() {
    let simulator = given(generated(), |config| {
        config.faults = Faults {
            max_consecutive: Some(2),
            ..Faults::by_chance([(Fault::ServerError, 1.0)])
        };
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(page(&simulator, 6, 1).await.unwrap().status);
    }
    assert_eq!(statuses, [500, 500, 200, 500, 500, 200]);
}
