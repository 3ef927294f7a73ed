//! Rebuilds a state from the day's files: the numbered ones in order, and those of the earlier pipeline.
//!
//! The files decide on the audit, too: each run's entry is corrected to count its files' rows, and the rows
//! of the earlier pipeline are one entry of status `adopted`, from which on the sums must match.
//!
//! ```json
//! {"status": "adopted", "job": "takeover", "new_records": 812, "fetched": 812, "unidentified": 2,
//!  "removed_ids": 31, "repeated_rows": 0, "files": ["pncp/year=2025/…/pncp_20251022_120003.parquet"], …}
//! ```
//!
//! `new_records` counts the ids in those files, `unidentified` the rows without a usable id, `repeated_rows`
//! the rows whose id another row has, and `removed_ids` the ids that the state named but no file has: records
//! that the earlier pipeline lost, and that are read again.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use super::commit::passing;
use super::document::StateDocument;
use super::entry::AuditEntry;
use super::error::StateError;
use super::recover::{Cause, Recovery, UNKNOWN_JOB, recovered};
use super::store::{ATTEMPTS, DayState, DayStore};
use crate::bronze::layout;
use crate::bronze::reader::FileFacts;
use crate::compression::pack;
use bronzed_model::counts::Counts;
use bronzed_model::execution::Status;

/// Totals of the files of one run.
#[derive(Debug, Default)]
struct RebuiltFile {
    job: Option<String>,
    started_at: Option<DateTime<Utc>>,
    rows: u64,
    new: u64,
    unidentified: u64,
    vanished: u64,
    files: Vec<String>,
}

impl RebuiltFile {
    fn take(&mut self, document: &mut StateDocument, key: String, facts: FileFacts) {
        document.note_size(&key, facts.bytes);
        self.new += document.add_ids(facts.ids);
        document.parents.extend(facts.parents);
        self.rows += facts.rows;
        self.unidentified += facts.unidentified;
        self.vanished += facts.vanished;
        self.started_at = self.started_at.or(facts.ingested_at);
        self.job = self.job.take().or(facts.job);
        self.files.push(key);
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }
}

