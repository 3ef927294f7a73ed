//! Reader of Delta logs: versions replayed one after the other, line by line, and checkpoints beside them.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::super::desk::Objects;

/// A log at its newest version.
#[derive(Debug, Default)]
pub struct ReplayedLog {
    /// Number of versions.
    pub versions: u64,
    /// Live files by their path within the table, each with its month.
    pub files: BTreeMap<String, Option<String>>,
    /// Transaction ids by application.
    pub transactions: BTreeMap<String, u64>,
    pub domains: BTreeMap<String, String>,
}

/// Replays the log of a table: from its first version, or, if some are lost, from the last checkpoint after these.
///
/// # Errors
/// Returns an error if versions are missing and no checkpoint has them, a file is added twice, one is removed that isn't there,
/// or a checkpoint differs from the versions up to it.
pub fn replay(objects: &Objects, prefix: &str) -> Result<ReplayedLog, String> {
    let (mut versions, mut checkpoints) = (BTreeMap::new(), BTreeMap::new());
    for meta in objects.below(&format!("{prefix}/_delta_log")) {
        let key = meta.location.to_string();
        let name = key.rsplit('/').next().unwrap_or_default();
        let number = |end: &str| name.strip_suffix(end)?.parse::<u64>().ok();
        if let Some(version) = number(".json") {
            versions.insert(version, key);
        } else if let Some(version) = number(".checkpoint.parquet") {
            checkpoints.insert(version, key);
        }
    }
    let known = versions.keys().chain(checkpoints.keys());
    let Some(last) = known.max().copied() else {
        return Ok(ReplayedLog::default());
    };
    let gap = (0..=last).rev().find(|one| !versions.contains_key(one));
    let mut log = ReplayedLog::default();
    if let Some(gap) = gap {
        let (version, key) = checkpoints
            .range(gap..)
            .next_back()
            .ok_or_else(|| format!("{prefix} has version {last}, and not {gap}"))?;
        log = checkpoint(objects, key)?;
        log.versions = version + 1;
    }
    for version in log.versions..=last {
        let key = &versions[&version];
        log.add_version(objects, key)?;
        if let Some(key) = checkpoints.get(&version) {
            let found = checkpoint(objects, key)?;
            if !found.files.keys().eq(log.files.keys()) || found.transactions != log.transactions {
                return Err(format!("{key} is {found:?}, and the log {log:?}"));
            }
        }
    }
    Ok(log)
}

/// Reads a checkpoint. Its files are without their month.
fn checkpoint(objects: &Objects, key: &str) -> Result<ReplayedLog, String> {
    let object = objects.get(key).map(|object| object.bytes.clone());
    let told = |error: &dyn std::fmt::Display| format!("unreadable: {key}: {error}");
    let read = ParquetRecordBatchReaderBuilder::try_new(object.unwrap_or_default());
    let read = read.and_then(|read| read.build());
    let mut log = ReplayedLog::default();
    for batch in read.map_err(|error| told(&error))? {
        let batch = batch.map_err(|error| told(&error))?;
        let of = |action: &str, row: usize| {
            let action = batch.column_by_name(action)?.as_struct_opt()?;
            action.is_valid(row).then_some(action)
        };
        for row in 0..batch.num_rows() {
            if let Some(added) = of("add", row) {
                let path = added["path"].as_string::<i32>().value(row);
                log.files.insert(plain(path), None);
            }
            if let Some(transaction) = of("txn", row) {
                let application = transaction["appId"].as_string::<i32>().value(row);
                let version = transaction["version"].as_primitive::<Int64Type>();
                let version = u64::try_from(version.value(row)).unwrap_or_default();
                log.transactions.insert(application.to_owned(), version);
            }
        }
    }
    Ok(log)
}

impl ReplayedLog {
    fn add_version(&mut self, objects: &Objects, key: &str) -> Result<(), String> {
        self.versions += 1;
        let object = objects.get(key).map(|object| object.bytes.clone());
        let text = String::from_utf8(object.unwrap_or_default().into());
        let text = text.map_err(|error| error.to_string())?;
        let mut actions = Vec::new();
        for line in text.lines() {
            let action: Value =
                serde_json::from_str(line).map_err(|error| format!("{key}: {error}"))?;
            actions.push(action);
        }
        // A version removes only files that were there before it.
        for action in &actions {
            if let Some(path) = action["remove"]["path"].as_str()
                && self.files.remove(&plain(path)).is_none()
            {
                return Err(format!("{key} removes {path}, which isn't there"));
            }
        }
        for action in &actions {
            self.apply(key, action)?;
        }
        Ok(())
    }

    fn apply(&mut self, key: &str, action: &Value) -> Result<(), String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(path) = action["add"]["path"].as_str() {
            let month = text(&action["add"]["partitionValues"]["month"]);
            if self.files.insert(plain(path), month).is_some() {
                return Err(format!("{key} adds {path}, which is there"));
            }
        }
        if let (Some(application), Some(version)) = (
            text(&action["txn"]["appId"]),
            action["txn"]["version"].as_u64(),
        ) {
            self.transactions.insert(application, version);
        }
        let domain = &action["domainMetadata"];
        if let Some(name) = text(&domain["domain"]) {
            match (domain["removed"].as_bool(), text(&domain["configuration"])) {
                (Some(true), _) | (_, None) => self.domains.remove(&name),
                (_, Some(configuration)) => self.domains.insert(name, configuration),
            };
        }
        Ok(())
    }
}

/// Returns a path without the escapes that paths of the tables have.
fn plain(path: &str) -> String {
    path.replace("%3D", "=")
}
