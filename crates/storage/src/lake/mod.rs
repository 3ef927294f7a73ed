//! The lake: the object store that holds bronze and state, reduced to the operations that the commit protocol
//! needs.
//!
//! Guarantees on every backend:
//!
//! - [`Lake::create`] writes an object only if it is absent; of several concurrent calls, one wins.
//! - [`Lake::replace`] writes an object only if it still has the version that was read.
//! - `None` and `Exists` are facts: an absent object was looked up and not found, an existing one was seen.
//!   Anything uncertain is an error, never a guess.
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
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};

pub use error::LakeError;
use error::{LakeAction, bucket_is_missing, classify};
pub use identity::JoinedLake;
pub use living::{Alive, Living};

use tokio::time::Instant;

use bronzed_metrics::events::{LakeOperation, LakeOutcome, lake_operation};
use bronzed_model::settings::{LakeSettings, StateCompression};

/// Maximum attempts of a create that is refused although the object is absent.
const TRIES: u32 = 5;

/// The object store that holds bronze and state. Clones share one connection pool.
#[derive(Clone)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    states: StateCompression,
    living: Living,
    generations: Arc<Generations>,
    refusals: Arc<RwLock<BTreeMap<String, String>>>,
    met: Arc<identity::Met>,
    simulated: bool,
}

/// Generation of the slices declared by this process, by prefix: see [`crate::table`].
type Generations = RwLock<BTreeMap<String, u64>>;

/// Version of an object as read or written. Equal versions have equal contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion(UpdateVersion);

/// Result of [`Lake::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object was written.
    Done(ObjectVersion),
    /// The object already exists, perhaps from this very call, if its first reply was lost.
    Exists,
}

/// Result of [`Lake::replace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The object was written.
    Done(ObjectVersion),
    /// The object isn't the one that was read, perhaps because of this very call, if its first reply was
    /// lost.
    Conflict,
}

/// Object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key of the object.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// Time of the last write, by the store's clock.
    pub modified: DateTime<Utc>,
    /// `ETag`, if the store returns it in a LIST: equal ones have equal contents.
    pub e_tag: Option<String>,
}

impl Lake {
    /// Opens the configured lake. A folder is created if absent; any other backend is first contacted on
    /// first use: see [`Lake::probe`].
    ///
    /// # Errors
    /// Returns an error if the URL or an option is invalid, or a folder can't be created.
    pub fn open(settings: &LakeSettings) -> Result<Self, LakeError> {
        let lake = open::open(settings)?;
        Ok(Self {
            simulated: settings.simulated,
            ..lake
        })
    }

    /// Returns a lake over any store; `name` is used in messages.
    pub fn over(store: Arc<dyn ObjectStore>, name: &str) -> Self {
        Self {
            store,
            name: name.into(),
            states: StateCompression::default(),
            living: Living::default(),
            generations: Arc::default(),
            refusals: Arc::default(),
            met: Arc::default(),
            simulated: false,
        }
    }

