//! Upkeep of a Delta log: checkpoints, so that it is opened quickly, and the end of what no reader needs.
//!
//! Nothing here may fail a publication: what didn't work is tried again after later versions.

use std::time::Duration;

use chrono::{DateTime, Utc};
use delta_kernel::Engine;

use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Created, Lake};

use crate::error::DeltaError;
use crate::log::{self, Write};
use crate::newest::TableLog;

/// Versions from one checkpoint to the next.
pub(crate) const CHECKPOINT_EVERY: u64 = 30;
/// Age at which versions before a checkpoint are deleted: the format's default for `delta.logRetentionDuration`.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// Writes a checkpoint if one is due, `every` so many versions, and returns what remains known of the log.
pub(crate) async fn after_commit(
    lake: &Lake,
    prefix: &str,
    log: TableLog,
    every: u64,
) -> Option<TableLog> {
    if !log.snapshot.version().is_multiple_of(every) {
        return Some(log);
    }
    if let Err(error) = checkpoint(lake, prefix, &log).await {
        tracing::warn!(prefix, error = %error, "Delta checkpoint failed");
        return Some(log);
    }
    // The next publication reads the log from its checkpoint.
    None
}

/// Writes a checkpoint of this version, and deletes what is older than the retention.
async fn checkpoint(lake: &Lake, prefix: &str, log: &TableLog) -> Result<(), DeltaError> {
    let snapshot = &log.snapshot;
    let (_, writes) = log::run(lake, prefix, |engine: &log::LogEngine| {
        snapshot.checkpoint(engine as &dyn Engine, None).map(|_| ())
    })
    .await?;
    for write in &writes {
        put(lake, write).await?;
    }
    clean(lake, prefix).await
}

/// Writes an object that may exist already: of two checkpoints of one version, either is right.
async fn put(lake: &Lake, write: &Write) -> Result<(), DeltaError> {
    if let Created::Done(_) = lake.create(&write.key, write.bytes.clone()).await? {
        return Ok(());
    }
    if let Some((_, version)) = lake.get(&write.key).await?.filter(|_| write.replaces) {
        // A conflict is another writer's object of the same kind.
        lake.replace(&write.key, write.bytes.clone(), &version)
            .await?;
    }
    Ok(())
}

/// Deletes the objects of versions before the newest checkpoint that is older than the retention.
async fn clean(lake: &Lake, prefix: &str) -> Result<(), DeltaError> {
    let folder = layout::delta_log_folder(prefix);
    let entries = lake.list(&folder).await?;
    let Some(newest) = entries.iter().map(|entry| entry.modified).max() else {
        return Ok(());
    };
    let before: DateTime<Utc> = newest - RETENTION;
    let old_checkpoint = entries
        .iter()
        .filter(|entry| entry.modified < before && entry.key.contains(".checkpoint."))
        .filter_map(|entry| version(&entry.key))
        .max();
    let Some(kept) = old_checkpoint else {
        return Ok(());
    };
    for entry in entries {
        if version(&entry.key).is_some_and(|version| version < kept) {
            lake.delete(&entry.key).await?;
        }
    }
    Ok(())
}

/// Deletes the whole log.
pub(crate) async fn delete(lake: &Lake, prefix: &str) -> Result<(), DeltaError> {
    for entry in lake.list(&layout::delta_log_folder(prefix)).await? {
        lake.delete(&entry.key).await?;
    }
    Ok(())
}

/// Returns the version of an object of the log.
fn version(key: &str) -> Option<u64> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    name.get(..20)?.parse().ok()
}
