//! The daemon as a process among greedy, slow, silent or hostile clients: each costs only its own
//! connection, the health probe answers all others, the job continues, and memory stays bounded.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::process::{Place, SHORT_HOURS, TOKEN, address, wait_until};
use crate::support::runtime;

/// Timeout: longer than anything here takes, so that a hang fails the test instead of blocking it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Delay between the bytes of a slow client.
const DRIP: Duration = Duration::from_millis(25);
const PROBE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn connect(daemon: SocketAddr) -> TcpStream {
    let connected = timeout(PATIENCE, TcpStream::connect(daemon)).await;
    connected.expect("a daemon that accepts").unwrap()
}

/// Sends the chunks, or as many as are accepted, and reads until the daemon closes the connection; fails if
/// it doesn't. Returns the response and the number of bytes accepted.
async fn exchange(daemon: SocketAddr, chunks: impl Iterator<Item = Vec<u8>>) -> (String, usize) {
    let (mut from, mut to) = connect(daemon).await.into_split();
    let sending = async {
        let mut taken = 0;
        for chunk in chunks {
            match to.write_all(&chunk).await {
                Ok(()) => taken += chunk.len(),
                Err(_) => break,
            }
        }
        taken
    };
    let reading = async {
        let mut answer = Vec::new();
        // The connection may end by a reset or in order.
        let _ = from.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    let both = timeout(PATIENCE, async { tokio::join!(reading, sending) });
    both.await.expect("the connection is ended")
}

async fn say(daemon: SocketAddr, request: &[u8]) -> String {
    exchange(daemon, std::iter::once(request.to_vec())).await.0
}

/// Returns the status codes of the responses.
fn statuses(answers: &str) -> Vec<&str> {
    let lines = answers.split("HTTP/1.").skip(1);
    lines.map(|line| &line[2..5]).collect()
}

/// Returns the head of a POST request with the token; the body follows.
fn order(more: &str) -> String {
    format!(
        "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\n{more}\r\n\r\n"
    )
}

/// Polls the health probe over a new connection each time, as a supervisor does.
#[derive(Default)]
struct Supervisor {
    answers: u32,
    slowest: Duration,
}

impl Supervisor {
    async fn watch(&mut self, daemon: SocketAddr) {
        loop {
            let asked = Instant::now();
            // A connection that is evicted by a thousand newer ones is retried, as supervisors do before
            // they restart a daemon.
            let mut tries = 3;
            while say(daemon, PROBE).await.is_empty() {
                tries -= 1;
                assert!(tries > 0, "the probe isn't answered");
            }
            self.answers += 1;
            self.slowest = self.slowest.max(asked.elapsed());
            tokio::time::sleep(DRIP).await;
        }
    }
}

#[test]
fn hostile_clients_cost_nobody_else_anything() {
    let place = Place::new(&["one"], SHORT_HOURS, Duration::ZERO);
    place.publish(1, place.today, 60);
    let mut daemon = place
        .daemon()
        .env("BRONZED__SERVER__LIMITS__CONNECTIONS", "64")
        .env("BRONZED__SERVER__LIMITS__HEADER_TIMEOUT", "500ms")
        .env("BRONZED__SERVER__LIMITS__BODY_TIMEOUT", "500ms")
        .start();
    let url = address(&mut daemon);
    let at: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    wait_until("the first records", || {
        place.stored(place.today) == place.listed(place.today)
    });
    let quiet = daemon.resident_at_most();
    place.publish(2, place.today, 60);
    let mut supervisor = Supervisor::default();
    runtime().block_on(async {
        let crowd = async {
            greedy_bodies_and_headers(at).await;
            a_thousand_that_say_nothing(at).await;
            slow_ones(at).await;
            ambiguous_requests(at).await;
            old_and_odd_ways_of_asking(at).await;
        };
        tokio::select! {
            () = crowd => {}
            () = supervisor.watch(at) => {}
        }
    });
    wait_until("what was published meanwhile", || {
        place.stored(place.today) == place.listed(place.today)
    });
    let peak = daemon.resident_at_most();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "the probe answered {} times meanwhile, within {} ms; {:.1} MB resident at most, {:.1} MB before",
        supervisor.answers,
        supervisor.slowest.as_millis(),
        megabytes(peak),
        megabytes(quiet)
    );
    assert!(supervisor.answers > 0);
    assert!(peak < quiet + 32_000_000, "{peak} after {quiet}");
    daemon.signal("TERM");
    daemon.wait().expect(0);
    place.judge(place.today);
}

