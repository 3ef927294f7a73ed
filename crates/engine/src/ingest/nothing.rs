//! Empty answers, and the conditions under which they are believed (P4).
//!
//! An empty slice is believed after two empty answers with an answer that has rows in between, because a
//! spell in which an API answers "nothing" to everything can't be on both sides of it. The rows may be those
//! of any other slice; if no slice has rows, a canary page is requested ([`super::canary`]).
//!
//! A working day that would be complete without a row needs a second run hours later, unless both neighbours
//! are complete and empty, too. A day that has rows in the lake needs a second run in any case, unless rows
//! leave their day by design.

use chrono::{DateTime, Datelike, Utc, Weekday};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::ingest::Run;
use crate::ingest::canary;
use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::proof::WalkRecord;
use crate::ingest::slice::{APART, ReadResult, SliceOutcome, SliceReader, is_hours_before, told};
use crate::ingest::walk::{SliceWalk, WalkError};
use bronzed_model::day::Day;
use bronzed_model::declaration::Slice;
use bronzed_model::execution::Status;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::{DayState, SliceProgress, is_complete};

/// Slice that was answered empty once.
#[derive(Debug)]
pub struct EmptySlice {
    pub slice: Slice,
    pub before: Option<SliceProgress>,
    pub walk: WalkRecord,
    /// Number of pages with rows that the run had received by then.
    pub answered: u64,
}

impl SliceReader<'_> {
    /// Returns `true` if a page with rows has come since the last of these empty answers.
    pub(super) fn has_answered_since<'a>(
        &self,
        nothing: impl Iterator<Item = &'a EmptySlice>,
    ) -> bool {
        let answered = nothing.map(|nothing| nothing.answered).max();
        self.usage.answered() > answered.unwrap_or_default()
    }

    /// Requests the slices that were answered empty again, once another request was answered with rows;
    /// `rows` is the label of a slice of the day that has rows.
    pub(super) async fn confirm(
        &self,
        nothing: Vec<EmptySlice>,
        rows: Option<&str>,
        sender: &mpsc::Sender<Delivery>,
    ) -> Vec<(String, SliceOutcome)> {
        if nothing.is_empty() {
            return Vec::new();
        }
        let heard = match self.has_answered_since(nothing.iter()) {
            true => Ok(()),
            false => canary::ask(self, rows).await,
        };
        let concurrency = self.context.concurrency.saturating_mul(2).max(1);
        futures::stream::iter(nothing)
            .map(|nothing| {
                let heard = &heard;
                async move {
                    let outcome = match heard {
                        Ok(()) => self.ask_again(&nothing, sender).await,
                        Err(unheard) => Ok(unheard.outcome()),
                    };
                    let outcome =
                        outcome.unwrap_or_else(|error| SliceOutcome::Failed(error.to_string()));
                    self.context.observer.notice(Progress::SliceDone);
                    (
                        nothing.slice.label.to_string(),
                        told(&nothing.slice, outcome),
                    )
                }
            })
            .buffer_unordered(concurrency)
            .collect()
            .await
    }

    async fn ask_again(
        &self,
        nothing: &EmptySlice,
        sender: &mpsc::Sender<Delivery>,
    ) -> Result<SliceOutcome, WalkError> {
        let walk = SliceWalk::new(self, &nothing.slice, sender);
        let empty = Some(nothing.walk.clone());
        self.read_whole(&walk, nothing.before, empty).await
    }

    /// Reads a slice to its end, and confirms an empty answer by a second walk. `empty` is an earlier walk
    /// that was answered empty.
    pub(super) async fn read_whole(
        &self,
        walk: &SliceWalk<'_>,
        before: Option<SliceProgress>,
        empty: Option<WalkRecord>,
    ) -> Result<SliceOutcome, WalkError> {
        let reach = match self.read_full(walk, before, empty).await? {
            ReadResult::Empty(seen) => self.read_full(walk, before, Some(seen)).await?,
            ended => ended,
        };
        Ok(match reach {
            ReadResult::Ended(outcome) => outcome,
            ReadResult::Empty(_) => SliceOutcome::Unproven {
                reason: "answered empty again and again".to_owned(),
                again_at: None,
            },
        })
    }
}

impl Run<'_> {
    /// Judges a day without a row in this run; `proven` is `true` if every slice is proven. Returns `true`
    /// if the day still counts as complete; sets status and reason if the missing rows aren't believed.
    pub(super) async fn believe_nothing(
        &mut self,
        outcomes: &[(String, SliceOutcome)],
        state: &DayState,
        proven: bool,
    ) -> bool {
        // Withdrawn ids are a subset of the stored ids.
        let stored = state.len().saturating_sub(state.withdrawn().len());
        let since = empty_since(outcomes).filter(|_| !outcomes.is_empty());
        let now = self.execution.started_at;
        let agrees = since.is_some_and(|since| is_hours_before(since, now));
        let leaves = self.order.dataset.rows_leave && self.ended;
        if agrees || (stored > 0 && leaves) {
            return proven;
        }
        let again_at = since.unwrap_or(now) + APART;
        if stored > 0 {
            self.execution.status = Status::Failed;
            self.execution.error = Some(format!(
                "the API has no records of this day, where the lake has {stored}; these stay, and it \
                 is believed if a run after {again_at:.0} finds none either"
            ));
        } else if !proven || state.is_complete() || is_weekend(self.order.day) {
            return proven;
        } else if self.neighbours_are_empty().await.unwrap_or(false) {
            return true;
        } else {
            self.execution.status = Status::Partial;
            self.execution.error = Some(format!(
                "a working day without a record: it is believed if a run after {again_at:.0} finds \
                 none either"
            ));
        }
        self.execution.again_at = Some(again_at);
        false
    }

    /// Returns `true` if the day before and the day after are complete and have no file.
    async fn neighbours_are_empty(&self) -> Result<bool, LakeError> {
        let (lake, prefix) = (&self.context.lake, &self.order.dataset.prefix);
        let day = self.order.day;
        for neighbour in [day.previous(), day.next()] {
            let complete = is_complete(lake, prefix, neighbour).await?;
            if !complete
                || !lake
                    .list(&layout::partition(prefix, neighbour))
                    .await?
                    .is_empty()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the time since which all slices are answered empty; `None` if one of them isn't.
fn empty_since(outcomes: &[(String, SliceOutcome)]) -> Option<DateTime<Utc>> {
    let mut latest = DateTime::<Utc>::MIN_UTC;
    for (_, outcome) in outcomes {
        let (SliceOutcome::Proven { progress, .. } | SliceOutcome::Read { progress }) = outcome
        else {
            return None;
        };
        latest = latest.max(progress.as_ref()?.empty_since?);
    }
    Some(latest)
}

fn is_weekend(day: Day) -> bool {
    matches!(day.date().weekday(), Weekday::Sat | Weekday::Sun)
}
