//! End of compacted files that no reader needs any more.

use std::collections::BTreeSet;
use std::time::Duration;

use bronzed_storage::lake::Lake;
use chrono::{DateTime, Utc};
use delta_kernel::Engine;
use delta_kernel::actions::LOG_REMOVE_SCHEMA;
use delta_kernel::arrow::array::{Array, AsArray};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::snapshot::SnapshotRef;

use super::standing::TableObjects;
use crate::compare;
use crate::error::DeltaError;
use crate::log::{self, LogEngine};

/// Age from which a file that the log doesn't name is deleted: the format's default for
/// `delta.deletedFileRetentionDuration`, for which the log names files that were removed.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Deletes compacted files that the log has neither as live nor as removed within the retention. Returns their number.
pub(super) async fn delete(
    lake: &Lake,
    prefix: &str,
    snapshot: &SnapshotRef,
    live: &BTreeSet<String>,
    objects: &TableObjects,
    now: DateTime<Utc>,
) -> Result<u64, DeltaError> {
    let old: Vec<_> = objects
        .compacted
        .values()
        .filter(|file| file.modified + RETENTION < now && !live.contains(&file.key))
        .collect();
    if old.is_empty() {
        return Ok(0);
    }
    let (removed, _) = log::run(lake, prefix, |engine: &LogEngine| {
        let mut paths = BTreeSet::new();
        let schema = LOG_REMOVE_SCHEMA.clone();
        let actions = snapshot
            .log_segment()
            .read_actions(engine as &dyn Engine, schema)?;
        for batch in actions {
            let batch = batch?;
            let data = batch.actions().any_ref().downcast_ref::<ArrowEngineData>();
            let Some(data) = data else { continue };
            let removed = data.record_batch().column_by_name("remove");
            let Some(removed) = removed.and_then(|column| column.as_struct_opt()) else {
                continue;
            };
            let Some(names) = removed.column_by_name("path") else {
                continue;
            };
            let names = names.as_string::<i32>();
            let named =
                (0..names.len()).filter(|row| removed.is_valid(*row) && names.is_valid(*row));
            paths.extend(named.map(|row| names.value(row).to_owned()));
        }
        Ok(paths)
    })
    .await?;
    let removed: BTreeSet<_> = removed
        .iter()
        .map(|path| compare::key(prefix, path))
        .collect();
    let mut deleted = 0;
    for file in old {
        if !removed.contains(&file.key) {
            lake.delete(&file.key).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
