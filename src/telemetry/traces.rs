//! Traces of runs and their requests, sent to an OpenTelemetry collector: OTLP over HTTP, protobuf.
//!
//! Configured by OpenTelemetry's own variables, and off without an endpoint: `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_HEADERS`, `…_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`. A run is a trace, each of its requests a span; what the log says at `info` or above
//! within them is an event. Secrets are redacted as in the log. A collector that doesn't answer costs traces, never a run: they are
//! sent by a thread of their own, from a queue that drops what it can't hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use reqwest::Client;
use tokio::runtime::Handle;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use crate::outbound;
use bronzed_model::redact::redact;

/// Variables of which one names the collector.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];
/// Variable by which OpenTelemetry is switched off.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// Variables that name the service.
const NAMES: [&str; 2] = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"];
/// Maximum duration of one delivery, unless the variables say less.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum duration of the last delivery at the end of the process.
const LAST: Duration = Duration::from_secs(3);

/// Traces can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The HTTP client can't be built.
    #[error("no HTTP client for traces: {0}")]
    NoClient(#[from] reqwest::Error),
    /// The variables make no exporter.
    #[error("traces can't be sent as OTEL_… says: {0}; name a collector as `http://host:4318`")]
    NoExporter(#[from] ExporterBuildError),
}

/// Sender of traces.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts the sender that the environment asks for; `None` if it asks for none. Must be called in a runtime, which
    /// makes the requests.
    ///
    /// # Errors
    /// Returns an error if a variable's value isn't understood.
    pub fn of_environment() -> Result<Option<Self>, TracesError> {
        let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
        let disabled =
            std::env::var(DISABLED).is_ok_and(|value| value.trim().eq_ignore_ascii_case("true"));
        if disabled || !ENDPOINTS.into_iter().any(set) {
            return Ok(None);
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .build()?;
        let resource = Resource::builder();
        let resource = match NAMES.into_iter().any(set) {
            true => resource,
            false => resource.with_service_name("bronzed"),
        };
        let resource =
            resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Redacted(exporter))
            .with_resource(resource.build())
            .build();
        Ok(Some(Self { provider }))
    }

    /// Returns the layer that turns spans into traces.
    pub(super) fn layer(&self) -> impl Layer<Registry> + Send + Sync + use<> {
        let layer = tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_tracer(self.provider.tracer("bronzed"));
        layer.with_filter(filter_fn(is_traced))
    }

    /// Sends what wasn't sent yet, for a few seconds at most.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST));
        // A failure was logged by the client.
        let _ = ended.await;
    }
}

/// Returns `true` for this program's spans, and for its events at `info` or above.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    let least = if metadata.is_span() {
        Level::DEBUG
    } else {
        Level::INFO
    };
    metadata.target().starts_with("bronzed") && *metadata.level() <= least
}

/// HTTP client of the collector. Requests are made by the runtime, because the thread that sends traces has none.
#[derive(Debug)]
struct Collector {
    client: Client,
    runtime: Handle,
    fails: AtomicBool,
}

impl Collector {
    fn new() -> Result<Self, reqwest::Error> {
        let urls = ENDPOINTS.map(|name| std::env::var(name).unwrap_or_default());
        let client = outbound::client(&urls.each_ref().map(String::as_str), TIMEOUT)?;
        let (runtime, fails) = (Handle::current(), AtomicBool::new(false));
        Ok(Self {
            client,
            runtime,
            fails,
        })
    }

    /// Logs a failure once, until a delivery succeeds.
    fn learn(&self, failure: Option<&str>) {
        let failed_before = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(reason) if !failed_before => tracing::warn!(reason, "traces not delivered"),
            None if failed_before => tracing::info!("traces delivered again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let request = reqwest::Request::try_from(request)?;
            let answer = client.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let answer = match sent.await {
            // The URL may hold a key.
            Ok(answer) => answer.map_err(|error| error.without_url().to_string()),
            Err(error) => Err(error.to_string()),
        };
        let failure = match &answer {
            Ok((status, _)) if status.is_success() => None,
            Ok((status, _)) => Some(format!("the collector answered {status}")),
            Err(error) => Some(error.clone()),
        };
        self.learn(failure.as_deref());
        let (status, body) = answer?;
        Ok(Response::builder().status(status).body(body)?)
    }
}

/// Exporter that redacts the secrets of this process.
#[derive(Debug)]
struct Redacted<E>(E);

impl<E: SpanExporter> SpanExporter for Redacted<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            let events = span.events.events.iter_mut();
            let of_events = events.flat_map(|event| &mut event.attributes);
            if let Status::Error { description } = &mut span.status {
                *description = redact(description).into_owned().into();
            }
            for attribute in span.attributes.iter_mut().chain(of_events) {
                if let Value::String(text) = &attribute.value {
                    attribute.value =
                        Value::String(StringValue::from(redact(text.as_str()).into_owned()));
                }
            }
        }
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
