//! What a run does with the state of a day: opens it, commits files to it, records how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::commit::Change;
use super::document::{Accepted, Document, SliceProgress};
use super::entry::Entry;
use super::error::StateError;
use super::execution::{Execution, Status};
use super::recover::Recovery;
use crate::bronze::layout;
use crate::bronze::writer::EncodedFile;
use crate::clock::Clock;
use crate::day::Day;
use crate::entropy::Entropy;
use crate::failpoint::failpoint;
use crate::lake::{Lake, Version};
use crate::mutation::mutated;
use crate::record::RecordId;
use crate::source::declaration::Dataset;

/// How often a step of the protocol is tried when others get in between, or outcomes stay unknown.
pub(super) const ATTEMPTS: u32 = 20;

/// The state and files of one dataset's day. Any number of these may be at work on one day, in one
/// process or in several.
#[derive(Debug, Clone)]
pub struct DayStore {
    /// Where state and files are.
    pub lake: Lake,
    /// Whose they are.
    pub dataset: Arc<Dataset>,
    /// The zone of the source, in which the state's times are written.
    pub zone: Tz,
    /// The day.
    pub day: Day,
    /// Stamps the entries.
    pub clock: Arc<dyn Clock>,
    /// Spreads the tries of those who collide.
    pub entropy: Arc<Entropy>,
}

/// What is known of a day: the ids in its files, and how far it was read.
///
/// In memory it costs some 100 bytes an id.
#[derive(Debug)]
pub struct DayState {
    pub(super) document: Document,
    /// The version of the document in the lake; `None` where there was none.
    pub(super) version: Option<Version>,
    pub(super) recovery: Recovery,
    pub(super) notes: Notes,
    /// The generation of slices that the day must be read with to be complete.
    pub(super) required: u64,
    /// The day's markers are to be taken back with the next write.
    pub(super) unmark: bool,
    /// Ids that were here are gone: what was deduplicated against them proves nothing.
    pub(super) shrunk: bool,
}

/// What a run has found out about records that the API takes away; written with whatever is written
/// next. Doing it twice is the same as doing it once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Ids whose records the API lists no more.
    pub gone: BTreeSet<Box<str>>,
    /// Ids that were noted as gone, and whose records the API lists again.
    pub returned: BTreeSet<Box<str>>,
    /// The object with a snapshot's known rows.
    pub known: Option<String>,
}

/// How a run ended, beside its own entry.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// How far the slices were read.
    pub slices: &'a BTreeMap<String, SliceProgress>,
    /// Whether the day is proven to be read in full.
    pub complete: bool,
}

/// The last rows of a run, which are stored with its verdict.
#[derive(Debug, Default)]
pub struct LastCommit {
    /// The file; `None`: there is no row to be stored.
    pub file: Option<EncodedFile>,
    /// Of a child: the parents that are done with it.
    pub parents: Vec<Box<str>>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The file; `None` if other runs had stored every row of it first.
    pub key: Option<String>,
    /// How many rows it has.
    pub rows: u64,
    /// How many rows were left out, because other runs had stored them first.
    pub dropped: u64,
}

impl DayState {
    /// Whether the record of this id is stored.
    pub fn contains(&self, id: &str) -> bool {
        self.document.ids.contains(id)
    }

    /// Whether any version of the record of this key is stored.
    pub fn contains_version_of(&self, key: &str) -> bool {
        let first: Box<str> = format!("{key}@").into();
        let next = self.document.ids.range(first.clone()..).next();
        next.is_some_and(|id| id.starts_with(&*first))
    }

    /// What follows `key@` in the stored ids: the versions of the record of this key, and parts of
    /// longer keys that begin with it.
    pub fn versions_of(&self, key: &str) -> impl Iterator<Item = &str> {
        let first: Box<str> = format!("{key}@").into();
        let ids = self.document.ids.range(first.clone()..);
        ids.map_while(move |id| id.strip_prefix(&*first))
    }

    /// How many ids are stored.
    pub fn len(&self) -> usize {
        self.document.ids.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.document.ids.is_empty()
    }

    /// How far a slice was read when it was last proven.
    pub fn slice(&self, label: &str) -> Option<SliceProgress> {
        self.document.slices.get(label).copied()
    }

    /// How far each slice was read when it was last proven, by label.
    pub fn slices(&self) -> &BTreeMap<String, SliceProgress> {
        &self.document.slices
    }

    /// Whether the slice was read in full with its proof: it says so itself, or the day was complete
    /// when slices didn't say it yet.
    pub fn is_slice_proven(&self, label: &str) -> bool {
        let slice = self.document.slices.get(label);
        slice.is_some_and(|slice| slice.proven || self.document.complete)
    }

