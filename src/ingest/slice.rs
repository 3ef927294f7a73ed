//! Reads one slice of a day: in full until its proof holds, or only what is new.

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::ingest::intake::Delivery;
use crate::ingest::proof::{Walk, prove};
use crate::ingest::walk::{SliceWalk, WalkError};
use crate::ingest::{Context, Order};
use crate::mutation::mutated;
use crate::source::Usage;
use crate::source::declaration::{Mode, Slice, Version};
use crate::source::page::Page;
use crate::state::SliceProgress;

/// How the reading of a slice ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Read in full after the day had ended and settled, and its counts proven.
    Proven {
        /// The total that was met.
        progress: Option<SliceProgress>,
        /// The earliest `Date` among the responses of all walks.
        server_time: Option<DateTime<Utc>>,
    },
    /// Read without a failure; no proof is due, or only what was new was read.
    Read {
        /// The total, where it was met.
        progress: Option<SliceProgress>,
    },
    /// Read, but the proof that is due doesn't hold.
    Unproven {
        /// Why it doesn't.
        reason: String,
    },
    /// Not read, or not all of it.
    Failed(String),
}

/// What the slices of one run share.
pub struct SliceReader<'a> {
    pub context: &'a Context,
    pub order: &'a Order,
    pub usage: &'a Usage,
    /// Each slice is walked until its proof holds: the day had ended and settled when the run began.
    pub proof_due: bool,
}

impl SliceReader<'_> {
    /// Reads one slice; `before` is what an earlier run proved of it.
    pub async fn read(
        &self,
        slice: &Slice,
        before: Option<SliceProgress>,
        sender: &mpsc::Sender<Delivery>,
    ) -> Outcome {
        let walk = SliceWalk {
            reader: self,
            slice,
            sender,
        };
        // The total tells of new records, and says nothing of those that were updated.
        let by_total = self.order.mode == Mode::New && self.order.dataset.version == Version::None;
        let read = match before.filter(|_| by_total) {
            Some(before) => self.read_new(&walk, before).await,
            None => self.read_full(&walk, before).await,
        };
        let outcome = read.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
        match &outcome {
            Outcome::Failed(reason) | Outcome::Unproven { reason } => {
                tracing::warn!(slice = &*slice.label, reason, "slice not complete");
            }
            Outcome::Proven { progress, .. } | Outcome::Read { progress } => {
                let total = progress.map(|progress| progress.total);
                tracing::debug!(slice = &*slice.label, total, "slice read");
            }
        }
        outcome
    }

    /// Every page; once the day has ended and settled, again until the proof holds.
    pub(super) async fn read_full(
        &self,
        walk: &SliceWalk<'_>,
        before: Option<SliceProgress>,
    ) -> Result<Outcome, WalkError> {
        let completeness = self.order.dataset.completeness;
        let mut previous: Option<Walk> = None;
        let mut reason = String::new();
        // An empty answer, and a dataset without totals, need a second walk in any case.
        for _ in 0..=completeness.rewalks.max(1) {
            let mut seen = walk.full().await?;
            // What a walk is compared with must have been read after the end of the day, too.
            seen.note_date(previous.as_ref().and_then(|walk| walk.server_time));
            if let Some(lost) = vanished(&seen, before) {
                return Ok(Outcome::Failed(lost));
            }
            let proof = prove(completeness.require, &seen, previous.as_ref());
            if !self.proof_due {
                let met = proof.is_ok() || mutated!(UnmetTotalIsKept);
                let progress = met.then(|| progress_of(&seen));
                return Ok(Outcome::Read { progress });
            }
            match proof {
                Ok(()) => {
                    return Ok(Outcome::Proven {
                        progress: Some(progress_of(&seen)),
                        server_time: seen.server_time,
                    });
                }
                Err(_) if mutated!(ProofIsSkipped) => {
                    let progress = Some(progress_of(&seen));
                    return Ok(Outcome::Proven {
                        progress,
                        server_time: seen.server_time,
                    });
                }
                Err(why) => reason = why,
            }
            previous = Some(seen);
        }
        Ok(Outcome::Unproven { reason })
    }

    /// Only what is new: nothing, where the total is the one last proven; else back from the end,
    /// where new records appear, until as many new ones are found as the total has grown by. When
    /// the count can't be reached that way, everything.
    async fn read_new(
        &self,
        walk: &SliceWalk<'_>,
        before: SliceProgress,
    ) -> Result<Outcome, WalkError> {
        let (mut seen, first) = walk.first().await?;
        let Some(first) = first else {
            return Ok(match vanished(&seen, Some(before)) {
                Some(lost) => Outcome::Failed(lost),
                None => Outcome::Read {
                    progress: Some(before),
                },
            });
        };
        let (total, pages) = (first.total, walk.pages(&first)?);
        let (Some(total), Some(pages)) = (total, pages) else {
            return self.read_full(walk, Some(before)).await;
        };
        let mut found = self.take_first(walk, &mut seen, first).await?;
        let Some(grown) = total.checked_sub(before.total) else {
            return self.read_full(walk, Some(before)).await;
        };
        // The pages that should hold the new rows, at once; then one by one towards the start.
        let size = self.order.dataset.paginator.page_size.max(1);
        let from = if grown == 0 {
            pages
        } else {
            (before.total / size).clamp(1, pages)
        };
        if found < grown {
            found += walk.pages_at_once(&mut seen, from..pages).await?;
        }
        let mut next = from;
        while found < grown && next > 1 {
            next -= 1;
            found += walk.pages_at_once(&mut seen, next..next + 1).await?;
        }
        if (found < grown || seen.shrunk) && !mutated!(GrowthIsBelieved) {
            return self.read_full(walk, Some(before)).await;
        }
        let progress = SliceProgress::of(total, before.seen + found);
        Ok(Outcome::Read {
            progress: Some(progress),
        })
    }

    async fn take_first(
        &self,
        walk: &SliceWalk<'_>,
        seen: &mut Walk,
        first: Page,
    ) -> Result<u64, WalkError> {
        let reply = walk.deliver(seen, first).await?;
        reply.await.map_err(|_| WalkError::Stopped)
    }
}

/// An empty slice that had rows is a failure of the API, not news.
fn vanished(seen: &Walk, before: Option<SliceProgress>) -> Option<String> {
    let before = before.filter(|before| seen.empty && before.total > 0)?;
    Some(format!(
        "answered empty, where {} records were stated before",
        before.total
    ))
}

fn progress_of(seen: &Walk) -> SliceProgress {
    SliceProgress::of(seen.last_total.unwrap_or(seen.rows), seen.unique())
}
