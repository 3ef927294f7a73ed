//! Error messages for misconfigured buckets. The test server sends canned S3 responses.

use super::*;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

type Answer = (u16, &'static str);

/// Serves `answer(request, number of earlier requests)` on a port of its own until the test ends, and returns
/// a lake on it.
async fn s3(answer: impl Fn(&Request<Incoming>, usize) -> Answer + Send + Sync + 'static) -> Lake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (answer, count) = (answer.clone(), count.clone());
            let service = service_fn(move |request| {
                let (status, body) = answer(&request, count.fetch_add(1, Ordering::SeqCst));
                let response = Response::builder().status(status).header("ETag", "\"1\"");
                let body = response.body(Full::new(Bytes::from_static(body.as_bytes())));
                async move { Ok::<_, Infallible>(body.unwrap()) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    at_endpoint(&endpoint)
}

fn at_endpoint(endpoint: &str) -> Lake {
    let options = [
        ("aws_endpoint", endpoint),
        ("aws_access_key_id", "AKIAEXAMPLE"),
        ("aws_secret_access_key", "hush"),
        ("aws_region", "us-east-1"),
    ];
    let settings = LakeSettings {
        url: "s3://bronze/lake".to_owned(),
        options: options
            .map(|(name, value)| (name.to_owned(), value.to_owned().into()))
            .into(),
        simulated: false,
    };
    Lake::open(&settings).unwrap()
}

const NO_KEY: Answer = (
    404,
    "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>",
);
const NO_BUCKET: Answer = (
    404,
    "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>",
);

#[tokio::test]
async fn wrong_credentials_are_told_with_the_code_of_the_store() {
    let lake = s3(|_, _| {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature we calculated \
                    doesn't match</Message><StringToSign>hush</StringToSign></Error>";
        (403, body)
    })
    .await;
    let error = lake.probe("t").await.unwrap_err();
    assert!(matches!(error, LakeError::Denied { .. }), "{error}");
    assert!(!error.outcome_unknown());
    let text = error.to_string();
    assert!(
        text.contains("SignatureDoesNotMatch: The signature"),
        "{text}"
    );
    assert!(text.contains("check the credentials"), "{text}");
    assert!(!text.contains("hush"), "{text}");
    let error = lake.list("k").await.unwrap_err();
    assert!(matches!(error, LakeError::Denied { .. }), "{error}");
}

/// P5: a missing bucket isn't a missing object.
#[tokio::test]
async fn a_missing_bucket_is_not_a_missing_object() {
    let lake = s3(|_, _| NO_BUCKET).await;
    let missing = LakeError::BucketMissing {
        lake: "s3://bronze/lake".to_owned(),
    };
    assert_eq!(lake.get("k").await.unwrap_err(), missing);
    assert_eq!(lake.create("k", text("v")).await.unwrap_err(), missing);
    assert_eq!(lake.list("k").await.unwrap_err(), missing);
    assert_eq!(lake.probe("t").await.unwrap_err(), missing);
    let lake = s3(|_, _| NO_KEY).await;
    assert_eq!(lake.get("k").await.unwrap(), None);
}

/// P5: a busy store hasn't said that the object is absent.
#[tokio::test]
async fn a_busy_store_is_an_error_and_not_absence() {
    let lake = s3(|_, _| (503, "<Error><Code>SlowDown</Code></Error>")).await;
    let error = lake.get("k").await.unwrap_err();
    assert!(matches!(error, LakeError::Failed { .. }), "{error}");
    assert!(error.outcome_unknown());
    assert!(error.to_string().contains("reading `k` failed"), "{error}");
    assert!(lake.exists("k").await.is_err());
}

#[tokio::test]
async fn an_unknown_host_and_a_closed_port_are_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    for endpoint in [
        format!("http://127.0.0.1:{port}"),
        "http://nowhere.invalid".to_owned(),
    ] {
        let error = at_endpoint(&endpoint).get("k").await.unwrap_err();
        assert!(matches!(error, LakeError::Unreachable { .. }), "{error}");
        assert!(error.outcome_unknown(), "a reply may have been under way");
    }
}

/// The second trap of design section 5: a 409 while nothing exists.
#[tokio::test]
async fn a_transient_conflict_is_not_an_existing_object() {
    let lake = s3(|request, before| match (request.method(), before) {
        (&Method::PUT, 0 | 2) => (
            409,
            "<Error><Code>ConditionalRequestConflict</Code></Error>",
        ),
        (&Method::HEAD, _) => (404, ""),
        _ => (200, ""),
    })
    .await;
    let created = lake.create("k", text("v")).await.unwrap();
    assert!(matches!(created, Created::Done(_)), "{created:?}");

    let lake = s3(|request, _| match *request.method() {
        Method::PUT => (409, ""),
        _ => (404, ""),
    })
    .await;
    let error = lake.create("k", text("v")).await.unwrap_err();
    assert!(error.to_string().contains("doesn't find it"), "{error}");
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused() {
    let lake = s3(|request, _| match *request.method() {
        Method::GET => (200, "first"),
        _ => (200, ""),
    })
    .await;
    let error = lake.probe("t").await.unwrap_err();
    assert!(
        matches!(error, LakeError::NoConditionalWrites { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("created an object that existed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_that_does_not_know_conditions_is_refused() {
    let lake = s3(|request, _| match *request.method() {
        Method::GET => NO_KEY,
        _ => (501, "<Error><Code>NotImplemented</Code></Error>"),
    })
    .await;
    let error = lake.probe("t").await.unwrap_err();
    assert!(
        matches!(error, LakeError::NoConditionalWrites { .. }),
        "{error}"
    );
}
