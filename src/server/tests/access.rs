//! Access rules, cell by cell of the table in [`crate::server::access`].

use reqwest::Method;

use super::{Place, Served, TOKEN, served, served_with, settings};
use crate::server::access::RequiredAccess;
use crate::server::routes::table;
use crate::server::{ConnectionLimits, ServerSettings};

/// Token that a request presents.
#[derive(Debug, Clone, Copy)]
enum Shows {
    Nothing,
    Wrong,
    Right,
}

async fn status(server: &Served, method: Method, path: &str, shows: Shows) -> (u16, String) {
    let answer = server
        .ask(method, path, |request| {
            let request = request.header("content-type", "application/json");
            match shows {
                Shows::Nothing => request,
                Shows::Wrong => request.bearer_auth("battery staple"),
                Shows::Right => request.bearer_auth(TOKEN),
            }
        })
        .await;
    let error = match answer.status {
        200 => String::new(),
        _ => answer.error(),
    };
    (answer.status, error)
}

#[tokio::test]
async fn the_table_of_access_holds_in_each_cell() {
    use Place::{Elsewhere, Loopback};
    use Shows::{Nothing, Right, Wrong};
    const OPEN: (u16, &str) = (200, "");
    const MISSING: (u16, &str) = (401, "token_missing");
    const WRONG: (u16, &str) = (401, "token_wrong");
    const NONE: (u16, &str) = (403, "no_token_configured");
    let configured = Some(TOKEN);
    let rows = [
        // listen address, token, public reads, presented token, read status, write status
        (Loopback, configured, false, Nothing, OPEN, MISSING),
        (Loopback, configured, false, Wrong, OPEN, WRONG),
        (Loopback, configured, false, Right, OPEN, OPEN),
        (Loopback, None, false, Nothing, OPEN, NONE),
        (Loopback, None, false, Wrong, OPEN, NONE),
        (Elsewhere, configured, false, Nothing, MISSING, MISSING),
        (Elsewhere, configured, false, Wrong, WRONG, WRONG),
        (Elsewhere, configured, false, Right, OPEN, OPEN),
        (Elsewhere, None, false, Nothing, NONE, NONE),
        (Elsewhere, None, false, Wrong, NONE, NONE),
        (Elsewhere, configured, true, Nothing, OPEN, MISSING),
        (Elsewhere, configured, true, Wrong, OPEN, WRONG),
        (Elsewhere, configured, true, Right, OPEN, OPEN),
        (Elsewhere, None, true, Nothing, OPEN, NONE),
        (Elsewhere, None, true, Wrong, OPEN, NONE),
    ];
    for (place, token, public_reads, shows, read, change) in rows {
        let settings = ServerSettings {
            public_reads,
            ..settings(place, token)
        };
        let server = served_with(settings, ConnectionLimits::default()).await;
        let row = format!("{place:?} {token:?} {public_reads} {shows:?}");
        for probe in ["/healthz", "/readyz", "/metrics"] {
            let answer = server.get(probe).await;
            assert_eq!(answer.status, 200, "{row} {probe}");
        }
        let reading = status(&server, Method::GET, "/api/v1/jobs", shows).await;
        assert_eq!((reading.0, reading.1.as_str()), read, "{row}");
        let path = "/api/v1/jobs/pncp/hourly/pause";
        let changing = status(&server, Method::POST, path, shows).await;
        assert_eq!((changing.0, changing.1.as_str()), change, "{row}");
        assert_eq!(
            server.daemon.told().len(),
            usize::from(change == OPEN),
            "{row}"
        );
    }
}

