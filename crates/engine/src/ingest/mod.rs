//! One run: one reading of one dataset for one day, from requests to committed files.
//!
//! ```text
//! read_slice ─┐
//! read_slice ─┼─► deliveries ─► Intake: off-day? seen? new? ─► Parquet ─► commit ─► report
//! read_slice ─┘      (pages with their records' ids, bounded)
//! ```
//!
//! Guarantees of a run: every fetched row is accounted for (P2); rows that were read are committed even if
//! other requests fail or the run is cancelled; a day is marked complete only with its proof (P4); the run
//! is recorded in the state (P7).

mod absent;
mod batch;
mod canary;
mod child;
mod deadline;
mod feed;
mod intake;
mod nothing;
pub mod off_day;
mod place;
pub mod progress;
mod proof;
mod reading;
pub mod report;
mod slice;
mod snapshot;
#[cfg(test)]
mod testing;
mod trail;
mod values;
mod verdict;
mod versions;
mod walk;

pub use child::parents;
#[cfg(any(test, feature = "test-util"))]
pub use feed::fuzz::route as fuzz_route;
pub use values::with_values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::ingest::batch::{Batch, IntakeError, note_refusal, tell, tell_drift};
use crate::ingest::deadline::RunDeadline;
use crate::ingest::intake::{Intake, Rest};
use crate::ingest::progress::Observer;
use crate::ingest::reading::Reading;
use crate::ingest::report::RunReport;
use crate::ingest::slice::SliceOutcome;
use bronzed_model::clock::Clock;
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, Mode, Priority};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status, StopReason};
use bronzed_model::settings::CommitSettings;
use bronzed_model::slices::slices;
use bronzed_source::{RequestBudget, SourceClient};
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::state::{DayState, DayStore, Recovery, RunOutcome, SliceProgress, StateError};
use bronzed_storage::table::{self, TableError};

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
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of run ids and jitter.
    pub entropy: Arc<Entropy>,
    /// Receiver of the run's progress.
    pub observer: Arc<dyn Observer>,
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
                let run = Run::new(context, &order, run_id, started_at, &overdue);
                Box::pin(run.execute()).await
            }
            Err(error) => {
                let run = Run::new(context, order, run_id, started_at, &overdue);
                match error {
                    Unprepared::Lake(error) => run.unopened(&error),
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

/// Returns the dataset with the values of all its slices listed, after creating or checking the document
/// that says how its table is written.
async fn prepared(context: &Context, order: &Order) -> Result<Arc<Dataset>, Unprepared> {
    let (lake, dataset) = (&context.lake, &order.dataset);
    if !lake.is_settled(&dataset.prefix) {
        let settled = table::settle(lake, dataset, &context.entropy, context.clock.now());
        let settled = Box::pin(settled).await;
        settled.map_err(|error| match error {
            TableError::Document(DocumentError::Lake(error)) => Unprepared::Lake(error.into()),
            other => Unprepared::Other(other.to_string()),
        })?;
    }
    let listed = with_values(lake, dataset).await;
    listed.map_err(|error| Unprepared::Other(error.to_string()))
}

/// Reason why a run can't begin.
enum Unprepared {
    /// The lake can't be read or written, which says nothing about the day.
    Lake(StateError),
    Other(String),
}

struct Run<'a> {
    context: &'a Context,
    order: &'a Order,
    store: DayStore,
    execution: Execution,
    /// `true` if the day had ended and settled when the run began, so that its counts can be proven.
    ended: bool,
    /// Start of the run on the monotonic clock, because the wall clock may be set during the run.
    begun: tokio::time::Instant,
    overdue: &'a RunDeadline,
}

impl<'a> Run<'a> {
    fn new(
        context: &'a Context,
        order: &'a Order,
        run_id: Uuid,
        started_at: DateTime<Utc>,
        overdue: &'a RunDeadline,
    ) -> Self {
        let store = context.day(&order.dataset, order.day);
        let execution = Execution::begun(run_id, &order.job, started_at);
        Self {
            ended: started_at >= settled_at(order, context.zone),
            begun: tokio::time::Instant::now(),
            overdue,
            context,
            order,
            store,
            execution,
        }
    }

    async fn execute(self) -> RunReport {
        match &self.order.dataset.kind {
            Kind::Snapshot => self.read_snapshot().await,
            Kind::Child(parent) => self.execute_child(parent).await,
            Kind::Feed => self.read_feed().await,
            Kind::Dated(_) => self.read_day().await,
        }
    }

    /// Reads a day of a dated dataset.
    async fn read_day(mut self) -> RunReport {
        let mut state = match self.store.open().await {
            Ok(state) => state,
            Err(error) => return self.unopened(&error),
        };
        log_recovery(state.recovery());
        let usage = RequestBudget::new();
        let known = self.known_slices(&state);
        let only = self.missing_slices(&state);
        let whole = only.is_none();
        let (outcomes, taken) = self.read(&mut state, &usage, &known, only.as_ref()).await;
        let (mut rest, failure) = match taken {
            Ok(rest) => (rest, None),
            Err(error) => (Rest::default(), Some(error.to_string())),
        };
        // The verdict includes the pending rows; the execution counts them only once they are stored.
        let settled = self.execution.counts;
        self.execution.counts.add(rest.pending.counts());
        let complete = failure.is_none() && self.judge(&outcomes, &state, whole).await;
        if failure.is_some() {
            self.execution.status = Status::Failed;
            self.execution.error = failure;
        }
        let complete = self.place_rest(&mut rest, &state, complete);
        let proven = self.proven(&outcomes, &state, complete);
        self.execution.counts = settled;
        if let Some(absent) = rest.absent.take()
            && whole
            && complete
        {
            self.execution.counts.withdrawn = state.note_withdrawn(absent.ids());
        }
        self.note_rows(&outcomes);
        let verdict = (&proven, complete);
        self.conclude(state, &usage, verdict, rest.pending).await
    }

    /// Stores the waiting off-day rows in this day if this day won't be read again. Returns `true` if the
    /// day is complete then.
    fn place_rest(&mut self, rest: &mut Rest, state: &DayState, complete: bool) -> bool {
        let mut complete = complete;
        if complete || state.is_complete() {
            let stored = rest.store_waiting(self.context, self.order, (&self.execution, state));
            let reason = match stored {
                Ok(0) => None,
                Ok(more) => Some(format!(
                    "{more} rows more than can be held are of other days by their own date, and not \
                     stored there yet: this day is complete when those days are"
                )),
                Err(error) => Some(error.to_string()),
            };
            if reason.is_some() && self.execution.status != Status::Failed {
                self.execution.status = Status::Partial;
                self.execution.error = reason;
                complete = false;
            }
        }
        rest.tell();
        complete
    }

    /// Writes the outcome of the run and its last rows to the state, and returns the report.
    async fn conclude(
        mut self,
        mut state: DayState,
        usage: &RequestBudget,
        verdict: (&BTreeMap<String, SliceProgress>, bool),
        pending: Batch,
    ) -> RunReport {
        let (was_complete, settled) = (state.is_complete(), self.execution.counts);
        self.execution.counts.requests = usage.requests();
        self.execution.counts.retries = usage.retries();
        self.execution.counts.repeats = usage.repeats();
        self.note_outage(usage, pending.counts().fetched);
        // If the circuit breaker refused the run before any row came, the run says nothing about the day: no
        // state is written.
        let put_off = self.execution.stop == Some(StopReason::SourceDown)
            && self.execution.counts.fetched + pending.counts().fetched == 0
            && verdict.0.is_empty()
            && !state.knows_run(self.execution.run_id);
        let told = |report: RunReport| RunReport {
            put_off,
            unanswered: usage.unanswered(),
            ..report
        };
        if put_off {
            return told(self.report(was_complete));
        }
        let concluded = self.commit_last(&mut state, verdict, pending).await;
        match concluded {
            Ok(()) => told(self.report(state.is_complete())),
            Err(error) => {
                if let IntakeError::State(error) = &error {
                    note_refusal(&mut self.execution, error);
                }
                // Rows that weren't stored aren't counted and prove nothing.
                self.execution.counts = Counts {
                    requests: usage.requests(),
                    retries: usage.retries(),
                    repeats: usage.repeats(),
                    withdrawn: 0,
                    ..settled
                };
                state.forget_withdrawn();
                self.execution.status = Status::Failed;
                self.execution.error.get_or_insert(error.to_string());
                self.record_failure(state).await;
                told(self.report(was_complete))
            }
        }
    }

    /// Sets the stop reason to `SourceDown` if the run is incomplete because the source is down; `pending`
    /// is the number of rows that wait to be stored.
    fn note_outage(&mut self, usage: &RequestBudget, pending: u64) {
        let execution = &mut self.execution;
        let Some(down) = usage.down() else {
            return;
        };
        if execution.status != Status::Ok && execution.stop.is_none() {
            execution.stop = Some(StopReason::SourceDown);
            if execution.counts.fetched + pending == 0 || execution.error.is_none() {
                execution.error = Some(down.to_owned());
            }
        }
    }

    async fn commit_last(
        &mut self,
        state: &mut DayState,
        (proven, complete): (&BTreeMap<String, SliceProgress>, bool),
        pending: Batch,
    ) -> Result<(), IntakeError> {
        let mut execution = self.execution.clone();
        execution.counts.add(pending.counts());
        tell_drift(self.order, pending.drifted(), execution.counts.drift);
        let last = pending.finish()?;
        let verdict = RunOutcome {
            slices: proven,
            complete,
        };
        let committed = self
            .store
            .conclude(state, last, &mut execution, verdict)
            .await?;
        if let Some(committed) = committed {
            tell(self.context, &committed);
        }
        self.execution = execution;
        Ok(())
    }

    /// Records the failed run in the audit, if the lake accepts the write.
    async fn record_failure(&mut self, mut state: DayState) {
        let nothing = BTreeMap::new();
        let recorded = self
            .store
            .record(&mut state, &self.execution, &nothing, false)
            .await;
        if let Ok(written) = recorded {
            self.execution = written;
        }
    }

    /// Returns what earlier runs proved of the slices. When a complete day is verified, the known totals are
    /// set to 0, because a slice that had rows may be empty after its records were deleted; that isn't
    /// believed of all slices at once.
    fn known_slices(&self, state: &DayState) -> BTreeMap<String, SliceProgress> {
        let mut known = state.slices().clone();
        if self.order.mode == Mode::Verify && state.is_complete() {
            known.values_mut().for_each(|slice| slice.total = 0);
        }
        known
    }

    /// Returns the slices of a complete day that were declared since, if only these are left to read. `None`
    /// if everything must be read.
    fn missing_slices(&self, state: &DayState) -> Option<BTreeSet<String>> {
        if self.order.mode == Mode::Verify || !state.was_complete() {
            return None;
        }
        let declared = slices(&self.order.dataset);
        let missing = state.unproven(declared.iter().map(|slice| &*slice.label));
        (!missing.is_empty() && missing.len() < declared.len()).then_some(missing)
    }

    /// Reads the slices and takes in their deliveries concurrently.
    async fn read(
        &mut self,
        state: &mut DayState,
        usage: &RequestBudget,
        known: &BTreeMap<String, SliceProgress>,
        only: Option<&BTreeSet<String>>,
    ) -> (Vec<(String, SliceOutcome)>, Result<Rest, IntakeError>) {
        let reading = Reading {
            context: self.context,
            order: self.order,
            usage,
            proof_due: self.ended,
            settled: settled_at(self.order, self.context.zone),
            only,
        };
        let intake = Intake::new(
            self.context,
            self.order,
            &self.store,
            state,
            &mut self.execution,
            usage,
        );
        reading
            .slices(known, async |receiver| intake.take_all(receiver).await)
            .await
    }

    /// Returns the report of a run whose state can't be read.
    fn unopened(mut self, error: &StateError) -> RunReport {
        note_refusal(&mut self.execution, error);
        self.failed(error.to_string())
    }

    /// Returns the report of a run that can't begin.
    fn failed(mut self, error: String) -> RunReport {
        self.execution.status = Status::Failed;
        self.execution.error = Some(error);
        self.report(false)
    }

    fn report(self, complete: bool) -> RunReport {
        RunReport::new(self.order, self.execution, complete, self.begun.elapsed())
    }
}

/// Logs the repairs made when the state was opened; the audit records them, too.
fn log_recovery(recovery: &Recovery) {
    if let Some(cause) = &recovery.rebuilt {
        let removed_ids = recovery.removed_ids;
        tracing::warn!(%cause, removed_ids, "state rebuilt from the files");
    }
    if recovery.reopened {
        tracing::warn!("day no longer complete");
    }
    for key in &recovery.adopted {
        tracing::warn!(key, "file adopted");
    }
}

/// Returns the instant from which the day can be proven: its end plus its settle time.
fn settled_at(order: &Order, zone: Tz) -> DateTime<Utc> {
    day_settled_at(&order.dataset, order.day, zone)
}

fn day_settled_at(dataset: &Dataset, day: Day, zone: Tz) -> DateTime<Utc> {
    let settle = dataset.days.settle;
    day.end(zone) + chrono::TimeDelta::from_std(settle).unwrap_or(chrono::TimeDelta::MAX)
}

#[cfg(test)]
mod tests;
