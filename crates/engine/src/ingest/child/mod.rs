//! A day of a child dataset: one walk for each parent that the lake holds of that day.
//!
//! ```text
//! parents of the day ─► those not done ─► walk ─► rows ─┐
//!                                         walk ─► rows ─┼─► Intake ─► file (rows, parents done) ─► state
//!                                         walk ─► done ─┘
//! ```
//!
//! The unit of progress is one version of a parent. A parent is done when its walk has its proof, which is
//! recorded with the commit that has the last of its rows: a crash costs what was read since the last
//! commit. Parents that are done are listed in the file and in the state that follows it, so that a lost
//! state is rebuilt from the files. Only parents committed without any row, in the state alone, are read
//! again then.
//!
//! The day is complete when the parents' day was complete before its parents were listed, and all of them
//! are done.

pub mod parents;
mod walks;
mod witness;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::ingest::Context;
use crate::ingest::child::parents::parents;
use crate::ingest::child::walks::{FromParent, ParentOutcomes, read_parents};
use crate::ingest::child::witness::ParentCanaries;
use crate::ingest::frame::{RunFrame, log_recovery};
use crate::ingest::intake::batch::IntakeError;
use crate::ingest::intake::{Intake, Rest};
use crate::ingest::outcome::ReadingResult;
use crate::ingest::report::RunReport;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::reader::{APART, SliceReader};
use bronzed_model::declaration::Parent;
use bronzed_model::execution::Status;
use bronzed_source::RequestBudget;
use bronzed_storage::state::{DayState, is_complete};

/// Maximum number of parents done before a commit: a compromise between the requests that a crash costs,
/// which take seconds each, and the number of files.
const PARENTS_A_COMMIT: usize = 500;

/// Maximum number of failed parents named in the audit.
const NAMED_FAILURES: usize = 50;

/// Reads the children of the day's parents that aren't done.
pub async fn read(mut run: RunFrame<'_>, parent: &Parent) -> RunReport {
    let mut state = match run.store.open().await {
        Ok(state) => state,
        Err(error) => return run.unopened(&error),
    };
    log_recovery(state.recovery());
    let usage = run.budget();
    let read = read_children(&mut run, &mut state, &usage, parent).await;
    let settled = run.execution.counts;
    let (complete, mut rest) = match read {
        Ok((outcomes, all_listed, rest)) => {
            run.execution.counts.add(rest.pending.counts());
            (judge(&mut run, outcomes) && all_listed, rest)
        }
        Err(error) => {
            run.execution.status = Status::Failed;
            run.execution.error = Some(error);
            (false, Rest::default())
        }
    };
    let complete = run.place_rest(&mut rest, &state, complete);
    run.execution.counts = settled;
    let verdict = (&BTreeMap::new(), complete);
    run.conclude(state, &usage, verdict, rest.pending).await
}

/// Returns the outcomes, `true` if the list of parents was final, and what isn't committed yet.
async fn read_children(
    run: &mut RunFrame<'_>,
    state: &mut DayState,
    usage: &RequestBudget,
    parent: &Parent,
) -> Result<(ParentOutcomes, bool, Rest), String> {
    let (lake, day) = (&run.context.lake, run.order.day);
    // Checked before the parents are listed, because a parent that is stored later isn't in the list.
    let all_listed = is_complete(lake, &parent.prefix, day)
        .await
        .map_err(|e| e.to_string())?;
    let rows = parents(lake, parent, day)
        .await
        .map_err(|e| e.to_string())?;
    let known = rows.len();
    let (done, rows): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| state.is_parent_done(&row.id));
    let witnesses = ParentCanaries::of(done, state, run.execution.started_at);
    let left = rows.len();
    tracing::info!(parents = known, left, "parents listed");
    let (sender, receiver) = mpsc::channel(run.context.concurrency.max(1));
    let stop = run.context.cancel.child_token();
    let context = Context {
        cancel: stop.clone(),
        ..run.context.clone()
    };
    let reader = SliceReader {
        read: ReadContext {
            context: &context,
            order: run.order,
            usage,
        },
        proof_due: true,
        settled: DateTime::<Utc>::MIN_UTC,
    };
    let intake = Intake::new(
        run.context,
        run.order,
        &run.store,
        state,
        &mut run.execution,
        usage,
    );
    let taking = async {
        let taken = intake.take_children(receiver).await;
        // As for slices: stops the readers at the end of the intake.
        stop.cancel();
        taken
    };
    let (outcomes, taken) = tokio::join!(read_parents(&reader, rows, witnesses, sender), taking);
    let rest = taken.map_err(|error| error.to_string())?;
    let before = known - left;
    let outcomes = ParentOutcomes { before, ..outcomes };
    Ok((outcomes, all_listed, rest))
}

/// Judges the run. Returns `true` if every parent is done.
fn judge(run: &mut RunFrame<'_>, outcomes: ParentOutcomes) -> bool {
    let execution = &mut run.execution;
    let ParentOutcomes {
        before,
        done,
        mut failed,
        halted,
        left,
        unheard,
    } = outcomes;
    execution.again_at = unheard.then(|| execution.started_at + APART);
    // A run fails only if no parent was ever done: a single parent that always fails is the only one
    // left in later runs.
    let none_done = before == 0 && done == 0 && execution.counts.fetched == 0 && !unheard;
    failed.sort();
    let unnamed = failed.len().saturating_sub(NAMED_FAILURES);
    failed.truncate(NAMED_FAILURES);
    if unnamed > 0 {
        failed.push(("…".to_owned(), format!("{unnamed} more parents failed")));
    }
    if let Some(reason) = halted.filter(|_| left > 0) {
        failed.push((
            "…".to_owned(),
            format!("{left} parents weren't read: {reason}"),
        ));
    }
    let all_done = failed.is_empty();
    debug_assert!(
        !all_done || left == 0,
        "P4: parents are left, and no reason is"
    );
    let reading = ReadingResult {
        failed,
        nothing_read: none_done.then(|| "the children of no parent could be read".to_owned()),
        cut_short: run.overdue.cause(),
        ..ReadingResult::default()
    };
    run.end_with(reading) && all_done && left == 0
}

impl Intake<'_> {
    /// Takes in the children of parents until every walk has ended; returns what isn't committed yet.
    async fn take_children(
        mut self,
        mut deliveries: mpsc::Receiver<FromParent>,
    ) -> Result<Rest, IntakeError> {
        while let Some(delivery) = deliveries.recv().await {
            let full = match delivery {
                FromParent::Page(page) => self.take_page(page).await?,
                FromParent::Done(parent) => {
                    self.pending.note().parent_done(&parent) >= PARENTS_A_COMMIT
                }
            };
            if full {
                self.commit().await?;
            }
        }
        self.finish().await
    }
}