async fn greedy_bodies_and_headers(at: SocketAddr) {
    const MEGABYTE: usize = 1_000_000;
    let body = || std::iter::repeat_n(vec![b' '; MEGABYTE], 100);
    let length = format!("Content-Length: {}", 100 * MEGABYTE);
    let stated = std::iter::once(order(&length).into_bytes());
    let (said, taken) = exchange(at, stated.chain(body())).await;
    assert!(said.contains("too_large"), "{said}");
    let taken = taken.div_ceil(MEGABYTE);
    println!("of a body of 100 MB, {taken} MB at most left the client");
    let chunked = std::iter::once(order("Transfer-Encoding: chunked").into_bytes());
    let chunk =
        |part: Vec<u8>| [format!("{:x}\r\n", part.len()).as_bytes(), &part, b"\r\n"].concat();
    let (said, _) = exchange(at, chunked.chain(body().map(chunk))).await;
    assert!(said.contains("too_large"), "{said}");
    // Without the token, the daemon doesn't wait for the body.
    let stranger = format!("POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n");
    let (said, _) = exchange(at, std::iter::once(stranger.into_bytes()).chain(body())).await;
    assert!(said.contains("token_missing"), "{said}");

    let header = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ".to_vec();
    let one = std::iter::once(header).chain(std::iter::repeat_n(vec![b'x'; 10_000], 100));
    let line = |n: u32| format!("X-{n}: {n}\r\n").into_bytes();
    let many = std::iter::once(b"GET /healthz HTTP/1.1\r\n".to_vec()).chain((0..100_000).map(line));
    let target = std::iter::once([b"GET /".to_vec(), vec![b'a'; MEGABYTE]].concat());
    for (said, _) in [
        exchange(at, one).await,
        exchange(at, many).await,
        exchange(at, target).await,
    ] {
        let refused = matches!(statuses(&said)[..], ["431"] | ["414"]);
        assert!(refused, "{said}");
    }
}

async fn a_thousand_that_say_nothing(at: SocketAddr) {
    let mut silent = Vec::new();
    for _ in 0..1_000 {
        silent.push(connect(at).await);
    }
    assert_eq!(statuses(&say(at, PROBE).await), ["200"]);
    // They are closed, the last ones after the header timeout.
    for mut stream in silent {
        let mut said = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "still connected");
    }
}

