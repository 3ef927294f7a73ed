//! Markers of a day: empty objects from which one LIST tells which days are complete or accepted.
//!
//! A marker is put after the state that says the same, and removed before the state says otherwise, so a
//! crash in between never leaves a marker that the state has never confirmed. The note of the day's files
//! ([`super::sizes`]) is put before the marker: where there is a marker, the note is that of the day's files.

use bytes::Bytes;

use super::document::StateDocument;
use super::error::StateError;
use super::store::DayStore;
use crate::bronze::layout;

impl DayStore {
    /// Puts the markers of a day whose state is complete, after the note of its files.
    pub(super) async fn mark_complete(&self, document: &StateDocument) -> Result<(), StateError> {
        self.note_files(document).await?;
        for key in self.complete_keys(document.generation) {
            self.lake.create(&key, Bytes::new()).await?;
        }
        Ok(())
    }

    /// Puts the marker of a day whose state is accepted.
    pub(super) async fn mark_accepted(&self, document: &StateDocument) -> Result<(), StateError> {
        self.note_files(document).await?;
        self.lake.create(&self.accepted_key(), Bytes::new()).await?;
        Ok(())
    }

    /// Puts the markers that the state requires if they are missing: the run that wrote the state was
    /// interrupted, or its reply was lost.
    pub(super) async fn mark_again(&self, document: &StateDocument) -> Result<(), StateError> {
        if document.complete {
            for key in self.complete_keys(document.generation) {
                if !self.lake.exists(&key).await? {
                    self.note_files(document).await?;
                    self.lake.create(&key, Bytes::new()).await?;
                }
            }
        } else if document.accepted.is_some() && !self.lake.exists(&self.accepted_key()).await? {
            self.mark_accepted(document).await?;
        }
        Ok(())
    }

    /// Removes the markers that the state doesn't justify, or won't once it is written.
    pub(super) async fn unmark(&self, document: &StateDocument) -> Result<(), StateError> {
        let latest = document
            .generation
            .max(self.lake.generation(&self.dataset.prefix));
        if !document.complete {
            for generation in 0..=latest {
                let key = layout::complete_key_of(&self.dataset.prefix, self.day, generation);
                self.lake.delete(&key).await?;
            }
        }
        if document.accepted.is_none() {
            self.lake.delete(&self.accepted_key()).await?;
        }
        Ok(())
    }

    /// Returns the generation of the day's complete marker: the declared one or 0; `None` if there is no
    /// marker.
    pub(super) async fn marked(&self) -> Result<Option<u64>, StateError> {
        let required = self.lake.generation(&self.dataset.prefix);
        for generation in [required, 0] {
            let key = layout::complete_key_of(&self.dataset.prefix, self.day, generation);
            if self.lake.exists(&key).await? {
                return Ok(Some(generation));
            }
            if required == 0 {
                break;
            }
        }
        Ok(None)
    }

    pub(super) fn accepted_key(&self) -> String {
        layout::accepted_key(&self.dataset.prefix, self.day)
    }

    /// Returns the keys of the markers of generation 0 and of this generation.
    fn complete_keys(&self, generation: u64) -> impl Iterator<Item = String> {
        let later = (generation > 0).then_some(generation);
        let generations = std::iter::once(0).chain(later);
        generations
            .map(|generation| layout::complete_key_of(&self.dataset.prefix, self.day, generation))
    }
}
