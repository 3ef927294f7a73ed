//! The lake: the object store that holds bronze and state, as the few operations that the commit
//! protocol is made of.
//!
//! What it promises, on every backend alike:
//!
//! - [`Lake::create`] writes an object only where none is; of many at once, one wins.
//! - [`Lake::replace`] writes an object only where it still is the one that was read.
//! - `None` and `Exists` are facts: an absent object was looked for and not found, an existing one
//!   was seen. Whatever isn't known is an error, never a guess.
//!
//! A key is the path of an object below the lake's root:
//! `pncp/year=2025/month=10/day=22/pncp_20251022_c000007.parquet`.

pub mod document;
mod error;
mod folder;
mod identity;
mod living;
mod open;
mod probe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};

pub use error::LakeError;
use error::{Action, bucket_is_missing, classify};
pub use identity::Joined;
pub use living::{Alive, Living};

use tokio::time::Instant;

use crate::config::settings::{LakeSettings, StateCompression};
use crate::failpoint::failpoint;
use crate::mutation::mutated;
use crate::telemetry::metrics::events::{LakeOperation, LakeOutcome, lake_operation};

/// How often a create is tried that is refused although nothing is there.
const TRIES: u32 = 5;

/// The object store that holds bronze and state. Clones share one connection pool.
#[derive(Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    states: StateCompression,
    living: Living,
    generations: Arc<Generations>,
    met: Arc<identity::Met>,
}

/// By prefix, the generation of the slices that this process declares: see [`crate::table`].
type Generations = RwLock<BTreeMap<String, u64>>;

/// The state that an object was read or written in. Equal versions are equal contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(UpdateVersion);

/// What became of a [`Lake::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object is there now, as it was given.
    Done(Version),
    /// There is an object already, perhaps from this very call: a reply can get lost on the way.
    Exists,
}

/// What became of a [`Lake::replace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The object is there now, as it was given.
    Done(Version),
    /// The object isn't the one that was read, perhaps because of this very call: a reply can get
    /// lost on the way.
    Conflict,
}

/// An object that a LIST found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
    /// When it was written, by the store's clock.
    pub modified: DateTime<Utc>,
    /// The state that it was written in, where the store tells it in a LIST: equal ones are equal contents.
    pub e_tag: Option<String>,
}

impl Lake {
    /// Opens the lake that the settings name. A folder is created if it isn't there; any other
    /// backend is first spoken to when it is first used: see [`Lake::probe`].
    ///
    /// # Errors
    /// When the address or an option isn't understood, or a folder can't be made.
    pub fn open(settings: &LakeSettings) -> Result<Self, LakeError> {
        open::open(settings)
    }

