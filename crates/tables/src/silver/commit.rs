//! Commit of a step: one version of the table's log, with the files that come and go, and what went into them.
//!
//! ```text
//!  0  PUT the data files, under names that nothing refers to
//!  1  PUT the names of the files that go into `_removed/`, so that they are deleted when no reader needs them
//!  2  PUT version v+1 of the log, if absent
//! ```
//!
//! Version v+1 can be taken once, and whoever takes it has looked at the log up to v: so no commit of bronze goes in twice,
//! whatever crashes when, and however many build.

use std::collections::BTreeSet;
use std::sync::Arc;

use bronzed_storage::lake::Lake;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::transaction::UpdateTableOperation;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::{KernelError, KernelResult};
use serde_json::Value;
use uuid::Uuid;

use super::SilverError;
use super::output::put;
use super::shape::{MONTH, SilverShape};
use super::state::{FilePlace, TableState, damaged};
use super::vacuum::removed_key;
use crate::add::AddedFile;
use crate::compare::rows_of;
use crate::log::{self, LogEngine, Write};
use crate::maintain;
use crate::newest::{TableLog, load, root, unless_created};
use crate::publish::{WRITER, committed, put_version};

/// Features of a table beyond those of its columns.
const PROPERTIES: [(&str, &str); 1] = [("delta.feature.domainMetadata", "supported")];

/// Changes of a version.
struct LogChange {
    added: Vec<AddedFile>,
    removed: BTreeSet<String>,
    domains: Vec<(String, String)>,
    domains_removed: Vec<String>,
}

