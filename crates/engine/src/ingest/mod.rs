//! One run: one reading of one dataset for one day, from requests to committed files.
//!
//! ```text
//! read_slice ─┐
//! read_slice ─┼─► deliveries ─► Intake: off-day? seen? new? ─► Parquet ─► commit ─► report
//! read_slice ─┘      (pages with their records' ids, bounded)
//! ```
//!
//! All runs share [`frame`], [`intake`] and [`mod@slice`]; each kind of dataset has a module of its own over them:
//! [`dated`], [`child`], [`snapshot`], [`feed`].
//!
//! Guarantees of a run: every fetched row is accounted for (P2); rows that were read are committed even if
//! other requests fail or the run is cancelled; a day is marked complete only with its proof (P4); the run
//! is recorded in the state (P7).

mod beside;
mod child;
mod dated;
mod deadline;
mod feed;
mod frame;
mod intake;
pub mod off_day;
mod outcome;
pub mod progress;
pub mod report;
mod slice;
mod snapshot;
#[cfg(test)]
mod testing;
mod values;

pub use child::parents;
#[cfg(any(test, feature = "test-util"))]
pub use feed::fuzz::route as fuzz_route;
pub use values::with_values;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::ingest::deadline::RunDeadline;
use crate::ingest::frame::RunFrame;
use crate::ingest::progress::Observer;
use crate::ingest::report::RunReport;
use crate::ingest::values::ValuesError;
use crate::requests::RequestRecorder;
use crate::table_index::TableIndex;
use bronzed_metrics::events::index_followed;
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, Mode, Priority};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::StopReason;
use bronzed_model::settings::CommitSettings;
use bronzed_source::SourceClient;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::requests as kept;
use bronzed_storage::state::{DayStore, StateError};
use bronzed_storage::table::{self, TableError};

/// Maximum time of the write of a run's requests, after which they aren't kept.
const KEEPING: Duration = Duration::from_secs(10);

/// Everything that a run needs; shared by all runs of a source.
#[derive(Clone)]
pub struct Context {
    /// Object store with bronze and state.
    pub lake: Lake,
    /// HTTP client of the source; one per source, because its limits are shared through it.
    pub client: SourceClient,
    /// Time zone of the source.
    pub zone: Tz,
    /// Concurrency limit of the source: number of pages of a slice that are requested concurrently; twice as
    /// many slices are read concurrently.
    pub concurrency: usize,
    /// Limits on the rows that a run buffers before it commits them.
    pub commit: CommitSettings,
    /// Index of the tables' files that follows each run; `None` if there is none.
    pub index: Option<Arc<dyn TableIndex>>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of run ids and jitter.
    pub entropy: Arc<Entropy>,
    /// Receiver of the run's progress.
    pub observer: Arc<dyn Observer>,
    /// `true` if the run's requests are to be kept in the lake, for people who look at the run later.
    pub keeps_requests: bool,
    /// Ends the run at a safe point: rows read until then are committed.
    pub cancel: CancellationToken,
}

impl Context {
    /// Returns the store of one day of `dataset`.
    pub fn day(&self, dataset: &Arc<Dataset>, day: Day) -> DayStore {
        DayStore {
            lake: self.lake.clone(),
            dataset: dataset.clone(),
            zone: self.zone,
            day,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
        }
    }
}

/// Specification of a run: dataset, day and mode, and the job that requests it.
#[derive(Debug, Clone)]
pub struct Order {
    /// The dataset.
    pub dataset: Arc<Dataset>,
    /// The day.
    pub day: Day,
    /// In full, new records only, or verification.
    pub mode: Mode,
    /// Name of the requesting job; `manual` from the command line.
    pub job: String,
    /// Priority of the run's requests in the queue of the rate limiter.
    pub priority: Priority,
}

/// Reads one dataset for one day and commits the new rows. Never returns an error: failures are in the
/// report.
pub async fn run(context: &Context, order: &Order) -> RunReport {
    let run_id = context.entropy.run_id(context.clock.now());
    run_as(context, order, run_id, None).await
}

