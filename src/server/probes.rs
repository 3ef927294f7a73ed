//! Liveness, readiness and metrics endpoints.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::server::App;
use crate::server::view::ReadinessView;

/// The media type of the Prometheus text format.
pub(super) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Liveness: succeeds whenever the process answers, because a restart would repair nothing else.
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Readiness: the lake is reachable and writable, and the scheduler ticks. An API that is down doesn't
/// count, because no other daemon could do better. Reasons are only in the log, because the endpoint is
/// open to anyone.
pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<ReadinessView>) {
    let readiness = app.daemon.readiness();
    let status = match readiness.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let view = ReadinessView {
        ready: readiness.is_ready(),
        lake_reachable: readiness.lake_reachable,
        lake_writable: readiness.lake_writable,
        scheduler_ticking: readiness.scheduler_ticking,
        last_tick_age_seconds: readiness.last_tick_age.map(|age| age.as_secs_f64()),
    };
    (status, Json(view))
}

/// Metrics in the Prometheus text format.
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    app.daemon.observe();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.render())
}
