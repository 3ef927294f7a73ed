//! Walks of a child dataset: one for each parent, as many at once as the limits allow, in parts whose empty answers
//! are confirmed before the next one begins.

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ingest::child::PARENTS_A_COMMIT;
use crate::ingest::child::parents::{ParentRow, Unbound};
use crate::ingest::child::witness::ParentCanaries;
use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::slice::canary::CanaryFailure;
use crate::ingest::slice::empty::EmptySlice;
use crate::ingest::slice::fetcher::WalkError;
use crate::ingest::slice::reader::{ReadResult, SliceOutcome, SliceReader};
use crate::ingest::slice::scan::SliceScan;
use bronzed_model::declaration::Slice;
use bronzed_source::FetchError;

/// Messages from the walks; those of one parent are in order.
pub enum FromParent {
    /// A page of a parent's children.
    Page(Delivery),
    /// All children of this parent have been delivered.
    Done(Box<str>),
}

/// Result of reading the parents.
#[derive(Debug, Default)]
pub struct ParentOutcomes {
    /// Number of parents that earlier runs have done.
    pub before: usize,
    pub done: usize,
    /// Label and reason of each parent that failed.
    pub failed: Vec<(String, String)>,
    /// Reason why no more parents were started.
    pub halted: Option<String>,
    /// Number of parents that weren't started or finished for that reason.
    pub left: usize,
    /// `true` if some parents were answered empty, and no parent is known to have children.
    pub unheard: bool,
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
pub async fn read_parents(
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
