//! Compaction for readers: one file instead of the many of a day.
//!
//! ```text
//!  0  of the days that are due: read the numbered files, sort their rows by `_id`
//!  1  PUT `{prefix}/_compacted/…/pncp_20251022_c000001-c000024_5b1c9e07d2a4f683.parquet`, if absent
//!  2  PUT version v+1 of the log, if absent: remove what stood for the day, add the compacted file; no change of data
//! ```
//!
//! The numbered files stay: they are the authority, and what the documented glob finds. The name of a compacted file has the
//! digest of the files that it was made of, so that it is known without opening it if it still stands for them, and a file
//! that a crash has left before step 2 is used by the next compaction. Step 2 can be done by one writer for a version;
//! whoever finds it taken looks again. Transaction ids aren't touched: publication goes on beside.

mod merge;
mod old;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout::{self, CompactedName};
use bronzed_storage::bronze::{self, BronzeError};
use bronzed_storage::lake::{Created, Entry, Lake};
use chrono::{DateTime, Utc};
use delta_kernel::arrow::datatypes::{Field, Schema as ArrowSchema, SchemaRef};
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::schema::StructType;
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::transaction::UpdateTableOperation;

use crate::add;
use crate::columns::PARTITION_COLUMNS;
use crate::compare;
use crate::error::DeltaError;
use crate::log;
use crate::maintain;
use crate::newest::{TableLog, load};
use crate::publish::{ATTEMPTS, WRITER, committed, put_version};
use crate::standing::{self, NumberedFiles, TableObjects};
use tokio::runtime::{Handle, RuntimeFlavor};

use merge::{CompactedWriter, Gathered, IdRange};

/// Number of files beside the compacted one from which a day is compacted, complete or not.
const MANY_FILES: usize = 8;
/// Age of the newest file from which a complete day is settled.
const SETTLED: Duration = Duration::from_secs(48 * 3600);
/// A growing day is compacted again if the files beside have at least this part of the compacted one's bytes, so that a
/// day's rows are rewritten a few times only.
const GROWN_PART: u64 = 4;
/// Days whose files have more bytes are left as they are: their compacted file couldn't be held in memory.
const MOST_FILE_BYTES: u64 = 512 << 20;
/// Days of one version of the log.
const DAYS_OF_VERSION: usize = 32;

/// Work that a compaction is to do.
#[derive(Debug, Clone, Copy)]
pub struct CompactionScope {
    /// First day. Default: any.
    pub from: Option<Day>,
    /// Last day. Default: any.
    pub to: Option<Day>,
    /// Present time: days whose newest file is older than two days are settled.
    pub now: DateTime<Utc>,
    /// Maximum number of days.
    pub most_days: usize,
}

/// Result of a compaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Number of days that have one file now.
    pub days: u64,
    /// Number of files that the log had of these days before.
    pub files: u64,
    /// Number of rows that were written; those of files that a crash had left aren't among them.
    pub rows: u64,
    /// Bytes of the compacted files.
    pub bytes: u64,
    /// Number of days that are too large.
    pub too_large: u64,
    /// Number of days that are still due.
    pub left: u64,
    /// Number of compacted files that were deleted, because no reader needs them any more.
    pub deleted: u64,
}

/// A day to be compacted.
#[derive(Debug)]
struct DueDay {
    name: CompactedName,
    /// Numbered files whose rows it gets.
    sources: Vec<Entry>,
    /// Keys of the log's files that it replaces.
    replaced: BTreeSet<String>,
}

