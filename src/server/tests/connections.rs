//! Slow, greedy and hostile clients cost their own connection and no other's.

use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Place, Served, TOKEN, served_with, settings};
use crate::server::ConnectionLimits;

const SHORT: Duration = Duration::from_millis(100);

async fn limited(limits: ConnectionLimits) -> Served {
    served_with(settings(Place::Loopback, Some(TOKEN)), limits).await
}

async fn connect(server: &Served) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port))
        .await
        .unwrap()
}

/// Reads until the server ends the connection; panics if it doesn't.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is as good as a regular close.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text))
        .await
        .unwrap();
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_client_that_sends_its_headers_slowly_is_dropped_while_others_are_served() {
    let server = limited(ConnectionLimits {
        header_time: SHORT,
        ..ConnectionLimits::default()
    })
    .await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: local")
        .await
        .unwrap();
    assert_eq!(server.get("/healthz").await.status, 200);
    let said = rest(slow).await;
    assert!(!said.contains("200 OK"), "{said}");
    assert_eq!(server.get("/healthz").await.status, 200);
}

/// ConnectionLimits under which only a new connection can end a waiting one: headers may take an hour.
fn patient(connections: usize) -> ConnectionLimits {
    ConnectionLimits {
        connections,
        header_time: Duration::from_secs(3600),
        ..ConnectionLimits::default()
    }
}

/// Sends a request over this connection, which stays open.
async fn ask_over(stream: &mut TcpStream) {
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answered = Vec::new();
    while !answered.ends_with(b"\r\n\r\nok\n") {
        answered.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    assert!(answered.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn clients_that_take_every_place_and_ask_nothing_give_way_the_longest_waiting_first() {
    let server = limited(patient(3)).await;
    let mut served = connect(&server).await;
    let (silent, mut slow) = (connect(&server).await, connect(&server).await);
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    // From here on, `served` has waited less long than the others.
    ask_over(&mut served).await;
    let mut newcomers = Vec::new();
    for leaving in [silent, slow] {
        let mut newcomer = connect(&server).await;
        ask_over(&mut newcomer).await;
        newcomers.push(newcomer);
        assert_eq!(rest(leaving).await, "");
    }
    ask_over(&mut served).await;
}

#[tokio::test]
async fn further_connections_than_there_are_places_wait_while_all_are_being_answered() {
    let server = limited(patient(1)).await;
    *server.daemon.hold.lock().unwrap() = true;
    let close = "Host: localhost\r\nConnection: close\r\n\r\n";
    let mut first = connect(&server).await;
    let request = format!("GET /api/v1/runs HTTP/1.1\r\n{close}");
    first.write_all(request.as_bytes()).await.unwrap();
    server.daemon.held.notified().await;
    let mut second = connect(&server).await;
    let request = format!("GET /healthz HTTP/1.1\r\n{close}");
    second.write_all(request.as_bytes()).await.unwrap();
    let waiting = timeout(SHORT, second.read_u8()).await;
    assert!(waiting.is_err(), "served beyond the bound");
    server.daemon.go.notify_one();
    assert!(rest(first).await.starts_with("HTTP/1.1 200"));
    assert!(rest(second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_thousand_clients_that_say_nothing_keep_nobody_out() {
    let server = limited(patient(16)).await;
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(connect(&server).await);
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_is_answered() {
    let server = limited(ConnectionLimits::default()).await;
    *server.daemon.hold.lock().unwrap() = true;
    let mut half = connect(&server).await;
    let request = b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n";
    half.write_all(request).await.unwrap();
    server.daemon.held.notified().await;
    half.shutdown().await.unwrap();
    // Once another client has been answered, the server has seen the half-close.
    assert_eq!(server.get("/healthz").await.status, 200);
    server.daemon.go.notify_one();
    assert!(rest(half).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = limited(ConnectionLimits {
        body_time: SHORT,
        ..ConnectionLimits::default()
    })
    .await;
    let mut slow = connect(&server).await;
    let head = format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let said = rest(slow).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains("slow_body"), "{said}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_however_it_comes() {
    let limit = 1000;
    let server = limited(ConnectionLimits {
        body_bytes: limit,
        ..ConnectionLimits::default()
    })
    .await;
    let answer = server.post("/api/v1/runs", &" ".repeat(limit + 1)).await;
    assert_eq!((answer.status, answer.error()), (413, "too_large".into()));
    let chunks = (0..=limit).map(|_| Ok::<_, std::io::Error>(" "));
    let body = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
    let answer = server
        .ask(Method::POST, "/api/v1/runs", |request| {
            let request = request.header("content-type", "application/json");
            request.bearer_auth(TOKEN).body(body)
        })
        .await;
    assert_eq!((answer.status, answer.error()), (413, "too_large".into()));
    // A body of exactly the limit is read, and rejected as invalid.
    let answer = server.post("/api/v1/runs", &" ".repeat(limit)).await;
    assert_eq!(answer.status, 422);
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = limited(ConnectionLimits::default()).await;
    let mut greedy = connect(&server).await;
    let head = format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    greedy.write_all(head.as_bytes()).await.unwrap();
    assert!(rest(greedy).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_dropped() {
    let server = limited(ConnectionLimits {
        connection_time: SHORT,
        drain_time: SHORT,
        ..ConnectionLimits::default()
    })
    .await;
    let mut deaf = connect(&server).await;
    let request = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let dropped = timeout(PATIENCE, async {
        while deaf.write_all(&request).await.is_ok() {}
    });
    assert!(dropped.await.is_ok(), "still connected");
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_daemon_that_does_not_answer_costs_a_bounded_time() {
    let server = limited(ConnectionLimits {
        answer_time: SHORT,
        ..ConnectionLimits::default()
    })
    .await;
    *server.daemon.hold.lock().unwrap() = true;
    let answer = server.get("/api/v1/runs").await;
    assert_eq!((answer.status, answer.error()), (503, "timed_out".into()));
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_ends() {
    let server = limited(ConnectionLimits::default()).await;
    *server.daemon.hold.lock().unwrap() = true;
    let asking = async {
        let answer = server.get("/api/v1/runs").await;
        assert_eq!(answer.status, 200);
    };
    let stopping = async {
        server.daemon.held.notified().await;
        server.stop.cancel();
        // New connections are refused while the request in progress is awaited.
        while TcpStream::connect(("127.0.0.1", server.port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!server.task.is_finished());
        server.daemon.go.notify_one();
    };
    tokio::join!(asking, stopping);
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_waits_for_nobody_longer_than_its_bound() {
    let server = limited(ConnectionLimits {
        drain_time: SHORT,
        ..ConnectionLimits::default()
    })
    .await;
    *server.daemon.hold.lock().unwrap() = true;
    let mut stuck = connect(&server).await;
    stuck
        .write_all(b"GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    server.daemon.held.notified().await;
    let idle = connect(&server).await;
    server.stop.cancel();
    // The response timeout is 30 s and the header timeout 10 s: only the drain time can end this earlier.
    timeout(Duration::from_secs(5), server.task)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rest(stuck).await, "");
    assert_eq!(rest(idle).await, "");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = limited(ConnectionLimits::default()).await;
    let mut taken = settings(Place::Loopback, None);
    taken.listen.set_port(first.port);
    let daemon = first.daemon.clone();
    let second = crate::server::Server::bind(&taken, daemon, first.metrics.clone());
    let Err(error) = second.await else {
        panic!("two servers on one port")
    };
    assert!(
        error.to_string().contains(&taken.listen.to_string()),
        "{error}"
    );
}
