//! The table of routes: the router and the OpenAPI description are both made from it.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;

use crate::server::access::{RequiredAccess, guard};
use crate::server::alerts::AlertsView;
use crate::server::error::ApiError;
use crate::server::openapi::{self, Operation, ResponseDescription, SchemaOf, schema};
use crate::server::order::{BackfillOrder, NoBody, RunOrder};
use crate::server::view::{
    Backfill, BackfillForecast, BackfillView, Backfills, CalendarView, DatasetView, Datasets,
    DayView, History, JobView, Jobs, Overview, ReadinessView, RunView, RunsView, ScheduleView,
    SilverTables, Volumes,
};
use crate::server::{App, alerts, api, filter, page, probes};
use bronzed_model::requests::RunRequests;

/// Path of the list of runs, the only route with query parameters.
const RUNS: &str = "/api/v1/runs";

/// One method of one path, with its handler.
pub(super) struct ApiRoute {
    pub(super) operation: Operation,
    handler: MethodRouter<App>,
}

/// Returns all routes.
pub(super) fn table() -> Vec<ApiRoute> {
    let mut routes = probe_routes();
    routes.extend(overall_routes());
    routes.extend(dataset_routes());
    routes.extend(work_routes());
    routes.extend(order_routes());
    routes.extend(job_routes());
    routes
}

fn probe_routes() -> Vec<ApiRoute> {
    let open = |id, path, summary, answer, handler| ApiRoute {
        operation: Operation {
            id,
            method: "get",
            path,
            summary,
            gives: summary,
            query: &[],
            need: RequiredAccess::Public,
            body: None,
            answer,
            errors: &[],
        },
        handler,
    };
    vec![
        open(
            "health",
            "/healthz",
            "The process answers.",
            ResponseDescription::Text("text/plain; charset=utf-8"),
            get(probes::health),
        ),
        open(
            "ready",
            "/readyz",
            "Whether the lake can be reached and the scheduler ticks.",
            ResponseDescription::Either([200, 503], schema::<ReadinessView>()),
            get(probes::ready),
        ),
        open(
            "metrics",
            "/metrics",
            "Metrics in the Prometheus text format.",
            ResponseDescription::Text(probes::METRICS_TYPE),
            get(probes::metrics),
        ),
    ]
}

/// Returns a route that only reads.
fn read(
    id: &'static str,
    path: &'static str,
    summary: &'static str,
    answer: ResponseDescription,
    handler: MethodRouter<App>,
) -> ApiRoute {
    ApiRoute {
        operation: Operation {
            id,
            method: "get",
            path,
            summary,
            gives: summary,
            query: if path == RUNS {
                filter::PARAMETERS
            } else {
                &[]
            },
            need: RequiredAccess::Read,
            body: None,
            answer,
            errors: match path {
                RUNS => &[422],
                path if path.contains('{') => &[404],
                _ => &[],
            },
        },
        handler,
    }
}

fn overall_routes() -> Vec<ApiRoute> {
    vec![
        read(
            "getOverview",
            "/api/v1/overview",
            "Everything at a glance: what isn't as it should be, worst first, and every dataset.",
            ResponseDescription::Json(200, schema::<Overview>()),
            get(api::overview),
        ),
        read(
            "listAlerts",
            "/api/v1/alerts",
            "Alerts that have started and not ended.",
            ResponseDescription::Json(200, schema::<AlertsView>()),
            get(alerts::alerts),
        ),
        read(
            "describe",
            "/api/v1/openapi.json",
            "This description.",
            ResponseDescription::Document,
            get(description),
        ),
    ]
}

fn dataset_routes() -> Vec<ApiRoute> {
    vec![
        read(
            "getCalendar",
            "/api/v1/datasets/{source}/{dataset}/calendar",
            "The status of each day of a dataset.",
            ResponseDescription::Json(200, schema::<CalendarView>()),
            get(api::calendar),
        ),
        read(
            "getDay",
            "/api/v1/datasets/{source}/{dataset}/days/{day}",
            "A day of a dataset: its proof by slice, every execution with its reasons, its files.",
            ResponseDescription::Json(200, schema::<DayView>()),
            get(api::day),
        ),
        read(
            "getVolumes",
            "/api/v1/datasets/{source}/{dataset}/volumes",
            "Records a day of the last weeks, against the usual for the weekday.",
            ResponseDescription::Json(200, schema::<Volumes>()),
            get(api::volumes),
        ),
        read(
            "listDatasets",
            "/api/v1/datasets",
            "Every dataset with its coverage and freshness.",
            ResponseDescription::Json(200, schema::<Datasets>()),
            get(api::datasets),
        ),
        read(
            "getDataset",
            "/api/v1/datasets/{source}/{dataset}",
            "One dataset.",
            ResponseDescription::Json(200, schema::<DatasetView>()),
            get(api::dataset),
        ),
    ]
}