/// Compacts the days of a table that are due: complete ones that nothing was added to for two days, and those that have many
/// files. A table without a log has nothing to compact.
///
/// # Errors
/// Returns an error if the lake, the log or a file can't be read or written. What was done before stays.
pub async fn compact(
    lake: &Lake,
    dataset: &Dataset,
    scope: CompactionScope,
) -> Result<Compacted, DeltaError> {
    let mut done = Compacted::default();
    let mut attempts = 0;
    loop {
        let prefix = &dataset.prefix;
        let Some(snapshot) = load(lake, prefix).await? else {
            return Ok(done);
        };
        let objects = compare::table_objects(lake, prefix).await?;
        let live = compare::live_files(lake, prefix, &snapshot).await?;
        let (mut due, too_large) = due(prefix, &objects, &live, scope);
        let most = scope
            .most_days
            .saturating_sub(usize::try_from(done.days).unwrap_or(usize::MAX));
        (done.too_large, done.left) = (too_large, due.len() as u64);
        due.truncate(most.min(DAYS_OF_VERSION));
        if due.is_empty() {
            done.deleted = old::delete(lake, prefix, &snapshot, &live, &objects, scope.now).await?;
            return Ok(done);
        }
        let mut made = Vec::new();
        for day in &due {
            let key = layout::compacted_key(prefix, &day.name);
            if !objects.compacted.contains_key(&key) {
                done.rows += write(lake, dataset, &snapshot, day, &key).await?;
            }
            made.push(key);
        }
        match swap(lake, dataset, snapshot, &due, &made).await? {
            Some(bytes) => {
                attempts = 0;
                done.days += due.len() as u64;
                done.bytes += bytes;
                done.files += due.iter().map(|day| day.replaced.len() as u64).sum::<u64>();
            }
            // Another writer has taken the version: what was made stays, and is used.
            None => attempts += 1,
        }
        if attempts == ATTEMPTS {
            return Err(DeltaError::Contended {
                prefix: prefix.clone(),
                attempts,
            });
        }
    }
}

/// Returns the days that are due, oldest first, and the number of those that are too large.
fn due(
    prefix: &str,
    objects: &TableObjects,
    live: &BTreeSet<String>,
    scope: CompactionScope,
) -> (Vec<DueDay>, u64) {
    let judged = standing::judge(prefix, live, objects);
    let stale: BTreeSet<_> = judged
        .stale
        .iter()
        .filter_map(|key| layout::compacted_name(prefix, key))
        .map(|name| name.day)
        .collect();
    // A live file that is gone: its day is mended first.
    let lost = |day: Day| {
        let folder = format!("{}/", layout::partition(prefix, day));
        let after = live.range(folder.clone()..);
        let mut of_day = after.take_while(|key| key.starts_with(&folder));
        of_day.any(|key| !objects.files.contains_key(key))
    };
    let (mut found, mut too_large) = (Vec::new(), 0);
    for (day, files) in objects.numbered(prefix) {
        let outside =
            scope.from.is_some_and(|from| day < from) || scope.to.is_some_and(|to| to < day);
        if outside || stale.contains(&day) || lost(day) {
            continue;
        }
        let whole = judged.standing.get(&day);
        let Some(due) = due_day(day, &files, live, whole, &judged.covered) else {
            continue;
        };
        let whole = whole.and_then(|key| objects.compacted.get(key));
        let complete = objects.complete.contains(&day);
        if !is_due(&files, live, whole, complete, scope.now) {
            continue;
        }
        let bytes: u64 = due.sources.iter().map(|file| file.size).sum();
        match bytes <= MOST_FILE_BYTES {
            true => found.push(due),
            false => too_large += 1,
        }
    }
    (found, too_large)
}

/// Returns the compaction of a day with at least two files. `None` if it has fewer, or the log lacks one of them.
fn due_day(
    day: Day,
    files: &NumberedFiles,
    live: &BTreeSet<String>,
    whole: Option<&String>,
    covered: &BTreeSet<String>,
) -> Option<DueDay> {
    let beside = files.iter().filter(|(_, file)| live.contains(&file.key));
    let (last, _) = beside.clone().next_back()?;
    let mut replaced: BTreeSet<_> = beside.map(|(_, file)| file.key.clone()).collect();
    replaced.extend(whole.cloned());
    let sources: Vec<_> = files.range(..=last).map(|(_, file)| file.clone()).collect();
    let published = |file: &Entry| live.contains(&file.key) || covered.contains(&file.key);
    if replaced.len() < 2 || !sources.iter().all(published) {
        return None;
    }
    let first = files.keys().next()?;
    let digest = standing::digest(sources.iter());
    Some(DueDay {
        name: CompactedName {
            day,
            first: *first,
            last: *last,
            digest,
        },
        sources,
        replaced,
    })
}

