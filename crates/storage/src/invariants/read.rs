//! Reads the facts of a day from a real lake, independently of the code that writes or recovers a state.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

use super::facts::{DayFacts, ExecutionEntry, File, FileName, StateFacts};
use crate::bronze::{BronzeError, layout, reader};
use crate::compression::unpack;
use crate::lake::{Lake, LakeError};
use bronzed_model::counts::Counts;
use bronzed_model::day;
use bronzed_model::declaration::Dataset;
use bronzed_model::execution::Status;

/// Error of reading a day's facts.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file can't be read.
    #[error("`{key}` can't be read: {source}")]
    File {
        /// Key of the file.
        key: String,
        /// The read error.
        source: BronzeError,
    },
}

/// Reads a day from the lake. A state that can't be parsed counts as absent: the files decide.
///
/// # Errors
/// Returns an error if the lake or a file can't be read.
pub async fn read(
    lake: &Lake,
    dataset: &Dataset,
    day: day::Day,
) -> Result<DayFacts<Box<str>>, LookError> {
    let prefix = &dataset.prefix;
    let mut files = Vec::new();
    for entry in lake.list(&layout::partition(prefix, day)).await? {
        if entry.key.ends_with(".parquet")
            && let Some((bytes, _)) = lake.get(&entry.key).await?
        {
            let key = entry.key;
            let file = file(dataset, day, &key, bytes);
            files.push(file.map_err(|source| LookError::File { key, source })?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let document = lake.get(&layout::state_key(prefix, day)).await?;
    Ok(DayFacts {
        files,
        state: document.and_then(|(bytes, _)| state(prefix, day, &bytes)),
        marker: lake.exists(&layout::complete_key(prefix, day)).await?,
    })
}

/// Parses the facts of a file.
pub fn file(
    dataset: &Dataset,
    day: day::Day,
    key: &str,
    bytes: Bytes,
) -> Result<File<Box<str>>, BronzeError> {
    let facts = reader::facts(bytes, &dataset.primary_key)?;
    Ok(File {
        name: name(&dataset.prefix, day, key),
        ids: facts.ids,
        run: facts.run_id,
    })
}

/// Parses a state document; returns `None` if it isn't one.
pub fn state(prefix: &str, day: day::Day, bytes: &[u8]) -> Option<StateFacts<Box<str>>> {
    let document: StateJson = serde_json::from_slice(&unpack(bytes).ok()?).ok()?;
    let adopted = document
        .executions
        .iter()
        .rposition(|entry| entry.run_id.is_none() && entry.status == Some(Status::Adopted));
    let counted = document
        .executions
        .into_iter()
        .skip(adopted.unwrap_or_default());
    let executions = counted.map(|entry| ExecutionEntry {
        run: entry.run_id,
        status: entry.status.unwrap_or(Status::Adopted),
        counts: Counts {
            fetched: entry
                .fetched
                .unwrap_or_else(|| entry.new_records + entry.duplicates_filtered),
            new: entry.new_records,
            duplicates: entry.duplicates_filtered,
            off_day: entry.off_day,
            misplaced: entry.misplaced,
            unidentified: entry.unidentified,
            requests: entry.requests,
            retries: entry.retries,
            drift: entry.drift,
            repeats: entry.repeats,
            vanished: entry.vanished,
            withdrawn: entry.withdrawn,
            returned: entry.returned,
        },
        files: entry
            .files
            .iter()
            .map(|key| name(prefix, day, key))
            .collect(),
        failed_slices: entry.failed_slices.len() as u64,
    });
    Some(StateFacts {
        ours: document.format.is_some_and(|format| format > 0),
        total: document
            .total_processed
            .unwrap_or(document.processed_ids.len() as u64),
        commits: document.commits,
        complete: document.complete,
        lost: document
            .lost_files
            .iter()
            .map(|key| name(prefix, day, key))
            .collect(),
        executions: executions.collect(),
        ids: document.processed_ids,
    })
}

/// Returns the name of the file at `key`.
pub fn name(prefix: &str, day: day::Day, key: &str) -> FileName {
    match layout::file_number(prefix, day, key) {
        Some(number) => FileName::Numbered(number),
        None => FileName::Earlier(key.to_owned()),
    }
}

/// Members of a state document that the promises need.
#[derive(Deserialize)]
struct StateJson {
    processed_ids: BTreeSet<Box<str>>,
    total_processed: Option<u64>,
    executions: Vec<EntryJson>,
    #[serde(default)]
    complete: bool,
    #[serde(default)]
    lost_files: Vec<String>,
    #[serde(default)]
    commits: u64,
    format: Option<u64>,
}

#[derive(Deserialize)]
struct EntryJson {
    run_id: Option<Uuid>,
    status: Option<Status>,
    fetched: Option<u64>,
    #[serde(default)]
    new_records: u64,
    #[serde(default)]
    duplicates_filtered: u64,
    #[serde(default)]
    off_day: u64,
    #[serde(default)]
    misplaced: u64,
    #[serde(default)]
    unidentified: u64,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    retries: u64,
    #[serde(default)]
    drift: u64,
    #[serde(default)]
    repeats: u64,
    #[serde(default)]
    vanished: u64,
    #[serde(default)]
    withdrawn: u64,
    #[serde(default)]
    returned: u64,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    failed_slices: Vec<String>,
}
