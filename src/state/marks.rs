//! The markers of a day: empty objects by which one LIST tells which days are complete, or accepted.
//!
//! A marker follows the state that says the same, and is taken back before the state says otherwise:
//! whatever is cut off in between, no marker says more than the state has ever said.

use bytes::Bytes;

use super::document::Document;
use super::error::StateError;
use super::store::DayStore;
use crate::bronze::layout;

impl DayStore {
    /// Puts the markers of a day whose state says that it is complete, with the slices of this
    /// generation.
    pub(super) async fn mark_complete(&self, generation: u64) -> Result<(), StateError> {
        for key in self.complete_keys(generation) {
            self.lake.create(&key, Bytes::new()).await?;
        }
        Ok(())
    }

    /// Puts the marker of a day whose state says that it is accepted.
    pub(super) async fn mark_accepted(&self) -> Result<(), StateError> {
        self.lake.create(&self.accepted_key(), Bytes::new()).await?;
        Ok(())
    }

    /// Puts the markers that a state calls for, where they are missing: whoever wrote the state was cut
    /// off, or its reply got lost.
    pub(super) async fn mark_again(&self, document: &Document) -> Result<(), StateError> {
        if document.complete {
            for key in self.complete_keys(document.generation) {
                if !self.lake.exists(&key).await? {
                    self.lake.create(&key, Bytes::new()).await?;
                }
            }
        } else if document.accepted.is_some() && !self.lake.exists(&self.accepted_key()).await? {
            self.mark_accepted().await?;
        }
        Ok(())
    }

    /// Takes back the markers that a state doesn't call for, or won't once it is written.
    pub(super) async fn unmark(&self, document: &Document) -> Result<(), StateError> {
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

    /// The generation whose marker the day has, of those that it can have; `None`: none.
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

    /// The first generation's marker, and that of this one.
    fn complete_keys(&self, generation: u64) -> impl Iterator<Item = String> {
        let later = (generation > 0).then_some(generation);
        let generations = std::iter::once(0).chain(later);
        generations
            .map(|generation| layout::complete_key_of(&self.dataset.prefix, self.day, generation))
    }
}
