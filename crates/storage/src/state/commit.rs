//! Steps 1 and 2 of the commit protocol: create a file under the next number, then update the state.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::SubsecRound;

use super::document::SliceProgress;
use super::error::StateError;
use super::ruling::Ruling;
use super::store::{ATTEMPTS, DayState, DayStore};
use crate::bronze::reader::FileFacts;
use crate::bronze::writer::EncodedFile;
use crate::compression::pack;
use crate::lake::{Created, LakeError, ObjectVersion, Replaced};
use bronzed_metrics::events::state_written;
use bronzed_model::execution::Execution;

/// Maximum attempts to put a file while the outcome stays unknown, before the run gives up.
const PUT_ATTEMPTS: u32 = 8;

/// An update of the state. Idempotent: applying it twice has the same result as applying it once.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    /// The run's audit entry as of now.
    pub run: Option<&'a Execution>,
    /// The file that was stored.
    pub file: Option<StoredFile<'a>>,
    /// Parents whose children are all stored.
    pub parents: &'a [Box<str>],
    /// Progress of the slices that were read.
    pub slices: Option<&'a BTreeMap<String, SliceProgress>>,
    /// `true` if the day is proven to be read in full.
    pub complete: bool,
    /// A person's decision about the day.
    pub ruling: Option<&'a Ruling>,
    /// `true` if the write may be left to a later one: see [`super::lag`].
    pub may_lag: bool,
}

/// File that a run has stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredFile<'a> {
    /// Number of the commit.
    pub number: u64,
    /// The id of each row.
    pub ids: &'a [Box<str>],
    /// Length of the file in bytes.
    pub bytes: u64,
}

/// Owner of the file that exists under a number.
enum Put {
    Ours,
    Taken,
}

impl DayStore {
    /// Step 1: stores the rows whose ids aren't stored yet under the next free number. The number is `None`
    /// if there are no such rows.
    pub(super) async fn store(
        &self,
        state: &mut DayState,
        mut file: EncodedFile,
    ) -> Result<(EncodedFile, Option<u64>), StateError> {
        for _ in 0..ATTEMPTS {
            file = file
                .without(|id| state.contains(id))
                .map_err(StateError::Encode)?;
            if file.ids.is_empty() {
                return Ok((file, None));
            }
            let number = state.commits() + 1;
            match self.put(&self.file_key(number), &file.bytes).await? {
                Put::Ours => return Ok((file, Some(number))),
                // Another run took this number: reloading adopts its file, and with it the ids.
                Put::Taken => self.reload(state, u64::MAX).await?,
            }
        }
        Err(StateError::Contended {
            key: self.file_key(state.commits() + 1),
            attempts: ATTEMPTS,
        })
    }

    /// Creates a file if absent. The reply alone doesn't decide: the object is read back, and if it has
    /// exactly these bytes (which contain the run id), it is this run's own file whose reply was lost.
    async fn put(&self, key: &str, bytes: &Bytes) -> Result<Put, StateError> {
        let mut failure = None;
        for attempt in 0..PUT_ATTEMPTS {
            match self.lake.create(key, bytes.clone()).await {
                Ok(Created::Done(_)) => return Ok(Put::Ours),
                Ok(Created::Exists) => {}
                Err(error) => failure = Some(passing(error)?),
            }
            match self.lake.get(key).await {
                Ok(Some((found, _))) if found == bytes => return Ok(Put::Ours),
                Ok(Some(_)) => return Ok(Put::Taken),
                // Absent, or the write is still in flight: repeating the same put is harmless.
                Ok(None) => {}
                Err(error) => failure = Some(passing(error)?),
            }
            self.pause(attempt).await;
        }
        Err(self.given_up(key, PUT_ATTEMPTS, failure))
    }

