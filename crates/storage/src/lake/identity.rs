//! Identity of a lake: a small document at its root, created once and never changed.
//!
//! ```json
//! {"format": 1, "id": "019a…", "created_at": "2025-10-22T12:00:00Z"}
//! ```
//!
//! A demo's lake also has `"simulated": true`: real and made-up records never share a lake.
//!
//! Its key is `_bronzed/lake.json`. A process recognizes the lake it has joined: if that was moved away,
//! isn't mounted, or was replaced by another one, operations fail instead of creating a new lake silently.
//! Read-only commands create nothing.

use std::sync::OnceLock;

use chrono::{DateTime, SubsecRound, Utc};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::document::{DocumentError, JsonDocument};
use super::error::LakeAction;
use super::{Lake, LakeError, open};
use bronzed_model::entropy::Entropy;
use bronzed_model::settings::LakeSettings;

/// Key of the document.
const KEY: &str = "_bronzed/lake.json";
/// Format written by this version, and the highest that it can read.
const FORMAT: u64 = 1;
/// Prefix of bronzed's own objects, which aren't data.
const OWN: &str = "_bronzed/";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LakeIdentity {
    id: Uuid,
    created_at: DateTime<Utc>,
    /// `true` if the records are made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
}

/// Id of the lake that this process has joined; unset until then.
#[derive(Debug, Default)]
pub(super) struct Met(OnceLock<Uuid>);

/// State in which a writer found the lake when joining it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinedLake {
    /// It had an identity.
    Known,
    /// It had data and no identity: written by an earlier version, or by the earlier pipeline.
    Adopted,
    /// It was empty, and is new.
    Founded,
}

impl Lake {
    /// Opens a lake that must exist: nothing is created, not even a folder.
    ///
    /// # Errors
    /// See [`Lake::open`]; also returns an error if there is no lake, or it can't be read.
    pub async fn open_existing(settings: &LakeSettings) -> Result<Self, LakeError> {
        if let Some(folder) = open::missing_folder(settings) {
            return Err(LakeError::Absent { lake: folder });
        }
        let lake = Self::open(settings)?;
        match lake.identity().load().await {
            Ok(Some(identity)) => {
                let simulated = identity.simulated;
                return Ok(Self { simulated, ..lake });
            }
            // An identity that can't be read is found by those who join.
            Err(DocumentError::Lake(error)) => return Err(error),
            Err(_) => return Ok(lake),
            Ok(None) if lake.has_data().await? => return Ok(lake),
            Ok(None) => {}
        }
        Err(LakeError::Absent {
            lake: lake.to_string(),
        })
    }

    /// Returns `true` if the records are made up: a demo's lake.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    fn identity(&self) -> JsonDocument<LakeIdentity> {
        JsonDocument::new(self, KEY, FORMAT)
    }

    /// Ensures that the lake has an identity, and remembers it for this handle and its clones: see
    /// [`Lake::recognize`].
    ///
    /// # Errors
    /// Returns an error if the lake can't be read or written, isn't the one that was joined before, or has made-up
    /// records and this process reads real ones, or the other way round.
    pub async fn join(
        &self,
        entropy: &Entropy,
        now: DateTime<Utc>,
    ) -> Result<JoinedLake, DocumentError> {
        let document = self.identity();
        let (identity, joined) = match document.load().await? {
            Some(identity) => (identity, JoinedLake::Known),
            // A lake that existed before must not be recreated in its place.
            None if self.met.0.get().is_some() => return Err(self.another().into()),
            None => {
                let joined = match self.has_data().await? {
                    true if self.simulated => return Err(self.of_others(false).into()),
                    true => JoinedLake::Adopted,
                    false => JoinedLake::Founded,
                };
                let new = LakeIdentity {
                    id: entropy.run_id(now),
                    created_at: now.trunc_subsecs(0),
                    simulated: self.simulated,
                };
                match document.create(new, entropy).await? {
                    (identity, true) => (identity, joined),
                    (other, false) => (other, JoinedLake::Known),
                }
            }
        };
        if identity.simulated != self.simulated {
            return Err(self.of_others(identity.simulated).into());
        }
        if *self.met.0.get_or_init(|| identity.id) != identity.id {
            return Err(self.another().into());
        }
        match joined {
            JoinedLake::Known => {}
            JoinedLake::Adopted => tracing::info!(lake = %self, id = %identity.id, "lake adopted"),
            JoinedLake::Founded => {
                tracing::warn!(lake = %self, id = %identity.id, "new lake created")
            }
        }
        Ok(joined)
    }

    /// Checks that the lake is still the one that was joined. Does nothing before [`Lake::join`].
    ///
    /// # Errors
    /// Returns an error if it isn't, or if that can't be determined.
    pub async fn recognize(&self) -> Result<(), LakeError> {
        let Some(met) = self.met.0.get() else {
            return Ok(());
        };
        match self.identity().load().await {
            Ok(Some(found)) if found.id == *met => Ok(()),
            Err(DocumentError::Lake(error)) => Err(error),
            Ok(_) | Err(_) => Err(self.another()),
        }
    }

    fn of_others(&self, simulated: bool) -> LakeError {
        LakeError::OtherRecords {
            lake: self.to_string(),
            simulated,
        }
    }

    fn another(&self) -> LakeError {
        LakeError::Another {
            lake: self.to_string(),
        }
    }

    /// Returns `true` if there is any object that isn't bronzed's own.
    async fn has_data(&self) -> Result<bool, LakeError> {
        let mut found = self.store.list(None);
        loop {
            let next = found.try_next().await;
            match next.map_err(|error| self.error(LakeAction::List, "", error))? {
                Some(meta) if meta.location.as_ref().starts_with(OWN) => {}
                found => return Ok(found.is_some()),
            }
        }
    }
}
