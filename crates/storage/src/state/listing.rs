//! Completeness of a table's days, from one LIST of its `_state` folder, and one of its files if they are to be
//! looked at; no state is read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::bronze::layout::{self, FilesNote};
use crate::lake::{Entry, Lake, LakeError};
use bronzed_model::day::Day;

/// Complete and accepted days of a table, and its states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Days that are complete with the slices that are declared now.
    pub complete: BTreeSet<Day>,
    /// Days that a person has accepted, and that aren't complete.
    pub accepted: BTreeSet<Day>,
    /// State objects by day, as listed.
    pub states: BTreeMap<Day, Entry>,
    /// Days with a marker whose files are fewer or shorter than noted: neither complete nor accepted. Empty
    /// unless the files were looked at ([`listing_with_files`]).
    pub lost: BTreeSet<Day>,
    /// Files of complete and accepted days, as noted when the day was marked.
    noted: BTreeMap<Day, FilesNote>,
}

/// Lists the states and markers of the table with this prefix.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub async fn listing(lake: &Lake, prefix: &str) -> Result<Listing, LakeError> {
    let mut found = Listing::default();
    let generation = lake.generation(prefix);
    for entry in lake.list(&layout::state_folder(prefix)).await? {
        if let Some(day) = layout::state_day(prefix, &entry.key) {
            found.states.insert(day, entry);
        } else if let Some((day, of)) = layout::complete_mark(prefix, &entry.key) {
            found.complete.extend((of == generation).then_some(day));
        } else if let Some((day, note)) = layout::files_note(prefix, &entry.key) {
            found.note(day, note);
        } else {
            let day = layout::accepted_day(prefix, &entry.key);
            found.accepted.extend(day);
        }
    }
    // A marker without a state is no proof: whoever removed the state may have removed files as well.
    let Listing {
        complete,
        accepted,
        states,
        noted,
        ..
    } = &mut found;
    complete.retain(|day| states.contains_key(day));
    accepted.retain(|day| states.contains_key(day) && !complete.contains(day));
    noted.retain(|day, _| complete.contains(day) || accepted.contains(day));
    Ok(found)
}

/// Lists the states, the markers and the files of the table with this prefix.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub async fn listing_with_files(lake: &Lake, prefix: &str) -> Result<Listing, LakeError> {
    let mut found = listing(lake, prefix).await?;
    found.look_for_files(lake, prefix).await?;
    Ok(found)
}

impl Listing {
    /// Lists the table's files, and moves the days that lack some of those noted to `lost`. A day without a
    /// note is believed.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed.
    pub async fn look_for_files(&mut self, lake: &Lake, prefix: &str) -> Result<(), LakeError> {
        let mut missing = std::mem::take(&mut self.noted);
        missing.retain(|_, note| note.files > 0);
        if missing.is_empty() {
            return Ok(());
        }
        for folder in lake.folders(prefix).await? {
            if !folder.starts_with(&format!("{prefix}/year=")) {
                continue;
            }
            let seen = |key: &str, bytes: u64| {
                let Some(day) = layout::file_day(prefix, key) else {
                    return;
                };
                if let Some(note) = missing.get_mut(&day)
                    && layout::file_number(prefix, day, key).is_none_or(|n| n <= note.commits)
                {
                    note.files = note.files.saturating_sub(1);
                    note.bytes = note.bytes.saturating_sub(bytes);
                }
            };
            lake.visit(&folder, seen).await?;
        }
        missing.retain(|_, note| note.files > 0 || note.bytes > 0);
        self.lose(missing.into_keys());
        Ok(())
    }

    /// Moves days to `lost`.
    pub fn lose(&mut self, days: impl IntoIterator<Item = Day>) {
        for day in days {
            let was_complete = self.complete.remove(&day);
            if self.accepted.remove(&day) || was_complete {
                self.lost.insert(day);
            }
        }
    }

    /// Keeps the note of the most commits, and of those the one with the fewest files and bytes: it was
    /// written after files got lost.
    fn note(&mut self, day: Day, note: FilesNote) {
        let order = |note: &FilesNote| (note.commits, Reverse((note.files, note.bytes)));
        let known = self.noted.entry(day).or_insert(note);
        if order(known) < order(&note) {
            *known = note;
        }
    }
}
