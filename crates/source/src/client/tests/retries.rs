//! Retries: conditions, number and waits.

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use super::*;
use crate::testing::{HttpRequest, RawResponse, Transport, TransportError};
use bronzed_model::clock::{Clock as _, SystemClock};
use bronzed_model::declaration::{Action, RequestLimits, ResponseRule, Wait};

#[tokio::test]
async fn server_errors_are_tried_again_until_they_pass() {
    let server = Server::script(vec![
        status("503 Service Unavailable"),
        status("500 Internal Server Error"),
        status("408 Request Timeout"),
        page(),
    ])
    .await;
    let fetch = Fetch::from(&server);
    assert_page(fetch.first().await);
    assert_eq!(fetch.sent(), (4, 3));
}

#[tokio::test]
async fn tries_are_bounded_and_the_error_tells_the_last() {
    let server = Server::start(|_| status("504 Gateway Timeout")).await;
    let fetch = Fetch::from(&server);
    let error = fetch.first().await.unwrap_err();
    assert_eq!(fetch.sent(), (4, 3));
    let text = error.to_string();
    assert!(
        text.contains("pagina=1&tamanhoPagina=50 after 4 tries"),
        "{text}"
    );
    assert!(text.ends_with("answered status 504: no"), "{text}");
}

#[tokio::test]
async fn regression_400_and_404_are_not_tried_again_like_503() {
    for line in ["400 Bad Request", "404 Not Found", "401 Unauthorized"] {
        let (answer, requests) = fetch(vec![status(line), page()]).await;
        let error = answer.unwrap_err();
        assert_eq!(error.refused_status(), line[..3].parse().ok());
        assert_eq!(requests, 1, "{line}");
    }
}

