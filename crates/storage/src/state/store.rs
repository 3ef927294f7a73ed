//! Interface to a day's state for runs: opens it, commits files to it, records the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::commit::{Change, StoredFile};
use super::document::{Accepted, SliceProgress, StateDocument, time};
use super::entry::AuditEntry;
use super::error::StateError;
use super::recover::Recovery;
use crate::bronze::layout;
use crate::bronze::writer::EncodedFile;
use crate::lake::{Lake, ObjectVersion};
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::record::RecordId;

/// Maximum attempts of a protocol step on conflicts or unknown outcomes.
pub(super) const ATTEMPTS: u32 = 20;

/// State and files of one day of a dataset. Any number of stores may work on one day concurrently, in one
/// process or in several.
#[derive(Debug, Clone)]
pub struct DayStore {
    /// Lake that holds state and files.
    pub lake: Lake,
    /// Dataset of the day.
    pub dataset: Arc<Dataset>,
    /// The zone of the source, in which the state's times are written.
    pub zone: Tz,
    /// The day.
    pub day: Day,
    /// Clock for the timestamps of entries.
    pub clock: Arc<dyn Clock>,
    /// Randomness for the back-off after conflicts.
    pub entropy: Arc<Entropy>,
}

/// Loaded state of a day: the ids in its files, and its progress.
///
/// Takes about 40 bytes of memory per id of 30 bytes.
#[derive(Debug)]
pub struct DayState {
    pub(super) document: StateDocument,
    /// Version of the document in the lake; `None` if there was none.
    pub(super) version: Option<ObjectVersion>,
    pub(super) recovery: Recovery,
    pub(super) notes: Notes,
    /// Generation of slices that the day must be read with to be complete.
    pub(super) required: u64,
    /// `true` if the day's markers must be removed with the next write.
    pub(super) unmark: bool,
    /// `true` if ids disappeared on a reload: deduplication against them proves nothing.
    pub(super) shrunk: bool,
    /// Weight of the document that this run wrote last, with its entry: see [`super::lag`]. `None` if it
    /// hasn't written one since the document was loaded.
    pub(super) indexed: Option<usize>,
}

/// Pending notes about withdrawn records, written with the next write. Applying them is idempotent.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Ids whose records the API no longer lists.
    pub gone: BTreeSet<Box<str>>,
    /// Withdrawn ids whose records the API lists again.
    pub returned: BTreeSet<Box<str>>,
    /// Key of the checkpoint with a snapshot's known rows.
    pub known: Option<String>,
}

/// Outcome of a run, apart from its own entry.
#[derive(Debug, Clone, Copy)]
pub struct RunOutcome<'a> {
    /// Progress of the slices, by label.
    pub slices: &'a BTreeMap<String, SliceProgress>,
    /// `true` if the day is proven to be read in full.
    pub complete: bool,
}

/// Last rows of a run, stored together with its outcome.
#[derive(Debug, Default)]
pub struct LastCommit {
    /// The file; `None` if there are no rows to store.
    pub file: Option<EncodedFile>,
    /// Child datasets: parents that are finished with this file.
    pub parents: Vec<Box<str>>,
}

/// Result of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Key of the file; `None` if other runs had stored all its rows first.
    pub key: Option<String>,
    /// Number of stored rows.
    pub rows: u64,
    /// Number of rows left out because other runs had stored them first.
    pub dropped: u64,
}

impl DayState {
    /// Returns `true` if the record with this id is stored.
    pub fn contains(&self, id: &str) -> bool {
        self.document.ids.contains(id)
    }

    /// Returns `true` if any version of the record with this key is stored.
    pub fn contains_version_of(&self, key: &str) -> bool {
        self.versions_of(key).next().is_some()
    }

    /// Returns the rest of the stored ids that begin with `key@`: the versions of the record with this key,
    /// and parts of longer keys that begin the same.
    pub fn versions_of(&self, key: &str) -> impl Iterator<Item = &str> {
        self.document.ids.versions_of(key)
    }

    /// Returns the number of stored ids.
    pub fn len(&self) -> usize {
        self.document.ids.len()
    }

