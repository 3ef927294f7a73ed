//! Reads one slice of a day: in full until its proof holds, or only new records.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::mpsc;

use crate::ingest::intake::Delivery;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::empty::EmptySlice;
use crate::ingest::slice::fetcher::WalkError;
use crate::ingest::slice::proof::{WalkRecord, prove};
use crate::ingest::slice::scan::SliceScan;
use bronzed_model::declaration::{Mode, Require, Slice, Version};
use bronzed_source::page::Page;
use bronzed_storage::state::SliceProgress;

/// Minimum interval between two empty answers that count as two, for a slice or day that had or should have
/// rows.
pub const APART: TimeDelta = TimeDelta::hours(3);

/// Time within which the answers of one run come: so much earlier than [`APART`] an answer counts, because a run at
/// the time for which an earlier one asked is compared with each of its answers.
const SPREAD: TimeDelta = TimeDelta::minutes(30);

/// Returns `true` if an empty answer at `since` is old enough for one at `now` to confirm it.
pub fn is_hours_before(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    since + APART - SPREAD <= now
}

/// Outcome of reading a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceOutcome {
    /// Read in full after the day had ended and settled, with proven counts.
    Proven {
        /// Total that was met.
        progress: Option<SliceProgress>,
        /// Earliest `Date` header of the responses of all walks.
        server_time: Option<DateTime<Utc>>,
    },
    /// Read without a failure; no proof is due, or only new records were read.
    Read {
        /// Total, if it was met.
        progress: Option<SliceProgress>,
    },
    /// Read, but the proof that is due doesn't hold.
    Unproven {
        /// Reason why the proof doesn't hold.
        reason: String,
        /// Time from which another reading may find more, if known.
        again_at: Option<DateTime<Utc>>,
    },
    /// Answered empty although the slice had rows: a failure, until an empty answer hours later confirms it.
    Emptied {
        /// Reason as text.
        reason: String,
        /// Earlier progress, with the time since which the slice is empty.
        progress: SliceProgress,
        /// Time from which another empty answer is believed.
        again_at: DateTime<Utc>,
    },
    /// Not read, or only in part.
    Failed(String),
}

impl SliceOutcome {
    /// Returns `true` if the slice was read and has rows.
    pub fn has_rows(&self) -> bool {
        match self {
            Self::Proven { progress, .. } | Self::Read { progress } => {
                progress.is_some_and(|progress| progress.total > 0)
            }
            Self::Unproven { .. } | Self::Emptied { .. } | Self::Failed(_) => false,
        }
    }

    /// Returns the reason why the slice wasn't read as requested; `None` if it was.
    pub fn fault(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) | Self::Unproven { reason, .. } | Self::Emptied { reason, .. } => {
                Some(reason)
            }
            Self::Proven { .. } | Self::Read { .. } => None,
        }
    }
}

/// Result of reading a slice on its own, without an answer from another slice.
#[derive(Debug)]
pub enum ReadResult {
    /// The slice was read to its end.
    Ended(SliceOutcome),
    /// The slice was answered empty, which must be confirmed.
    Empty(WalkRecord),
}

/// Reader of the slices of one run.
pub struct SliceReader<'a> {
    pub read: ReadContext<'a>,
    /// `true` if each slice is walked until its proof holds; for a dated dataset, if the day had ended and
    /// settled when the run began.
    pub proof_due: bool,
    /// Time before which empty answers don't count; for a dated dataset, the end of the day plus its settle
    /// time.
    pub settled: DateTime<Utc>,
}