impl DayStore {
    /// Rebuilds the state from the day's files unconditionally, and writes it, followed by the marker of a
    /// complete day. If the old state can be trusted, everything is kept except what the files contradict. A
    /// day that is unknown to the lake isn't created.
    ///
    /// # Errors
    /// Returns an error if a file can't be read, a newer version wrote the state, or it can't be written.
    pub async fn rebuild_state(&self) -> Result<DayState, StateError> {
        let key = self.state_key();
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            let found = self.lake.get(&key).await?;
            let mut state = self.settle(found, u64::MAX, true).await?;
            if state.version.is_none() && state.recovery.is_empty() {
                return Ok(state);
            }
            state.document.last_execution = self.clock.now().trunc_subsecs(0);
            state.document.revision += 1;
            let bytes = pack(state.document.write(self.zone), self.lake.states());
            if state.unmark {
                self.unmark(&state.document).await?;
            }
            match self.swap(&key, bytes, state.version.as_ref()).await {
                Ok(Some(version)) => {
                    state.version = Some(version);
                    if state.unmark {
                        self.unmark(&state.document).await?;
                    }
                    self.mark_again(&state.document).await?;
                    return Ok(state);
                }
                // Another run wrote the state, or this one did and its reply was lost: the state found now is
                // rebuilt.
                Ok(None) => {}
                Err(error) => failure = Some(passing(error)?),
            }
            self.pause(attempt).await;
        }
        Err(self.given_up(&key, ATTEMPTS, failure))
    }

    /// Rebuilds the state from the files. From `base`, a readable document, everything is kept except what
    /// the files decide (ids, commits, counts) and the progress of slices. If the document can't be trusted,
    /// its marker decides on completeness, because it was put after a trusted one; without a document the
    /// marker is no proof, because the set of files is unknown. A day that lost files or ids isn't complete
    /// any more; a file that was cut off is lost.
    pub(super) async fn rebuild(
        &self,
        base: Option<StateDocument>,
        cause: Cause,
    ) -> Result<(StateDocument, Recovery), StateError> {
        let now = self.clock.now();
        let mut document = base.unwrap_or_else(|| StateDocument::new(self.day, now));
        let is_asked = cause == Cause::Asked;
        let relied_on = is_asked || matches!(cause, Cause::Files(_));
        let claims_ids = !matches!(cause, Cause::Missing | Cause::Unreadable(_));
        let mut was_complete = document.complete;
        if !relied_on {
            let marked = self.marked().await?;
            document.complete = marked.is_some() && claims_ids;
            document.generation = marked.unwrap_or_default();
            was_complete = marked.is_some();
        }
        let lost_before = document.lost.clone();
        let claimed = std::mem::take(&mut document.ids);
        let slices = std::mem::take(&mut document.slices);
        // A parent whose children aren't in the files must be read again.
        let parents = std::mem::take(&mut document.parents);
        let (runs, earlier) = self.read_files(&mut document, relied_on).await?;
        document.forget_notes_without_id();
        if is_asked && claimed == document.ids {
            document.slices = slices;
            document.parents.extend(parents.iter());
        }
        let rowless = claimed.iter().filter(|id| !document.ids.contains(id));
        let removed_ids = rowless.count() as u64;
        let mut accepted = false;
        if removed_ids > 0 || !document.lost.is_subset(&lost_before) {
            document.complete = false;
            accepted = document.accepted.take().is_some();
        }
        if !document.complete {
            document.generation = 0;
        }
        self.audit_again(&mut document, runs, &earlier, removed_ids);

        let is_new_day = cause == Cause::Missing
            && document.commits == 0
            && earlier.files.is_empty()
            && !was_complete;
        let recovery = Recovery {
            rebuilt: (!is_new_day).then_some(cause),
            removed_ids,
            adopted: Vec::new(),
            reopened: accepted || (was_complete && !document.complete),
        };
        Ok((document, recovery))
    }

    /// Adds the ids of all files of the day; returns the totals of each run, and of the earlier pipeline. A
    /// document that is `relied_on` tells which files the day had before; otherwise only a gap in the numbers
    /// reveals a missing file.
    async fn read_files(
        &self,
        document: &mut StateDocument,
        relied_on: bool,
    ) -> Result<(BTreeMap<Uuid, RebuiltFile>, RebuiltFile), StateError> {
        let prefix = &self.dataset.prefix;
        let listed = self.lake.list(&layout::partition(prefix, self.day)).await?;
        let number = |key: &str| layout::file_number(prefix, self.day, key);
        let last = listed.iter().filter_map(|entry| number(&entry.key)).max();
        let (mut runs, mut earlier) = (BTreeMap::<_, RebuiltFile>::new(), RebuiltFile::default());
        // A listing isn't atomic: it may lack a file that was created meanwhile and contain the one after it.
        // So all numbers are probed instead of trusting the list.
        let mut gone = std::mem::take(&mut document.lost);
        gone.extend(document.executions.iter().flat_map(AuditEntry::files));
        if !relied_on {
            gone.clear();
            document.commits = 0;
            document.sizes.clear();
        }
        document.commits = document.commits.max(last.unwrap_or_default());
        for number in 1..=document.commits {
            let key = self.file_key(number);
            let is_cut = |bytes| document.is_cut(&key, bytes);
            if let Some(facts) = self.facts_unless(&key, is_cut).await? {
                gone.remove(&key);
                let run_id = facts.run_id.unwrap_or(Uuid::nil());
                runs.entry(run_id).or_default().take(document, key, facts);
            } else {
                gone.insert(key);
            }
        }
        for key in listed.into_iter().map(|entry| entry.key) {
            let is_cut = |bytes| document.is_cut(&key, bytes);
            if key.ends_with(".parquet")
                && number(&key).is_none()
                && let Some(facts) = self.facts_unless(&key, is_cut).await?
            {
                gone.remove(&key);
                earlier.take(document, key, facts);
            }
        }
        document.lost = gone;
        Ok((runs, earlier))
    }

    /// Rebuilds the executions from the files: the unchanged entries of the earlier pipeline, then the
    /// takeover entry, then the runs.
    fn audit_again(
        &self,
        document: &mut StateDocument,
        mut runs: BTreeMap<Uuid, RebuiltFile>,
        earlier: &RebuiltFile,
        removed_ids: u64,
    ) {
        let entries = std::mem::take(&mut document.executions);
        let (ours, others): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| entry.run_id().is_some());
        let (adopted, mut audit): (Vec<_>, Vec<_>) =
            others.into_iter().partition(AuditEntry::is_adopted);
        let is_needed = !(adopted.is_empty() && audit.is_empty() && earlier.files.is_empty());
        if is_needed || removed_ids > 0 {
            let entry = adopted.into_iter().next_back().unwrap_or_default();
            audit.push(self.taken_over(entry, earlier, removed_ids));
        }
        for mut entry in ours {
            let stored = entry.run_id().and_then(|run_id| runs.remove(&run_id));
            correct(&mut entry, &stored.unwrap_or_default());
            audit.push(entry);
        }
        for (run_id, stored) in runs {
            let now = self.clock.now();
            let job = stored.job.as_deref().unwrap_or(UNKNOWN_JOB).to_owned();
            let started_at = stored.started_at.unwrap_or(now);
            let mut entry = AuditEntry::default();
            entry.describe(&recovered(run_id, job, started_at, now), self.zone);
            correct(&mut entry, &stored);
            audit.push(entry);
        }
        document.executions = audit;
    }

    fn taken_over(
        &self,
        mut entry: AuditEntry,
        earlier: &RebuiltFile,
        removed_ids: u64,
    ) -> AuditEntry {
        let removed_before = entry.number("removed_ids");
        entry.describe_takeover(self.clock.now(), self.zone);
        entry.set_counts(&Counts {
            fetched: earlier.new,
            new: earlier.new,
            unidentified: earlier.unidentified,
            ..Counts::default()
        });
        entry.set_number("removed_ids", removed_before + removed_ids);
        entry.set_number("repeated_rows", earlier.rows - earlier.new);
        entry.set_files(earlier.keys());
        entry
    }
}

/// Corrects a run's entry to match the run's files. Counts that the files don't show are kept, unless the
/// sums don't match.
fn correct(entry: &mut AuditEntry, stored: &RebuiltFile) {
    let counts = entry.counts();
    if counts.new == stored.new && entry.files() == stored.files && counts.balanced() {
        // Restores counts whose names were damaged.
        entry.set_counts(&counts);
        return;
    }
    entry.set_counts(&Counts {
        fetched: (stored.new + counts.duplicates + counts.off_day).saturating_sub(stored.vanished),
        new: stored.new,
        unidentified: counts.unidentified.max(stored.unidentified),
        vanished: stored.vanished,
        ..counts
    });
    entry.set_files(stored.keys());
    entry.set_status(Status::Recovered);
}
