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
mod witness;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ingest::Context;
use crate::ingest::child::parents::{ParentRow, Unbound, parents};
use crate::ingest::child::witness::ParentCanaries;
use crate::ingest::frame::{RunFrame, log_recovery};
use crate::ingest::intake::batch::IntakeError;
use crate::ingest::intake::{Delivery, Intake, Rest};
use crate::ingest::outcome::ReadingResult;
use crate::ingest::progress::Progress;
use crate::ingest::report::RunReport;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::canary::CanaryFailure;
use crate::ingest::slice::empty::EmptySlice;
use crate::ingest::slice::fetcher::WalkError;
use crate::ingest::slice::reader::{APART, ReadResult, SliceOutcome, SliceReader};
use crate::ingest::slice::scan::SliceScan;
use bronzed_model::declaration::{Parent, Slice};
use bronzed_model::execution::Status;
use bronzed_source::{FetchError, RequestBudget};
use bronzed_storage::state::{DayState, is_complete};

/// Maximum number of parents done before a commit: a compromise between the requests that a crash costs,
/// which take seconds each, and the number of files.
const PARENTS_A_COMMIT: usize = 500;

/// Maximum number of failed parents named in the audit.
const NAMED_FAILURES: usize = 50;

/// Messages from the walks; those of one parent are in order.
pub enum FromParent {
    /// A page of a parent's children.
    Page(Delivery),
    /// All children of this parent have been delivered.
    Done(Box<str>),
}

/// Result of reading the parents.
#[derive(Debug, Default)]
struct ParentOutcomes {
    /// Number of parents that earlier runs have done.
    before: usize,
    done: usize,
    /// Label and reason of each parent that failed.
    failed: Vec<(String, String)>,
    /// Reason why no more parents were started.
    halted: Option<String>,
    /// Number of parents that weren't started or finished for that reason.
    left: usize,
    /// `true` if some parents were answered empty, and no parent is known to have children.
    unheard: bool,
}