#[tokio::test]
async fn no_route_is_without_its_guard() {
    let elsewhere = settings(Place::Elsewhere, Some(TOKEN));
    let server = served_with(elsewhere, ConnectionLimits::default()).await;
    for route in table() {
        let method = Method::from_bytes(route.operation.method.to_uppercase().as_bytes()).unwrap();
        let path = route.operation.path.replace(['{', '}'], "");
        let (status, _) = match route.operation.need {
            RequiredAccess::Public => continue,
            RequiredAccess::Read | RequiredAccess::Change => {
                status(&server, method, &path, Shows::Nothing).await
            }
        };
        assert_eq!(status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_blank_token_lets_nobody_in() {
    for blank in ["", " ", "\n"] {
        let server = served_with(
            settings(Place::Elsewhere, Some(blank)),
            ConnectionLimits::default(),
        )
        .await;
        for header in ["Bearer ", "Bearer", "Bearer  "] {
            let answer = server
                .ask(Method::GET, "/api/v1/jobs", |r| {
                    r.header("authorization", header)
                })
                .await;
            assert_eq!(
                (answer.status, answer.error()),
                (403, "no_token_configured".into())
            );
        }
    }
}

#[tokio::test]
async fn a_token_from_a_file_with_a_line_end_is_the_same_token() {
    let written = format!("{TOKEN}\n");
    let server = served_with(
        settings(Place::Elsewhere, Some(&written)),
        ConnectionLimits::default(),
    )
    .await;
    let (status, _) = status(&server, Method::GET, "/api/v1/jobs", Shows::Right).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn who_needs_a_token_is_told_how_to_have_one() {
    let server = served_with(
        settings(Place::Elsewhere, Some(TOKEN)),
        ConnectionLimits::default(),
    )
    .await;
    let answer = server.get("/api/v1/jobs").await;
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    let server = served_with(settings(Place::Loopback, None), ConnectionLimits::default()).await;
    let answer = server.post("/api/v1/jobs/pncp/hourly/pause", "").await;
    let hint = answer.json()["hint"].to_string();
    assert!(hint.contains("BRONZED__SERVER__TOKEN"), "{hint}");
}

#[tokio::test]
async fn a_page_whose_name_was_rebound_to_this_machine_can_neither_read_nor_change() {
    let server = served().await;
    for path in [
        "/api/v1/jobs",
        "/api/v1/datasets",
        "/api/v1/runs",
        "/api/v1/openapi.json",
    ] {
        let answer = server
            .ask(Method::GET, path, |r| r.header("host", "evil.example"))
            .await;
        assert_eq!(
            (answer.status, answer.error()),
            (403, "foreign_host".into()),
            "{path}"
        );
    }
    let path = "/api/v1/jobs/pncp/hourly/pause";
    let answer = server
        .ask(Method::POST, path, |request| {
            request
                .header("host", "evil.example")
                .header("content-type", "application/json")
        })
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(server.daemon.told(), [""; 0]);
}

#[tokio::test]
async fn a_proxy_with_a_name_of_its_own_gets_in_with_the_token() {
    let server = served().await;
    let answer = server
        .ask(Method::GET, "/api/v1/jobs", |request| {
            request.header("host", "bronzed.example").bearer_auth(TOKEN)
        })
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_leave_to_ask() {
    let server = served().await;
    let preflight = server
        .ask(Method::OPTIONS, "/api/v1/runs", |request| {
            request
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST")
                .header(
                    "access-control-request-headers",
                    "content-type,authorization",
                )
        })
        .await;
    assert_eq!(preflight.status, 405);
    let read = server
        .ask(Method::GET, "/api/v1/jobs", |r| {
            r.header("origin", "https://evil.example")
        })
        .await;
    for answer in [&preflight, &read] {
        let mut names = answer.headers.keys().map(|name| name.as_str());
        assert!(!names.any(|name| name.starts_with("access-control")));
    }
    assert_eq!(read.headers["cross-origin-resource-policy"], "same-origin");
    assert_eq!(read.headers["x-content-type-options"], "nosniff");
    // A content type that an HTML form can send without a preflight request is rejected, even with the
    // token.
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = server
            .ask(Method::POST, "/api/v1/jobs/pncp/hourly/pause", |request| {
                request
                    .bearer_auth(TOKEN)
                    .header("content-type", content_type)
            })
            .await;
        assert_eq!(
            (answer.status, answer.error()),
            (415, "wrong_content_type".into())
        );
    }
}

#[tokio::test]
async fn a_pause_without_a_body_wanted_a_content_type_for_nothing() {
    let server = served().await;
    let path = "/api/v1/jobs/pncp/hourly/pause";
    let answer = server
        .ask(Method::POST, path, |request| request.bearer_auth(TOKEN))
        .await;
    assert_eq!(answer.status, 200);
}
