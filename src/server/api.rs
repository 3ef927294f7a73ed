//! Handlers of `/api/v1`. Access is checked before they are called ([`super::access`]).

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;

use crate::server::App;
use crate::server::body::JsonBody;
use crate::server::error::ApiError;
use crate::server::filter::RunFilter;
use crate::server::order::{BackfillOrder, NoBody, RunOrder};
use crate::server::view::{
    Backfill, BackfillForecast, BackfillView, Backfills, CalendarView, DatasetView, Datasets,
    DayView, History, JobView, Jobs, Overview, RunView, RunsView, ScheduleView, SilverTables,
    Volumes,
};
use bronzed_model::day::Day;
use bronzed_model::requests::RunRequests;

type Answer<T> = Result<Json<T>, ApiError>;
/// Path parameters `{source}/{name}`; an error if a segment isn't UTF-8.
type Named = Result<Path<(String, String)>, PathRejection>;

pub(super) async fn jobs(State(app): State<App>) -> Answer<Jobs> {
    let jobs = app.daemon.jobs().await?;
    Ok(Json(Jobs { jobs }))
}

pub(super) async fn job(State(app): State<App>, named: Named) -> Answer<JobView> {
    let Path((source, name)) = named.map_err(|_| ApiError::NoRoute)?;
    let jobs = app.daemon.jobs().await?;
    let found = jobs
        .into_iter()
        .find(|job| job.source == source && job.name == name);
    found
        .map(Json)
        .ok_or_else(|| ApiError::NotFound(format!("job `{source}.{name}`")))
}

pub(super) async fn datasets(State(app): State<App>) -> Answer<Datasets> {
    let datasets = app.daemon.datasets().await?;
    Ok(Json(Datasets { datasets }))
}

pub(super) async fn dataset(State(app): State<App>, named: Named) -> Answer<DatasetView> {
    let Path((source, name)) = named.map_err(|_| ApiError::NoRoute)?;
    let datasets = app.daemon.datasets().await?;
    let found = datasets
        .into_iter()
        .find(|set| set.source == source && set.name == name);
    found
        .map(Json)
        .ok_or_else(|| ApiError::NotFound(format!("dataset `{source}.{name}`")))
}

pub(super) async fn overview(State(app): State<App>) -> Answer<Overview> {
    Ok(Json(app.daemon.overview().await?))
}

pub(super) async fn calendar(State(app): State<App>, named: Named) -> Answer<CalendarView> {
    let Path((source, name)) = named.map_err(|_| ApiError::NoRoute)?;
    Ok(Json(app.daemon.calendar(&source, &name).await?))
}

pub(super) async fn volumes(State(app): State<App>, named: Named) -> Answer<Volumes> {
    let Path((source, name)) = named.map_err(|_| ApiError::NoRoute)?;
    Ok(Json(app.daemon.volumes(&source, &name).await?))
}

pub(super) async fn day(
    State(app): State<App>,
    named: Result<Path<(String, String, String)>, PathRejection>,
) -> Answer<DayView> {
    let Path((source, name, day)) = named.map_err(|_| ApiError::NoRoute)?;
    let day: Day = day
        .parse()
        .map_err(|_| ApiError::NotFound(format!("day `{day}`")))?;
    Ok(Json(app.daemon.day(&source, &name, day).await?))
}

pub(super) async fn history(State(app): State<App>) -> Answer<History> {
    Ok(Json(app.daemon.history().await?))
}

pub(super) async fn schedule(State(app): State<App>) -> Answer<ScheduleView> {
    Ok(Json(app.daemon.schedule().await?))
}

pub(super) async fn backfills(State(app): State<App>) -> Answer<Backfills> {
    let backfills = app.daemon.backfills().await?;
    Ok(Json(Backfills { backfills }))
}

pub(super) async fn silver(State(app): State<App>) -> Answer<SilverTables> {
    let tables = app.daemon.silver().await?;
    Ok(Json(SilverTables { tables }))
}

pub(super) async fn runs(State(app): State<App>, RawQuery(query): RawQuery) -> Answer<RunsView> {
    let wanted = RunFilter::parse(query.as_deref().unwrap_or_default())?;
    let mut runs = app.daemon.runs().await?;
    runs.retain(|run| wanted.takes(run));
    Ok(Json(RunsView { runs }))
}

pub(super) async fn run(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Answer<RunView> {
    let Path(id) = id.map_err(|_| ApiError::NoRoute)?;
    let runs = app.daemon.runs().await?;
    let found = runs.into_iter().find(|run| run.run_id.to_string() == id);
    found.map(Json).ok_or_else(|| {
        ApiError::NotFound(format!(
            "run `{id}` among the recent ones; the state of its day may have it"
        ))
    })
}

pub(super) async fn requests(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
) -> Answer<RunRequests> {
    let Path(id) = id.map_err(|_| ApiError::NoRoute)?;
    let found = match id.parse() {
        Ok(run_id) => app.daemon.requests(run_id).await?,
        Err(_) => None,
    };
    let unknown = || ApiError::NotFound(format!("list of the requests of run `{id}`"));
    found.map(Json).ok_or_else(unknown)
}

pub(super) async fn start_runs(
    State(app): State<App>,
    JsonBody(order): JsonBody<RunOrder>,
) -> Result<(StatusCode, Json<RunsView>), ApiError> {
    let runs = app.start_runs(order).await?;
    Ok((StatusCode::ACCEPTED, Json(RunsView { runs })))
}

pub(super) async fn start_backfill(
    State(app): State<App>,
    JsonBody(order): JsonBody<BackfillOrder>,
) -> Result<(StatusCode, Json<Backfill>), ApiError> {
    let backfill = app.start_backfill(order).await?;
    Ok((StatusCode::ACCEPTED, Json(backfill)))
}

pub(super) async fn forecast_backfill(
    State(app): State<App>,
    JsonBody(order): JsonBody<BackfillOrder>,
) -> Answer<BackfillForecast> {
    order.check()?;
    Ok(Json(app.daemon.forecast_backfill(order).await?))
}

pub(super) async fn stop_backfill(
    State(app): State<App>,
    named: Named,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Answer<BackfillView> {
    let Path((source, name)) = named.map_err(|_| ApiError::NoRoute)?;
    Ok(Json(app.stop_backfill(&source, &name).await?))
}

pub(super) async fn run_job(
    State(app): State<App>,
    named: Named,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Result<(StatusCode, Json<RunsView>), ApiError> {
    let Path((source, job)) = named.map_err(|_| ApiError::NoRoute)?;
    let runs = app.run_job(&source, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(RunsView { runs })))
}

pub(super) async fn pause(
    State(app): State<App>,
    named: Named,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Answer<JobView> {
    set_paused(app, named, true).await
}

pub(super) async fn resume(
    State(app): State<App>,
    named: Named,
    JsonBody(NoBody {}): JsonBody<NoBody>,
) -> Answer<JobView> {
    set_paused(app, named, false).await
}

async fn set_paused(app: App, named: Named, paused: bool) -> Answer<JobView> {
    let Path((source, job)) = named.map_err(|_| ApiError::NoRoute)?;
    Ok(Json(app.set_paused(&source, &job, paused).await?))
}
