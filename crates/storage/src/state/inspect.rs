//! Consistency check of one day: its files, state and marker, and the ids of its rows under the current
//! declaration. Read-only.
//!
//! A finding names the promise that is violated. `crate::invariants` states most of the checks; here are
//! those that concern a document's bytes, foreign objects, and the declaration.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono::DateTime;
use chrono_tz::Tz;

use super::document::{Doubt, ReadError, StateDocument};
use super::error::StateError;
use super::known::ContentHash;
use crate::bronze::layout;
use crate::bronze::reader::{self, RowIdentity};
use crate::invariants::{self, FileName, LookError, Promise, Violation};
use crate::lake::{Entry, Lake, LakeError};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind};
use bronzed_model::record::{ContentVersion, RecordId};

type Found = invariants::DayFacts<Box<str>>;

/// Result of inspecting a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The day.
    pub day: Day,
    /// Number of files.
    pub files: usize,
    /// Number of rows in the files.
    pub rows: usize,
    /// Number of ids in the state.
    pub ids: usize,
    /// `true` if the earlier pipeline wrote the state: the first run takes the day over.
    pub earlier: bool,
    /// Violations; normally empty.
    pub findings: Vec<Violation>,
}

/// Contents of a dataset's prefix: its days, and stray objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectedTable {
    /// Days that have a file, a state or a marker.
    pub days: BTreeSet<Day>,
    /// Keys of objects that bronzed didn't put there: readers of the table may take them for parts of it.
    pub strays: Vec<String>,
}

impl InspectedTable {
    /// Lists the prefix, with one LIST.
    ///
    /// # Errors
    /// Returns an error if the lake can't be listed.
    pub async fn list(lake: &Lake, prefix: &str) -> Result<Self, LakeError> {
        let mut table = Self::default();
        for entry in lake.list(prefix).await? {
            table.add(prefix, entry);
        }
        Ok(table)
    }

    fn add(&mut self, prefix: &str, entry: Entry) {
        let key = entry.key;
        let day = layout::file_day(prefix, &key)
            .or_else(|| layout::state_day(prefix, &key))
            .or_else(|| layout::complete_mark(prefix, &key).map(|(day, _)| day));
        let folders = [
            layout::state_folder(prefix),
            layout::delta_log_folder(prefix),
            layout::compacted_folder(prefix),
        ];
        let aside = folders.iter().any(|folder| {
            key.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
        });
        match day {
            Some(day) => {
                self.days.insert(day);
            }
            // Other objects in the state folder aren't read as rows.
            None if aside => {}
            None => self.strays.push(key),
        }
    }
}

/// Inspects one day. While runs are active, the result is that of the instant: a file that the state doesn't
/// count yet is reported, and is harmless.
///
/// # Errors
/// Returns an error if the lake or a file can't be read, or a newer version wrote the state.
pub async fn inspect(
    lake: &Lake,
    dataset: &Dataset,
    zone: Tz,
    day: Day,
) -> Result<Inspection, StateError> {
    let found = invariants::read(lake, dataset, day).await;
    let found = found.map_err(|error| match error {
        LookError::Lake(error) => StateError::Lake(error),
        LookError::File { key, source } => StateError::File { key, source },
    })?;
    let state_key = layout::state_key(&dataset.prefix, day);
    let document = lake.get(&state_key).await?.map(|(bytes, _)| bytes);
    let (earlier, mut findings) = read_document(document, &state_key, day, zone)?;
    if !earlier {
        findings.extend(at_rest(found.clone()));
        for file in found.files.iter().filter_map(|file| file.number()) {
            let key = layout::file_key(&dataset.prefix, day, file);
            if let Some((bytes, _)) = lake.get(&key).await? {
                findings.extend(ids_as_now(dataset, &key, bytes)?);
            }
        }
    }
    // P3 and P5 both report an id without a row.
    let mut told = BTreeSet::new();
    findings.retain(|finding| told.insert(finding.to_string()));
    Ok(Inspection {
        day,
        files: found.files.len(),
        rows: found.files.iter().map(|file| file.ids.len()).sum(),
        ids: found.state.as_ref().map_or(0, |state| state.ids.len()),
        earlier,
        findings,
    })
}

/// Returns the violations within a day; missing files are one finding, with all their consequences.
fn at_rest(mut found: Found) -> Vec<Violation> {
    let Some(state) = found.state.as_mut().filter(|state| state.ours) else {
        return invariants::at_rest_in_itself(&found);
    };
    let there: BTreeSet<_> = found.files.iter().map(|file| file.name.clone()).collect();
    let numbered = (1..=state.commits).map(FileName::Numbered);
    let named = state.executions.iter().flat_map(|entry| &entry.files);
    let counted: BTreeSet<_> = numbered.chain(named.cloned()).collect();
    let gone: BTreeSet<_> = counted
        .into_iter()
        .filter(|name| !there.contains(name) && !state.lost.contains(name))
        .collect();
    if gone.is_empty() {
        return grouped(invariants::at_rest_in_itself(&found));
    }
    // The remaining files are checked against the state as the next run will repair it.
    let stored: BTreeSet<_> = found.files.iter().flat_map(|file| &file.ids).collect();
    let before = state.ids.len();
    state.ids.retain(|id| stored.contains(id));
    let records = before - state.ids.len();
    state.total = state.ids.len() as u64;
    for entry in &mut state.executions {
        if entry.files.iter().any(|name| gone.contains(name)) {
            entry.files.retain(|name| !gone.contains(name));
            let left = found.files.iter();
            let left = left.filter(|file| entry.files.contains(&file.name));
            let rows: BTreeSet<_> = left.flat_map(|file| &file.ids).collect();
            let lost = entry.counts.new.saturating_sub(rows.len() as u64);
            entry.counts.new -= lost;
            entry.counts.fetched = entry.counts.fetched.saturating_sub(lost);
        }
    }
    let names: Vec<_> = gone.iter().map(short).collect();
    let what = match names.as_slice() {
        [one] => format!("file {one} is gone: {records} records"),
        several => format!("files {} are gone: {records} records", several.join(", ")),
    };
    state.lost.extend(gone);
    let mut findings = vec![broken(Promise::P5, what)];
    findings.extend(grouped(invariants::at_rest_in_itself(&found)));
    findings
}