/// Reads the children of the day's parents that aren't done.
pub async fn read(mut run: RunFrame<'_>, parent: &Parent) -> RunReport {
    let mut state = match run.store.open().await {
        Ok(state) => state,
        Err(error) => return run.unopened(&error),
    };
    log_recovery(state.recovery());
    let usage = RequestBudget::new();
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

/// Result of the walk for one parent.
enum ParentResult {
    /// The slice is that of the parent, if it has children.
    Done(Option<Slice>),
    /// Answered empty, which must be confirmed.
    Empty(Box<str>, Box<EmptySlice>),
    /// Label of the parent, and reason.
    Failed(String, String),
    /// Reason that concerns other parents as well: no more are started.
    Halted(String),
}

/// Reads the children of all parents, as many concurrently as the limits allow.
async fn read_parents(
    reader: &SliceReader<'_>,
    mut rows: Vec<ParentRow>,
    mut witnesses: ParentCanaries,
    sender: mpsc::Sender<FromParent>,
) -> ParentOutcomes {
    let count = rows.len();
    reader
        .read
        .context
        .observer
        .notice(Progress::Started { slices: count });
    let mut outcomes = ParentOutcomes::default();
    // Empty answers of a part are confirmed before the next part begins, so that they are committed with it.
    while !rows.is_empty() && outcomes.halted.is_none() {
        let later = rows.split_off(rows.len().min(PARENTS_A_COMMIT));
        let part = std::mem::replace(&mut rows, later);
        let first = |row| read_parent(reader, row, &sender);
        let mut witness = None;
        let empty = outcomes.read(reader, part, &mut witness, first).await;
        witnesses.note(witness);
        if empty.is_empty() || outcomes.halted.is_some() {
            continue;
        }
        let heard = &witnesses.hear(reader, &empty).await;
        outcomes.unheard |= matches!(heard, Err(unheard) if unheard.is_unknown());
        let again = |(id, nothing)| confirm_parent(reader, id, nothing, heard, &sender);
        outcomes.read(reader, empty, &mut None, again).await;
    }
    outcomes.left = count - outcomes.done - outcomes.failed.len();
    outcomes
}

impl ParentOutcomes {
    /// Reads all `parents` by `read`; returns those that were answered empty.
    async fn read<T, F: Future<Output = ParentResult>>(
        &mut self,
        reader: &SliceReader<'_>,
        parents: Vec<T>,
        witness: &mut Option<Slice>,
        read: impl Fn(T) -> F,
    ) -> Vec<(Box<str>, Box<EmptySlice>)> {
        let halt = CancellationToken::new();
        let concurrency = reader.read.context.concurrency.saturating_mul(2).max(1);
        let mut walks = futures::stream::iter(parents)
            .take_while(|_| std::future::ready(!halt.is_cancelled()))
            .map(read)
            .buffer_unordered(concurrency);
        let mut empty = Vec::new();
        while let Some(walked) = walks.next().await {
            match walked {
                ParentResult::Empty(id, nothing) => {
                    empty.push((id, nothing));
                    continue;
                }
                ParentResult::Done(with_children) => {
                    self.done += 1;
                    if with_children.is_some() {
                        *witness = with_children;
                    }
                }
                ParentResult::Failed(label, reason) => self.failed.push((label, reason)),
                ParentResult::Halted(reason) => {
                    halt.cancel();
                    self.halted.get_or_insert(reason);
                }
            }
            reader.read.context.observer.notice(Progress::SliceDone);
        }
        empty
    }
}

async fn read_parent(
    reader: &SliceReader<'_>,
    row: ParentRow,
    sender: &mpsc::Sender<FromParent>,
) -> ParentResult {
    let slice = match row.slice {
        Ok(slice) => slice,
        Err(Unbound { key, variable }) => {
            let reason = format!("it has no value for `{{{variable}}}`, so it can't be asked for");
            return ParentResult::Failed(key.to_string(), reason);
        }
    };
    let walked = in_order(sender, async |pages| {
        let walk = SliceScan::new(reader.read, &slice, pages);
        reader.read_full(&walk, None, None).await
    })
    .await;
    match walked {
        Ok(ReadResult::Empty(walk)) => {
            let answered = reader.read.usage.answered();
            let nothing = EmptySlice {
                slice,
                before: None,
                walk,
                answered,
            };
            ParentResult::Empty(row.id, Box::new(nothing))
        }
        Ok(ReadResult::Ended(outcome)) => end_parent(&slice, row.id, Ok(outcome), sender).await,
        Err(error) => end_parent(&slice, row.id, Err(error), sender).await,
    }
}

/// Requests a parent again that was answered empty, if `heard` confirms that the API works.
async fn confirm_parent(
    reader: &SliceReader<'_>,
    id: Box<str>,
    nothing: Box<EmptySlice>,
    heard: &Result<(), CanaryFailure>,
    sender: &mpsc::Sender<FromParent>,
) -> ParentResult {
    let EmptySlice { slice, walk, .. } = *nothing;
    let outcome = match heard {
        Err(unheard) => Ok(unheard.outcome()),
        Ok(()) => {
            in_order(sender, async |pages| {
                let again = SliceScan::new(reader.read, &slice, pages);
                reader.read_whole(&again, None, Some(walk)).await
            })
            .await
        }
    };
    end_parent(&slice, id, outcome, sender).await
}

/// Returns the result for a parent, and reports a parent that is done to the intake.
async fn end_parent(
    slice: &Slice,
    id: Box<str>,
    outcome: Result<SliceOutcome, WalkError>,
    sender: &mpsc::Sender<FromParent>,
) -> ParentResult {
    let label = slice.parent.as_deref().unwrap_or(&slice.label).to_owned();
    let mut with_children = None;
    let reason = match outcome {
        Ok(outcome @ (SliceOutcome::Proven { .. } | SliceOutcome::Read { .. })) => {
            with_children = outcome.has_rows().then(|| slice.clone());
            None
        }
        Ok(
            SliceOutcome::Unproven { reason, .. }
            | SliceOutcome::Emptied { reason, .. }
            | SliceOutcome::Failed(reason),
        ) => Some(reason),
        Err(WalkError::Fetch(FetchError::Skipped { status, .. })) => {
            tracing::info!(slice = &*slice.label, status, "parent skipped");
            None
        }
        Err(error) if concerns_all(&error) => return ParentResult::Halted(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = reason {
        tracing::warn!(slice = &*slice.label, reason, "slice not complete");
        return ParentResult::Failed(label, reason);
    }
    match sender.send(FromParent::Done(id)).await {
        Ok(()) => ParentResult::Done(with_children),
        Err(_) => ParentResult::Halted(WalkError::Stopped.to_string()),
    }
}

/// Forwards the pages of one walk in order, so that a message sent afterwards arrives after all of them.
async fn in_order<T>(
    sender: &mpsc::Sender<FromParent>,
    read: impl AsyncFnOnce(&mpsc::Sender<Delivery>) -> T,
) -> T {
    let (pages, mut delivered) = mpsc::channel(1);
    let reading = async move { read(&pages).await };
    let passing_on = async {
        while let Some(page) = delivered.recv().await {
            if sender.send(FromParent::Page(page)).await.is_err() {
                break;
            }
        }
        // Closes the channel, so that a walk ends if nobody receives its pages.
        drop(delivered);
    };
    let (outcome, ()) = tokio::join!(reading, passing_on);
    outcome
}

/// Returns `true` if other parents would fail for the same reason.
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
    /// Takes in the children of parents until every walk has ended; returns what isn't committed yet.
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
