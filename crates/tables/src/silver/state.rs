//! State of a table as its log has it: files, and what went into them, in domain metadata of the same version.
//!
//! ```text
//! bronzed.declaration         "9f86d081884c7d65"             digest of what values are derived by
//! bronzed.contratacoes.2025   {"20251022":[7,"4a1c…","",0]}     of the day, commits up to 7 are in the table
//! bronzed.kept                ["_kept/part-….parquet", …]       rows that readers don't see
//! bronzed.held                [{"partition":"2025-10", …}]      what the last build held back
//! ```

use std::collections::{BTreeMap, BTreeSet};

use bronzed_model::day::Day;
use bronzed_storage::lake::Lake;
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::Int64Type;
use delta_kernel::arrow::array::{Array, MapArray, RecordBatch, StringArray};
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::{Engine, KernelError, KernelResult};
use serde::{Deserialize, Serialize};

use super::shape::{ID, MONTH};
use super::{HeldBackPartition, SilverError};
use crate::add::AddedFile;
use crate::compare::scanned;
use crate::error::DeltaError;
use crate::log;
use crate::newest::load;

/// Start of the names of the table's domains.
const DOMAIN: &str = "bronzed.";
/// Domain of the declaration.
pub(super) const DECLARATION: &str = "bronzed.declaration";
/// Domain of the files with rows that readers don't see.
pub(super) const KEPT: &str = "bronzed.kept";
/// Domain of what was held back.
pub(super) const HELD: &str = "bronzed.held";

/// Place of rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilePlace {
    /// A partition that readers see: its month; `None` without a date, and in a table without partitions.
    Table(Option<String>),
    /// Rows that readers don't see, and that later commits are compared with: omitted ones, and deletions of what isn't
    /// known yet.
    Kept,
}

/// A data file.
#[derive(Debug, Clone)]
pub(super) struct TableFile {
    /// Path within the table.
    pub path: String,
    pub place: FilePlace,
    pub rows: u64,
    pub size: u64,
    /// Bounds of its keys; `None` if they aren't known.
    pub keys: Option<(String, String)>,
    /// As the log is told of it; only of a file that it doesn't have.
    pub added: Option<AddedFile>,
}

/// Part of a bronze day that is in the table: number of the last commit, digest of the state document, digest of the withdrawn ids,
/// and number of files of other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DayProgress(pub u64, pub String, pub String, pub u64);

/// Progress of all days, by dataset.
pub(super) type DaysProgress = BTreeMap<(String, Day), DayProgress>;

/// A table at a version; or as the next version is to be.
#[derive(Debug, Clone, Default)]
pub(super) struct TableState {
    /// Snapshot of the version; `None` if there is none.
    pub base: Option<SnapshotRef>,
    /// Digest of the declaration.
    pub fingerprint: String,
    pub files: Vec<TableFile>,
    pub progress: DaysProgress,
    pub held: Vec<HeldRecord>,
    /// Domains as the log has them.
    pub domains: BTreeMap<String, String>,
    /// Paths of the files that the log has, kept ones included.
    pub logged: BTreeSet<String>,
}

/// Partition that was held back, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldRecord {
    partition: Option<String>,
    expectation: String,
    unexpected: u64,
    evaluated: u64,
    days: Vec<String>,
}

/// A kept file, as the log has it.
#[derive(Debug, Serialize, Deserialize)]
struct KeptRecord(String, u64, u64, Option<(String, String)>);

impl HeldRecord {
    pub fn of(held: &HeldBackPartition) -> Self {
        Self {
            partition: held.partition.clone(),
            expectation: held.expectation.clone(),
            unexpected: held.unexpected,
            evaluated: held.evaluated,
            days: held.days.clone(),
        }
    }

    pub fn report(&self) -> HeldBackPartition {
        HeldBackPartition {
            partition: self.partition.clone(),
            expectation: self.expectation.clone(),
            unexpected: self.unexpected,
            evaluated: self.evaluated,
            examples: Vec::new(),
            days: self.days.clone(),
        }
    }
}