/// Commits the state as the next version. Returns `false` if another writer has taken the version: then nothing has changed.
pub(super) async fn commit(
    lake: &Lake,
    shape: &SilverShape,
    state: &mut TableState,
    step: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, SilverError> {
    let prefix = &shape.prefix;
    let domains = state
        .wanted_domains()
        .map_err(|error| damaged(prefix, error))?;
    let paths: BTreeSet<_> = state.files.iter().map(|file| file.path.clone()).collect();
    let gone: BTreeSet<_> = state.logged.difference(&paths).cloned().collect();
    let files = state.files.iter();
    let added = files.filter(|file| !state.logged.contains(&file.path));
    let changed = domains.iter();
    let changed = changed.filter(|(name, text)| state.domains.get(*name) != Some(*text));
    let before = state.domains.keys();
    let change = LogChange {
        added: added.filter_map(|file| file.added.clone()).collect(),
        removed: gone.iter().map(|path| format!("{prefix}/{path}")).collect(),
        domains: changed
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect(),
        domains_removed: before
            .filter(|name| name.starts_with("bronzed.") && !domains.contains_key(*name))
            .cloned()
            .collect(),
    };
    if !gone.is_empty() {
        let text = serde_json::to_vec(&gone).map_err(|error| damaged(prefix, error))?;
        let key = removed_key(prefix, step, now);
        put(lake, &key, &Bytes::from(text)).await?;
    }
    let after = match &state.base {
        None => create(lake, shape, &change).await?,
        Some(base) => append(lake, shape, base, &change).await?,
    };
    let Some(after) = after else {
        return Ok(false);
    };
    state.base = settle(lake, prefix, after).await?;
    state.logged = paths;
    state.domains = domains;
    for file in &mut state.files {
        file.added = None;
    }
    Ok(true)
}

/// Does the upkeep of the log, and returns its newest version.
async fn settle(
    lake: &Lake,
    prefix: &str,
    after: Option<SnapshotRef>,
) -> Result<Option<SnapshotRef>, SilverError> {
    let log = match after {
        // The first version is as good as a checkpoint.
        Some(snapshot) if snapshot.version() == 0 => return Ok(Some(snapshot)),
        Some(snapshot) => {
            let (log, every) = (TableLog::of(snapshot), maintain::CHECKPOINT_EVERY);
            maintain::after_commit(lake, prefix, log, every).await
        }
        None => None,
    };
    match log {
        Some(log) => Ok(Some(log.snapshot)),
        None => Ok(load(lake, prefix).await?),
    }
}

/// Creates the log. Returns `None` if another writer did; else the snapshot, if the kernel tells.
async fn create(
    lake: &Lake,
    shape: &SilverShape,
    change: &LogChange,
) -> Result<Option<Option<SnapshotRef>>, SilverError> {
    let created = log::run(lake, &shape.prefix, |engine| {
        creation(shape, &shape.prefix, engine, change)
    })
    .await;
    let Some((after, writes)) = unless_created(lake, &shape.prefix, created).await? else {
        return Ok(None);
    };
    Ok(taken(lake, shape, writes).await?.then_some(after))
}

fn creation(
    shape: &SilverShape,
    prefix: &str,
    engine: &LogEngine,
    change: &LogChange,
) -> KernelResult<Option<SnapshotRef>> {
    let mut builder = create_table(root(prefix)?, Arc::clone(&shape.table), WRITER, true)
        .with_table_properties(PROPERTIES);
    if shape.date.is_some() {
        builder = builder.with_data_layout(DataLayout::partitioned([MONTH]));
    }
    let mut transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
    for (name, text) in &change.domains {
        transaction = transaction.with_domain_metadata(name.clone(), text.clone());
    }
    for file in &change.added {
        transaction.add_files(file.action()?);
    }
    committed(transaction.commit(engine)?)
}

/// Appends a version. Returns `None` if another writer has taken it; else the snapshot, if the kernel tells.
async fn append(
    lake: &Lake,
    shape: &SilverShape,
    base: &SnapshotRef,
    change: &LogChange,
) -> Result<Option<Option<SnapshotRef>>, SilverError> {
    let prefix = &shape.prefix;
    let (after, mut writes) = log::run(lake, prefix, |engine| {
        let builder = Arc::clone(base).update_table(UpdateTableOperation::Write, WRITER, true);
        let builder = change
            .domains_removed
            .iter()
            .fold(builder, |builder, name| {
                builder.with_domain_metadata_removed(name.clone())
            });
        let mut transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
        for (name, text) in &change.domains {
            transaction = transaction.with_domain_metadata(name.clone(), text.clone());
        }
        for file in &change.added {
            transaction.add_files(file.action()?);
        }
        if !change.removed.is_empty() {
            for rows in rows_of(base, engine, prefix, &change.removed)? {
                transaction.remove_files(rows);
            }
        }
        committed(transaction.commit(engine)?)
    })
    .await?;
    let is_same = *base.schema() == *shape.table;
    if !is_same {
        let lines = schema_change(lake, shape, base).await?;
        for write in &mut writes {
            let bytes = [&write.bytes[..], lines.as_bytes()].concat();
            write.bytes = bytes.into();
        }
    }
    let after = after.filter(|_| is_same);
    Ok(taken(lake, shape, writes).await?.then_some(after))
}

/// Returns the lines of a version that give the table other columns, all of whose files are replaced by the same version. The
/// kernel changes columns only by adding some: so they are those with which it would create such a table.
async fn schema_change(
    lake: &Lake,
    shape: &SilverShape,
    base: &SnapshotRef,
) -> Result<String, SilverError> {
    let change = LogChange {
        added: Vec::new(),
        removed: BTreeSet::new(),
        domains: Vec::new(),
        domains_removed: Vec::new(),
    };
    // A folder of the table that has nothing.
    let nowhere = format!("{}/_nowhere", shape.prefix);
    let (_, writes) = log::run(lake, &nowhere, |engine| {
        creation(shape, &nowhere, engine, &change)
    })
    .await?;
    let id = base.table_configuration().metadata().id().to_owned();
    let mut lines = String::new();
    for write in &writes {
        let text = String::from_utf8_lossy(&write.bytes);
        for line in text.lines() {
            let mut action: Value =
                serde_json::from_str(line).map_err(|error| damaged(&shape.prefix, error))?;
            if let Some(metadata) = action.get_mut("metaData") {
                metadata["id"] = id.clone().into();
                lines.push_str(&format!("{action}\n"));
            }
            let has_local_times = line.contains("timestampNtz");
            if action.get("protocol").is_some() && has_local_times {
                lines.push_str(&format!("{action}\n"));
            }
        }
    }
    Ok(lines)
}

/// Writes a version. Returns `false` if another writer has taken it.
async fn taken(lake: &Lake, shape: &SilverShape, writes: Vec<Write>) -> Result<bool, SilverError> {
    if writes.is_empty() {
        let error = KernelError::generic("a version without an object");
        return Err(crate::DeltaError::log(&shape.prefix, error).into());
    }
    for write in &writes {
        if !put_version(lake, &shape.prefix, write).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Deletes files that were written and that no version refers to. What isn't deleted is found by a later build.
pub(super) async fn discard(lake: &Lake, shape: &SilverShape, paths: impl Iterator<Item = String>) {
    for path in paths {
        let key = format!("{}/{path}", shape.prefix);
        if let Err(error) = lake.delete(&key).await {
            tracing::debug!(key, error = %error, "unused file of a silver table not deleted");
            return;
        }
    }
}

/// Returns the paths of the state's files that no version has.
pub(super) fn uncommitted(state: &TableState) -> Vec<String> {
    let files = state.files.iter().map(|file| file.path.clone());
    files.filter(|path| !state.logged.contains(path)).collect()
}

/// Counts rows and bytes that readers see.
pub(super) fn totals(state: &TableState) -> (u64, u64, u64) {
    let seen = state
        .files
        .iter()
        .filter(|file| file.place != FilePlace::Kept);
    seen.fold((0, 0, 0), |(rows, files, bytes), file| {
        (rows + file.rows, files + 1, bytes + file.size)
    })
}
