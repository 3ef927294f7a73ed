//! Connections: accepted within a bound, each one limited in time, ended in order.
//!
//! HTTP/1 only, on hyper itself: `axum::serve` has no time-out for request headers, without which
//! a client that sends them byte by byte holds its place for ever.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::server::places::{Place, Places};

/// What a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; a further one takes the place of the one that has waited longest for a
    /// request, and waits where all have one under way.
    pub connections: usize,
    /// For the headers of a request, and for an idle connection to send the next one.
    pub header_time: Duration,
    /// For a body, once its headers are there.
    pub body_time: Duration,
    /// For a whole answer, the time for the body included.
    pub answer_time: Duration,
    /// A connection takes no further request after this long; one that only reads slowly, or not
    /// at all, ends a `drain_time` later.
    pub connection_time: Duration,
    /// For the request under way when a connection is to end, or the daemon.
    pub drain_time: Duration,
    /// Of a body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
            connection_time: Duration::from_secs(300),
            drain_time: Duration::from_secs(5),
            body_bytes: 64 * 1024,
        }
    }
}

/// Bounds what the lines of a request's head may take in memory, each connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Serves until `stop`, then lets requests under way end, `drain_time` at most.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let places = Places::new(limits.connections);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                let place = Arc::new(place);
                connections.spawn(converse(
                    stream,
                    place,
                    router.clone(),
                    limits,
                    stop.clone(),
                ));
            }
            Err(error) => recover(&error).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener, places: &Arc<Places>) -> io::Result<(TcpStream, Place)> {
    let (stream, _) = listener.accept().await?;
    Ok((stream, places.take().await))
}

/// A client that is gone again costs nothing; when the machine is out of descriptors or memory,
/// trying at once would only burn its time.
async fn recover(error: &io::Error) {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !gone {
        tracing::warn!(%error, "connection not accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One connection, from its first request to its end.
async fn converse(
    stream: TcpStream,
    place: Arc<Place>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    // Answers are small: they leave at once.
    let _ = stream.set_nodelay(true);
    let own = Arc::clone(&place);
    let service = service_fn(move |request| answer(router.clone(), Arc::clone(&own), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(MAX_HEAD_BYTES)
        // Who has sent all that it had to say is answered all the same.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.taken() => {
            return tracing::debug!(error = "its place went to a newer one", "connection ended");
        }
        () = end(&stop, limits.connection_time) => {
            connection.as_mut().graceful_shutdown();
            let drained = tokio::time::timeout(limits.drain_time, connection).await;
            drained.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Clients break off and run into time-outs as they like: nothing for an operator.
        tracing::debug!(%error, "connection ended");
    }
}

/// Answers one request, whose connection keeps its place meanwhile.
async fn answer(
    router: Router,
    place: Arc<Place>,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<Response, Infallible> {
    if !place.begin() {
        // The connection is about to be dropped.
        return std::future::pending().await;
    }
    let response = router.oneshot(request.map(Body::new)).await;
    place.wait();
    response
}

/// When a connection takes no further request.
async fn end(stop: &CancellationToken, after: Duration) {
    // Running into the time-out is one of the two ways to get here.
    let _ = tokio::time::timeout(after, stop.cancelled()).await;
}
