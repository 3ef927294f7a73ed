//! Frame of a run, which all kinds of datasets share: its beginning, the commit of its last rows with its outcome,
//! and its report.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use crate::ingest::deadline::RunDeadline;
use crate::ingest::intake::Rest;
use crate::ingest::intake::batch::{Batch, IntakeError, note_refusal, tell, tell_drift};
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order};
use crate::requests::RequestRecorder;
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Check, Dataset};
use bronzed_model::execution::{Execution, Status, StopReason};
use bronzed_model::quality::{self, Example, ExpectationResult};
use bronzed_source::RequestBudget;
use bronzed_storage::state::{DayState, DayStore, Recovery, RunOutcome, SliceProgress, StateError};

/// A run: what it is told, the day that it reads, and its entry in the audit.
pub struct RunFrame<'a> {
    pub context: &'a Context,
    pub order: &'a Order,
    pub store: DayStore,
    pub execution: Execution,
    /// `true` if the day had ended and settled when the run began, so that its counts can be proven.
    pub ended: bool,
    /// Start of the run on the monotonic clock, because the wall clock may be set during the run.
    pub begun: tokio::time::Instant,
    pub overdue: &'a RunDeadline,
    /// Recorder of the run's requests.
    pub requests: Arc<RequestRecorder>,
}

impl<'a> RunFrame<'a> {
    pub fn new(
        context: &'a Context,
        order: &'a Order,
        run_id: Uuid,
        started_at: DateTime<Utc>,
        overdue: &'a RunDeadline,
    ) -> Self {
        let (dataset, day) = (&order.dataset, order.day);
        let requests = RequestRecorder::begin(run_id, dataset, day, started_at);
        let requests = Arc::new(requests);
        context.observer.records(&requests);
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
            requests,
        }
    }

    /// Returns counters of the run's requests at zero.
    pub fn budget(&self) -> RequestBudget {
        RequestBudget::observed(self.requests.clone())
    }

    /// Stores the waiting off-day rows in this day if this day won't be read again. Returns `true` if the
    /// day is complete then.
    pub fn place_rest(&mut self, rest: &mut Rest, state: &DayState, complete: bool) -> bool {
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
    pub async fn conclude(
        mut self,
        mut state: DayState,
        usage: &RequestBudget,
        verdict: (&BTreeMap<String, SliceProgress>, bool),
        pending: Batch,
    ) -> RunReport {
        let (was_complete, settled) = (state.is_complete(), self.execution.counts);
        usage.note_in(&mut self.execution);
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
        execution.drift_example = tell_drift(self.order, pending.drifted(), execution.counts.drift);
        let stored = state.len() as u64 + pending.counts().new;
        let (last, results) = pending.finish().await?;
        let dataset = &self.order.dataset;
        quality::add(&mut execution.expectations, &results, &dataset.expectations);
        if self.ended {
            note_row_count(&mut execution, dataset, stored);
        }
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

    /// Returns the report of a run whose state can't be read.
    pub fn unopened(mut self, error: &StateError) -> RunReport {
        note_refusal(&mut self.execution, error);
        self.failed(error.to_string())
    }

    /// Returns the report of a run that can't begin, after adding it to the audit of its day, if the lake accepts that.
    pub async fn failed_audited(mut self, error: String) -> RunReport {
        self.execution.timestamp = self.context.clock.now();
        self.execution.status = Status::Failed;
        self.execution.error = Some(error);
        match self.store.open().await {
            Ok(state) => {
                let complete = state.is_complete();
                self.record_failure(state).await;
                self.report(complete)
            }
            Err(_) => self.report(false),
        }
    }

    /// Returns the report of a run that can't begin, and says nothing about its day.
    pub fn failed(mut self, error: String) -> RunReport {
        self.execution.status = Status::Failed;
        self.execution.error = Some(error);
        self.report(false)
    }

    pub fn report(self, complete: bool) -> RunReport {
        RunReport::new(self.order, self.execution, complete, self.begun.elapsed())
    }
}

/// Evaluates the expectations on the number of rows that a day has at the end of a run that has read all of it.
pub fn note_row_count(execution: &mut Execution, dataset: &Dataset, rows: u64) {
    if execution.status != Status::Ok {
        return;
    }
    for expectation in dataset.expectations.iter() {
        let Check::RowCountBetween { min, max } = expectation.check else {
            continue;
        };
        let mut result = ExpectationResult::of(expectation);
        let is_within = (min..=max).contains(&rows);
        (result.evaluated, result.unexpected) = (1, u64::from(!is_within));
        result.judge(expectation);
        if !is_within {
            let value = Some(rows.to_string());
            let id = String::new();
            result.examples.push(Example { id, value });
        }
        execution
            .expectations
            .insert(expectation.name.clone(), result);
    }
}

/// Logs the repairs made when the state was opened; the audit records them, too.
pub fn log_recovery(recovery: &Recovery) {
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

/// Returns the instant from which the day can be proven: its period's end plus its settle time.
pub fn settled_at(order: &Order, zone: Tz) -> DateTime<Utc> {
    day_settled_at(&order.dataset, order.day, zone)
}

pub fn day_settled_at(dataset: &Dataset, day: Day, zone: Tz) -> DateTime<Utc> {
    let settle = dataset.days.settle;
    dataset.days.period.end(day, zone)
        + chrono::TimeDelta::from_std(settle).unwrap_or(chrono::TimeDelta::MAX)
}