    /// A lake over any store; `name` is what messages call it.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self {
            store,
            name: name.into(),
            states: StateCompression::default(),
            living: Living::default(),
            generations: Arc::default(),
            met: Arc::default(),
        }
    }

    /// Whether this process knows what the table of this prefix was written by: see [`crate::table`].
    pub fn is_settled(&self, prefix: &str) -> bool {
        let known = self.generations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.contains_key(prefix)
    }

    /// The generation of the slices that a day of this table must be read with to be complete, by the
    /// declaration of this process; 0 where no slice was ever added.
    pub fn generation(&self, prefix: &str) -> u64 {
        let known = self.generations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(prefix).copied().unwrap_or_default()
    }

    /// Sets what [`Lake::generation`] says, for this lake and its clones.
    pub(crate) fn set_generation(&self, prefix: &str, generation: u64) {
        let known = self.generations.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.insert(prefix.to_owned(), generation);
    }

    /// The lake, with states that are written so.
    #[must_use]
    pub fn with_states(self, states: StateCompression) -> Self {
        Self { states, ..self }
    }

    /// The runs that are at work on it in this process.
    pub fn living(&self) -> &Living {
        &self.living
    }

    /// How states are written in this lake.
    pub fn states(&self) -> StateCompression {
        self.states
    }

    /// Finds out whether the lake can be written and keeps the promises of this module, with an
    /// object of its own: `_bronzed/probe/{token}`. The token must be new each time.
    ///
    /// # Errors
    /// When the lake can't be reached, read or written, or doesn't honour conditional writes.
    pub async fn probe(&self, token: &str) -> Result<(), LakeError> {
        probe::probe(self, token).await
    }

    /// Whether the lake takes an object again, as large as a file may be: `Ok` when it did.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn probe_room(&self, token: &str) -> Result<(), LakeError> {
        probe::room(self, token).await
    }

    /// The object's content and version; `None` where there is no such object.
    ///
    /// # Errors
    /// When the object can't be read, or its absence isn't certain.
    pub async fn get(&self, key: &str) -> Result<Option<(Bytes, Version)>, LakeError> {
        measured(LakeOperation::Get, |_| false, self.get_it(key)).await
    }

    async fn get_it(&self, key: &str) -> Result<Option<(Bytes, Version)>, LakeError> {
        let found = match self.store.get(&path(key)).await {
            Ok(found) => found,
            Err(error @ object_store::Error::NotFound { .. }) if !bucket_is_missing(&error) => {
                return Ok(None);
            }
            Err(error) => return Err(self.error(Action::Read, key, error)),
        };
        let version = Version(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|error| self.error(Action::Read, key, error))?;
        Ok(Some((bytes, version)))
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    /// When that can't be found out.
    pub async fn exists(&self, key: &str) -> Result<bool, LakeError> {
        let look = async {
            match self.store.head(&path(key)).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(self.error(Action::Read, key, error)),
            }
        };
        measured(LakeOperation::Get, |_| false, look).await
    }

    /// Writes an object where none is.
    ///
    /// # Errors
    /// Any failure to write. Where [`LakeError::outcome_unknown`] says so, the write may have
    /// happened all the same, or may yet.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<Created, LakeError> {
        let lost = |created: &Created| *created == Created::Exists;
        measured(LakeOperation::Create, lost, self.create_it(key, bytes)).await
    }

    async fn create_it(&self, key: &str, bytes: Bytes) -> Result<Created, LakeError> {
        let path = path(key);
        for attempt in 1..=TRIES {
            let payload = PutPayload::from(bytes.clone());
            let put = self.store.put_opts(&path, payload, PutMode::Create.into());
            match put.await {
                Ok(written) => return Ok(Created::Done(Version(written.into()))),
                // S3 also answers so (409) while other writers are merely busy with the key, and
                // nothing exists yet: look before it is believed.
                Err(object_store::Error::AlreadyExists { .. }) => {
                    failpoint!("create.refused");
                    if mutated!(BusyIsBelieved) || self.exists(key).await? {
                        return Ok(Created::Exists);
                    }
                    tokio::time::sleep(Duration::from_millis(50) * attempt).await;
                }
                Err(error) => return Err(self.error(Action::Write, key, error)),
            }
        }
        Err(LakeError::Failed {
            lake: self.name.to_string(),
            action: "writing",
            key: key.to_owned(),
            detail: "the store says that the object exists, and doesn't find it".to_owned(),
        })
    }

    /// Writes an object where it still is the one that `version` came with.
    ///
    /// # Errors
    /// Any failure to write. Where [`LakeError::outcome_unknown`] says so, the write may have
    /// happened all the same, or may yet.
    pub async fn replace(
        &self,
        key: &str,
        bytes: Bytes,
        version: &Version,
    ) -> Result<Replaced, LakeError> {
        let lost = |replaced: &Replaced| *replaced == Replaced::Conflict;
        let replace = self.replace_it(key, bytes, version);
        measured(LakeOperation::Replace, lost, replace).await
    }

    async fn replace_it(
        &self,
        key: &str,
        bytes: Bytes,
        version: &Version,
    ) -> Result<Replaced, LakeError> {
        use object_store::Error::{AlreadyExists, NotFound, Precondition};
        let (path, mode) = (path(key), PutMode::Update(version.0.clone()));
        match self.store.put_opts(&path, bytes.into(), mode.into()).await {
            Ok(written) => Ok(Replaced::Done(Version(written.into()))),
            // A 409 of S3 (others were writing at the same time) comes as `AlreadyExists`.
            Err(Precondition { .. } | AlreadyExists { .. }) => Ok(Replaced::Conflict),
            Err(error @ NotFound { .. }) if !bucket_is_missing(&error) => Ok(Replaced::Conflict),
            Err(error) => Err(self.error(Action::Write, key, error)),
        }
    }

    /// Removes an object; one that isn't there is no failure. Never a file of a day: they are created,
    /// and nothing else (see [`crate::state`]). Markers are taken back so.
    ///
    /// # Errors
    /// When it can't be removed, or that isn't certain: doing it again is harmless.
    pub async fn delete(&self, key: &str) -> Result<(), LakeError> {
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(Action::Write, key, error)),
        }
    }

    /// The objects whose keys begin with the folders of `prefix`, sorted by key.
    ///
    /// # Errors
    /// When the lake can't be listed; never a part of the objects only.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>, LakeError> {
        measured(LakeOperation::List, |_| false, self.list_it(prefix)).await
    }

    async fn list_it(&self, prefix: &str) -> Result<Vec<Entry>, LakeError> {
        let folder = path(prefix);
        let found = self.store.list(Some(&folder)).map_ok(|meta| Entry {
            key: meta.location.to_string(),
            size: meta.size,
            modified: meta.last_modified,
            e_tag: meta.e_tag,
        });
        let found: Result<Vec<_>, _> = found.try_collect().await;
        let mut found = found.map_err(|error| self.error(Action::List, prefix, error))?;
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    fn error(&self, action: Action, key: &str, error: object_store::Error) -> LakeError {
        classify(&self.name, action, key, &error)
    }
}

/// Measures what the lake is asked; `lost` tells a write that another one came before.
async fn measured<T>(
    operation: LakeOperation,
    lost: impl FnOnce(&T) -> bool,
    asked: impl Future<Output = Result<T, LakeError>>,
) -> Result<T, LakeError> {
    let begun = Instant::now();
    let answer = asked.await;
    let outcome = match &answer {
        Ok(done) if lost(done) => LakeOutcome::LostRace,
        Ok(_) => LakeOutcome::Ok,
        Err(_) => LakeOutcome::Error,
    };
    lake_operation(operation, outcome, begun.elapsed());
    answer
}

/// A key that a LIST gave may have escapes in it, which mustn't be escaped again.
fn path(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lake({})", self.name)
    }
}
