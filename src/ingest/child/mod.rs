//! A day of a child: one walk for each parent that the lake holds of that day.
//!
//! ```text
//! parents of the day ─► those not done ─► walk ─► rows ─┐
//!                                         walk ─► rows ─┼─► Intake ─► file (rows, parents done) ─► state
//!                                         walk ─► done ─┘
//! ```
//!
//! The unit of progress is a parent in its version. It is done when its walk has its proof, and that
//! is noted with the commit that has the last of its rows, or without one where it has none: so a
//! crash costs what was read since the last commit. What is noted is part of the file, and of the
//! state that follows it; the files alone tell it again.
//!
//! The day is complete when the parents' day was complete before its parents were listed, and all of
//! them are done.

pub(crate) mod parents;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::failpoint::failpoint;
use crate::ingest::batch::IntakeError;
use crate::ingest::child::parents::{ParentRow, Unbound, parents};
use crate::ingest::intake::{Delivery, Intake, Rest};
use crate::ingest::progress::Progress;
use crate::ingest::report::RunReport;
use crate::ingest::slice::{Outcome, SliceReader};
use crate::ingest::walk::{SliceWalk, WalkError};
use crate::ingest::{Context, Run, log_recovery};
use crate::mutation::mutated;
use crate::source::declaration::{Parent, Slice};
use crate::source::{FetchError, Usage};
use crate::state::execution::Status;
use crate::state::{DayState, is_complete};

/// So many parents are done at most before a commit: what a crash costs in requests, which take
/// seconds each, weighed against files.
const PARENTS_A_COMMIT: usize = 500;

/// So many failed parents are named in the audit.
const NAMED_FAILURES: usize = 50;

/// What comes from the walks, in the order of each parent.
pub enum FromParent {
    /// A page of a parent's children.
    Page(Delivery),
    /// All of its children have been delivered.
    Done(Box<str>),
}

/// How the reading of parents ended.
#[derive(Debug, Default)]
struct Outcomes {
    /// How many were done before.
    before: usize,
    done: usize,
    /// Label and reason.
    failed: Vec<(String, String)>,
    /// Why no more parents were begun.
    halted: Option<String>,
    /// How many weren't begun or weren't finished for it.
    left: usize,
}

impl Run<'_> {
    /// Reads the children of the day's parents that aren't done.
    pub(super) async fn execute_child(mut self, parent: &Parent) -> RunReport {
        let mut state = match self.store.open().await {
            Ok(state) => state,
            Err(error) => return self.unopened(&error),
        };
        log_recovery(state.recovery());
        let usage = Usage::new();
        let read = self.read_children(&mut state, &usage, parent).await;
        let settled = self.execution.counts;
        let (complete, mut rest) = match read {
            Ok((outcomes, all_listed, rest)) => {
                self.execution.counts.add(rest.pending.counts());
                (self.judge_children(outcomes) && all_listed, rest)
            }
            Err(error) => {
                self.execution.status = Status::Failed;
                self.execution.error = Some(error);
                (false, Rest::default())
            }
        };
        let complete = self.place_rest(&mut rest, &state, complete);
        self.execution.counts = settled;
        let verdict = (&BTreeMap::new(), complete);
        self.conclude(state, &usage, verdict, rest.pending).await
    }

    /// Says how it ended, whether the parents were all there were to come, and what isn't committed yet.
    async fn read_children(
        &mut self,
        state: &mut DayState,
        usage: &Usage,
        parent: &Parent,
    ) -> Result<(Outcomes, bool, Rest), String> {
        let (lake, day) = (&self.context.lake, self.order.day);
        // Before the parents are listed: what comes later isn't among them.
        let all_listed = is_complete(lake, &parent.prefix, day)
            .await
            .map_err(|e| e.to_string())?;
        failpoint!("child.marker_seen");
        let rows = parents(lake, parent, day)
            .await
            .map_err(|e| e.to_string())?;
        failpoint!("child.parents_listed");
        let known = rows.len();
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| !state.is_parent_done(&row.id))
            .collect();
        let left = rows.len();
        tracing::info!(parents = known, left, "parents listed");
        let (sender, receiver) = mpsc::channel(self.context.concurrency.max(1));
        let stop = self.context.cancel.child_token();
        let context = Context {
            cancel: stop.clone(),
            ..self.context.clone()
        };
        let reader = SliceReader {
            context: &context,
            order: self.order,
            usage,
            proof_due: true,
            settled: DateTime::<Utc>::MIN_UTC,
        };
        let intake = Intake::new(
            self.context,
            self.order,
            &self.store,
            state,
            &mut self.execution,
            usage,
        );
        let taking = async {
            let taken = intake.take_children(receiver).await;
            // As for slices: what can't be stored needn't be read.
            stop.cancel();
            taken
        };
        let (outcomes, taken) = tokio::join!(read_parents(&reader, rows, sender), taking);
        let rest = taken.map_err(|error| error.to_string())?;
        let before = known - left;
        let outcomes = Outcomes { before, ..outcomes };
        Ok((outcomes, all_listed, rest))
    }

    /// Sets the status, and says whether every parent is done.
    fn judge_children(&mut self, outcomes: Outcomes) -> bool {
        let execution = &mut self.execution;
        let Outcomes {
            before,
            done,
            mut failed,
            halted,
            left,
        } = outcomes;
        let all_done = failed.is_empty() && left == 0;
        // A parent that fails for ever is the last one left, and holds up itself only.
        let none_done = before == 0 && done == 0 && execution.counts.fetched == 0;
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
        execution.failed_slices = failed;
        let cut_short = self.overdue.cause();
        execution.status = match all_done {
            true => Status::Ok,
            false if cut_short.is_some() => {
                (execution.stop, execution.error) = cut_short.unzip();
                Status::Partial
            }
            false if none_done => {
                execution.error = Some("the children of no parent could be read".to_owned());
                Status::Failed
            }
            false => Status::Partial,
        };
        if let Some(fault) = self.unbalanced() {
            self.execution.status = Status::Failed;
            self.execution.error = Some(fault);
            return false;
        }
        all_done
    }
}

