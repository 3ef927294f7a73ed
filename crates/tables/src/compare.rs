//! Comparison of a Delta log with the files of its table, and the repair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Entry, Lake};
use delta_kernel::arrow::array::{Array, RecordBatch, StringArray};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::{FilteredEngineData, KernelError, KernelResult};

use crate::columns;
use crate::error::DeltaError;
use crate::foreign;
use crate::listing::whole_day;
use crate::log::{self, LogEngine};
use crate::newest::load;
use crate::standing::{self, TableObjects};
use crate::statistics;

/// Differences between a Delta log and the files of its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Version of the log; `None` if the table has none.
    pub version: Option<u64>,
    /// Number of files that the log has.
    pub published: u64,
    /// Keys of files that the log lacks.
    pub unpublished: BTreeSet<String>,
    /// Keys of files that the log has, and that are gone: a reader of the table fails.
    pub gone: BTreeSet<String>,
    /// Keys of compacted files that don't stand for the files of their day any more, and of files whose rows the log has
    /// twice.
    pub stale: BTreeSet<String>,
    /// Number of compacted files that stand for others.
    pub compacted: u64,
    /// Files of other writers that can't be part of the table, with the reason.
    pub foreign: BTreeMap<String, String>,
}

impl Comparison {
    /// Returns the keys that the log must lose.
    pub(crate) fn removed(&self) -> BTreeSet<String> {
        self.gone.union(&self.stale).cloned().collect()
    }

    /// Returns `true` if the log has exactly the files that it can have.
    pub fn is_equal(&self) -> bool {
        self.unpublished.is_empty() && self.gone.is_empty() && self.stale.is_empty()
    }
}

/// Comparison with all that was read for it.
pub(crate) struct Compared {
    pub found: Comparison,
    /// Newest version of the log; `None` if the table has none.
    pub snapshot: Option<SnapshotRef>,
    /// Files of the table by key, each with its day.
    pub files: BTreeMap<String, (Day, Entry)>,
}

/// Compares the table's Delta log with its files.
///
/// # Errors
/// Returns an error if the lake or the log can't be read.
pub async fn compare(lake: &Lake, dataset: &Dataset) -> Result<Comparison, DeltaError> {
    Ok(read(lake, dataset).await?.found)
}

/// Compares the table's Delta log with its files, as [`compare`] does, and keeps both.
pub(crate) async fn read(lake: &Lake, dataset: &Dataset) -> Result<Compared, DeltaError> {
    let prefix = &dataset.prefix;
    // The log first: what it has was there before, so that a listing has it, too, unless it is gone.
    let snapshot = load(lake, prefix).await?;
    let objects = table_objects(lake, prefix).await?;
    let live = match &snapshot {
        Some(snapshot) => live_files(lake, prefix, snapshot).await?,
        None => BTreeSet::new(),
    };
    let judged = standing::judge(prefix, &live, &objects);
    let schema = columns::table_schema(dataset)?;
    let mut found = Comparison {
        version: snapshot.as_ref().map(|snapshot| snapshot.version()),
        published: live.len() as u64,
        gone: live
            .iter()
            .filter(|key| {
                !objects.files.contains_key(*key) && !objects.compacted.contains_key(*key)
            })
            .cloned()
            .collect(),
        compacted: judged.standing.len() as u64,
        stale: judged.stale,
        ..Comparison::default()
    };
    for (key, (day, file)) in &objects.files {
        if live.contains(key) || judged.covered.contains(key) {
            continue;
        }
        if layout::file_number(prefix, *day, key).is_none()
            && let Some(footer) = statistics::footer(lake, file).await?
            && let Some(reason) = foreign::mismatch(footer.schema(), &schema)
        {
            found.foreign.insert(key.clone(), reason);
            continue;
        }
        found.unpublished.insert(key.clone());
    }
    Ok(Compared {
        found,
        snapshot,
        files: objects.files,
    })
}

/// Returns the objects of the table: of each day all files up to its last one.
pub(crate) async fn table_objects(lake: &Lake, prefix: &str) -> Result<TableObjects, DeltaError> {
    let mut objects = TableObjects::of(prefix, lake.list(prefix).await?);
    let mut days: BTreeMap<Day, Vec<Entry>> = BTreeMap::new();
    for (day, file) in std::mem::take(&mut objects.files).into_values() {
        days.entry(day).or_default().push(file);
    }
    for (day, files) in days {
        let files = whole_day(lake, prefix, day, files, 0).await?;
        let files = files.into_iter().filter(|file| {
            // The second listing of a day may have objects of other kinds.
            layout::file_day(prefix, &file.key) == Some(day)
        });
        let files = files.map(|file| (file.key.clone(), (day, file)));
        objects.files.extend(files);
    }
    Ok(objects)
}

/// Returns the keys of the files that the log has at this version.
pub(crate) async fn live_files(
    lake: &Lake,
    prefix: &str,
    snapshot: &SnapshotRef,
) -> Result<BTreeSet<String>, DeltaError> {
    let (paths, _) = log::run(lake, prefix, |engine| {
        let mut paths = BTreeSet::new();
        for (batch, selected) in scanned(snapshot, engine)? {
            let names = path_column(&batch)?;
            let live =
                (0..batch.num_rows()).filter(|row| selected.get(*row).copied().unwrap_or(true));
            paths.extend(live.map(|row| names.value(row).to_owned()));
        }
        Ok(paths)
    })
    .await?;
    Ok(paths.iter().map(|path| key(prefix, path)).collect())
}

/// Returns the log's live files as the kernel scans them, with the selection of each batch.
pub(crate) fn scanned(
    snapshot: &SnapshotRef,
    engine: &LogEngine,
) -> KernelResult<Vec<(RecordBatch, Vec<bool>)>> {
    let scan = Arc::clone(snapshot).scan_builder().build()?;
    let mut batches = Vec::new();
    for metadata in scan.scan_metadata(engine)? {
        let (data, selected) = metadata?.scan_files.into_parts();
        let batch = ArrowEngineData::try_from_engine_data(data)?;
        batches.push(((*batch).into(), selected));
    }
    Ok(batches)
}

pub(crate) fn path_column(batch: &RecordBatch) -> KernelResult<&StringArray> {
    let column = batch.column_by_name("path");
    let column = column.and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| KernelError::missing_column("path"))
}

/// Returns the scan's rows of these files, as the kernel takes them for removal.
pub(crate) fn rows_of(
    snapshot: &SnapshotRef,
    engine: &LogEngine,
    prefix: &str,
    files: &BTreeSet<String>,
) -> KernelResult<Vec<FilteredEngineData>> {
    let mut rows = Vec::new();
    for (batch, selected) in scanned(snapshot, engine)? {
        let names = path_column(&batch)?;
        let asked: Vec<_> = (0..batch.num_rows())
            .map(|row| {
                let live = selected.get(row).copied().unwrap_or(true);
                live && files.contains(&key(prefix, names.value(row)))
            })
            .collect();
        if asked.contains(&true) {
            let data = Box::new(ArrowEngineData::new(batch));
            rows.push(FilteredEngineData::try_new(data, asked)?);
        }
    }
    Ok(rows)
}

/// Returns the key of a path of the log, whose special characters are escaped.
pub(crate) fn key(prefix: &str, path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    format!("{prefix}/{decoded}")
}