    /// Those of the slices of these labels that aren't proven.
    pub fn unproven<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let labels = labels.into_iter();
        let unproven = labels.filter(|label| !self.is_slice_proven(label));
        unproven.map(str::to_owned).collect()
    }

    /// Every stored id, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.document.ids.iter().map(|id| &**id)
    }

    /// The stored ids whose records the API was found to list no more, each with the time of the
    /// finding.
    pub fn withdrawn(&self) -> &BTreeMap<Box<str>, DateTime<Utc>> {
        &self.document.withdrawn
    }

    /// Takes note of ids whose records the API lists no more, to be written next; says how many of
    /// them weren't noted before. Their rows stay.
    pub fn note_withdrawn(&mut self, ids: impl IntoIterator<Item = Box<str>>) -> u64 {
        let withdrawn = &self.document.withdrawn;
        let fresh = ids.into_iter().filter(|id| !withdrawn.contains_key(id));
        let before = self.notes.gone.len();
        self.notes.gone.extend(fresh);
        (self.notes.gone.len() - before) as u64
    }

    /// Forgets what isn't written yet of records that the API lists no more.
    pub fn forget_withdrawn(&mut self) {
        self.notes.gone.clear();
    }

    /// Takes note that the API lists this record, to be written next; says how many stored ids were
    /// noted as withdrawn that are its own: several where it has versions.
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

    /// Of a child: whether the children of the parent of this id are stored.
    pub fn is_parent_done(&self, id: &str) -> bool {
        self.document.parents.contains(id)
    }

    /// Takes note of the object that has a snapshot's known rows, to be named in what is written next.
    pub fn note_known(&mut self, key: String) {
        self.notes.known = Some(key);
    }

    /// Whether the day is proven to be read in full, with all slices that are declared now. Once it
    /// is, it stays so, until a slice is added or files get lost.
    pub fn is_complete(&self) -> bool {
        self.document.complete && self.document.generation >= self.required
    }

    /// Whether the day was proven, with the slices that were declared then: it lacks those that were
    /// added since, at most.
    pub fn was_complete(&self) -> bool {
        self.document.complete
    }

    /// That a person takes the day as it is, and why.
    pub fn accepted(&self) -> Option<&Accepted> {
        self.document.accepted.as_ref()
    }

    /// Keys of the files that the day had, and that are gone.
    pub fn lost_files(&self) -> &BTreeSet<String> {
        &self.document.lost
    }

    /// The audit, entry by entry, as the document has it; those of the earlier pipeline included.
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

    /// Whether the state has an entry of this run.
    pub fn knows_run(&self, run_id: Uuid) -> bool {
        self.document.entry(run_id).is_some()
    }

    /// How often the document was written.
    pub fn revision(&self) -> u64 {
        self.document.revision
    }

    /// How many numbered files the day has.
    pub fn commits(&self) -> u64 {
        self.document.commits
    }

    /// The most requests that a run which read all that it was asked for has sent, retries
    /// included: what a full reading of the day costs, where there was one.
    pub fn most_requests(&self) -> Option<u64> {
        let executions = self.document.executions.iter();
        executions.filter_map(Entry::requests_of_ok).max()
    }

    /// What had to be set right, when the state was opened or since.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }
}

impl DayStore {
    /// Loads what is known of the day, and first sets right what isn't as it should be: a state
    /// that is missing, unreadable, contradictory or of the earlier pipeline is rebuilt from the
    /// files (P5), and files that it doesn't count yet are adopted. What was set right is written
    /// at once, so that it is audited even if the run ends without another word.
    ///
    /// # Errors
    /// When state or files can't be read with certainty. There is no such thing as an empty state
    /// by mistake.
    pub async fn open(&self) -> Result<DayState, StateError> {
        Box::pin(self.lake.recognize()).await?;
        let mut state = self.load(u64::MAX).await?;
        if !state.recovery.is_empty() {
            failpoint!("recover.before_state");
            self.update(&mut state, &Change::default()).await?;
            failpoint!("recover.after_state");
        }
        Box::pin(self.mark_again(&state.document)).await?;
        debug_assert_eq!(self.violations(&state.document), [], "what is opened");
        Ok(state)
    }

    /// What [`DayStore::open`] would find, without writing anything.
    ///
    /// # Errors
    /// As for [`DayStore::open`].
    pub async fn look(&self) -> Result<DayState, StateError> {
        self.load(u64::MAX).await
    }

    /// Makes the rows of `file` part of the day, in one file, each id once (P1), and brings the
    /// run's entry up to date (P7).
    ///
    /// `execution` counts the file's rows as new already; those that other runs have stored in
    /// the meantime are left out, and counted as duplicates instead. The file is added to its
    /// files, with the files that other runs credited to it while their own outcome was unknown.
    ///
    /// # Errors
    /// Then `execution` is as it was given. Rows of the file may be stored all the same, now or
    /// later: they are credited to the run when they are found, and must not be counted by it.
    pub async fn commit(
        &self,
        state: &mut DayState,
        file: EncodedFile,
        execution: &mut Execution,
    ) -> Result<Committed, StateError> {
        #[cfg(test)]
        if mutated!(StateBeforeData) {
            return self.commit_state_first(state, file, execution).await;
        }
        let mut run = execution.clone();
        run.status = Status::Running;
        let (written, committed) = self.append(state, file, run, Change::default()).await?;
        *execution = written;
        Ok(committed)
    }