    /// Returns `true` if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.document.ids.is_empty()
    }

    /// Returns the stored progress of a slice.
    pub fn slice(&self, label: &str) -> Option<SliceProgress> {
        self.document.slices.get(label).copied()
    }

    /// Returns the stored progress of the slices, by label.
    pub fn slices(&self) -> &BTreeMap<String, SliceProgress> {
        &self.document.slices
    }

    /// Returns `true` if the slice was read in full with its proof: it is `proven`, or the day is complete
    /// (for states written before slices had `proven`).
    pub fn is_slice_proven(&self, label: &str) -> bool {
        let slice = self.document.slices.get(label);
        slice.is_some_and(|slice| slice.proven || self.document.complete)
    }

    /// Returns those of the labels whose slices aren't proven.
    pub fn unproven<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let labels = labels.into_iter();
        let unproven = labels.filter(|label| !self.is_slice_proven(label));
        unproven.map(str::to_owned).collect()
    }

    /// Returns every stored id, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.document.ids.iter()
    }

    /// Returns the withdrawn ids, each with the time of the finding. Their rows stay.
    pub fn withdrawn(&self) -> &BTreeMap<Box<str>, DateTime<Utc>> {
        &self.document.withdrawn
    }

    /// Notes ids whose records the API no longer lists, for the next write; returns the number of those not
    /// noted before. Their rows stay.
    pub fn note_withdrawn(&mut self, ids: impl IntoIterator<Item = Box<str>>) -> u64 {
        let withdrawn = &self.document.withdrawn;
        let fresh = ids.into_iter().filter(|id| !withdrawn.contains_key(id));
        let before = self.notes.gone.len();
        self.notes.gone.extend(fresh);
        (self.notes.gone.len() - before) as u64
    }

    /// Discards the pending notes of [`DayState::note_withdrawn`].
    pub fn forget_withdrawn(&mut self) {
        self.notes.gone.clear();
    }

    /// Notes that the API lists this record, for the next write; returns the number of withdrawn ids that are
    /// restored: several if the record has versions.
    pub fn note_listed(&mut self, id: &RecordId) -> u64 {
        let withdrawn = &self.document.withdrawn;
        if withdrawn.is_empty() {
            return 0;
        }
        let before = self.notes.returned.len();
        let returned = &mut self.notes.returned;
        if id.version().is_some() {
            let versions: Box<str> = format!("{}@", id.key()).into();
            let from = withdrawn.range(versions.clone()..);
            let own = from
                .map(|(id, _)| id)
                .take_while(|id| id.starts_with(&*versions));
            returned.extend(own.cloned());
        } else if withdrawn.contains_key(id.id.as_str()) {
            returned.insert(id.id.as_str().into());
        }
        (returned.len() - before) as u64
    }

    /// Child datasets: returns `true` if the children of this parent are stored.
    pub fn is_parent_done(&self, id: &str) -> bool {
        self.document.parents.contains(id)
    }

    /// Notes the key of a snapshot's checkpoint, for the next write.
    pub fn note_known(&mut self, key: String) {
        self.notes.known = Some(key);
    }

    /// Returns `true` if the day is proven to be read in full, with all slices that are declared now. Stays
    /// `true` until a slice is added, files get lost, or a person forgets the day.
    pub fn is_complete(&self) -> bool {
        self.document.complete && self.document.generation >= self.required
    }

    /// Returns `true` if the day was proven with the slices declared at that time: at most, slices added
    /// since are missing.
    pub fn was_complete(&self) -> bool {
        self.document.complete
    }

    /// Returns the acceptance by a person; `None` if not accepted.
    pub fn accepted(&self) -> Option<&Accepted> {
        self.document.accepted.as_ref()
    }

    /// Returns the keys of files of the day that are gone.
    pub fn lost_files(&self) -> &BTreeSet<String> {
        &self.document.lost
    }

    /// Returns the time from which the last run that asked for another reading wants it; `None` if none did.
    pub fn read_again_at(&self) -> Option<DateTime<Utc>> {
        let mut entries = self.document.executions.iter().rev();
        entries.find_map(|entry| time(entry.get("again_at")?, Tz::UTC))
    }

    /// Returns the audit entries as stored, including those of the earlier pipeline.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let entries = self.document.executions.iter();
        entries
            .map(|entry| {
                let mut text = String::new();
                entry.write(&mut text);
                serde_json::from_str(&text).unwrap_or_default()
            })
            .collect()
    }

    /// Returns `true` if the state has an entry of this run.
    pub fn knows_run(&self, run_id: Uuid) -> bool {
        self.document.entry(run_id).is_some()
    }

    /// Returns the number of writes of the document.
    pub fn revision(&self) -> u64 {
        self.document.revision
    }

    /// Returns the number of numbered files, including lost ones.
    pub fn commits(&self) -> u64 {
        self.document.commits
    }

    /// Returns the highest number of requests, retries included, sent by a run with status `ok`: the cost of
    /// reading the day in full. `None` if there was no such run.
    pub fn most_requests(&self) -> Option<u64> {
        let executions = self.document.executions.iter();
        executions.filter_map(AuditEntry::requests_of_ok).max()
    }

    /// Returns the repairs made when the state was opened or reloaded.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }
}

