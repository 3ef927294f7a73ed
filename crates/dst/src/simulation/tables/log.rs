//! Reader of Delta logs: versions replayed one after the other, line by line.

use std::collections::BTreeMap;

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

/// Replays the log of a table.
///
/// # Errors
/// Returns an error if versions are missing, a file is added twice, or one is removed that isn't there.
pub fn replay(objects: &Objects, prefix: &str) -> Result<ReplayedLog, String> {
    let mut log = ReplayedLog::default();
    for meta in objects.below(&format!("{prefix}/_delta_log")) {
        let key = meta.location.as_ref();
        let Some(name) = key
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".json"))
        else {
            continue;
        };
        if name.parse() != Ok(log.versions) {
            return Err(format!(
                "{prefix} has version {name} after {} others",
                log.versions
            ));
        }
        log.versions += 1;
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
                && log.files.remove(&plain(path)).is_none()
            {
                return Err(format!("{key} removes {path}, which isn't there"));
            }
        }
        for action in &actions {
            log.apply(key, action)?;
        }
    }
    Ok(log)
}

impl ReplayedLog {
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