impl TableState {
    /// Reads the newest version.
    pub async fn load(lake: &Lake, prefix: &str) -> Result<Self, DeltaError> {
        match load(lake, prefix).await? {
            Some(snapshot) => Self::of(lake, prefix, snapshot).await,
            None => Ok(Self::default()),
        }
    }

    /// Returns the files of a version that readers see, with their statistics.
    pub async fn with_statistics(
        lake: &Lake,
        prefix: &str,
        snapshot: &SnapshotRef,
    ) -> Result<Vec<(TableFile, FileStatistics)>, DeltaError> {
        let (files, _) = log::run(lake, prefix, |engine| {
            let mut files = Vec::new();
            for (batch, selected) in scanned(snapshot, engine)? {
                let live = |row: &usize| selected.get(*row).copied().unwrap_or(true);
                let rows = FileRows::of(&batch)?;
                let live = (0..batch.num_rows()).filter(live);
                files.extend(live.map(|row| (rows.file(row), rows.statistics(row))));
            }
            Ok(files)
        })
        .await?;
        Ok(files)
    }

    /// Reads the state of a version.
    pub async fn of(lake: &Lake, prefix: &str, snapshot: SnapshotRef) -> Result<Self, DeltaError> {
        let (read, _) = log::run(lake, prefix, |engine| {
            let mut files = Vec::new();
            for (batch, selected) in scanned(&snapshot, engine)? {
                let live = |row: &usize| selected.get(*row).copied().unwrap_or(true);
                let rows = FileRows::of(&batch)?;
                files.extend((0..batch.num_rows()).filter(live).map(|row| rows.file(row)));
            }
            let domains = snapshot.get_all_domain_metadata(engine as &dyn Engine)?;
            let domains = domains.into_iter().map(|domain| {
                (
                    domain.domain().to_owned(),
                    domain.configuration().to_owned(),
                )
            });
            Ok((files, domains.collect::<BTreeMap<_, _>>()))
        })
        .await?;
        let (files, domains) = read;
        let mut state = Self {
            base: Some(snapshot),
            files,
            domains,
            ..Self::default()
        };
        state
            .read_domains()
            .map_err(|error| DeltaError::log(prefix, KernelError::generic_err(error)))?;
        state.logged = state.files.iter().map(|file| file.path.clone()).collect();
        Ok(state)
    }