impl SliceReader<'_> {
    /// Reads one slice; `before` is what an earlier run proved of the slice. Returns `Err` if the slice was
    /// answered empty, which must be confirmed.
    pub async fn read(
        &self,
        slice: Slice,
        before: Option<SliceProgress>,
        sender: &mpsc::Sender<Delivery>,
    ) -> Result<SliceOutcome, EmptySlice> {
        let walk = SliceScan::new(self.read, &slice, sender);
        // A total shows new records, but not updated ones.
        let by_total =
            self.read.order.mode == Mode::New && self.read.order.dataset.version == Version::None;
        let read = match before.filter(|_| by_total) {
            Some(before) => self.read_new(&walk, before).await,
            None => self.read_full(&walk, before, None).await,
        };
        match read {
            Ok(ReadResult::Empty(walk)) => Err(EmptySlice {
                slice,
                before,
                walk,
                answered: self.read.usage.answered(),
            }),
            Ok(ReadResult::Ended(outcome)) => Ok(told(&slice, outcome)),
            Err(error) => Ok(told(&slice, SliceOutcome::Failed(error.to_string()))),
        }
    }

    /// Reads every page; if a proof is due, again until it holds. `empty` is an earlier walk that was
    /// answered empty, which this reading confirms.
    pub async fn read_full(
        &self,
        walk: &SliceScan<'_>,
        before: Option<SliceProgress>,
        empty: Option<WalkRecord>,
    ) -> Result<ReadResult, WalkError> {
        let completeness = self.read.order.dataset.completeness;
        let confirms = empty.is_some();
        let mut previous = empty;
        let mut reason = String::new();
        // An empty answer and a dataset without totals need a second walk in any case.
        for _ in u32::from(confirms)..=self.rewalks() {
            let mut seen = walk.full(previous.is_some()).await?;
            self.read.usage.note_repeats(seen.repeats());
            if let Some(previous) = &previous {
                seen.follow(previous);
            }
            if seen.empty
                && !confirms
                && let Some(reach) = self.answered_empty(&mut seen, before)
            {
                return Ok(reach);
            }
            let proof = prove(completeness.require, &seen, previous.as_ref());
            if !self.proof_due {
                // An empty answer is noted as such, so that a later run has one to agree with.
                let met = proof.is_ok() || seen.empty;
                let progress = met.then(|| self.progress_of(&seen, before));
                return Ok(ReadResult::Ended(SliceOutcome::Read { progress }));
            }
            match proof {
                Err(why) => reason = why,
                Ok(()) => {
                    return Ok(ReadResult::Ended(SliceOutcome::Proven {
                        progress: Some(self.progress_of(&seen, before)),
                        server_time: seen.server_time,
                    }));
                }
            }
            previous = Some(seen);
        }
        let again_at = None;
        Ok(ReadResult::Ended(SliceOutcome::Unproven {
            reason,
            again_at,
        }))
    }

    /// Number of times that a slice is read again without its proof. If rows have no order, a second walk
    /// that finds other rows requires a third.
    fn rewalks(&self) -> u32 {
        let completeness = self.read.order.dataset.completeness;
        let least = match completeness.require {
            Require::RowTotal => 2,
            _ => 1,
        };
        completeness.rewalks.max(least)
    }

    /// Returns the result of an empty answer before anything confirms it. `None` if no proof is due and the
    /// slice had no rows, so that the answer is accepted.
    fn answered_empty(
        &self,
        seen: &mut WalkRecord,
        before: Option<SliceProgress>,
    ) -> Option<ReadResult> {
        let had = before.filter(|before| before.total > 0);
        let leaves = self.read.order.dataset.rows_leave && self.proof_due;
        if let Some(had) = had.filter(|_| !leaves && !self.agrees(before)) {
            return Some(ReadResult::Ended(self.emptied(had)));
        }
        let counts = self.proof_due || had.is_some();
        counts.then(|| ReadResult::Empty(std::mem::take(seen)))
    }

    /// Returns the outcome of an empty slice that had rows: a failure of the API until it has been empty for
    /// [`APART`].
    fn emptied(&self, had: SliceProgress) -> SliceOutcome {
        let since = self.empty_since(Some(had));
        let (total, again_at) = (had.total, since + APART);
        SliceOutcome::Emptied {
            reason: format!(
                "answered empty, where {total} records were stated before; it is believed if it is \
                 answered so again after {again_at:.0}"
            ),
            progress: SliceProgress {
                empty_since: Some(since),
                ..had
            },
            again_at,
        }
    }

    /// Returns the time since which the slice is answered empty, given that it is empty now.
    fn empty_since(&self, before: Option<SliceProgress>) -> DateTime<Utc> {
        let now = self.read.context.clock.now().trunc_subsecs(0);
        let since = before.and_then(|before| before.empty_since);
        // Ignores times in the future, which a wrong clock wrote, and times before the day had settled.
        let counts = |at: &DateTime<Utc>| *at <= now && (!self.proof_due || *at >= self.settled);
        since.filter(counts).unwrap_or(now)
    }

    /// Returns `true` if an empty answer now confirms an earlier one at least [`APART`] before.
    fn agrees(&self, before: Option<SliceProgress>) -> bool {
        let now = self.read.context.clock.now();
        is_hours_before(self.empty_since(before), now)
    }

    fn progress_of(&self, seen: &WalkRecord, before: Option<SliceProgress>) -> SliceProgress {
        let total = seen.last_total.unwrap_or(seen.rows);
        SliceProgress {
            empty_since: seen.empty.then(|| self.empty_since(before)),
            ..SliceProgress::of(total, seen.unique())
        }
    }

    /// Reads only new records: none if the total is the one last proven; otherwise from the end at which new
    /// records appear, until as many are found as the total has grown by. Reads everything if that number
    /// can't be reached.
    async fn read_new(
        &self,
        walk: &SliceScan<'_>,
        before: SliceProgress,
    ) -> Result<ReadResult, WalkError> {
        let (mut seen, first) = walk.first().await?;
        let Some(first) = first else {
            let held = Some(before).filter(|before| before.total > 0);
            let reach = held.and_then(|_| self.answered_empty(&mut seen, held));
            let progress = Some(before);
            return Ok(reach.unwrap_or(ReadResult::Ended(SliceOutcome::Read { progress })));
        };
        let ahead = walk.ahead(&mut seen, &first).await?;
        let (Some(total), Some(pages)) = (first.total, ahead.pages) else {
            return self.read_full(walk, Some(before), None).await;
        };
        let rows = first.len() as u64;
        let on_first = self.take_first(walk, &mut seen, first).await?;
        let mut found = ahead.new + on_first;
        let Some(grown) = total.checked_sub(before.total) else {
            return self.read_full(walk, Some(before), None).await;
        };
        let size = walk.dataset().paginator.page_size.max(1);
        let mut front = ahead.next;
        // At least half of the first page is new: new records come first, and continue on the pages after
        // it.
        if found < grown && on_first * 2 >= rows {
            let next = (front + (grown - found).div_ceil(size)).min(pages);
            found += walk.pages_at_once(&mut seen, front..next).await?;
            front = next;
            while found < grown && front < pages {
                let new = walk.pages_at_once(&mut seen, front..front + 1).await?;
                (found, front) = (found + new, front + 1);
                if new == 0 {
                    break;
                }
            }
        }
        // The pages at the end that should hold the new rows, concurrently; then one by one towards the
        // start.
        let from = (before.total / size).clamp(front, pages.max(front));
        let mut next = if found < grown { from } else { front };
        if found < grown {
            found += walk.pages_at_once(&mut seen, from..pages).await?;
        }
        while found < grown && next > front {
            next -= 1;
            found += walk.pages_at_once(&mut seen, next..next + 1).await?;
        }
        if found < grown || seen.shrunk {
            return self.read_full(walk, Some(before), None).await;
        }
        let progress = Some(SliceProgress::of(total, before.seen + found));
        Ok(ReadResult::Ended(SliceOutcome::Read { progress }))
    }

    async fn take_first(
        &self,
        walk: &SliceScan<'_>,
        seen: &mut WalkRecord,
        first: Page,
    ) -> Result<u64, WalkError> {
        let reply = walk.deliver(seen, first).await?;
        reply.await.map_err(|_| WalkError::Stopped)
    }
}

/// Logs the outcome of a slice, and returns it.
pub fn told(slice: &Slice, outcome: SliceOutcome) -> SliceOutcome {
    match &outcome {
        SliceOutcome::Proven { progress, .. } | SliceOutcome::Read { progress } => {
            let total = progress.map(|progress| progress.total);
            tracing::debug!(slice = &*slice.label, total, "slice read");
        }
        faulty => {
            let reason = faulty.fault().unwrap_or_default();
            tracing::warn!(slice = &*slice.label, reason, "slice not complete");
        }
    }
    outcome
}