    /// Step 2: writes a change into the state by compare-and-swap. On a conflict, reloads the state and
    /// applies the change again. A change that may lag is only applied in memory until a write is due.
    /// Returns the run as written, including files that other runs credited to it.
    pub(super) async fn update(
        &self,
        state: &mut DayState,
        change: &Change<'_>,
    ) -> Result<Option<Execution>, StateError> {
        let key = self.state_key();
        // Files numbered below this run's own are adopted on reload; its own file needn't be read for that.
        let before = change.file.map_or(u64::MAX, |file| file.number);
        let mut credited = BTreeMap::new();
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            let run = self.apply(state, change, &mut credited).await?;
            if change.may_lag && !state.is_write_due() {
                return Ok(run);
            }
            state.document.revision += 1;
            let bytes = pack(state.document.write(self.zone), self.lake.states());
            let unmark = state.unmark && !state.document.complete;
            if unmark {
                Box::pin(self.unmark(&state.document)).await?;
            }
            match self.swap(&key, bytes.clone(), state.version.as_ref()).await {
                Ok(Some(version)) => {
                    if unmark {
                        // A concurrent run may have put the marker between the first removal and this write.
                        Box::pin(self.unmark(&state.document)).await?;
                        state.unmark = false;
                    }
                    let dataset = &self.dataset;
                    let size = bytes.len() as u64;
                    state_written(&dataset.source, &dataset.name, size);
                    state.note_written(version, change.run.is_some());
                    return Ok(run);
                }
                Ok(None) => {}
                Err(error) => failure = Some(passing(error)?),
            }
            self.pause(attempt).await;
            match self.lake.get(&key).await {
                // This run's own write, whose reply was lost.
                Ok(Some((found, version))) if found == bytes => {
                    state.note_written(version, change.run.is_some());
                    return Ok(run);
                }
                // Nothing was written: what is in memory still continues the document.
                Ok(Some((_, version))) if state.version.as_ref() == Some(&version) => {}
                Ok(found) => self.go_on_from(state, found, before).await?,
                Err(error) => failure = Some(passing(error)?),
            }
        }
        Err(self.given_up(&key, ATTEMPTS, failure))
    }

    /// Creates the state, or replaces the version that was read. Returns `None` on a conflict.
    pub(super) async fn swap(
        &self,
        key: &str,
        bytes: Bytes,
        read: Option<&ObjectVersion>,
    ) -> Result<Option<ObjectVersion>, LakeError> {
        let Some(read) = read else {
            return Ok(match self.lake.create(key, bytes).await? {
                Created::Done(version) => Some(version),
                Created::Exists => None,
            });
        };
        Ok(match self.lake.replace(key, bytes, read).await? {
            Replaced::Done(version) => Some(version),
            Replaced::Conflict => None,
        })
    }

    async fn apply(
        &self,
        state: &mut DayState,
        change: &Change<'_>,
        credited: &mut BTreeMap<String, FileFacts>,
    ) -> Result<Option<Execution>, StateError> {
        let run = match change.run {
            Some(run) => Some(self.with_credited(state, run, credited).await?),
            None => None,
        };
        let document = &mut state.document;
        // If another run has adopted this file already, the document has its ids.
        if let Some(StoredFile { number, ids, bytes }) = change.file
            && document.commits < number
        {
            document.note_size(&self.file_key(number), bytes);
            debug_assert_eq!(document.commits + 1, number, "P1: no file was passed over");
            document.commits = number;
            document.add_ids(ids.iter().cloned());
        }
        document.parents.extend(change.parents);
        if let Some(run) = &run {
            document.entry_mut(run.run_id).describe(run, self.zone);
        }
        if let Some(slices) = change.slices {
            // The end of a run also closes the entries of interrupted runs.
            let living = self.lake.living();
            let own = run.as_ref().map(|run| run.run_id);
            document.end_cut_off(|run| own == Some(run) || living.has(run));
            for (label, read) in slices {
                // `proven` is never reset, even if a later run read less of the slice.
                let before = document.slices.get(label);
                let proven = read.proven || before.is_some_and(|before| before.proven);
                let read = SliceProgress { proven, ..*read };
                document.slices.insert(label.clone(), read);
            }
        }
        // `shrunk`: ids that this run deduplicated against are gone, and it didn't look for their records.
        if change.complete && !state.shrunk {
            document.complete = true;
            document.generation = document.generation.max(state.required);
            document.accepted = None;
        }
        if let Some(ruling) = change.ruling {
            ruling.apply(document, self.zone);
            state.unmark |= !document.complete;
        }
        let now = self.clock.now().trunc_subsecs(0);
        for id in &state.notes.gone {
            if document.ids.contains(id) {
                document.withdrawn.entry(id.clone()).or_insert(now);
            }
        }
        if let Some(known) = &state.notes.known {
            document.known = Some(known.clone());
        }
        for id in &state.notes.returned {
            document.withdrawn.remove(id);
        }
        document.last_execution = now;
        debug_assert_eq!(self.violations(&state.document), [], "what is written");
        Ok(run)
    }

    /// Returns the run with the files that other runs found and credited to it. The run itself had given
    /// these files up because the outcome of their commit was unknown.
    async fn with_credited(
        &self,
        state: &DayState,
        run: &Execution,
        credited: &mut BTreeMap<String, FileFacts>,
    ) -> Result<Execution, StateError> {
        let mut run = run.clone();
        let entry = state.document.entry(run.run_id);
        for key in entry.map(|entry| entry.files()).unwrap_or_default() {
            if run.files.iter().any(|(known, _)| *known == key) {
                continue;
            }
            if !credited.contains_key(&key)
                && let Some(facts) = self.facts(&key).await?
            {
                credited.insert(key.clone(), facts);
            }
            if let Some(facts) = credited.get(&key) {
                run.counts.new += facts.rows;
                run.counts.fetched += facts.rows - facts.vanished;
                run.counts.vanished += facts.vanished;
                run.counts.unidentified += facts.unidentified;
                run.files.push((key, facts.rows));
            }
        }
        Ok(run)
    }

    pub(super) fn given_up(
        &self,
        key: &str,
        attempts: u32,
        failure: Option<LakeError>,
    ) -> StateError {
        let key = key.to_owned();
        match failure {
            Some(source) => StateError::Unsettled { key, source },
            None => StateError::Contended { key, attempts },
        }
    }
}

/// Returns a transient error, after which the write may have happened, as `Ok`; returns any other as `Err`.
pub(super) fn passing(error: LakeError) -> Result<LakeError, StateError> {
    if error.outcome_unknown() {
        Ok(error)
    } else {
        Err(error.into())
    }
}
