//! Step 0 of the protocol: load a state that can be trusted, repairing it in memory if necessary.
//!
//! The files decide (promise P5). Only an absent state counts as missing, and missing is not empty: the ids
//! are those of the day's files. The next compare-and-swap writes the result.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::document::{Doubt, ReadError, StateDocument};
use super::error::StateError;
use super::store::{DayState, DayStore, Notes};
use crate::bronze::layout;
use crate::bronze::reader::{self, FileFacts};
use crate::lake::ObjectVersion;
use bronzed_model::counts::Counts;
use bronzed_model::execution::{Execution, Status};

/// Job of a run whose file doesn't name one.
pub(super) const UNKNOWN_JOB: &str = "unknown";

/// Repairs that were necessary to load the state; normally empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Reason why the state was rebuilt from the day's files; `None` if it wasn't.
    pub rebuilt: Option<Cause>,
    /// Number of ids in the state without a row in any file. They were removed, so that their records are
    /// read again.
    pub removed_ids: u64,
    /// Keys of the files that were adopted: they exist, and the state didn't count them.
    pub adopted: Vec<String>,
    /// `true` if the day was complete or accepted, and isn't any more: its rows are read again.
    pub reopened: bool,
}

/// Reason why a state was rebuilt from the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The day has files, or was complete, and has no state.
    Missing,
    /// The state couldn't be read, with the reason.
    Unreadable(String),
    /// The state was damaged, or another program changed it; with the contradiction.
    Contradiction(String),
    /// The earlier pipeline wrote the state: a takeover.
    Earlier,
    /// Files that the state counts are gone, or lost files are back.
    Files(FilesChanged),
    /// A rebuild was requested; nothing is known to be wrong.
    Asked,
}

/// Differences between the day's files and those that its state counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesChanged {
    /// Keys of files that the state counts, and that are gone.
    pub gone: Vec<String>,
    /// Keys of files that the state counts, and that are shorter than they were.
    pub cut: Vec<String>,
    /// Keys of lost files that exist again.
    pub back: Vec<String>,
}

impl fmt::Display for FilesChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = [
            ("gone", &self.gone),
            ("cut off", &self.cut),
            ("there again", &self.back),
        ];
        let told = told.iter().filter(|(_, keys)| !keys.is_empty());
        let told = told.map(|(what, keys)| format!("{} {what}", named(keys)));
        f.write_str(&told.collect::<Vec<_>>().join(", "))
    }
}

/// Formats the files' keys, at most three of them.
fn named(keys: &[String]) -> String {
    let shown = keys.iter().take(3).map(|key| format!("`{key}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match keys.len() {
        1 => format!("the file {shown} is"),
        all @ 2..=3 => format!("{all} files ({shown}) are"),
        all => format!("{all} files ({shown}, …) are"),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the state is missing"),
            Self::Unreadable(reason) => write!(f, "the state can't be read: {reason}"),
            Self::Contradiction(reason) => write!(f, "the state can't be relied on: {reason}"),
            Self::Files(changed) => changed.fmt(f),
            Self::Earlier => f.write_str("the state is of the earlier pipeline"),
            Self::Asked => f.write_str("it was asked for"),
        }
    }
}

impl Recovery {
    /// Returns `true` if nothing was repaired.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn and(&mut self, later: Self) {
        self.rebuilt = later.rebuilt.or(self.rebuilt.take());
        self.removed_ids += later.removed_ids;
        self.adopted.extend(later.adopted);
        self.reopened |= later.reopened;
    }
}

impl DayStore {
    /// Loads the state, and adopts the files from `commits`+1 up to, but without, number `before`.
    pub(super) async fn load(&self, before: u64) -> Result<DayState, StateError> {
        let found = self.lake.get(&self.state_key()).await?;
        let mut state = self.settle(found, before, false).await?;
        if state.recovery.rebuilt.is_none()
            && let Some(changed) = Box::pin(self.files_changed(&state.document)).await?
        {
            let rebuilding = self.rebuild(Some(state.document), Cause::Files(changed));
            let (document, recovery) = Box::pin(rebuilding).await?;
            state.document = document;
            state.unmark |= recovery.reopened;
            state.recovery.and(recovery);
        }
        Ok(state)
    }

    /// Returns the differences between the existing files and those that the state counts; normally `None`. A
    /// file missing from the listing is looked up by its key, because a listing isn't atomic.
    async fn files_changed(
        &self,
        document: &StateDocument,
    ) -> Result<Option<FilesChanged>, StateError> {
        let counted = self.counted(document);
        if counted.is_empty() {
            return Ok(None);
        }
        let listed = layout::partition(&self.dataset.prefix, self.day);
        let listed = self.lake.list(&listed).await?;
        let listed = listed.into_iter().map(|entry| (entry.key, entry.size));
        let listed: BTreeMap<_, _> = listed.collect();
        let is_cut = |key: &String| Some(document.is_cut(key, *listed.get(key)?));
        let mut changed = FilesChanged::default();
        for key in counted.iter().filter(|key| !document.lost.contains(*key)) {
            if !listed.contains_key(key) && !self.lake.exists(key).await? {
                changed.gone.push(key.clone());
            } else if is_cut(key) == Some(true) {
                changed.cut.push(key.clone());
            }
        }
        let lost = document.lost.iter();
        let back = lost.filter(|key| is_cut(key) == Some(false));
        changed.back = back.cloned().collect();
        Ok((changed != FilesChanged::default()).then_some(changed))
    }

