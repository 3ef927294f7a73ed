//! Publication of files: the Delta log follows the numbered files of a day.
//!
//! ```text
//!  0  list the day's files; the log's transaction id of the day says up to which number it has them
//!  1  PUT version v+1 of the log with all later files and the new transaction id, if absent
//! ```
//!
//! Version v+1 can be taken once, and who takes it has looked at the log up to v: so each file is added once, whatever
//! crashes when, and however many publish. Whoever finds the version taken looks again. The first publication of a table
//! adds the files of all its days in version 0, so that no reader sees half a table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Created, Entry, Lake};
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel::{KernelError, KernelResult};

use crate::add::{self, AddedFile};
use crate::columns::{self, PARTITION_COLUMNS};
use crate::compare::{self, Compared, Comparison};
use crate::error::DeltaError;
use crate::listing::whole_day;
use crate::log::{self, Write};
use crate::maintain;
use crate::newest::{TableLog, exists, load, root, unless_created};
use crate::standing::{self, TableObjects};

/// Maximum attempts to take a version of the log.
pub(crate) const ATTEMPTS: u32 = 20;
/// Writer of the log's versions, as they name it.
pub(crate) const WRITER: &str = concat!("bronzed/", env!("CARGO_PKG_VERSION"));

/// Publisher of files in Delta logs. Clones share what they know of the logs.
#[derive(Debug, Clone)]
pub struct Publisher {
    lake: Lake,
    logs: Arc<Mutex<BTreeMap<String, KnownLog>>>,
    checkpoint_every: u64,
}

/// Knowledge of this process of a table's log. Whoever publishes holds it.
type KnownLog = Arc<tokio::sync::Mutex<Option<TableLog>>>;

/// Result of a publication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Published {
    /// Number of files that were added.
    pub files: u64,
    /// Version of the log after it; `None` if the table has no log, because nothing is stored.
    pub version: Option<u64>,
}

/// Files that a version adds and removes.
#[derive(Debug, Clone, Copy)]
struct VersionChange<'a> {
    missing: &'a [Missing],
    /// Keys of files that aren't there any more.
    gone: &'a BTreeSet<String>,
}

/// Files of a day that the log lacks, and the number of the last one.
#[derive(Debug)]
struct Missing {
    day: Day,
    up_to: u64,
    files: Vec<Entry>,
}

impl Publisher {
    /// Returns a publisher that knows nothing yet.
    pub fn new(lake: Lake) -> Self {
        Self {
            lake,
            logs: Arc::default(),
            checkpoint_every: maintain::CHECKPOINT_EVERY,
        }
    }

    /// Returns a publisher that writes a checkpoint after so many versions.
    #[cfg(any(test, feature = "test-util"))]
    pub fn of_checkpoints(lake: Lake, every: u64) -> Self {
        Self {
            checkpoint_every: every,
            ..Self::new(lake)
        }
    }

