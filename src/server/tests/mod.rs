//! Tests of the server over real connections, with a fake daemon. Every response is checked against the
//! OpenAPI description ([`description`]).

mod access;
mod api;
mod connections;
mod description;
mod fake;
mod page;
mod probes;
mod real;
mod sample;

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{ConnectionLimits, Server, ServerSettings};
use bronzed_metrics::Metrics;
use fake::FakeDaemon;

const TOKEN: &str = "correct horse";
/// Longer than any operation in these tests, so that a hang fails the test instead of blocking it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Kind of listen address.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Loopback,
    Elsewhere,
}

fn settings(place: Place, token: Option<&str>) -> ServerSettings {
    let listen = match place {
        Place::Loopback => "127.0.0.1:0",
        Place::Elsewhere => "0.0.0.0:0",
    };
    ServerSettings {
        listen: listen.parse().unwrap(),
        token: token.map(Into::into),
        public_reads: false,
        limits: ConnectionLimits::default(),
    }
}

/// A running server with a client.
struct Served {
    port: u16,
    client: reqwest::Client,
    daemon: Arc<FakeDaemon>,
    metrics: Metrics,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A response with its whole body.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the constant name of the error.
    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// Starts a server on loopback, with a token.
async fn served() -> Served {
    served_with(
        settings(Place::Loopback, Some(TOKEN)),
        ConnectionLimits::default(),
    )
    .await
}

async fn served_with(settings: ServerSettings, limits: ConnectionLimits) -> Served {
    let fake = Arc::new(FakeDaemon::default());
    served_by(settings, limits, fake.clone(), fake).await
}

/// Starts a server with any daemon; `fake` records the commands for tests that inspect them.
async fn served_by(
    mut settings: ServerSettings,
    limits: ConnectionLimits,
    daemon: Arc<dyn super::daemon::DaemonService>,
    fake: Arc<FakeDaemon>,
) -> Served {
    let (metrics, _) = Metrics::detached().unwrap();
    settings.limits = limits;
    let server = Server::bind(&settings, daemon, metrics.clone())
        .await
        .unwrap();
    let stop = CancellationToken::new();
    Served {
        port: server.address().port(),
        client: reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // A connection that is kept may be closed by the server's bounds just when it is used again.
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .unwrap(),
        daemon: fake,
        metrics,
        task: tokio::spawn(server.serve(stop.clone())),
        stop,
    }
}

impl Served {
    /// Sends a request and checks the response against the description.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = with(self.client.request(method.clone(), url));
        let response = request.send().await.unwrap();
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        };
        description::check(&method, path, &answer);
        answer
    }

    /// Sends a request as a browser does; pages aren't described.
    async fn browse(
        &self,
        method: Method,
        path: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self
            .client
            .request(method, url)
            .header("accept", "text/html");
        let response = with(request).send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, |request| request).await
    }

    /// Sends a POST request with the token and the JSON content type.
    async fn post(&self, path: &str, body: &str) -> Answer {
        let body = body.to_owned();
        self.ask(Method::POST, path, |request| {
            let request = request.bearer_auth(TOKEN).body(body);
            request.header("content-type", "application/json")
        })
        .await
    }
}
