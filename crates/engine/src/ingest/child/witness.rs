//! Parents that have children: by these an API that answers "empty" to everything is told from one that has
//! nothing (P4).
//!
//! An empty answer for a parent is believed if it comes twice, with children of another parent in between. Where no
//! parent of the day is known to have any, it is believed by a second run hours later.

use chrono::{DateTime, Utc};

use crate::ingest::child::parents::{ParentRow, files};
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::canary::{CanaryFailure, first_page_has_rows};
use crate::ingest::slice::empty::EmptySlice;
use crate::ingest::slice::reader::{APART, SliceReader};
use bronzed_model::declaration::Slice;
use bronzed_storage::bronze::reader;
use bronzed_storage::state::DayState;

/// Parents of a day that were read before.
pub struct ParentCanaries {
    /// Parents that earlier runs have read.
    done: Vec<Slice>,
    /// A parent that has shown children.
    known: Option<Slice>,
    /// `true` if a run hours ago found nothing but empty answers, too.
    agrees: bool,
}

impl ParentCanaries {
    pub fn of(done: Vec<ParentRow>, state: &DayState, now: DateTime<Utc>) -> Self {
        let done = done.into_iter().filter_map(|row| row.slice.ok());
        Self {
            done: done.collect(),
            known: None,
            agrees: state
                .read_again_at()
                .is_some_and(|again_at| again_at <= now),
        }
    }

    /// Takes a parent that has shown children in this run.
    pub fn note(&mut self, with_children: Option<Slice>) {
        self.known = with_children.or(self.known.take());
    }

    /// Makes sure that the API has answered with children since the last of these empty answers.
    ///
    /// # Errors
    /// Returns the reason why that isn't so.
    pub async fn hear(
        &mut self,
        reader: &SliceReader<'_>,
        empty: &[(Box<str>, Box<EmptySlice>)],
    ) -> Result<(), CanaryFailure> {
        if reader.has_answered_since(empty.iter().map(|(_, nothing)| &**nothing)) {
            return Ok(());
        }
        if self.known.is_none() {
            self.known = self
                .stored(reader.read)
                .await
                .map_err(CanaryFailure::Silent)?;
        }
        let Some(known) = &self.known else {
            return match self.agrees {
                true => Ok(()),
                false => Err(CanaryFailure::Unknown {
                    again_at: reader.read.context.clock.now() + APART,
                    kind: "parent",
                }),
            };
        };
        let label = &known.label;
        match first_page_has_rows(reader.read, reader.read.order.day, known.clone()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CanaryFailure::Silent(format!(
                "answered empty, and so is {label}, which is known to have children: the API seems to have \
                 nothing for now"
            ))),
            Err(error) => Err(CanaryFailure::Silent(format!(
                "answered empty, and a parent that is known to have children can't be read: {error}"
            ))),
        }
    }

    /// Finds the parent of the row that was stored last; once, for what is stored meanwhile is known by itself.
    async fn stored(&mut self, read: ReadContext<'_>) -> Result<Option<Slice>, String> {
        let done = std::mem::take(&mut self.done);
        if done.is_empty() {
            return Ok(None);
        }
        let (lake, dataset) = (&read.context.lake, &read.order.dataset);
        let keys = files(lake, &dataset.prefix, read.order.day).await;
        for key in keys.map_err(|error| error.to_string())?.iter().rev() {
            let found = lake.get(key).await.map_err(|error| error.to_string())?;
            let Some((bytes, _)) = found else { continue };
            let rows = reader::stored(&bytes, &dataset.primary_key, &[]);
            let rows = rows.map_err(|error| format!("{key} can't be read: {error}"))?;
            let mut labels = rows.iter().rev().filter_map(|row| row.slice.as_deref());
            let of = |label| done.iter().find(|slice| &*slice.label == label);
            if let Some(slice) = labels.find_map(of) {
                return Ok(Some(slice.clone()));
            }
        }
        Ok(None)
    }
}
