//! Bronze days with something that a table doesn't have: numbered files after those that went in, and states whose notes of
//! withdrawn records have changed. Each input is listed once; the numbered files are the authority.

use std::collections::{BTreeMap, HashSet};

use bronzed_model::day::Day;
use bronzed_model::declaration::{Kind, SilverTable};
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Entry, Lake, LakeError};
use bronzed_storage::state::peek::peek;

use super::shape::digest;
use super::state::{DayProgress, DaysProgress};
use super::take;
use crate::listing::whole_day;

/// A file of a bronze day.
#[derive(Debug, Clone)]
pub(super) struct DayFile {
    pub key: String,
    /// Number of the commit; 0 for a file of another program.
    pub number: u64,
    /// Place in the order of versions.
    pub place: String,
}

/// A bronze day that may have something new.
#[derive(Debug, Clone)]
pub(super) struct PendingDay {
    /// Position of the dataset in the table's inputs.
    pub input: usize,
    pub day: Day,
    /// All of the day's files in the order of versions.
    pub files: Vec<DayFile>,
    /// Digest of the state document's version; empty if there is none, or it doesn't matter.
    pub state: String,
    /// Part of the day that is in the table.
    pub recorded: DayProgress,
    /// `true` if nothing is left, or not in this build.
    pub is_done: bool,
}

/// A pending day with the notes of its state.
#[derive(Debug)]
pub(super) struct OpenedDay {
    pub withdrawn: HashSet<Box<str>>,
    /// Part of the day that is in the table, as far as it is of use: none, if the notes have changed.
    pub from: DayProgress,
}

/// Finds the days with something new: the latest first, or the earliest, if the table has a history.
pub(super) async fn find(
    lake: &Lake,
    table: &SilverTable,
    progress: &DaysProgress,
) -> Result<Vec<PendingDay>, LakeError> {
    let mut pending = Vec::new();
    for (input, dataset) in table.inputs.iter().enumerate() {
        let prefix = &dataset.prefix;
        let listed = lake.list(prefix).await?;
        let mut days: BTreeMap<Day, (Vec<Entry>, String)> = BTreeMap::new();
        // Of snapshots no record is ever noted as withdrawn.
        let has_notes = take::tells(table, dataset) && !matches!(dataset.kind, Kind::Snapshot);
        for entry in listed {
            if let Some(day) = layout::file_day(prefix, &entry.key) {
                days.entry(day).or_default().0.push(entry);
            } else if let Some(day) = layout::state_day(prefix, &entry.key).filter(|_| has_notes) {
                days.entry(day).or_default().1 = version_of(&entry);
            }
        }
        for (day, (entries, state)) in days {
            let recorded = progress.get(&(dataset.name.clone(), day));
            let recorded = recorded.cloned().unwrap_or_default();
            let entries = whole_day(lake, prefix, day, entries, recorded.0).await?;
            let files = numbered(prefix, day, entries);
            let found = PendingDay {
                input,
                day,
                files,
                state,
                recorded,
                is_done: false,
            };
            if !found.files.is_empty() && found.may_have_news() {
                pending.push(found);
            }
        }
    }
    pending.sort_by_key(|found| (found.day, found.input));
    if !table.history {
        pending.reverse();
    }
    Ok(pending)
}

fn numbered(prefix: &str, day: Day, entries: Vec<Entry>) -> Vec<DayFile> {
    let mut others = 0;
    let mut files: Vec<_> = entries
        .into_iter()
        .filter(|entry| layout::file_day(prefix, &entry.key) == Some(day))
        .map(|entry| match layout::file_number(prefix, day, &entry.key) {
            Some(number) => DayFile {
                key: entry.key,
                number,
                place: format!("c{number:010}"),
            },
            None => {
                others += 1;
                DayFile {
                    key: entry.key,
                    number: 0,
                    place: format!("a{others:010}"),
                }
            }
        })
        .collect();
    files.sort_by(|a, b| a.place.cmp(&b.place));
    files
}

fn version_of(state: &Entry) -> String {
    digest(&match &state.e_tag {
        Some(tag) => tag.clone(),
        None => format!("{} {}", state.size, state.modified),
    })
}

impl PendingDay {
    /// Number of files of other programs.
    pub fn others(&self) -> u64 {
        self.files.iter().filter(|file| file.number == 0).count() as u64
    }

    fn may_have_news(&self) -> bool {
        self.state != self.recorded.1 || self.has_files_after(&self.recorded)
    }

    fn has_files_after(&self, progress: &DayProgress) -> bool {
        self.files_after(progress).next().is_some()
    }

    /// Returns the files that aren't in the table, in the order of versions.
    pub fn files_after(&self, progress: &DayProgress) -> impl Iterator<Item = &DayFile> {
        let last = progress.0;
        let others_are_new = self.others() != progress.3;
        self.files.iter().filter(move |file| match file.number {
            0 => others_are_new,
            number => number > last,
        })
    }

    /// Reads the notes of the day's state.
    pub async fn open(&self, lake: &Lake, table: &SilverTable) -> Result<OpenedDay, LakeError> {
        let dataset = &table.inputs[self.input];
        let zone = dataset.days.zone;
        let state = match self.state.is_empty() {
            true => None,
            false => peek(lake, &dataset.prefix, self.day, zone).await?,
        };
        let withdrawn: HashSet<Box<str>> = state
            .iter()
            .flat_map(|state| state.withdrawn())
            .map(Into::into)
            .collect();
        let notes = match withdrawn.is_empty() {
            true => String::new(),
            false => {
                let mut ids: Vec<_> = withdrawn.iter().map(AsRef::as_ref).collect();
                ids.sort_unstable();
                digest(&ids.join("\n"))
            }
        };
        let (number, others) = match notes == self.recorded.2 {
            true => (self.recorded.0, self.recorded.3),
            // Rows that went in may have another note now.
            false => (0, 0),
        };
        Ok(OpenedDay {
            withdrawn,
            from: DayProgress(number, self.state.clone(), notes, others),
        })
    }

    /// Returns `true` if the table lacks something.
    pub async fn has_news(&self, lake: &Lake, table: &SilverTable) -> Result<bool, LakeError> {
        if self.has_files_after(&self.recorded) {
            return Ok(true);
        }
        let opened = self.open(lake, table).await?;
        Ok(self.has_files_after(&opened.from))
    }
}