    /// Returns the lake over a store that is put around its own, as tests put one that fails.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn around(self, around: impl FnOnce(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) -> Self {
        Self {
            store: around(self.store),
            ..self
        }
    }

    /// Returns `true` if this process has checked how the table of this prefix was written: see
    /// [`crate::table`].
    pub fn is_settled(&self, prefix: &str) -> bool {
        let known = self.generations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.contains_key(prefix)
    }

    /// Returns the generation of slices that a day of this table must be read with to be complete, by this
    /// process's declaration; 0 if no slice was ever added.
    pub fn generation(&self, prefix: &str) -> u64 {
        let known = self.generations.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        known.get(prefix).copied().unwrap_or_default()
    }

    /// Sets the value of [`Lake::generation`] for this lake and its clones.
    pub fn set_generation(&self, prefix: &str, generation: u64) {
        let known = self.generations.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.insert(prefix.to_owned(), generation);
    }

    /// Records that this process must not write the table of this prefix, because it was written with another
    /// declaration or protection; `None` if it may.
    pub fn set_refusal(&self, prefix: &str, reason: Option<String>) {
        let refusals = self.refusals.write();
        let mut refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        match reason {
            Some(reason) => refusals.insert(prefix.to_owned(), reason),
            None => refusals.remove(prefix),
        };
    }

    /// Returns the reason why this process must not write the table of this prefix.
    pub fn refusal(&self, prefix: &str) -> Option<String> {
        let refusals = self.refusals.read();
        let refusals = refusals.unwrap_or_else(PoisonError::into_inner);
        refusals.get(prefix).cloned()
    }

    /// Returns the lake with this compression of states.
    #[must_use]
    pub fn with_states(self, states: StateCompression) -> Self {
        Self { states, ..self }
    }

    /// Returns the runs of this process that are active on the lake.
    pub fn living(&self) -> &Living {
        &self.living
    }

    /// Returns the compression of states in this lake.
    pub fn states(&self) -> StateCompression {
        self.states
    }

    /// Checks that the lake can be written and keeps the guarantees of this module, with a test object:
    /// `_bronzed/probe/{token}`. The token must be new each time.
    ///
    /// # Errors
    /// Returns an error if the lake can't be reached, read or written, or doesn't honour conditional writes.
    pub async fn probe(&self, token: &str) -> Result<(), LakeError> {
        probe::probe(self, token).await
    }

    /// Checks that the lake accepts writes again, with an object of 1 MiB, because a full disk may still
    /// accept a small one.
    ///
    /// # Errors
    /// Returns an error if the write is refused.
    pub async fn probe_room(&self, token: &str) -> Result<(), LakeError> {
        probe::room(self, token).await
    }

    /// Returns the object's content and version; `None` if it doesn't exist.
    ///
    /// # Errors
    /// Returns an error if the object can't be read, or its absence isn't certain.
    pub async fn get(&self, key: &str) -> Result<Option<(Bytes, ObjectVersion)>, LakeError> {
        measured(LakeOperation::Get, |_| false, self.get_it(key)).await
    }

    async fn get_it(&self, key: &str) -> Result<Option<(Bytes, ObjectVersion)>, LakeError> {
        let found = self.store.get(&path(key)).await;
        let Some(found) = self.unless_absent(key, found)? else {
            return Ok(None);
        };
        let version = ObjectVersion(UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        });
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|error| self.error(LakeAction::Read, key, error))?;
        Ok(Some((bytes, version)))
    }

    /// Returns the last bytes of an object of `size` bytes, at most `most`; `None` if it doesn't exist.
    ///
    /// # Errors
    /// Returns an error if the object can't be read, or is shorter.
    pub async fn tail(&self, key: &str, size: u64, most: u64) -> Result<Option<Bytes>, LakeError> {
        let read = async {
            let range = size.saturating_sub(most)..size;
            self.unless_absent(key, self.store.get_range(&path(key), range).await)
        };
        measured(LakeOperation::Get, |_| false, read).await
    }

    /// Returns these ranges of an object, in their order; `None` if it doesn't exist. Ranges that are close to each other are
    /// read by one request.
    ///
    /// # Errors
    /// Returns an error if the object can't be read, or is shorter.
    pub async fn ranges(
        &self,
        key: &str,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>, LakeError> {
        let read =
            async { self.unless_absent(key, self.store.get_ranges(&path(key), ranges).await) };
        measured(LakeOperation::Get, |_| false, read).await
    }

    /// Returns what a read gave; `None` if the object doesn't exist, unless its bucket is missing.
    fn unless_absent<T>(
        &self,
        key: &str,
        read: object_store::Result<T>,
    ) -> Result<Option<T>, LakeError> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error @ object_store::Error::NotFound { .. }) if !bucket_is_missing(&error) => {
                Ok(None)
            }
            Err(error) => Err(self.error(LakeAction::Read, key, error)),
        }
    }

    /// Returns `true` if the object exists.
    ///
    /// # Errors
    /// Returns an error if that can't be determined.
    pub async fn exists(&self, key: &str) -> Result<bool, LakeError> {
        let look = async {
            match self.store.head(&path(key)).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(self.error(LakeAction::Read, key, error)),
            }
        };
        measured(LakeOperation::Get, |_| false, look).await
    }

    /// Creates an object if absent.
    ///
    /// # Errors
    /// Returns an error if the write failed. If [`LakeError::outcome_unknown`] is `true`, the write may have
    /// happened, or may still happen.
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
                Ok(written) => return Ok(Created::Done(ObjectVersion(written.into()))),
                // S3 also responds so (409) while other writers are merely busy with the key and nothing
                // exists yet: check before believing it.
                Err(object_store::Error::AlreadyExists { .. }) => {
                    if self.exists(key).await? {
                        return Ok(Created::Exists);
                    }
                    tokio::time::sleep(Duration::from_millis(50) * attempt).await;
                }
                Err(error) => return Err(self.error(LakeAction::Write, key, error)),
            }
        }
        Err(LakeError::Failed {
            lake: self.name.to_string(),
            action: "writing",
            key: key.to_owned(),
            detail: "the store says that the object exists, and doesn't find it".to_owned(),
        })
    }

    /// Replaces an object if it still has this version.
    ///
    /// # Errors
    /// Returns an error if the write failed. If [`LakeError::outcome_unknown`] is `true`, the write may have
    /// happened, or may still happen.
    pub async fn replace(
        &self,
        key: &str,
        bytes: Bytes,
        version: &ObjectVersion,
    ) -> Result<Replaced, LakeError> {
        let lost = |replaced: &Replaced| *replaced == Replaced::Conflict;
        let replace = self.replace_it(key, bytes, version);
        measured(LakeOperation::Replace, lost, replace).await
    }

    async fn replace_it(
        &self,
        key: &str,
        bytes: Bytes,
        version: &ObjectVersion,
    ) -> Result<Replaced, LakeError> {
        use object_store::Error::{AlreadyExists, NotFound, Precondition};
        let (path, mode) = (path(key), PutMode::Update(version.0.clone()));
        match self.store.put_opts(&path, bytes.into(), mode.into()).await {
            Ok(written) => Ok(Replaced::Done(ObjectVersion(written.into()))),
            // A 409 of S3 (concurrent writers) is reported as `AlreadyExists`.
            Err(Precondition { .. } | AlreadyExists { .. }) => Ok(Replaced::Conflict),
            Err(error @ NotFound { .. }) if !bucket_is_missing(&error) => Ok(Replaced::Conflict),
            Err(error) => Err(self.error(LakeAction::Write, key, error)),
        }
    }

    /// Deletes an object; succeeds if it is absent. Used for markers; files of a day are never deleted (see
    /// [`crate::state`]).
    ///
    /// # Errors
    /// Returns an error if it can't be deleted, or that isn't certain: repeating the call is harmless.
    pub async fn delete(&self, key: &str) -> Result<(), LakeError> {
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(LakeAction::Write, key, error)),
        }
    }

    /// Returns the objects below the folder `prefix`, sorted by key.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed in full.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>, LakeError> {
        measured(LakeOperation::List, |_| false, self.list_it(prefix)).await
    }

    /// Returns the objects below the folder `prefix` whose keys are greater than `after`, sorted by key.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed in full.
    pub async fn list_after(&self, prefix: &str, after: &str) -> Result<Vec<Entry>, LakeError> {
        let listed = async {
            let (folder, after) = (path(prefix), path(after));
            let found = self.store.list_with_offset(Some(&folder), &after);
            self.listed(prefix, found).await
        };
        measured(LakeOperation::List, |_| false, listed).await
    }

    async fn list_it(&self, prefix: &str) -> Result<Vec<Entry>, LakeError> {
        let folder = path(prefix);
        self.listed(prefix, self.store.list(Some(&folder))).await
    }

    async fn listed(
        &self,
        prefix: &str,
        found: BoxStream<'_, object_store::Result<ObjectMeta>>,
    ) -> Result<Vec<Entry>, LakeError> {
        let found = found.map_ok(|meta| Entry {
            key: meta.location.to_string(),
            size: meta.size,
            modified: meta.last_modified,
            e_tag: meta.e_tag,
        });
        let found: Result<Vec<_>, _> = found.try_collect().await;
        let mut found = found.map_err(|error| self.error(LakeAction::List, prefix, error))?;
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Calls `with` with key and length of each object below the folder `prefix`, in no particular order.
    /// Nothing is kept in memory.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed in full.
    pub async fn visit(
        &self,
        prefix: &str,
        mut with: impl FnMut(&str, u64),
    ) -> Result<(), LakeError> {
        let folder = path(prefix);
        let mut found = self.store.list(Some(&folder));
        let visit = async {
            while let Some(meta) = found
                .try_next()
                .await
                .map_err(|error| self.error(LakeAction::List, prefix, error))?
            {
                with(meta.location.as_ref(), meta.size);
            }
            Ok(())
        };
        measured(LakeOperation::List, |()| false, visit).await
    }

    /// Returns the keys of the folders in the folder `prefix`.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, LakeError> {
        let folder = path(prefix);
        let look = async {
            let found = self.store.list_with_delimiter(Some(&folder)).await;
            let found = found.map_err(|error| self.error(LakeAction::List, prefix, error))?;
            let folders = found.common_prefixes.iter();
            Ok(folders.map(ToString::to_string).collect())
        };
        measured(LakeOperation::List, |_| false, look).await
    }

    fn error(&self, action: LakeAction, key: &str, error: object_store::Error) -> LakeError {
        classify(&self.name, action, key, &error)
    }
}

/// Records the metrics of an operation; `lost` recognizes a lost race.
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

/// Parses a key. A listed key may contain escapes, which mustn't be escaped again.
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