impl DayStore {
    /// Loads the day's state, repairing it first if necessary: a state that is missing, unreadable,
    /// contradictory or of the earlier pipeline is rebuilt from the files (P5), and files that it doesn't
    /// count yet are adopted. Repairs are written at once, so that they are audited even if the run writes
    /// nothing else.
    ///
    /// # Errors
    /// Returns an error if the state or a file can't be read with certainty. A failed read is never taken for
    /// an empty state.
    pub async fn open(&self) -> Result<DayState, StateError> {
        Box::pin(self.lake.recognize()).await?;
        let mut state = self.load(u64::MAX).await?;
        if !state.recovery.is_empty() {
            self.update(&mut state, &Change::default()).await?;
        }
        Box::pin(self.mark_again(&state.document)).await?;
        debug_assert_eq!(self.violations(&state.document), [], "what is opened");
        Ok(state)
    }

    /// Returns the result of [`DayStore::open`] without writing anything.
    ///
    /// # Errors
    /// See [`DayStore::open`].
    pub async fn look(&self) -> Result<DayState, StateError> {
        self.load(u64::MAX).await
    }

    /// Stores the rows of `file` in one file of the day, each id once (P1), and updates the run's entry (P7).
    /// The state in the lake may follow with a later commit: a run ends with [`DayStore::conclude`] or
    /// [`DayStore::record`].
    ///
    /// `execution` already counts the file's rows as new; rows that other runs have stored in the meantime
    /// are left out, and counted as duplicates instead. The new file, and files that other runs credited to
    /// this run while the outcome was unknown, are added to its files.
    ///
    /// # Errors
    /// On an error, `execution` is unchanged. Rows of the file may be stored all the same, now or later: they
    /// are credited to the run when the file is found, so the run must not count them.
    pub async fn commit(
        &self,
        state: &mut DayState,
        file: EncodedFile,
        execution: &mut Execution,
    ) -> Result<Committed, StateError> {
        let mut run = execution.clone();
        run.status = Status::Running;
        let change = Change {
            may_lag: true,
            ..Change::default()
        };
        let (written, committed) = self.append(state, file, run, change).await?;
        *execution = written;
        Ok(committed)
    }

    /// Stores a file, then updates the state with the run's entry and `change`.
    async fn append(
        &self,
        state: &mut DayState,
        file: EncodedFile,
        mut run: Execution,
        change: Change<'_>,
    ) -> Result<(Execution, Committed), StateError> {
        let offered = file.ids.len() as u64;
        let (file, number) = self.store(state, file).await?;
        let rows = file.ids.len() as u64;
        run.timestamp = self.clock.now();
        run.counts.new = run.counts.new.saturating_sub(offered - rows);
        run.counts.duplicates += offered - rows;
        let key = number.map(|number| self.file_key(number));
        run.files.extend(key.clone().map(|key| (key, rows)));
        let change = Change {
            run: Some(&run),
            file: number.map(|number| StoredFile {
                number,
                ids: &file.ids,
                bytes: file.bytes.len() as u64,
            }),
            parents: &file.parents,
            // Only what a file has is found again without the state.
            may_lag: change.may_lag && number.is_some(),
            ..change
        };
        let written = self.update(state, &change).await?;
        let committed = Committed {
            key,
            rows,
            dropped: offered - rows,
        };
        Ok((written.unwrap_or(run), committed))
    }

