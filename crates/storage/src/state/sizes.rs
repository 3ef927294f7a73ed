//! Sizes of a day's files. They are noted in its state, so that a file that was cut off counts as lost, and in
//! the key of an empty object beside its marker, so that a LIST of the table tells which complete days have
//! lost files. Reasons: `docs/develop/design/006-lost-files.md`.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::document::StateDocument;
use super::entry::AuditEntry;
use super::error::StateError;
use super::store::DayStore;
use crate::bronze::layout::{self, FilesNote};

/// Length of the shortest Parquet file: its magic at both ends, and the length of its footer.
const SHORTEST: u64 = 12;

impl StateDocument {
    /// Notes the size of a file that was written or read in full.
    pub(super) fn note_size(&mut self, key: &str, bytes: u64) {
        self.sizes.insert(name(key).to_owned(), bytes);
    }

    /// Returns `true` if a file of this size isn't the one that was counted.
    pub(super) fn is_cut(&self, key: &str, bytes: u64) -> bool {
        let noted = self.sizes.get(name(key));
        bytes < SHORTEST || noted.is_some_and(|noted| *noted != bytes)
    }
}

impl DayStore {
    /// Returns the keys of the files that the state counts, or has counted before they were lost.
    pub(super) fn counted(&self, document: &StateDocument) -> BTreeSet<String> {
        let numbered = (1..=document.commits).map(|number| self.file_key(number));
        let entries = document.executions.iter();
        numbered
            .chain(entries.flat_map(AuditEntry::files))
            .collect()
    }

    /// Writes the note of the day's files. A note is never removed: of several, the one that speaks of most
    /// commits is believed, and of those the one with the fewest files.
    pub(super) async fn note_files(&self, document: &StateDocument) -> Result<(), StateError> {
        if let Some(note) = self.files_note(document) {
            let key = layout::files_key(&self.dataset.prefix, self.day, &note);
            self.lake.create(&key, Bytes::new()).await?;
        }
        Ok(())
    }

    /// Returns the note of the day's files. `None` if it has never had any, or the size of one isn't known,
    /// because an earlier version of this program wrote it.
    fn files_note(&self, document: &StateDocument) -> Option<FilesNote> {
        let counted = self.counted(document);
        if counted.is_empty() {
            return None;
        }
        let there = counted.difference(&document.lost);
        let sizes = there.map(|key| document.sizes.get(name(key)).copied());
        let sizes: Vec<u64> = sizes.collect::<Option<_>>()?;
        Some(FilesNote {
            commits: document.commits,
            files: sizes.len() as u64,
            bytes: sizes.iter().fold(0, |sum, size| sum.saturating_add(*size)),
        })
    }
}

/// Returns the last segment of a key.
fn name(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, name)| name)
}