/// How the walk for one parent ended.
enum Walked {
    Done,
    /// Label and reason.
    Failed(String, String),
    /// Other parents would fare the same: none is begun any more.
    Halted(String),
}

/// Walks for every parent, as many at once as the limits allow.
async fn read_parents(
    reader: &SliceReader<'_>,
    rows: Vec<ParentRow>,
    sender: mpsc::Sender<FromParent>,
) -> Outcomes {
    let count = rows.len();
    let observer = &reader.context.observer;
    observer.notice(Progress::Started { slices: count });
    let halt = CancellationToken::new();
    let concurrency = reader.context.concurrency.saturating_mul(2).max(1);
    let mut walks = futures::stream::iter(rows)
        .take_while(|_| std::future::ready(!halt.is_cancelled()))
        .map(|row| read_parent(reader, row, &sender))
        .buffer_unordered(concurrency);
    let mut outcomes = Outcomes::default();
    while let Some(walked) = walks.next().await {
        observer.notice(Progress::SliceDone);
        match walked {
            Walked::Done => outcomes.done += 1,
            Walked::Failed(label, reason) => outcomes.failed.push((label, reason)),
            Walked::Halted(reason) => {
                halt.cancel();
                outcomes.halted.get_or_insert(reason);
            }
        }
    }
    outcomes.left = count - outcomes.done - outcomes.failed.len();
    outcomes
}

async fn read_parent(
    reader: &SliceReader<'_>,
    row: ParentRow,
    sender: &mpsc::Sender<FromParent>,
) -> Walked {
    let slice = match row.slice {
        Ok(slice) => slice,
        Err(Unbound { key, variable }) => {
            let reason = format!("it has no value for `{{{variable}}}`, so it can't be asked for");
            return Walked::Failed(key.to_string(), reason);
        }
    };
    let label = slice.parent.as_deref().unwrap_or(&slice.label).to_owned();
    match walk(reader, &slice, sender).await {
        Ok(Outcome::Proven { .. } | Outcome::Read { .. }) => {}
        Ok(
            Outcome::Unproven { reason, .. }
            | Outcome::Emptied { reason, .. }
            | Outcome::Failed(reason),
        ) => {
            tracing::warn!(slice = &*slice.label, reason, "slice not complete");
            return Walked::Failed(label, reason);
        }
        Err(WalkError::Fetch(FetchError::Skipped { status, .. })) => {
            tracing::info!(slice = &*slice.label, status, "parent skipped");
        }
        Err(_) if mutated!(FailedParentIsDone) => {}
        Err(error) if concerns_all(&error) => return Walked::Halted(error.to_string()),
        Err(error) => {
            let reason = error.to_string();
            tracing::warn!(slice = &*slice.label, reason, "slice not complete");
            return Walked::Failed(label, reason);
        }
    }
    match sender.send(FromParent::Done(row.id)).await {
        Ok(()) => Walked::Done,
        Err(_) => Walked::Halted(WalkError::Stopped.to_string()),
    }
}

/// One walk with its proof. Its pages go on in their order, so that what is sent after it comes after
/// all of them.
async fn walk(
    reader: &SliceReader<'_>,
    slice: &Slice,
    sender: &mpsc::Sender<FromParent>,
) -> Result<Outcome, WalkError> {
    let (pages, mut delivered) = mpsc::channel(1);
    let reading = async move {
        let walk = SliceWalk::new(reader, slice, &pages);
        reader.read_whole(&walk, None, None).await
    };
    let passing_on = async {
        while let Some(page) = delivered.recv().await {
            if sender.send(FromParent::Page(page)).await.is_err() {
                break;
            }
        }
        // Closes the way, so that a walk whose pages nobody takes ends.
        drop(delivered);
    };
    let (outcome, ()) = tokio::join!(reading, passing_on);
    outcome
}

/// Whether other parents would fail for the same reason.
fn concerns_all(error: &WalkError) -> bool {
    matches!(
        error,
        WalkError::Stopped
            | WalkError::Fetch(
                FetchError::SourceDown { .. } | FetchError::Budget { .. } | FetchError::Cancelled
            )
    )
}

impl Intake<'_> {
    /// Takes in the children of parents until no walk is left; returns what isn't committed yet.
    async fn take_children(
        mut self,
        mut deliveries: mpsc::Receiver<FromParent>,
    ) -> Result<Rest, IntakeError> {
        while let Some(delivery) = deliveries.recv().await {
            let full = match delivery {
                FromParent::Page(page) => self.take_page(page).await?,
                FromParent::Done(parent) => self.pending.parent_done(&parent) >= PARENTS_A_COMMIT,
            };
            if full {
                self.commit().await?;
            }
        }
        self.finish().await
    }
}
