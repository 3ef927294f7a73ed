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
use crate::server::view::{Backfill, DatasetView, Datasets, JobView, Jobs, RunView, RunsView};

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

pub(super) async fn start_runs(
    State(app): State<App>,
    JsonBody(order): JsonBody<RunOrder>,
) -> Result<(StatusCode, Json<RunsView>), ApiError> {
    order.check()?;
    tracing::info!(
        source = order.source,
        dataset = order.dataset,
        days = order.days.len(),
        "runs asked for"
    );
    let runs = app.daemon.start_runs(order).await?;
    Ok((StatusCode::ACCEPTED, Json(RunsView { runs })))
}

pub(super) async fn start_backfill(
    State(app): State<App>,
    JsonBody(order): JsonBody<BackfillOrder>,
) -> Result<(StatusCode, Json<Backfill>), ApiError> {
    order.check()?;
    tracing::info!(
        source = order.source,
        dataset = order.dataset,
        from = %order.from,
        to = %order.to,
        "backfill asked for"
    );
    let backfill = app.daemon.start_backfill(order).await?;
    Ok((StatusCode::ACCEPTED, Json(backfill)))
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
    tracing::info!(source, job, paused, "pause of a job asked for");
    let job = app.daemon.set_paused(&source, &job, paused).await?;
    Ok(Json(job))
}
