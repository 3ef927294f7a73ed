//! Connection handling: a bounded number of connections, timeouts for each, graceful shutdown.
//!
//! HTTP/1 only, on hyper directly, because `axum::serve` has no timeout for request headers: a client that
//! sends them byte by byte would hold its connection slot forever.

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

use crate::server::places::{ConnectionPool, ConnectionSlot};
use bronzed_model::settings::ConnectionLimits;

/// Maximum size of the read buffer for the head of a request, per connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Serves until `stop` is cancelled, then waits at most `drain_time` for requests in progress.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let places = ConnectionPool::new(limits.connections);
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

async fn accept(
    listener: &TcpListener,
    places: &Arc<ConnectionPool>,
) -> io::Result<(TcpStream, ConnectionSlot)> {
    let (stream, _) = listener.accept().await?;
    Ok((stream, places.take().await))
}

/// Waits 100 ms after a failed accept, because the machine may be out of descriptors or memory and an
/// immediate retry would only waste CPU. Doesn't wait if the client has disconnected.
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

/// Serves one connection, from its first request to its end.
async fn converse(
    stream: TcpStream,
    place: Arc<ConnectionSlot>,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    // Responses are small: send them without delay.
    let _ = stream.set_nodelay(true);
    let own = Arc::clone(&place);
    let service = service_fn(move |request| answer(router.clone(), Arc::clone(&own), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(MAX_HEAD_BYTES)
        // A client that has closed its sending side still gets its response.
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
        // Disconnects and timeouts of clients need no action by an operator.
        tracing::debug!(%error, "connection ended");
    }
}

/// Answers one request; its connection can't be evicted meanwhile.
async fn answer(
    router: Router,
    place: Arc<ConnectionSlot>,
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

/// Completes when a connection must stop accepting requests: on `stop`, or after the time `after`.
async fn end(stop: &CancellationToken, after: Duration) {
    // A timeout is one of the two expected outcomes.
    let _ = tokio::time::timeout(after, stop.cancelled()).await;
}