fn work_routes() -> Vec<ApiRoute> {
    vec![
        read(
            "listSilver",
            "/api/v1/silver",
            "Every silver table: rows, how far it is behind, what is held back.",
            ResponseDescription::Json(200, schema::<SilverTables>()),
            get(api::silver),
        ),
        read(
            "getHistory",
            "/api/v1/history",
            "Runs that have ended, of any process, as far as the daemon knows.",
            ResponseDescription::Json(200, schema::<History>()),
            get(api::history),
        ),
        read(
            "getSchedule",
            "/api/v1/schedule",
            "The slots of the coming 24 hours, and what is due.",
            ResponseDescription::Json(200, schema::<ScheduleView>()),
            get(api::schedule),
        ),
        read(
            "listBackfills",
            "/api/v1/backfills",
            "Backfills that were asked for since the start, with their progress.",
            ResponseDescription::Json(200, schema::<Backfills>()),
            get(api::backfills),
        ),
        read(
            "listJobs",
            "/api/v1/jobs",
            "Every job with its next slot and its last run.",
            ResponseDescription::Json(200, schema::<Jobs>()),
            get(api::jobs),
        ),
        read(
            "getJob",
            "/api/v1/jobs/{source}/{job}",
            "One job.",
            ResponseDescription::Json(200, schema::<JobView>()),
            get(api::job),
        ),
        read(
            "listRuns",
            "/api/v1/runs",
            "Runs that are queued, under way, or ended lately.",
            ResponseDescription::Json(200, schema::<RunsView>()),
            get(api::runs),
        ),
        read(
            "getRun",
            "/api/v1/runs/{run_id}",
            "One of these runs.",
            ResponseDescription::Json(200, schema::<RunView>()),
            get(api::run),
        ),
        read(
            "getRunRequests",
            "/api/v1/runs/{run_id}/requests",
            "The requests of a run of the last 30 days, of any process: sums over all of them, and a bounded list.",
            ResponseDescription::Json(200, schema::<RunRequests>()),
            get(api::requests),
        ),
    ]
}

/// Returns a route that changes something.
fn change(
    id: &'static str,
    path: &'static str,
    [summary, gives]: [&'static str; 2],
    body: SchemaOf,
    answer: ResponseDescription,
    handler: MethodRouter<App>,
) -> ApiRoute {
    ApiRoute {
        operation: Operation {
            id,
            method: "post",
            path,
            summary,
            gives,
            query: &[],
            need: RequiredAccess::Change,
            body: Some(body),
            answer,
            errors: &[404, 409],
        },
        handler,
    }
}

fn order_routes() -> Vec<ApiRoute> {
    vec![
        change(
            "startRuns",
            "/api/v1/runs",
            [
                "Reads days of a dataset now, complete or not.",
                "The runs that were queued or joined, one a day.",
            ],
            schema::<RunOrder>(),
            ResponseDescription::Json(202, schema::<RunsView>()),
            post(api::start_runs),
        ),
        change(
            "startBackfill",
            "/api/v1/backfills",
            [
                "Completes the days of a range that aren't complete.",
                "How many days of the range were queued.",
            ],
            schema::<BackfillOrder>(),
            ResponseDescription::Json(202, schema::<Backfill>()),
            post(api::start_backfill),
        ),
        change(
            "forecastBackfill",
            "/api/v1/backfills/forecast",
            [
                "Says what a backfill would cost, and starts nothing.",
                "Days, requests and time.",
            ],
            schema::<BackfillOrder>(),
            ResponseDescription::Json(200, schema::<BackfillForecast>()),
            post(api::forecast_backfill),
        ),
        change(
            "stopBackfill",
            "/api/v1/backfills/{source}/{dataset}/stop",
            [
                "Stops the backfill of a dataset; days that are being read go on.",
                "The backfill, stopped.",
            ],
            schema::<NoBody>(),
            ResponseDescription::Json(200, schema::<BackfillView>()),
            post(api::stop_backfill),
        ),
    ]
}

fn job_routes() -> Vec<ApiRoute> {
    vec![
        change(
            "runJob",
            "/api/v1/jobs/{source}/{job}/run",
            [
                "Reads now what a slot of the job would name.",
                "The runs that were queued or joined.",
            ],
            schema::<NoBody>(),
            ResponseDescription::Json(202, schema::<RunsView>()),
            post(api::run_job),
        ),
        change(
            "pauseJob",
            "/api/v1/jobs/{source}/{job}/pause",
            [
                "Pauses a job until it is resumed; runs under way go on.",
                "The job, paused.",
            ],
            schema::<NoBody>(),
            ResponseDescription::Json(200, schema::<JobView>()),
            post(api::pause),
        ),
        change(
            "resumeJob",
            "/api/v1/jobs/{source}/{job}/resume",
            [
                "Lets a job go on at its next slot.",
                "The job, no longer paused.",
            ],
            schema::<NoBody>(),
            ResponseDescription::Json(200, schema::<JobView>()),
            post(api::resume),
        ),
    ]
}

/// Builds the router from the table, with an access check on each route, and a timeout and security headers
/// on every response.
pub(super) fn router(app: App) -> Router {
    let mut router = Router::new();
    for ApiRoute { operation, handler } in table() {
        let rules = (Arc::clone(&app.access), operation.need);
        let guarded = handler.route_layer(middleware::from_fn_with_state(rules, guard));
        router = router.route(operation.path, guarded);
    }
    router
        .merge(page::router())
        .method_not_allowed_fallback(async || ApiError::WrongMethod)
        .fallback(page::fallback)
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// Applies the response timeout, and tells browsers not to guess the type of a response, not to embed it in
/// pages of other origins, and not to cache it unless it says so itself.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    let answer = tokio::time::timeout(app.limits.answer_time, next.run(request));
    let mut response = match answer.await {
        Ok(response) => response,
        Err(_) => ApiError::TimedOut.into_response(),
    };
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    // Compiled-in assets say themselves how long they may be kept.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn description() -> impl IntoResponse {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let routes = table();
        let operations = routes.iter().map(|route| &route.operation);
        openapi::document(operations).to_string().into()
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        DOCUMENT.clone(),
    )
}