    /// Adds to the table's log the files of these days that it doesn't have.
    ///
    /// # Errors
    /// Returns an error if the lake or the log can't be read or written. The log then follows with a later call.
    pub async fn publish(
        &self,
        dataset: &Dataset,
        days: &BTreeSet<Day>,
    ) -> Result<Published, DeltaError> {
        let known = self.known(&dataset.prefix);
        let mut known = known.lock().await;
        let mut read = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let log = match known.take() {
                Some(log) => log,
                None => match load(&self.lake, &dataset.prefix).await? {
                    Some(snapshot) => TableLog::of(snapshot),
                    None => match self.create(dataset, &mut read).await? {
                        Some(published) => return Ok(published),
                        None => continue,
                    },
                },
            };
            let (log, missing, gone) = self.missing(dataset, log, days).await?;
            if missing.is_empty() && gone.is_empty() {
                let version = Some(log.snapshot.version());
                *known = Some(log);
                return Ok(Published { files: 0, version });
            }
            let change = VersionChange {
                missing: &missing,
                gone: &gone,
            };
            if let Some((log, published)) = self.append(dataset, log, change, &mut read).await? {
                if let Some(log) = log {
                    let (prefix, every) = (&dataset.prefix, self.checkpoint_every);
                    *known = maintain::after_commit(&self.lake, prefix, log, every).await;
                }
                return Ok(published);
            }
        }
        Err(DeltaError::Contended {
            prefix: dataset.prefix.clone(),
            attempts: ATTEMPTS,
        })
    }

    /// Makes the table's log equal to its files: adds those that it lacks, removes those that are gone. A log that can't be
    /// read is deleted and made anew, which no other writer of the table may see: a daemon must be stopped before.
    /// Returns what was found before.
    ///
    /// # Errors
    /// Returns an error if the lake or a file can't be read, or the log can't be written.
    pub async fn rebuild(&self, dataset: &Dataset) -> Result<Comparison, DeltaError> {
        let known = self.known(&dataset.prefix);
        let mut known = known.lock().await;
        *known = None;
        let mut read = BTreeMap::new();
        for _ in 0..ATTEMPTS {
            let compared = match compare::read(&self.lake, dataset).await {
                Err(DeltaError::Log { .. } | DeltaError::Unread { .. }) => {
                    maintain::delete(&self.lake, &dataset.prefix).await?;
                    compare::read(&self.lake, dataset).await?
                }
                other => other?,
            };
            let Compared {
                found,
                snapshot,
                files,
            } = compared;
            let Some(snapshot) = snapshot else {
                match self.create(dataset, &mut read).await? {
                    Some(_) => return Ok(found),
                    None => continue,
                }
            };
            if found.is_equal() {
                return Ok(found);
            }
            let (log, missing) = (TableLog::of(snapshot), unpublished(dataset, &found, files));
            let change = VersionChange {
                missing: &missing,
                gone: &found.removed(),
            };
            if self
                .append(dataset, log, change, &mut read)
                .await?
                .is_some()
            {
                return Ok(found);
            }
        }
        Err(DeltaError::Contended {
            prefix: dataset.prefix.clone(),
            attempts: ATTEMPTS,
        })
    }

    fn known(&self, prefix: &str) -> KnownLog {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(logs.entry(prefix.to_owned()).or_default())
    }

    /// Creates the table's log with the files of all its days. Returns `None` if another writer did.
    async fn create(
        &self,
        dataset: &Dataset,
        read: &mut BTreeMap<String, AddedFile>,
    ) -> Result<Option<Published>, DeltaError> {
        let prefix = &dataset.prefix;
        let mut days: BTreeMap<Day, Vec<Entry>> = BTreeMap::new();
        let objects = compare::table_objects(&self.lake, prefix).await?;
        for (day, file) in objects.files.into_values() {
            days.entry(day).or_default().push(file);
        }
        let missing: Vec<_> = days
            .into_iter()
            .filter_map(|(day, files)| Missing::of(prefix, day, files, None))
            .collect();
        if missing.is_empty() {
            return Ok(Some(Published::default()));
        }
        let schema = columns::table_schema(dataset)?;
        let added = add::read(&self.lake, dataset, &schema, &files_of(&missing), read).await?;
        let created = log::run(&self.lake, prefix, |engine| {
            let mut transaction = create_table(root(prefix)?, Arc::clone(&schema), WRITER, true)
                .with_data_layout(DataLayout::partitioned(PARTITION_COLUMNS))
                .build(engine, Box::new(FileSystemCommitter::new()))?;
            for day in &missing {
                transaction =
                    transaction.with_transaction_id(application(day.day), number(day.up_to));
            }
            for file in &added {
                transaction.add_files(file.action()?);
            }
            committed(transaction.commit(engine)?)
        })
        .await;
        let Some((_, writes)) = unless_created(&self.lake, prefix, created).await? else {
            return Ok(None);
        };
        let published = Published {
            files: added.len() as u64,
            version: Some(0),
        };
        Ok(self.put(prefix, writes).await?.then_some(published))
    }

    /// Returns the files of these days that the log lacks, and the keys of those that it must lose: a compacted file stands
    /// for files of which one was lost.
    async fn missing(
        &self,
        dataset: &Dataset,
        mut log: TableLog,
        days: &BTreeSet<Day>,
    ) -> Result<(TableLog, Vec<Missing>, BTreeSet<String>), DeltaError> {
        let prefix = &dataset.prefix;
        let asked: Vec<_> = days
            .iter()
            .filter(|day| !log.published.contains_key(day))
            .copied()
            .collect();
        if !asked.is_empty() {
            let snapshot = &log.snapshot;
            let (versions, _) = log::run(&self.lake, prefix, |engine| {
                let versions = asked
                    .iter()
                    .map(|day| snapshot.get_app_id_version(&application(*day), engine));
                versions.collect::<KernelResult<Vec<_>>>()
            })
            .await?;
            let known = asked.into_iter().zip(versions);
            log.published.extend(known.filter_map(|(day, version)| {
                Some((day, u64::try_from(version?).unwrap_or_default()))
            }));
        }
        let (mut missing, mut gone) = (Vec::new(), BTreeSet::new());
        for day in days {
            let files = self.lake.list(&layout::partition(prefix, *day)).await?;
            let published = log.published.get(day).copied();
            let known = published.unwrap_or_default();
            let files = whole_day(&self.lake, prefix, *day, files, known).await?;
            let lost = match published {
                Some(up_to) => self.has_lost(prefix, *day, &files, up_to).await?,
                None => false,
            };
            let restored = match lost {
                true => {
                    let (removed, restored) = self.lost_of(prefix, *day, &log, &files).await?;
                    gone.extend(removed);
                    restored
                }
                false => Vec::new(),
            };
            let mut of_day = Missing::of(prefix, *day, files, published);
            if !restored.is_empty() {
                let missing = of_day.get_or_insert(Missing {
                    day: *day,
                    up_to: published.unwrap_or_default(),
                    files: Vec::new(),
                });
                missing.files.extend(restored);
            }
            missing.extend(of_day);
        }
        Ok((log, missing, gone))
    }

    /// Returns `true` if a numbered file that the log has, or that a compacted one stands for, is gone.
    async fn has_lost(
        &self,
        prefix: &str,
        day: Day,
        files: &[Entry],
        up_to: u64,
    ) -> Result<bool, DeltaError> {
        let numbers: BTreeSet<_> = files
            .iter()
            .filter_map(|file| layout::file_number(prefix, day, &file.key))
            .collect();
        for number in (1..=up_to).filter(|number| !numbers.contains(number)) {
            // A listing isn't atomic.
            if !self
                .lake
                .exists(&layout::file_key(prefix, day, number))
                .await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks at the log's files of a day that has lost some. Returns the keys that the log must lose, and the files that it
    /// must have instead.
    async fn lost_of(
        &self,
        prefix: &str,
        day: Day,
        log: &TableLog,
        files: &[Entry],
    ) -> Result<(BTreeSet<String>, Vec<Entry>), DeltaError> {
        let folder = format!("{}/{}", layout::compacted_folder(prefix), day.partition());
        let mut listed = self.lake.list(&folder).await?;
        listed.extend(files.iter().cloned());
        let objects = TableObjects::of(prefix, listed);
        let of_day = |key: &String| {
            let compacted = layout::compacted_name(prefix, key).map(|name| name.day);
            compacted.or_else(|| layout::file_day(prefix, key)) == Some(day)
        };
        let live = compare::live_files(&self.lake, prefix, &log.snapshot).await?;
        let live: BTreeSet<_> = live.into_iter().filter(of_day).collect();
        let judged = standing::judge(prefix, &live, &objects);
        let there =
            |key: &String| objects.files.contains_key(key) || objects.compacted.contains_key(key);
        let mut removed: BTreeSet<_> = live.iter().filter(|key| !there(key)).cloned().collect();
        removed.extend(judged.stale);
        let up_to = log.published.get(&day).copied().unwrap_or_default();
        let restored = files.iter().filter(|file| {
            let number = layout::file_number(prefix, day, &file.key);
            number.is_some_and(|number| number <= up_to)
                && !live.contains(&file.key)
                && !judged.covered.contains(&file.key)
        });
        Ok((removed, restored.cloned().collect()))
    }

    /// Adds and removes files in one version; returns the log after it, if the kernel tells. Returns `None` if another writer
    /// has taken the version.
    async fn append(
        &self,
        dataset: &Dataset,
        mut log: TableLog,
        change: VersionChange<'_>,
        read: &mut BTreeMap<String, AddedFile>,
    ) -> Result<Option<(Option<TableLog>, Published)>, DeltaError> {
        let prefix = &dataset.prefix;
        let VersionChange { missing, gone } = change;
        let schema = columns::table_schema(dataset)?;
        let added = add::read(&self.lake, dataset, &schema, &files_of(missing), read).await?;
        let new_columns = columns::added(&schema, &log.snapshot.schema());
        let snapshot = &log.snapshot;
        let (after, writes) = log::run(&self.lake, prefix, |engine| {
            let mut builder =
                Arc::clone(snapshot).update_table(UpdateTableOperation::Write, WRITER, true);
            for column in &new_columns {
                builder = builder.add_column_at(column.parent.clone(), column.field.clone());
            }
            if new_columns.is_empty() && !added.is_empty() && gone.is_empty() {
                builder = builder.with_blind_append();
            }
            let mut transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
            for day in missing {
                transaction =
                    transaction.with_transaction_id(application(day.day), number(day.up_to));
            }
            for file in &added {
                transaction.add_files(file.action()?);
            }
            if !gone.is_empty() {
                for rows in compare::rows_of(snapshot, engine, prefix, gone)? {
                    transaction.remove_files(rows);
                }
            }
            committed(transaction.commit(engine)?)
        })
        .await?;
        if !self.put(prefix, writes).await? {
            return Ok(None);
        }
        let version = log.snapshot.version() + 1;
        log.published
            .extend(missing.iter().map(|day| (day.day, day.up_to)));
        let after = after.map(|snapshot| TableLog {
            snapshot,
            published: log.published,
        });
        let published = Published {
            files: added.len() as u64,
            version: Some(version),
        };
        Ok(Some((after, published)))
    }

    /// Writes a version of the log. Returns `false` if another writer has taken it.
    async fn put(&self, prefix: &str, writes: Vec<Write>) -> Result<bool, DeltaError> {
        for write in writes {
            if !put_version(&self.lake, prefix, &write).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Missing {
    /// Returns the day's files after the commit `published`; all of them, and those of the earlier pipeline, if the log
    /// has nothing of the day.
    fn of(prefix: &str, day: Day, files: Vec<Entry>, published: Option<u64>) -> Option<Self> {
        let mut up_to = published.unwrap_or_default();
        let files: Vec<_> = files
            .into_iter()
            .filter(|file| match layout::file_number(prefix, day, &file.key) {
                Some(number) if number > published.unwrap_or_default() => {
                    up_to = up_to.max(number);
                    true
                }
                Some(_) => false,
                None => published.is_none() && layout::file_day(prefix, &file.key) == Some(day),
            })
            .collect();
        (!files.is_empty()).then_some(Self { day, up_to, files })
    }
}

/// Returns the files that a comparison found missing, by day.
fn unpublished(
    dataset: &Dataset,
    found: &Comparison,
    files: BTreeMap<String, (Day, Entry)>,
) -> Vec<Missing> {
    let mut days: BTreeMap<Day, Missing> = BTreeMap::new();
    for (key, (day, file)) in files {
        let number = layout::file_number(&dataset.prefix, day, &key).unwrap_or_default();
        let missing = days.entry(day).or_insert_with(|| Missing {
            day,
            up_to: 0,
            files: Vec::new(),
        });
        missing.up_to = missing.up_to.max(number);
        if found.unpublished.contains(&key) {
            missing.files.push(file);
        }
    }
    let days = days.into_values();
    days.filter(|day| !day.files.is_empty()).collect()
}

fn files_of(missing: &[Missing]) -> Vec<(Day, Entry)> {
    let files = missing
        .iter()
        .flat_map(|day| day.files.iter().map(|file| (day.day, file.clone())));
    files.collect()
}

/// Returns `true` if the dataset's table has a Delta log.
///
/// # Errors
/// Returns an error if that can't be determined.
pub async fn has_log(lake: &Lake, dataset: &Dataset) -> Result<bool, DeltaError> {
    exists(lake, &dataset.prefix).await
}

/// Creates an object of the log if absent. Returns `false` if another writer's is there. A lost reply is settled by
/// reading back: each version has a transaction id of its own.
pub(crate) async fn put_version(
    lake: &Lake,
    prefix: &str,
    write: &Write,
) -> Result<bool, DeltaError> {
    for _ in 0..ATTEMPTS {
        match lake.create(&write.key, write.bytes.clone()).await {
            Ok(Created::Done(_)) => return Ok(true),
            Ok(Created::Exists) => {}
            Err(error) if error.outcome_unknown() => {}
            Err(error) => return Err(error.into()),
        }
        match lake.get(&write.key).await? {
            Some((found, _)) => return Ok(found == write.bytes),
            None => continue,
        }
    }
    Err(DeltaError::Contended {
        prefix: prefix.to_owned(),
        attempts: ATTEMPTS,
    })
}

/// Returns the snapshot after a commit of the kernel.
pub(crate) fn committed<S>(result: CommitResult<S>) -> KernelResult<Option<SnapshotRef>> {
    match result {
        CommitResult::Committed(done) => Ok(done.post_commit_snapshot().cloned()),
        CommitResult::Conflicted(lost) => Err(KernelError::generic(format!(
            "version {} is taken",
            lost.conflict_version()
        ))),
        CommitResult::Retryable(failed) => Err(failed.error),
    }
}

/// Application of the log's transaction ids: a day. Its version is the number of the last commit.
fn application(day: Day) -> String {
    format!("bronzed/{day}")
}

fn number(commit: u64) -> i64 {
    i64::try_from(commit).unwrap_or(i64::MAX)
}