/// Sends byte by byte until the daemon closes the connection; returns the response.
async fn drip(at: SocketAddr, first: String, then: &'static [u8]) -> String {
    let (mut from, mut to) = connect(at).await.into_split();
    to.write_all(first.as_bytes()).await.unwrap();
    let dripping = async {
        for byte in then.iter().cycle() {
            tokio::time::sleep(DRIP).await;
            if to.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    let reading = timeout(PATIENCE, from.read_to_end(&mut said));
    tokio::select! {
        ended = reading => assert!(ended.is_ok(), "still listened to"),
        () = dripping => unreachable!("it drips until it is hung up on"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

async fn slow_ones(at: SocketAddr) {
    let mut slow = JoinSet::new();
    // More than there are connection slots.
    for _ in 0..100 {
        let head = "GET /healthz HTTP/1.1\r\nX: ".to_owned();
        slow.spawn(drip(at, head, b"slow"));
    }
    slow.spawn(async move {
        // With a length in the headers, and in chunks of one byte.
        let said = drip(at, order("Content-Length: 1000"), b" ").await;
        assert!(said.contains("slow_body"), "{said}");
        let said = drip(at, order("Transfer-Encoding: chunked"), b"1\r\n \r\n").await;
        assert!(said.contains("slow_body"), "{said}");
        String::new()
    });
    while let Some(said) = slow.join_next().await {
        assert!(
            !said.unwrap().contains("200"),
            "answered for half a request"
        );
    }
}

/// Request smuggling: requests whose length is ambiguous get at most one response, and the bytes that
/// follow are never parsed as another request.
async fn ambiguous_requests(at: SocketAddr) {
    const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let after = |head: &str| format!("{}{HIDDEN}", order(head));
    let length = HIDDEN.len();
    for (what, request) in [
        (
            "length and chunks",
            format!(
                "{}0\r\n\r\n{HIDDEN}",
                order(&format!(
                    "Content-Length: {}\r\nTransfer-Encoding: chunked",
                    length + 5
                ))
            ),
        ),
        (
            "chunks and length",
            format!(
                "{}0\r\n\r\n{HIDDEN}",
                order(&format!(
                    "Transfer-Encoding: chunked\r\nContent-Length: {}",
                    length + 5
                ))
            ),
        ),
        (
            "two lengths",
            after(&format!("Content-Length: 0\r\nContent-Length: {length}")),
        ),
        (
            "a list of lengths",
            after(&format!("Content-Length: 0, {length}")),
        ),
        ("a length with a sign", after("Content-Length: +0")),
        ("a negative length", after("Content-Length: -1")),
        ("a length in hex", after("Content-Length: 0x0")),
        (
            "a length beyond numbers",
            after("Content-Length: 99999999999999999999999"),
        ),
        ("a space before the colon", after("Content-Length : 0")),
        ("a folded line", after("X: a\r\n Content-Length: 0")),
        (
            "a coding that isn't known",
            after("Transfer-Encoding: xchunked"),
        ),
        (
            "chunks that aren't last",
            after("Transfer-Encoding: chunked, identity"),
        ),
        ("a chunk of no size", after("Transfer-Encoding: chunked")),
        (
            "a chunk beyond numbers",
            format!(
                "{}fffffffffffffffff\r\n{HIDDEN}",
                order("Transfer-Encoding: chunked")
            ),
        ),
        (
            "a line that ends in CR alone",
            after("X: a\rContent-Length: 0"),
        ),
        ("a NUL", after("X: a\0b")),
        (
            "chunks in HTTP/1.0",
            after("Transfer-Encoding: chunked").replace("runs HTTP/1.1", "runs HTTP/1.0"),
        ),
        (
            "another protocol",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ),
        (
            "TLS",
            "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03\r\n\r\n".to_owned(),
        ),
        ("no words", format!("\r\n\r\n\r\nhello\r\n\r\n{HIDDEN}")),
    ] {
        let said = say(at, request.as_bytes()).await;
        let answered = statuses(&said);
        assert!(answered.len() <= 1, "{what}: {said}");
        let refused = answered.iter().all(|status| status.starts_with('4'));
        assert!(refused, "{what}: {said}");
    }
}

async fn old_and_odd_ways_of_asking(at: SocketAddr) {
    let said = say(at, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(said.ends_with("\r\n\r\nok\n"), "{said}");
    // Half-closed by the client, as scripts with `nc` do.
    let mut half = connect(at).await;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    half.shutdown().await.unwrap();
    let mut said = String::new();
    let read = timeout(PATIENCE, half.read_to_string(&mut said)).await;
    read.expect("an end").unwrap();
    assert_eq!(statuses(&said), ["200"]);
    // Fifty pipelined requests, answered in order.
    let pipelined: String = (0..50)
        .map(|n| match n % 2 {
            0 => "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            _ => "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        })
        .collect();
    let last = String::from_utf8_lossy(PROBE);
    let said = say(at, format!("{pipelined}{last}").as_bytes()).await;
    let expected = [["200", "404"].repeat(25), vec!["200"]].concat();
    assert_eq!(statuses(&said), expected);
}
