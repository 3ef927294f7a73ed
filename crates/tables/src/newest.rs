//! Newest version of a table's log.

use std::collections::BTreeMap;

use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;
use delta_kernel::snapshot::{Snapshot, SnapshotRef};
use delta_kernel::{Engine, KernelError, KernelResult};

use crate::error::DeltaError;
use crate::log;

/// A table's log at a version.
#[derive(Debug)]
pub(crate) struct TableLog {
    pub snapshot: SnapshotRef,
    /// Commits of a day that the log has: up to which number. Only of days that were asked for.
    pub published: BTreeMap<Day, u64>,
}

impl TableLog {
    /// Returns the log at a version, of whose days nothing is known.
    pub fn of(snapshot: SnapshotRef) -> Self {
        Self {
            snapshot,
            published: BTreeMap::new(),
        }
    }
}

/// Returns `true` if the table has a log.
pub(crate) async fn exists(lake: &Lake, prefix: &str) -> Result<bool, DeltaError> {
    let folder = layout::delta_log_folder(prefix);
    let first = lake.exists(&format!("{folder}/{:020}.json", 0)).await?;
    Ok(first || lake.exists(&format!("{folder}/_last_checkpoint")).await?)
}

/// Reads the newest version of the table's log; `None` if it has none.
///
/// # Errors
/// Returns an error if the lake or the log can't be read: a log that has lost its first version can't.
pub(crate) async fn load(lake: &Lake, prefix: &str) -> Result<Option<SnapshotRef>, DeltaError> {
    if !exists(lake, prefix).await? {
        let folder = layout::delta_log_folder(prefix);
        if lake.list(&folder).await?.is_empty() {
            return Ok(None);
        }
        // Another writer may have created the log since.
        if !exists(lake, prefix).await? {
            let lost = KernelError::generic("its first version is lost");
            return Err(DeltaError::log(prefix, lost));
        }
    }
    let (snapshot, _) = log::run(lake, prefix, |engine: &log::LogEngine| {
        Snapshot::builder_for(root(prefix)?).build(engine as &dyn Engine)
    })
    .await?;
    Ok(Some(snapshot))
}

/// Returns the result of kernel code that creates the table's log; `None` if another writer has created the log since it was
/// looked for: the kernel refuses to create one that exists.
pub(crate) async fn unless_created<T>(
    lake: &Lake,
    prefix: &str,
    result: Result<T, DeltaError>,
) -> Result<Option<T>, DeltaError> {
    match result {
        Err(DeltaError::Log { .. }) if exists(lake, prefix).await? => Ok(None),
        other => other.map(Some),
    }
}

pub(crate) fn root(prefix: &str) -> KernelResult<String> {
    Ok(log::location(&format!("{prefix}/"))?.into())
}