    /// Stores the last rows of a run with its outcome and the slices' progress: like [`DayStore::commit`]
    /// followed by [`DayStore::record`], with one write of the state.
    ///
    /// # Errors
    /// On an error, `execution` is unchanged, and its rows may or may not be stored: see
    /// [`DayStore::commit`].
    pub async fn conclude(
        &self,
        state: &mut DayState,
        last: LastCommit,
        execution: &mut Execution,
        verdict: RunOutcome<'_>,
    ) -> Result<Option<Committed>, StateError> {
        let RunOutcome { slices, complete } = verdict;
        let LastCommit { file, parents } = last;
        let Some(file) = file else {
            *execution = self.settle_run(state, execution, verdict, &parents).await?;
            return Ok(None);
        };
        let change = Change {
            slices: Some(slices),
            complete,
            ..Change::default()
        };
        let was_accepted = state.document.accepted.is_some();
        let (written, committed) = self.append(state, file, execution.clone(), change).await?;
        *execution = written;
        Box::pin(self.mark_proven(state, execution, complete, was_accepted)).await?;
        Ok(Some(committed))
    }

    /// Records parents that are finished without a new row, and updates the run's entry.
    ///
    /// # Errors
    /// Returns an error if the state can't be written.
    pub async fn note_parents(
        &self,
        state: &mut DayState,
        parents: &[Box<str>],
        execution: &mut Execution,
    ) -> Result<(), StateError> {
        let mut run = execution.clone();
        run.timestamp = self.clock.now();
        let change = Change {
            run: Some(&run),
            parents,
            ..Change::default()
        };
        if let Some(written) = self.update(state, &change).await? {
            *execution = written;
        }
        Ok(())
    }

    /// Records the run's status and the slices' progress. `complete` is never reset by it; the marker is put
    /// after the state. A day that lost ids since this run opened it isn't set to complete by this run: see
    /// [`DayState::is_complete`]. Returns the run as written, including files that other runs credited to it.
    ///
    /// # Errors
    /// Returns an error if the state or the marker can't be written.
    pub async fn record(
        &self,
        state: &mut DayState,
        execution: &Execution,
        slices: &BTreeMap<String, SliceProgress>,
        complete: bool,
    ) -> Result<Execution, StateError> {
        let verdict = RunOutcome { slices, complete };
        self.settle_run(state, execution, verdict, &[]).await
    }

    async fn settle_run(
        &self,
        state: &mut DayState,
        execution: &Execution,
        verdict: RunOutcome<'_>,
        parents: &[Box<str>],
    ) -> Result<Execution, StateError> {
        let RunOutcome { slices, complete } = verdict;
        let mut run = execution.clone();
        run.timestamp = self.clock.now();
        let change = Change {
            run: Some(&run),
            slices: Some(slices),
            complete,
            parents,
            ..Change::default()
        };
        let was_accepted = state.document.accepted.is_some();
        let written = self.update(state, &change).await?;
        let written = written.unwrap_or(run);
        Box::pin(self.mark_proven(state, &written, complete, was_accepted)).await?;
        Ok(written)
    }

    /// Puts the marker of a day that was just proven, if the state is complete.
    async fn mark_proven(
        &self,
        state: &DayState,
        run: &Execution,
        complete: bool,
        was_accepted: bool,
    ) -> Result<(), StateError> {
        if !complete || !state.document.complete {
            if state.document.complete && !run.files.is_empty() {
                // Without it, the note from before is believed, which stays true of the files before these.
                let _ = self.note_files(&state.document).await;
            }
            return Ok(());
        }
        self.mark_complete(&state.document).await?;
        if was_accepted {
            // A leftover accepted marker has no effect beside the complete marker.
            let _ = self.lake.delete(&self.accepted_key()).await;
        }
        Ok(())
    }

    pub(super) fn state_key(&self) -> String {
        layout::state_key(&self.dataset.prefix, self.day)
    }

    pub(super) fn file_key(&self, number: u64) -> String {
        layout::file_key(&self.dataset.prefix, self.day, number)
    }

    /// Waits before the next attempt, with full jitter: at most 50 ms at first, up to at most 2 s later.
    pub(super) async fn pause(&self, attempt: u32) {
        let most = Duration::from_millis(50).saturating_mul(1 << attempt.min(6));
        let wait = self.entropy.up_to(most.min(Duration::from_secs(2)));
        tokio::time::sleep(wait).await;
    }
}
