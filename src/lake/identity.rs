//! Which lake it is: a small document at its root, made once and never changed.
//!
//! ```json
//! {"format": 1, "id": "019a…", "created_at": "2025-10-22T12:00:00Z"}
//! ```
//!
//! Its key is `_bronzed/lake.json`. A process that has met a lake knows it again: one that was moved
//! away, isn't mounted or is another one under the same address is an error, and isn't founded anew in
//! silence. Who only reads creates nothing.

use std::sync::OnceLock;

use chrono::{DateTime, SubsecRound, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::{DocumentError, JsonDocument};
use super::error::Action;
use super::{Lake, LakeError, open};
use crate::config::settings::LakeSettings;
use crate::entropy::Entropy;

/// Where the document lies.
const KEY: &str = "_bronzed/lake.json";
/// The format that this version writes, and the highest that it knows.
const FORMAT: u64 = 1;
/// What lies below isn't data.
const OWN: &str = "_bronzed/";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    id: Uuid,
    created_at: DateTime<Utc>,
}

/// The lake that a process has met first; `None` until then.
#[derive(Debug, Default)]
pub(super) struct Met(OnceLock<Uuid>);

/// How a lake was found by who is about to write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It has its identity.
    Known,
    /// There were data, and no identity yet: of an earlier version, or of the earlier pipeline.
    Adopted,
    /// There was nothing: it is new.
    Founded,
}

impl Lake {
    /// Opens a lake that must be there: nothing is created, not even a folder.
    ///
    /// # Errors
    /// As for [`Lake::open`]; and when there is no lake, or it can't be asked.
    pub async fn open_existing(settings: &LakeSettings) -> Result<Self, LakeError> {
        if let Some(folder) = open::missing_folder(settings) {
            return Err(LakeError::Absent { lake: folder });
        }
        let lake = Self::open(settings)?;
        if lake.exists(KEY).await? || lake.has_data().await? {
            return Ok(lake);
        }
        Err(LakeError::Absent {
            lake: lake.to_string(),
        })
    }

    /// Makes sure that the lake has its identity, and remembers it: from here on this handle and its
    /// clones know the lake again, see [`Lake::recognize`].
    ///
    /// # Errors
    /// When the lake can't be asked or written, or is another one than was met before.
    pub async fn join(
        &self,
        entropy: &Entropy,
        now: DateTime<Utc>,
    ) -> Result<Joined, DocumentError> {
        let document = JsonDocument::<Identity>::new(self, KEY, FORMAT);
        let (identity, joined) = match document.load().await? {
            Some(identity) => (identity, Joined::Known),
            // One that was there before isn't made anew in its place.
            None if self.met.0.get().is_some() => return Err(self.another().into()),
            None => {
                let joined = match self.has_data().await? {
                    true => Joined::Adopted,
                    false => Joined::Founded,
                };
                let new = Identity {
                    id: entropy.run_id(now),
                    created_at: now.trunc_subsecs(0),
                };
                match document.create(new, entropy).await? {
                    (identity, true) => (identity, joined),
                    (other, false) => (other, Joined::Known),
                }
            }
        };
        if *self.met.0.get_or_init(|| identity.id) != identity.id {
            return Err(self.another().into());
        }
        match joined {
            Joined::Known => {}
            Joined::Adopted => tracing::info!(lake = %self, id = %identity.id, "lake adopted"),
            Joined::Founded => tracing::warn!(lake = %self, id = %identity.id, "new lake created"),
        }
        Ok(joined)
    }

    /// Makes sure that it is still the lake that was joined. Without one nothing is asked.
    ///
    /// # Errors
    /// When it isn't, or that can't be found out.
    pub async fn recognize(&self) -> Result<(), LakeError> {
        let Some(met) = self.met.0.get() else {
            return Ok(());
        };
        let found = JsonDocument::<Identity>::new(self, KEY, FORMAT)
            .load()
            .await;
        match found {
            Ok(Some(found)) if found.id == *met => Ok(()),
            Err(DocumentError::Lake(error)) => Err(error),
            Ok(_) | Err(_) => Err(self.another()),
        }
    }

    fn another(&self) -> LakeError {
        LakeError::Another {
            lake: self.to_string(),
        }
    }

    /// Whether there is any object that isn't the program's own.
    async fn has_data(&self) -> Result<bool, LakeError> {
        let mut found = self.store.list(None);
        loop {
            let next = found.try_next().await;
            match next.map_err(|error| self.error(Action::List, "", error))? {
                Some(meta) if meta.location.as_ref().starts_with(OWN) => {}
                found => return Ok(found.is_some()),
            }
        }
    }
}