    /// Reloads the state from the lake.
    pub(super) async fn reload(&self, state: &mut DayState, before: u64) -> Result<(), StateError> {
        let found = self.lake.get(&self.state_key()).await?;
        self.go_on_from(state, found, before).await
    }

    /// Continues with the state that was found in the lake.
    pub(super) async fn go_on_from(
        &self,
        state: &mut DayState,
        found: Option<(Bytes, ObjectVersion)>,
        before: u64,
    ) -> Result<(), StateError> {
        let fresh = self.settle(found, before, false).await?;
        state.shrunk |= !fresh.document.ids.is_superset(&state.document.ids);
        state.unmark |= fresh.unmark;
        state.document = fresh.document;
        state.version = fresh.version;
        state.indexed = None;
        state.recovery.and(fresh.recovery);
        Ok(())
    }

    /// Turns the object that was found into a trusted state. `anew`: rebuild it even if it can be trusted.
    pub(super) async fn settle(
        &self,
        found: Option<(Bytes, ObjectVersion)>,
        before: u64,
        anew: bool,
    ) -> Result<DayState, StateError> {
        let (read, version) = match found {
            None => (None, None),
            Some((bytes, version)) => {
                let read = StateDocument::read(&bytes, self.day, self.zone, self.clock.now());
                (Some(read), Some(version))
            }
        };
        let (mut document, mut recovery) = match read {
            Some(Ok((document, None))) if anew => {
                Box::pin(self.rebuild(Some(document), Cause::Asked)).await?
            }
            Some(Ok((document, None))) => (document, Recovery::default()),
            Some(Ok((document, Some(doubt)))) => {
                let cause = match doubt {
                    Doubt::Earlier => Cause::Earlier,
                    Doubt::Contradiction(what) => Cause::Contradiction(what),
                };
                Box::pin(self.rebuild(Some(document), cause)).await?
            }
            Some(Err(ReadError::Unreadable(why))) => {
                Box::pin(self.rebuild(None, Cause::Unreadable(why))).await?
            }
            Some(Err(ReadError::Newer(format))) => {
                let key = self.state_key();
                return Err(StateError::NewerFormat { key, format });
            }
            None => Box::pin(self.rebuild(None, Cause::Missing)).await?,
        };
        self.adopt(&mut document, before, &mut recovery).await?;
        Ok(DayState {
            document,
            version,
            unmark: recovery.reopened,
            recovery,
            notes: Notes::default(),
            required: self.lake.generation(&self.dataset.prefix),
            shrunk: false,
            indexed: None,
        })
    }

    /// Adopts the files after those that the document counts, each credited to its run.
    async fn adopt(
        &self,
        document: &mut StateDocument,
        before: u64,
        recovery: &mut Recovery,
    ) -> Result<(), StateError> {
        while document.commits + 1 < before {
            let key = self.file_key(document.commits + 1);
            let Some(facts) = self.facts(&key).await? else {
                break;
            };
            document.commits += 1;
            self.credit(document, &key, facts);
            recovery.adopted.push(key);
        }
        Ok(())
    }

    fn credit(&self, document: &mut StateDocument, key: &str, facts: FileFacts) {
        let (rows, now) = (facts.rows, self.clock.now());
        document.note_size(key, facts.bytes);
        let new = document.add_ids(facts.ids);
        document.parents.extend(facts.parents);
        let run_id = facts.run_id.unwrap_or(Uuid::nil());
        if document.entry(run_id).is_none() {
            let started_at = facts.ingested_at.unwrap_or(now);
            let job = facts.job.unwrap_or_else(|| UNKNOWN_JOB.to_owned());
            let run = recovered(run_id, job, started_at, now);
            document.entry_mut(run_id).describe(&run, self.zone);
        }
        let entry = document.entry_mut(run_id);
        let counts = entry.counts();
        entry.set_counts(&Counts {
            fetched: counts.fetched + (rows - facts.vanished),
            new: counts.new + new,
            duplicates: counts.duplicates + (rows - new),
            unidentified: counts.unidentified + facts.unidentified,
            vanished: counts.vanished + facts.vanished,
            ..counts
        });
        let mut files = entry.files();
        files.push(key.to_owned());
        entry.set_files(files.iter().map(String::as_str));
        entry.set_status(Status::Recovered);
        entry.set_timestamp(now, self.zone);
    }

    /// Reads the facts of a file; returns `None` if it doesn't exist.
    pub(super) async fn facts(&self, key: &str) -> Result<Option<FileFacts>, StateError> {
        self.facts_unless(key, |_| false).await
    }

    /// Reads the facts of a file; returns `None` if it doesn't exist, or `is_cut` is `true` of its size.
    pub(super) async fn facts_unless(
        &self,
        key: &str,
        is_cut: impl Fn(u64) -> bool,
    ) -> Result<Option<FileFacts>, StateError> {
        let Some((bytes, _)) = self.lake.get(key).await? else {
            return Ok(None);
        };
        if is_cut(bytes.len() as u64) {
            return Ok(None);
        }
        match reader::facts(bytes, &self.dataset.primary_key) {
            Ok(facts) => Ok(Some(facts)),
            Err(source) => Err(StateError::File {
                key: key.to_owned(),
                source,
            }),
        }
    }
}

/// Returns the entry of the run of a found file, before the file is credited to it.
pub(super) fn recovered(
    run_id: Uuid,
    job: String,
    started_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Execution {
    Execution {
        status: Status::Recovered,
        timestamp: now,
        ..Execution::begun(run_id, &job, started_at)
    }
}
