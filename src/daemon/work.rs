//! Execution of one run, and the audit of a panicked run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::daemon::DaemonInner;
use crate::daemon::look::StartedRun;
use crate::daemon::runs::{RunKey, RunRequest};
use crate::schedule::knowledge::DatasetKnowledge;
use crate::schedule::plan::Reason;
use bronzed_engine::ingest::progress::Unwatched;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Context, Order, run_as};
use bronzed_engine::verify::{Repair, Verification, VerifyOutcome, marks, verify_day_as};
use bronzed_model::declaration::Mode;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::verified::Verified;
use bronzed_storage::state;

/// Result of a run.
pub(super) enum RunResult {
    /// The run ended, with any outcome.
    Out(Box<RunReport>),
    /// The day was compared with the API, and read again if required.
    Verified(Box<Verification>, Verified),
    /// The source is down: the run counts as not started.
    PutOff,
    /// The run was not needed: another process had completed the day.
    Unneeded,
    /// The source or dataset doesn't exist; unreachable.
    Unknown,
}

impl DaemonInner {
    /// Reads a day.
    pub(super) async fn work(self: Arc<Self>, start: StartedRun) -> RunResult {
        let StartedRun {
            key,
            asked,
            watch,
            planned,
        } = start;
        let Some(scheduled) = self.sources.get(&key.source) else {
            return RunResult::Unknown;
        };
        let Some(context) = self.session.context(&key.source, watch) else {
            return RunResult::Unknown;
        };
        let Some(order) = self.order(&key, &asked) else {
            return RunResult::Unknown;
        };
        if asked.mode == Mode::Verify {
            let (schedule, now) = (&scheduled.schedule, self.now());
            let repair = match schedule.names_again(&asked.job, &key.dataset, key.day, now) {
                true => Repair::Different,
                false => Repair::Always,
            };
            return self.verify(&context, &order, asked.run_id, repair).await;
        }
        if planned.is_some_and(|reason| reason != Reason::Slot)
            && !self.has_lost_files(&order)
            && is_complete(&context, &order).await
        {
            return RunResult::Unneeded;
        }
        let job = scheduled.schedule.jobs.get(&asked.job);
        let deadline = planned.and_then(|_| job?.job.deadline);
        RunResult::Out(Box::new(
            run_as(&context, &order, asked.run_id, deadline).await,
        ))
    }

    /// Compares a day with the API, and records the time of the comparison.
    async fn verify(
        &self,
        context: &Context,
        order: &Order,
        run_id: Uuid,
        repair: Repair,
    ) -> RunResult {
        let at = self.now();
        let found = verify_day_as(context, order, run_id, repair).await;
        let well = matches!(
            found.outcome(),
            VerifyOutcome::Same | VerifyOutcome::Repaired
        );
        if !well && context.client.down(&order.dataset).is_some() {
            return RunResult::PutOff;
        }
        let failures = match well || context.cancel.is_cancelled() {
            true => 0,
            false => self.failures(order).saturating_add(1),
        };
        let mark = Verified { at, failures };
        // A cancelled comparison is not recorded, so that it is repeated.
        if (well || !context.cancel.is_cancelled())
            && let Err(error) =
                marks::note(&context.lake, &order.dataset.prefix, order.day, mark).await
        {
            let (dataset, day) = (&order.dataset.name, order.day);
            tracing::warn!(source = order.dataset.source, dataset, %day, %error, "verified day not marked");
        }
        RunResult::Verified(Box::new(found), mark)
    }

    /// Returns the number of consecutive failed comparisons of a day.
    fn failures(&self, order: &Order) -> u32 {
        let last = self.of_known(order, |known| known.last_verified(order.day));
        last.flatten().map_or(0, |last| last.failures)
    }

    /// `true` if files of the day are gone: its marker is there, and proves nothing.
    fn has_lost_files(&self, order: &Order) -> bool {
        let lost = self.of_known(order, |known| known.lost().contains(&order.day));
        lost.unwrap_or(false)
    }

    /// Returns what `ask` returns of the order's dataset. `None` if the lake couldn't be read.
    fn of_known<T>(&self, order: &Order, ask: impl FnOnce(&DatasetKnowledge) -> T) -> Option<T> {
        let board = self.board();
        let of_source = board.sources.get(&*order.dataset.source)?;
        let knowledge = of_source.knowledge.as_ref()?;
        knowledge.of(&order.dataset.name).map(ask)
    }

    /// Records a panicked run in the day's state: its commits are kept, and the rest is read again.
    pub(super) async fn audit(
        self: Arc<Self>,
        key: RunKey,
        asked: RunRequest,
        began: DateTime<Utc>,
        panic: String,
    ) -> RunResult {
        let (Some(context), Some(order)) = (
            self.session.context(&key.source, Arc::new(Unwatched)),
            self.order(&key, &asked),
        ) else {
            return RunResult::Unknown;
        };
        let mut execution = Execution {
            status: Status::Failed,
            timestamp: self.now(),
            error: Some(format!(
                "a fault of the program ended the run, please report it: {panic}"
            )),
            ..Execution::begun(asked.run_id, &order.job, began)
        };
        match record(&context, &order, &execution).await {
            Ok(written) => execution = written,
            Err(error) => tracing::error!(
                run_id = %asked.run_id,
                source = &*key.source,
                dataset = &*key.dataset,
                day = %key.day,
                job = &*asked.job,
                %error,
                "run not audited"
            ),
        }
        let report = RunReport {
            source: key.source.to_string(),
            dataset: key.dataset.to_string(),
            day: key.day,
            mode: asked.mode,
            execution,
            complete: false,
            took: Duration::ZERO,
            put_off: false,
            unanswered: 0,
        };
        report.measure();
        RunResult::Out(Box::new(report))
    }

    fn order(&self, key: &RunKey, asked: &RunRequest) -> Option<Order> {
        let scheduled = self.sources.get(&key.source)?;
        Some(Order {
            dataset: scheduled.source.datasets.get(&*key.dataset)?.clone(),
            day: key.day,
            mode: asked.mode,
            job: asked.job.to_string(),
            priority: asked.priority,
        })
    }
}

/// `true` if another process has completed the day since its state was last read. `false` if that can't be
/// determined; the run then reports the error.
async fn is_complete(context: &Context, order: &Order) -> bool {
    let complete = state::is_complete(&context.lake, &order.dataset.prefix, order.day);
    complete.await.unwrap_or(false)
}

async fn record(
    context: &Context,
    order: &Order,
    execution: &Execution,
) -> Result<Execution, bronzed_storage::state::StateError> {
    let store = context.day(&order.dataset, order.day);
    let mut state = store.open().await?;
    store
        .record(&mut state, execution, &BTreeMap::new(), false)
        .await
}
