//! Compacted files of a log beside the numbered files: which of them stand for what.

use std::collections::{BTreeMap, BTreeSet};

use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Entry;
use sha2::{Digest, Sha256};

/// Numbered files of a day by number.
pub(crate) type NumberedFiles = BTreeMap<u64, Entry>;

/// Objects of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableObjects {
    /// Parquet files of the days by key, each with its day.
    pub files: BTreeMap<String, (Day, Entry)>,
    /// Compacted files by key.
    pub compacted: BTreeMap<String, Entry>,
    /// Days with a complete marker.
    pub complete: BTreeSet<Day>,
}

impl TableObjects {
    /// Sorts the objects below the table's prefix.
    pub fn of(prefix: &str, listed: Vec<Entry>) -> Self {
        let mut objects = Self::default();
        for entry in listed {
            if let Some(day) = layout::file_day(prefix, &entry.key) {
                objects.files.insert(entry.key.clone(), (day, entry));
            } else if layout::compacted_name(prefix, &entry.key).is_some() {
                objects.compacted.insert(entry.key.clone(), entry);
            } else if let Some((day, _)) = layout::complete_mark(prefix, &entry.key) {
                objects.complete.insert(day);
            }
        }
        objects
    }

    /// Returns the numbered files by day.
    pub fn numbered(&self, prefix: &str) -> BTreeMap<Day, NumberedFiles> {
        let mut days: BTreeMap<Day, NumberedFiles> = BTreeMap::new();
        for (key, (day, file)) in &self.files {
            if let Some(number) = layout::file_number(prefix, *day, key) {
                days.entry(*day).or_default().insert(number, file.clone());
            }
        }
        days
    }
}

/// Judgement of the compacted files that a log has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Keys of compacted files that have the rows of exactly those files that are there.
    pub standing: BTreeMap<Day, String>,
    /// Keys of the numbered files for which they stand.
    pub covered: BTreeSet<String>,
    /// Keys of compacted files for which numbered files were lost, or came back, and of files whose rows the log has twice.
    pub stale: BTreeSet<String>,
}

/// Judges the compacted files among the log's `live` ones. Those whose objects are gone stand for nothing.
pub(crate) fn judge(prefix: &str, live: &BTreeSet<String>, objects: &TableObjects) -> Standing {
    let mut found = Standing::default();
    let names = live
        .iter()
        .filter_map(|key| Some((key, layout::compacted_name(prefix, key)?)));
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return found;
    }
    let days = objects.numbered(prefix);
    let none = NumberedFiles::new();
    for (key, name) in names {
        if !objects.compacted.contains_key(key) {
            continue;
        }
        let numbered = days.get(&name.day).unwrap_or(&none);
        let sources: Vec<_> = numbered
            .range(name.first..=name.last)
            .map(|(_, file)| file)
            .collect();
        let twice = found.standing.contains_key(&name.day);
        if twice || digest(sources.iter().copied()) != name.digest {
            found.stale.insert(key.clone());
            continue;
        }
        found.standing.insert(name.day, key.clone());
        for source in sources {
            found.covered.insert(source.key.clone());
            if live.contains(&source.key) {
                found.stale.insert(source.key.clone());
            }
        }
    }
    found
}

/// Returns the digest of files: of their names and sizes, since files are never changed.
pub(crate) fn digest<'e>(files: impl Iterator<Item = &'e Entry>) -> String {
    let mut digest = Sha256::new();
    for file in files {
        let name = file
            .key
            .rsplit_once('/')
            .map_or(&*file.key, |(_, name)| name);
        digest.update(format!("{name} {}\n", file.size));
    }
    let digest = digest.finalize();
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