    /// Stores a file, and has the state follow with the run's entry and what else changes.
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
        if !mutated!(DroppedAreNew) {
            run.counts.new = run.counts.new.saturating_sub(offered - rows);
        }
        run.counts.duplicates += offered - rows;
        let key = number.map(|number| self.file_key(number));
        run.files.extend(key.clone().map(|key| (key, rows)));
        let change = Change {
            run: Some(&run),
            file: number.map(|number| (number, file.ids.as_slice())),
            parents: &file.parents,
            ..change
        };
        if number.is_some() {
            failpoint!("commit.after_data");
        }
        let written = self.update(state, &change).await?;
        failpoint!("commit.after_state");
        let committed = Committed {
            key,
            rows,
            dropped: offered - rows,
        };
        Ok((written.unwrap_or(run), committed))
    }

    /// Stores the last rows of a run, with how it ended and how far the slices were read: as
    /// [`DayStore::commit`] and [`DayStore::record`], and the state is written once.
    ///
    /// # Errors
    /// Then `execution` is as it was given, and nothing is known of its rows: see [`DayStore::commit`].
    pub async fn conclude(
        &self,
        state: &mut DayState,
        last: LastCommit,
        execution: &mut Execution,
        verdict: Verdict<'_>,
    ) -> Result<Option<Committed>, StateError> {
        let Verdict { slices, complete } = verdict;
        let LastCommit { file, parents } = last;
        let Some(file) = file else {
            *execution = self.settle_run(state, execution, verdict, &parents).await?;
            return Ok(None);
        };
        #[cfg(test)]
        if mutated!(StateBeforeData) {
            let committed = self.commit_state_first(state, file, execution).await?;
            *execution = self.record(state, execution, slices, complete).await?;
            return Ok(Some(committed));
        }
        self.mark_early(complete).await?;
        let change = Change {
            slices: Some(slices),
            complete,
            ..Change::default()
        };
        let was_accepted = state.document.accepted.is_some();
        let (written, committed) = self.append(state, file, execution.clone(), change).await?;
        *execution = written;
        Box::pin(self.mark_proven(state, complete, was_accepted)).await?;
        Ok(Some(committed))
    }

    /// A deliberate fault: the marker comes before the state that it is of.
    async fn mark_early(&self, complete: bool) -> Result<(), StateError> {
        if complete && mutated!(MarkerBeforeState) {
            self.mark_complete(0).await?;
        }
        Ok(())
    }

    /// Notes parents that are done without a new row, and brings the run's entry up to date.
    ///
    /// # Errors
    /// When the state can't be written.
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
        failpoint!("child.before_state");
        if let Some(written) = self.update(state, &change).await? {
            *execution = written;
        }
        failpoint!("child.after_state");
        Ok(())
    }

    /// Writes how a run ended, or how it stands, and how far the slices were read. A day that is
    /// complete stays so, whatever is given; the marker that says so follows the state. A day that lost
    /// ids since it was opened isn't called complete by this run: see [`DayState::is_complete`]. Returns
    /// the run as it was written: with the files that were found to be its own.
    ///
    /// # Errors
    /// When the state or the marker can't be written.
    pub async fn record(
        &self,
        state: &mut DayState,
        execution: &Execution,
        slices: &BTreeMap<String, SliceProgress>,
        complete: bool,
    ) -> Result<Execution, StateError> {
        let verdict = Verdict { slices, complete };
        self.settle_run(state, execution, verdict, &[]).await
    }

    async fn settle_run(
        &self,
        state: &mut DayState,
        execution: &Execution,
        verdict: Verdict<'_>,
        parents: &[Box<str>],
    ) -> Result<Execution, StateError> {
        let Verdict { slices, complete } = verdict;
        let mut run = execution.clone();
        run.timestamp = self.clock.now();
        let change = Change {
            run: Some(&run),
            slices: Some(slices),
            complete,
            parents,
            ..Change::default()
        };
        self.mark_early(complete).await?;
        failpoint!("record.before_state");
        let was_accepted = state.document.accepted.is_some();
        let written = self.update(state, &change).await?;
        failpoint!("record.after_state");
        Box::pin(self.mark_proven(state, complete, was_accepted)).await?;
        Ok(written.unwrap_or(run))
    }

    /// Puts the marker of a day that was proven just now, unless the state wouldn't have it.
    async fn mark_proven(
        &self,
        state: &DayState,
        complete: bool,
        was_accepted: bool,
    ) -> Result<(), StateError> {
        if !complete || !state.document.complete {
            return Ok(());
        }
        self.mark_complete(state.document.generation).await?;
        failpoint!("record.after_marker");
        if was_accepted {
            // Beside a marker of completeness it says nothing, if it stays.
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

    /// Waits before the next try: up to 50 ms at first, up to 2 s later, by chance (full jitter).
    pub(super) async fn pause(&self, attempt: u32) {
        let most = Duration::from_millis(50).saturating_mul(1 << attempt.min(6));
        let wait = self.entropy.up_to(most.min(Duration::from_secs(2)));
        tokio::time::sleep(wait).await;
    }
}