#[tokio::test]
async fn a_400_beyond_the_last_page_shows_its_status_and_text() {
    let body = "{\"status\": 400,\n \"message\": \"Página inexistente\"}";
    let server = Server::script(vec![Step::Answer(answer(
        "400 Bad Request",
        "",
        body.as_bytes(),
    ))])
    .await;
    let error = Fetch::from(&server).page(7).await.unwrap_err();
    assert_eq!(error.refused_status(), Some(400));
    let text = error.to_string();
    assert!(text.contains("pagina=8"), "{text}");
    assert!(
        text.contains(r#"{"status": 400, "message": "Página inexistente"}"#),
        "{text}"
    );
}

#[tokio::test]
async fn a_spurious_422_is_tried_as_often_as_its_rule_says() {
    let refused = || status("422 Unprocessable Entity");
    assert_page(fetch(vec![refused(), page()]).await.0);
    let (answer, requests) = fetch(vec![refused(), refused(), page()]).await;
    let (attempts, failure) = gave_up(answer);
    assert_eq!((attempts, requests), (2, 2));
    assert_eq!(failure.status(), Some(422));
}

#[tokio::test]
async fn too_many_requests_takes_none_of_the_tries() {
    let server = Server::script(
        (0..9)
            .map(|_| status("429 Too Many Requests"))
            .chain([page()])
            .collect(),
    )
    .await;
    let fetch = Fetch::from(&server);
    assert_page(fetch.first().await);
    assert_eq!(fetch.sent(), (10, 9));
}

/// An API that is always rate-limited.
#[derive(Debug)]
struct Busy;

#[async_trait]
impl Transport for Busy {
    async fn send(
        &self,
        _request: &HttpRequest,
        _limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError> {
        Ok(RawResponse {
            status: 429,
            content_type: Some("text/html".to_owned()),
            body: Bytes::from_static(b"<html>Limite"),
            ..RawResponse::default()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_for_ever_ends_with_the_time() {
    let source = source(&"http://api.test/".parse().unwrap());
    let mut dataset = testing::dataset();
    dataset.retry.max_elapsed = Duration::from_millis(200);
    let tries = dataset.retry.max_attempts;
    let entropy = Arc::new(Entropy::seeded(7));
    let client = SourceClient::over(Arc::new(Busy), &source, Arc::new(SystemClock), entropy);
    let (usage, cancel) = (RequestBudget::new(), CancellationToken::new());
    let answer = client.fetch(&request(dataset, 0), &usage, &cancel).await;
    let (attempts, failure) = gave_up(answer);
    assert!(attempts > tries, "{attempts}");
    let text = failure.to_string();
    assert!(
        text.contains("\"too many requests\" with status 429: <html>Limite"),
        "{text}"
    );
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    for line in ["429 Too Many Requests", "503 Service Unavailable"] {
        let asked = Step::Answer(answer(line, "Retry-After: 1\r\n", b""));
        let begun = Instant::now();
        assert_page(fetch(vec![asked, page()]).await.0);
        assert!(begun.elapsed() >= Duration::from_secs(1), "{line}");
    }
}

/// Regression: each such request was given up after one attempt: "answered status 503: busy".
#[tokio::test]
async fn a_retry_after_beyond_the_time_costs_no_more_than_the_longest_wait() {
    let moment = SystemClock.now() + chrono::TimeDelta::days(1);
    for asked in ["86400".to_owned(), moment.timestamp().to_string()] {
        for line in ["429 Too Many Requests", "503 Service Unavailable"] {
            let head = format!("Retry-After: {asked}\r\n");
            let busy = Step::Answer(answer(line, &head, b"busy"));
            let (outcome, requests) = fetch(vec![busy, page()]).await;
            assert_page(outcome);
            assert_eq!(requests, 2, "{line} {asked}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_was_asked_for_in_vain_is_told() {
    let busy = || {
        let head = "Retry-After: 86400\r\n";
        Step::Answer(answer("503 Service Unavailable", head, b"busy"))
    };
    let error = fetch(vec![busy(), busy(), busy(), busy()]).await.0;
    let text = error.unwrap_err().to_string();
    let told = "after 4 tries: answered status 503: busy; it asks to wait 1day";
    assert!(text.ends_with(told), "{text}");
}

#[tokio::test]
async fn silence_ends_with_the_timeout_before_and_within_the_body() {
    let whole = json(&envelope(&["1"], 1));
    let server = Server::script(vec![
        Step::Hang(vec![]),
        Step::Hang(whole[..whole.len() - 5].to_vec()),
        page(),
    ])
    .await;
    let mut fetch = Fetch::from(&server);
    fetch.dataset.limits.timeout = Duration::from_millis(300);
    assert_page(fetch.first().await);
    assert!(fetch.sent().0 >= 3, "{:?}", fetch.sent());

    let server = Server::start(|_| Step::Hang(vec![])).await;
    let mut fetch = Fetch::from(&server);
    fetch.dataset.limits.timeout = Duration::from_millis(20);
    let (_, failure) = gave_up(fetch.first().await);
    assert_eq!(failure.to_string(), "no whole answer within 20ms");
}

#[tokio::test]
async fn a_redirect_is_refused_and_says_where_to() {
    let moved = answer(
        "301 Moved Permanently",
        "Location: https://novo.pncp.gov.br/api\r\n",
        b"",
    );
    let (outcome, requests) = fetch(vec![Step::Answer(moved), page()]).await;
    let text = outcome.unwrap_err().to_string();
    assert!(
        text.contains("redirects to https://novo.pncp.gov.br/api (status 301)"),
        "{text}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_host_are_named() {
    let server = Server::script(vec![]).await;
    let mut fetch = Fetch::from(&server);
    // Nothing listens on the discard port of this machine.
    fetch.source.base_url = Url::parse("http://127.0.0.1:9/api").unwrap();
    let text = gave_up(fetch.first().await).1.to_string();
    assert!(
        text.contains("no connection to 127.0.0.1") && text.contains("refused"),
        "{text}"
    );
    fetch.source.base_url = Url::parse("http://no-such-host.invalid/api").unwrap();
    let text = gave_up(fetch.first().await).1.to_string();
    assert!(
        text.contains("no connection to no-such-host.invalid") && text.contains("lookup"),
        "{text}"
    );
}

#[tokio::test]
async fn a_wait_that_the_body_asks_for_takes_no_try() {
    let busy = || {
        let body = br#"{"message":"Rate limit is exceeded. Try again in 0.01 seconds."}"#;
        Step::Answer(answer("429 Too Many Requests", "", body))
    };
    let mut steps: Vec<_> = (0..20).map(|_| busy()).collect();
    steps.push(page());
    let server = Server::script(steps).await;
    let mut fetch = Fetch::from(&server);
    let rule = ResponseRule {
        status: Some(429),
        action: Action::RateLimited,
        wait: Some(Wait::Pattern("in ([0-9.]+) seconds".parse().unwrap())),
        ..fetch.dataset.responses[0].clone()
    };
    fetch.dataset.responses.insert(0, rule);
    fetch.dataset.retry.max_attempts = 2;
    assert_page(fetch.first().await);
    assert_eq!(fetch.sent(), (21, 20));
}