    fn read_domains(&mut self) -> Result<(), serde_json::Error> {
        for (domain, text) in &self.domains {
            match domain.as_str() {
                DECLARATION => self.fingerprint = serde_json::from_str(text)?,
                HELD => self.held = serde_json::from_str(text)?,
                KEPT => {
                    let kept: Vec<KeptRecord> = serde_json::from_str(text)?;
                    let kept =
                        kept.into_iter()
                            .map(|KeptRecord(path, rows, size, keys)| TableFile {
                                path,
                                place: FilePlace::Kept,
                                rows,
                                size,
                                keys,
                                added: None,
                            });
                    self.files.extend(kept);
                }
                _ => {
                    let Some((input, _)) = domain
                        .strip_prefix(DOMAIN)
                        .and_then(|name| name.rsplit_once('.'))
                    else {
                        continue;
                    };
                    let days: BTreeMap<String, DayProgress> = serde_json::from_str(text)?;
                    for (day, progress) in days {
                        if let Some(day) = Day::from_compact(&day) {
                            self.progress.insert((input.to_owned(), day), progress);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the domains as the next version is to have them.
    pub fn wanted_domains(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        let mut years: BTreeMap<String, BTreeMap<String, &DayProgress>> = BTreeMap::new();
        for ((input, day), progress) in &self.progress {
            let year = &day.compact()[..4];
            let days = years.entry(format!("{DOMAIN}{input}.{year}")).or_default();
            days.insert(day.compact(), progress);
        }
        let mut domains = BTreeMap::new();
        for (domain, days) in years {
            domains.insert(domain, serde_json::to_string(&days)?);
        }
        let kept = self
            .files
            .iter()
            .filter(|file| file.place == FilePlace::Kept);
        let kept: Vec<_> = kept
            .map(|file| KeptRecord(file.path.clone(), file.rows, file.size, file.keys.clone()))
            .collect();
        domains.insert(
            DECLARATION.to_owned(),
            serde_json::to_string(&self.fingerprint)?,
        );
        domains.insert(KEPT.to_owned(), serde_json::to_string(&kept)?);
        domains.insert(HELD.to_owned(), serde_json::to_string(&self.held)?);
        Ok(domains)
    }
}

/// Rows of a scan's batch.
struct FileRows<'a> {
    paths: &'a StringArray,
    sizes: &'a delta_kernel::arrow::array::PrimitiveArray<Int64Type>,
    statistics: &'a StringArray,
    partitions: &'a MapArray,
}

/// Statistics of a file, as the log has them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FileStatistics {
    pub num_records: u64,
    pub null_count: serde_json::Map<String, serde_json::Value>,
    pub min_values: serde_json::Map<String, serde_json::Value>,
    pub max_values: serde_json::Map<String, serde_json::Value>,
}

impl FileStatistics {
    /// Returns `true` if all values of a column are known to be null.
    pub fn is_null(&self, name: &str) -> bool {
        let nulls = self
            .null_count
            .get(name)
            .and_then(serde_json::Value::as_u64);
        nulls == Some(self.num_records)
    }
}

impl<'a> FileRows<'a> {
    fn of(batch: &'a RecordBatch) -> KernelResult<Self> {
        let missing = || KernelError::missing_column("a column of the scan");
        let column = |name| batch.column_by_name(name).ok_or_else(missing);
        let constants = column("fileConstantValues")?;
        let constants = constants.as_struct_opt().ok_or_else(missing)?;
        let partitions = constants.column_by_name("partitionValues");
        Ok(Self {
            paths: column("path")?.as_string_opt().ok_or_else(missing)?,
            sizes: column("size")?.as_primitive_opt().ok_or_else(missing)?,
            statistics: column("stats")?.as_string_opt().ok_or_else(missing)?,
            partitions: partitions
                .and_then(|array| array.as_map_opt())
                .ok_or_else(missing)?,
        })
    }

    fn file(&self, row: usize) -> TableFile {
        let statistics = self.statistics(row);
        let bound = |values: &serde_json::Map<String, serde_json::Value>| {
            Some(values.get(ID)?.as_str()?.to_owned())
        };
        let path = self.paths.value(row);
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        TableFile {
            path: path.into_owned(),
            place: FilePlace::Table(self.month(row)),
            rows: statistics.num_records,
            size: u64::try_from(self.sizes.value(row)).unwrap_or_default(),
            keys: bound(&statistics.min_values).zip(bound(&statistics.max_values)),
            added: None,
        }
    }

    fn statistics(&self, row: usize) -> FileStatistics {
        match self.statistics.is_valid(row) {
            true => serde_json::from_str(self.statistics.value(row)).unwrap_or_default(),
            false => FileStatistics::default(),
        }
    }

    fn month(&self, row: usize) -> Option<String> {
        let entries = self.partitions.value(row);
        let names = entries.column(0).as_string_opt::<i32>()?;
        let values = entries.column(1).as_string_opt::<i32>()?;
        let place = (0..names.len()).find(|place| names.value(*place) == MONTH)?;
        values
            .is_valid(place)
            .then(|| values.value(place).to_owned())
    }
}

/// Returns the error of a domain that isn't as it was written.
pub(super) fn damaged(prefix: &str, error: serde_json::Error) -> SilverError {
    DeltaError::log(prefix, KernelError::generic_err(error)).into()
}
