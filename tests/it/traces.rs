//! Traces, as a collector receives them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tower::ServiceExt;

use bronzed_simulator::faults::{Fault, Rule};
use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::Backend;
use crate::support::runtime;
use crate::support::scene::{DAY, Scene, config, day};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SECRET: &str = "planted-collector-key-5b2e8a";

/// Starts a collector; returns its address and what it receives.
fn collector() -> (SocketAddr, Arc<Mutex<Vec<ExportTraceServiceRequest>>>) {
    let received: Arc<Mutex<Vec<_>>> = Arc::default();
    let kept = Arc::clone(&received);
    let take = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).expect("a request of OTLP");
        kept.lock().unwrap().push(request);
    };
    let app = Router::new().route("/v1/traces", post(take));
    let bound = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime().block_on(bound).expect("a free port");
    let address = listener.local_addr().expect("an address");
    runtime().spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let app = app.clone();
            let service =
                service_fn(move |request: Request<Incoming>| app.clone().oneshot(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    (address, received)
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match attribute(attributes, key) {
        Some(Value::StringValue(text)) => text.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_run_is_a_trace_with_a_span_for_each_request_and_no_secret() {
    let mut config = config(Catalog::generated(9, day(), 300, 2_400));
    config.faults.rules = vec![
        Rule::nth(1, Fault::ServerError)
            .slice("modalidade=6")
            .page(2),
    ];
    let scene = Scene::new(Backend::Folder, config);
    let (address, received) = collector();
    let ran = scene
        .program(&["run", "pncp.contratacoes", "--day", DAY, "--json"])
        .env(ENDPOINT, format!("http://{address}"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-api-key={SECRET}"))
        .run()
        .expect(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let received = received.lock().unwrap();
    let resources: Vec<_> = received
        .iter()
        .flat_map(|request| &request.resource_spans)
        .collect();
    for resource in &resources {
        let attributes = &resource.resource.as_ref().expect("a resource").attributes;
        assert_eq!(text(attributes, "service.name"), "bronzed");
    }
    let scopes = resources.iter().flat_map(|resource| &resource.scope_spans);
    let spans: Vec<&Span> = scopes.flat_map(|scope| &scope.spans).collect();
    let of_name = |name: &str| -> Vec<&Span> {
        spans
            .iter()
            .copied()
            .filter(|span| span.name == name)
            .collect()
    };

    let [run] = &of_name("run")[..] else {
        panic!(
            "{:?}",
            spans.iter().map(|span| &span.name).collect::<Vec<_>>()
        );
    };
    assert_eq!(text(&run.attributes, "day"), DAY);
    assert_eq!(text(&run.attributes, "run_id"), report["run_id"]);
    let events: Vec<_> = run.events.iter().map(|event| &*event.name).collect();
    assert!(events.contains(&"run finished"), "{events:?}");
    assert!(events.contains(&"request failed"), "{events:?}");

    let requests = of_name("request");
    let sent = report["requests"].as_u64().expect("a count");
    assert_eq!(requests.len() as u64, sent);
    for request in &requests {
        assert_eq!(request.trace_id, run.trace_id);
        assert_eq!(request.parent_span_id, run.span_id);
    }
    let failed = requests.iter().filter(|span| {
        let status = attribute(&span.attributes, "http.response.status_code");
        matches!(status, Some(Value::IntValue(500..)))
    });
    assert_eq!(failed.count(), 1);
    assert!(!format!("{spans:?}").contains(SECRET));
}

#[test]
fn a_collector_that_is_gone_costs_a_warning_and_nothing_else() {
    let scene = Scene::new(
        Backend::Folder,
        config(Catalog::generated(9, day(), 100, 2_400)),
    );
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = gone.local_addr().expect("an address");
    drop(gone);
    let ran = scene
        .program(&["run", "pncp.contratacoes", "--day", DAY])
        .env(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            format!("http://{address}/v1/traces?api-key={SECRET}"),
        )
        .run()
        .expect(0);
    assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
    assert_eq!(
        ran.stderr.matches("traces not delivered").count(),
        1,
        "{}",
        ran.stderr
    );
}
