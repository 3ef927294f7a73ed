//! HTTP/1.1 server on loopback, which ends some connections abnormally on purpose.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answer::{Answer, Outcome};
use super::body::{Abort, SentBody};
use super::control;
use super::world::World;
use bronzed_model::clock::Clock;

/// Accepts connections until the future is dropped, and drops them with it.
pub(super) async fn serve(listener: TcpListener, world: Arc<World>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&world)));
                }
                // Out of file descriptors, most likely: wait for some connection to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    // A failure only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(Arc::clone(&world), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    if ended.is_err_and(|error| is_reset(&error)) {
        // Closing a socket with a linger time of 0 sends an RST.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<Abort>());
    cause == Some(&Abort::Reset)
}

fn respond(
    world: Arc<World>,
    request: Request<Incoming>,
) -> BoxFuture<'static, Result<Response<SentBody>, Abort>> {
    Box::pin(async move {
        let method = request.method().as_str();
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        if target.starts_with(control::PREFIX) {
            return Ok(response(&control::answer(&world, method, target), &world));
        }
        let arrival = world.arrive();
        let decision = world.decide(method, target, &arrival);
        tokio::time::sleep(world.config.latency + decision.wait).await;
        match decision.outcome {
            Outcome::Answer(answer) => Ok(response(&answer, &world)),
            Outcome::Reset => Err(Abort::Reset),
            Outcome::Hang(long) => {
                tokio::time::sleep(long).await;
                Err(Abort::Close)
            }
        }
    })
}

fn response(answer: &Answer, world: &World) -> Response<SentBody> {
    let now = httpdate::fmt_http_date(world.config.clock.now().into());
    let mut response = Response::new(SentBody::of(answer));
    *response.status_mut() = hyper::StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    let mut put = |name, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    put(DATE, now);
    if answer.status != 204 {
        put(CONTENT_LENGTH, answer.body.len().to_string());
    }
    if let Some(content_type) = answer.content_type {
        put(CONTENT_TYPE, content_type.to_owned());
    }
    if let Some(wait) = answer.retry_after {
        put(RETRY_AFTER, wait.as_secs().to_string());
    }
    response
}