/// Like [`run`], with a given run id. A run that takes longer than `deadline` ends at a safe point, as
/// partial.
pub async fn run_as(
    context: &Context,
    order: &Order,
    run_id: Uuid,
    deadline: Option<Duration>,
) -> RunReport {
    let started_at = context.clock.now();
    let overdue = RunDeadline::after(deadline, &context.cancel);
    let context = &Context {
        cancel: overdue.cancel.clone(),
        ..context.clone()
    };
    // Error level, so that no log filter drops the span: each log line carries its run id.
    let span = tracing::error_span!(
        "run",
        run_id = %run_id,
        source = order.dataset.source,
        dataset = order.dataset.name,
        day = %order.day,
        job = order.job,
    );
    let _alive = context.lake.living().begin(run_id);
    async {
        let mode = order.mode.name();
        tracing::info!(mode, "run started");
        let report = match prepared(context, order).await {
            Ok(dataset) => {
                let order = Order {
                    dataset,
                    ..order.clone()
                };
                let run = RunFrame::new(context, &order, run_id, started_at, &overdue);
                let requests = run.requests.clone();
                let report = Box::pin(read(run)).await;
                Box::pin(follow(context, &order, &report)).await;
                Box::pin(keep_requests(context, &requests, &report)).await;
                report
            }
            Err(error) => {
                let run = RunFrame::new(context, order, run_id, started_at, &overdue);
                match error {
                    Unprepared::Lake(error) => run.unopened(&error),
                    Unprepared::Values(error) => Box::pin(run.failed_audited(error)).await,
                    Unprepared::Other(error) => run.failed(error),
                }
            }
        };
        report.log();
        report.measure();
        report
    }
    .instrument(span)
    .await
}

/// Reads the day, by the kind of its dataset.
async fn read(run: RunFrame<'_>) -> RunReport {
    match &run.order.dataset.kind {
        Kind::Snapshot => snapshot::read(run).await,
        Kind::Child(parent) => child::read(run, parent).await,
        Kind::Feed => feed::read(run).await,
        Kind::Dated(_) => dated::read(run).await,
    }
}

/// Lets the index of the table's files follow the days that the run has written or opened.
async fn follow(context: &Context, order: &Order, report: &RunReport) {
    let Some(index) = context.index.as_ref().filter(|_| !report.put_off) else {
        return;
    };
    let dataset = &order.dataset;
    let files = report.execution.files.iter();
    let mut days: BTreeSet<_> = files
        .filter_map(|(key, _)| layout::file_day(&dataset.prefix, key))
        .collect();
    days.insert(report.day);
    let followed = index.follow(dataset, &days).await;
    if followed != Ok(0) {
        index_followed(&dataset.source, &dataset.name, followed.is_err());
    }
    match followed {
        Ok(0) => {}
        Ok(files) => tracing::debug!(files, "table index written"),
        Err(error) => tracing::warn!(error, "table index is late"),
    }
}

/// Keeps the run's requests in the lake, unless the run has no entry in the audit or the lake has just refused a write. The
/// run doesn't rely on it: a failure is logged.
async fn keep_requests(context: &Context, requests: &RequestRecorder, report: &RunReport) {
    let is_refused = report.execution.stop == Some(StopReason::LakeRefused);
    if !context.keeps_requests || report.put_off || is_refused {
        return;
    }
    let Some(found) = requests.so_far() else {
        return;
    };
    let kept = tokio::time::timeout(KEEPING, kept::keep(&context.lake, &found));
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "requests not kept"),
        Err(_) => {
            let error = format!(
                "the lake didn't answer within {}",
                humantime::format_duration(KEEPING)
            );
            tracing::warn!(error, "requests not kept");
        }
    }
}

/// Returns the dataset with the values of all its slices listed, after creating or checking the document
/// that says how its table is written.
async fn prepared(context: &Context, order: &Order) -> Result<Arc<Dataset>, Unprepared> {
    let (lake, dataset) = (&context.lake, &order.dataset);
    if let Some(reason) = lake.refusal(&dataset.prefix) {
        return Err(Unprepared::Other(reason));
    }
    if !lake.is_settled(&dataset.prefix) {
        let settled = table::settle(lake, dataset, &context.entropy, context.clock.now());
        let settled = Box::pin(settled).await;
        settled.map_err(|error| match error {
            TableError::Document(DocumentError::Lake(error)) => Unprepared::Lake(error.into()),
            other => Unprepared::Other(other.to_string()),
        })?;
    }
    let listed = with_values(lake, dataset).await;
    listed.map_err(|error| match error {
        ValuesError::Lake(error) => Unprepared::Lake(error.into()),
        ValuesError::State(error) => Unprepared::Lake(error),
        other => Unprepared::Values(other.to_string()),
    })
}

/// Reason why a run can't begin.
enum Unprepared {
    /// The lake can't be read or written, which says nothing about the day.
    Lake(StateError),
    /// The values of a slice aren't known.
    Values(String),
    Other(String),
}

#[cfg(test)]
mod tests;