/// Short name of a file, as people search for it: `c000001`.
fn short(name: &FileName) -> String {
    match name {
        FileName::Numbered(number) => format!("c{number:06}"),
        FileName::Earlier(key) => key.clone(),
    }
}

/// Maximum number of ids without a row that are reported one by one.
const ROWLESS_TOLD: usize = 3;

/// Merges many ids that are in the state but in no file into one finding.
fn grouped(findings: Vec<Violation>) -> Vec<Violation> {
    let is_rowless = |finding: &Violation| {
        finding.promise == Promise::P3 && finding.what.ends_with(invariants::IN_NO_FILE)
    };
    let rowless = findings.iter().filter(|finding| is_rowless(finding));
    let count = rowless.count();
    if count <= ROWLESS_TOLD {
        return findings;
    }
    let again = |finding: &Violation| {
        finding.promise == Promise::P5 && finding.what.contains(invariants::IN_NO_FILE)
    };
    let what = format!("{count} ids are in the state, and in no file");
    let rest = findings.into_iter();
    let rest = rest.filter(|finding| !is_rowless(finding) && !again(finding));
    std::iter::once(broken(Promise::P3, what))
        .chain(rest)
        .collect()
}

/// Returns `true` if the document is the earlier pipeline's, and a violation if it can't be trusted.
fn read_document(
    document: Option<Bytes>,
    key: &str,
    day: Day,
    zone: Tz,
) -> Result<(bool, Vec<Violation>), StateError> {
    let Some(bytes) = document else {
        return Ok((false, Vec::new()));
    };
    let doubt = match StateDocument::read(&bytes, day, zone, DateTime::UNIX_EPOCH) {
        Ok((_, None)) => return Ok((false, Vec::new())),
        Ok((_, Some(Doubt::Earlier))) => return Ok((true, Vec::new())),
        Ok((_, Some(Doubt::Contradiction(why)))) => format!("the state can't be relied on: {why}"),
        Err(ReadError::Unreadable(why)) => format!("the state can't be read: {why}"),
        Err(ReadError::Newer(format)) => {
            let key = key.to_owned();
            return Err(StateError::NewerFormat { key, format });
        }
    };
    Ok((false, vec![broken(Promise::P5, doubt)]))
}

/// Returns a violation if ids differ under the current declaration: their records would be stored again when
/// they are read again.
fn ids_as_now(dataset: &Dataset, key: &str, bytes: Bytes) -> Result<Option<Violation>, StateError> {
    let failed = |source| StateError::File {
        key: key.to_owned(),
        source,
    };
    let identities = reader::identities(bytes.clone()).map_err(failed)?;
    let records = reader::records(bytes).map_err(failed)?;
    let mut others = identities
        .iter()
        .zip(&records)
        .filter_map(|(stored, record)| other_now(dataset, stored, record));
    let Some((stored, now)) = others.next() else {
        return Ok(None);
    };
    let more = match others.count() {
        0 => String::new(),
        more => format!(", and {more} others"),
    };
    Ok(Some(broken(
        Promise::P1,
        format!("{key}: {stored} is {now} by primary_key and version as they are now{more}"),
    )))
}

fn other_now(dataset: &Dataset, stored: &RowIdentity, record: &str) -> Option<(Box<str>, String)> {
    // Such a row has no record to compute an id from.
    if stored.vanished {
        return None;
    }
    let now = match &stored.parent {
        Some(parent) => RecordId::of_child(dataset, parent, record),
        None => RecordId::of(dataset, record),
    };
    let version = stored.version.as_deref();
    if matches!(dataset.kind, Kind::Snapshot) {
        let hash = ContentHash::of(record);
        let same = stored.key.as_deref() == Some(&*now.id)
            && version.and_then(ContentHash::parse) == Some(hash);
        let now_is = format!("{}@{}", now.id, hash.version());
        return (!same).then(|| (stored.id.clone(), now_is));
    }
    let same = match now.content() {
        Some(hash) => {
            let version = version.and_then(ContentVersion::parse);
            stored.key.as_deref() == Some(now.key())
                && version.is_some_and(|version| &*version.hash == hash)
        }
        None => {
            *stored.id == *now.id
                && stored.key.as_deref() == Some(now.key())
                && version == now.version()
        }
    };
    let now_is = match now.content() {
        Some(hash) => format!("{}@…{hash}", now.key()),
        None => now.id,
    };
    (!same).then(|| (stored.id.clone(), now_is))
}

fn broken(promise: Promise, what: String) -> Violation {
    Violation { promise, what }
}