fn is_due(
    files: &NumberedFiles,
    live: &BTreeSet<String>,
    whole: Option<&Entry>,
    complete: bool,
    now: DateTime<Utc>,
) -> bool {
    let beside: Vec<_> = files
        .values()
        .filter(|file| live.contains(&file.key))
        .collect();
    let newest = files.values().map(|file| file.modified).max();
    let settled = complete && newest.is_some_and(|newest| newest + SETTLED < now);
    let bytes: u64 = beside.iter().map(|file| file.size).sum();
    let grown = whole.is_none_or(|whole| bytes * GROWN_PART >= whole.size);
    settled || (beside.len() >= MANY_FILES && grown)
}

/// Writes a compacted file. Returns the number of its rows.
async fn write(
    lake: &Lake,
    dataset: &Dataset,
    snapshot: &SnapshotRef,
    day: &DueDay,
    key: &str,
) -> Result<u64, DeltaError> {
    let schema = file_schema(dataset, &snapshot.schema())?;
    let (bytes, rows) = merged(lake, dataset, schema, day, merge::MOST_BYTES).await?;
    // If another process has made it, it has the same rows.
    match lake.create(key, bytes).await {
        Ok(Created::Done(_) | Created::Exists) => Ok(rows),
        Err(error) if error.outcome_unknown() && lake.exists(key).await? => Ok(rows),
        Err(error) => Err(error.into()),
    }
}

/// Returns the columns of a compacted file: those of the table, in the types that files have.
fn file_schema(dataset: &Dataset, table: &StructType) -> Result<SchemaRef, DeltaError> {
    let refused = |reason: String| DeltaError::Columns {
        prefix: dataset.prefix.clone(),
        reason,
    };
    let declared =
        bronze::arrow_schema(&dataset.schema).map_err(|error| refused(error.to_string()))?;
    let columns = table
        .fields()
        .filter(|column| !PARTITION_COLUMNS.contains(&column.name().as_str()));
    let fields = columns.map(|column| match declared.field_with_name(column.name()) {
        Ok(field) => Ok(field.clone()),
        Err(_) => {
            let kind = column.data_type().try_into_arrow();
            let kind = kind.map_err(|error| refused(error.to_string()))?;
            Ok(Field::new(column.name(), kind, true))
        }
    });
    let fields = fields.collect::<Result<Vec<_>, DeltaError>>()?;
    Ok(Arc::new(ArrowSchema::new(fields)))
}

