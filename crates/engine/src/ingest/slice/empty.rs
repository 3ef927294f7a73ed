//! Empty answers, and the conditions under which they are believed (P4).
//!
//! An empty slice is believed after two empty answers with an answer that has rows in between, because a
//! spell in which an API answers "nothing" to everything can't be on both sides of it. The rows may be those
//! of any other slice; if no slice has rows, a canary page is requested ([`super::canary`]).

use futures::StreamExt;
use tokio::sync::mpsc;

use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::slice::canary;
use crate::ingest::slice::fetcher::WalkError;
use crate::ingest::slice::proof::WalkRecord;
use crate::ingest::slice::reader::{ReadResult, SliceOutcome, SliceReader, told};
use crate::ingest::slice::scan::SliceScan;
use bronzed_model::declaration::Slice;
use bronzed_storage::state::SliceProgress;

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
    pub fn has_answered_since<'a>(&self, nothing: impl Iterator<Item = &'a EmptySlice>) -> bool {
        let answered = nothing.map(|nothing| nothing.answered).max();
        self.read.usage.answered() > answered.unwrap_or_default()
    }

    /// Requests the slices that were answered empty again, once another request was answered with rows;
    /// `rows` is the label of a slice of the day that has rows.
    pub async fn confirm(
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
            false => canary::ask(self.read, rows).await,
        };
        let concurrency = self.read.context.concurrency.saturating_mul(2).max(1);
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
                    self.read.context.observer.notice(Progress::SliceDone);
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
        let walk = SliceScan::new(self.read, &nothing.slice, sender);
        let empty = Some(nothing.walk.clone());
        self.read_whole(&walk, nothing.before, empty).await
    }

    /// Reads a slice to its end, and confirms an empty answer by a second walk. `empty` is an earlier walk
    /// that was answered empty.
    pub async fn read_whole(
        &self,
        walk: &SliceScan<'_>,
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