/// Returns the rows of the day's files as one file, and their number. At most `most` bytes of decoded rows are kept.
async fn merged(
    lake: &Lake,
    dataset: &Dataset,
    schema: SchemaRef,
    day: &DueDay,
    most: usize,
) -> Result<(bytes::Bytes, u64), DeltaError> {
    let name = &day.name;
    let properties = [
        ("dataset", dataset.full_name()),
        ("day", name.day.to_string()),
        ("commits", format!("{}-{}", name.first, name.last)),
        ("sources", name.digest.clone()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let whole = IdRange::default();
    let mut first = gathered(lake, &schema, &day.sources, whole, most).await?;
    let rows = first.rows();
    let key = layout::compacted_key(&dataset.prefix, name);
    let failed = |error| unreadable(&key, error);
    let mut file = CompactedWriter::new(Arc::clone(&schema), &properties).map_err(failed)?;
    let Some(ranges) = first.ranges() else {
        let bytes = beside(move || {
            first.write(&mut file)?;
            file.finish()
        });
        return Ok((bytes.await.map_err(failed)?, rows));
    };
    drop(first);
    let mut written = 0;
    for range in ranges {
        let part = gathered(lake, &schema, &day.sources, range, most).await?;
        written += part.rows();
        file = beside(move || part.write(&mut file).map(|()| file))
            .await
            .map_err(failed)?;
    }
    if written != rows {
        let what = format!("{rows} rows were read, and {written} written");
        return Err(failed(ParquetError::General(what)));
    }
    Ok((beside(|| file.finish()).await.map_err(failed)?, rows))
}

async fn gathered(
    lake: &Lake,
    schema: &SchemaRef,
    sources: &[Entry],
    range: IdRange,
    most: usize,
) -> Result<Gathered, DeltaError> {
    let whole = range.is_whole();
    let mut rows = Gathered::new(Arc::clone(schema), range, most);
    for source in sources {
        let Some((bytes, _)) = lake.get(&source.key).await? else {
            let gone = ParquetError::General("it is gone".to_owned());
            return Err(unreadable(&source.key, gone));
        };
        rows = beside(move || rows.add(bytes, whole).map(|()| rows))
            .await
            .map_err(|error| unreadable(&source.key, error))?;
    }
    Ok(rows)
}

/// Does work that takes a processor beside the runtime's threads; at once, where the runtime has one thread: there it adds no
/// order of events.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ParquetError> + Send + 'static,
) -> Result<T, ParquetError> {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    if !matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ParquetError::General(format!(
            "the decoder broke off: {error}"
        ))),
    }
}

fn unreadable(key: &str, error: ParquetError) -> DeltaError {
    DeltaError::File {
        key: key.to_owned(),
        error: BronzeError::Read(error),
    }
}

/// Puts the compacted files in the place of what they replace, in one version of the log; returns their bytes. Returns `None`
/// if another writer has taken the version.
async fn swap(
    lake: &Lake,
    dataset: &Dataset,
    snapshot: SnapshotRef,
    due: &[DueDay],
    made: &[String],
) -> Result<Option<u64>, DeltaError> {
    let prefix = &dataset.prefix;
    let mut entries = BTreeMap::new();
    for day in due {
        let folder = format!(
            "{}/{}",
            layout::compacted_folder(prefix),
            day.name.day.partition()
        );
        let listed = lake.list(&folder).await?;
        entries.extend(listed.into_iter().map(|entry| (entry.key.clone(), entry)));
    }
    let days = due.iter().map(|day| day.name.day).zip(made);
    let files: Vec<_> = days
        .filter_map(|(day, key)| Some((day, entries.get(key)?.clone())))
        .collect();
    if files.len() != due.len() {
        return Ok(None);
    }
    let schema = snapshot.schema();
    let added = add::read(lake, dataset, &schema, &files, &mut BTreeMap::new()).await?;
    let removed: BTreeSet<_> = due.iter().flat_map(|day| day.replaced.clone()).collect();
    let (after, writes) = log::run(lake, prefix, |engine| {
        let builder =
            Arc::clone(&snapshot).update_table(UpdateTableOperation::Optimize, WRITER, false);
        let mut transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
        for file in &added {
            transaction.add_files(file.action()?);
        }
        for rows in compare::rows_of(&snapshot, engine, prefix, &removed)? {
            transaction.remove_files(rows);
        }
        committed(transaction.commit(engine)?)
    })
    .await?;
    for write in &writes {
        if !put_version(lake, prefix, write).await? {
            return Ok(None);
        }
    }
    if let Some(after) = after {
        let every = maintain::CHECKPOINT_EVERY;
        maintain::after_commit(lake, prefix, TableLog::of(after), every).await;
    }
    Ok(Some(files.iter().map(|(_, file)| file.size).sum()))
}
