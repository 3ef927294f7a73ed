//! Verification of a silver table: its log beside its files, and what went in beside bronze.
//!
//! Of each file the footer is read, and the column of its keys, which stand in one partition each; of two files of a partition
//! whose bounds of keys overlap, the rows' keys are compared themselves.

use std::collections::{BTreeMap, BTreeSet};

use bronzed_model::declaration::SilverTable;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Entry, Lake};
use delta_kernel::arrow::array::Array;
use delta_kernel::arrow::array::cast::AsArray;
use futures::{StreamExt, TryStreamExt, stream};

use super::SilverError;
use super::across;
use super::locate;
use super::shape::{ID, ORDER, SilverShape};
use super::state::{FilePlace, TableFile, TableState};
use crate::error::DeltaError;
use crate::statistics;

/// Number of footers that are read at once.
const AT_ONCE: usize = 16;

/// Differences between a silver table's log and its files, and between what went in and bronze.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SilverComparison {
    /// Newest version; `None` if the table was never built.
    pub version: Option<u64>,
    /// Number of files that the version has, those with rows that readers don't see included.
    pub files: u64,
    /// Number of rows that readers see.
    pub rows: u64,
    /// Keys of files that are gone.
    pub gone: BTreeSet<String>,
    /// Files that aren't as the log says, with what differs.
    pub damaged: BTreeMap<String, String>,
    /// Keys of rows that stand in two files, one for each pair of files.
    pub twice: Vec<RepeatedKey>,
    /// Bronze days of which more went in than bronze has.
    pub ahead: Vec<DayAhead>,
}

/// A key that stands in two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedKey {
    /// The first of the keys that both files have, and were looked at.
    pub id: String,
    /// The files.
    pub files: [String; 2],
}

/// A bronze day of which more went in than bronze has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayAhead {
    /// `contratacoes 2025-10-22`
    pub day: String,
    /// Number of the last commit that went in.
    pub taken: u64,
    /// Number of the last commit that bronze has; 0 if it has none.
    pub stored: u64,
}

impl SilverComparison {
    /// Returns `true` if nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.is_readable() && self.ahead.is_empty()
    }

    /// Returns `true` if readers see what the log says, and each row once.
    pub fn is_readable(&self) -> bool {
        self.gone.is_empty() && self.damaged.is_empty() && self.twice.is_empty()
    }
}

/// Verifies the newest version of a table.
///
/// # Errors
/// Returns an error if the declaration makes no table, or the lake or the log can't be read.
pub async fn verify(lake: &Lake, table: &SilverTable) -> Result<SilverComparison, SilverError> {
    let shape = SilverShape::of(table)?;
    let state = TableState::load(lake, &table.prefix).await?;
    let Some(base) = &state.base else {
        return Ok(SilverComparison::default());
    };
    let listed = lake.list(&table.prefix).await?.into_iter();
    let listed: BTreeMap<_, _> = listed.map(|entry| (entry.key.clone(), entry)).collect();
    let seen = state
        .files
        .iter()
        .filter(|file| file.place != FilePlace::Kept);
    let mut found = SilverComparison {
        version: Some(base.version()),
        files: state.files.len() as u64,
        rows: seen.map(|file| file.rows).sum(),
        ahead: ahead(lake, table, &state).await?,
        ..SilverComparison::default()
    };
    let looked = stream::iter(&state.files)
        .map(|file| look(lake, &shape, &listed, file))
        .buffered(AT_ONCE);
    let looked: Vec<_> = looked.try_collect().await?;
    let mut sound = Vec::new();
    for (file, look) in state.files.iter().zip(looked) {
        let key = format!("{}/{}", shape.prefix, file.path);
        match look {
            FileLook::Sound => sound.push(file),
            FileLook::Gone => drop(found.gone.insert(key)),
            FileLook::Damaged(reason) => drop(found.damaged.insert(key, reason)),
        }
    }
    let repeated = across::repeated(lake, &shape, &sound, across::HASHES).await?;
    found.twice = twice(lake, &shape, sound).await?;
    found.twice.extend(repeated);
    Ok(found)
}

/// Result of a look at a file.
enum FileLook {
    Sound,
    Gone,
    Damaged(String),
}

async fn look(
    lake: &Lake,
    shape: &SilverShape,
    listed: &BTreeMap<String, Entry>,
    file: &TableFile,
) -> Result<FileLook, SilverError> {
    let key = format!("{}/{}", shape.prefix, file.path);
    let Some(entry) = listed.get(&key) else {
        // A listing isn't a view of one moment.
        return Ok(match lake.exists(&key).await? {
            true => FileLook::Sound,
            false => FileLook::Gone,
        });
    };
    if entry.size != file.size {
        let (size, logged) = (entry.size, file.size);
        let reason = format!("it has {size} bytes, and the log says {logged}");
        return Ok(FileLook::Damaged(reason));
    }
    let footer = match statistics::footer(lake, entry).await {
        Ok(Some(footer)) => footer,
        Ok(None) => return Ok(FileLook::Gone),
        Err(DeltaError::File { error, .. }) => return Ok(FileLook::Damaged(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    if footer.rows() != file.rows {
        let (rows, logged) = (footer.rows(), file.rows);
        let reason = format!("it has {rows} rows, and the log says {logged}");
        return Ok(FileLook::Damaged(reason));
    }
    Ok(match footer.texts_between(ID) {
        Ok(Some(bounds)) if !contains(&file.keys, &bounds) => {
            let reason = format!(
                "its keys are from `{}` to `{}`, and the log says otherwise",
                bounds.0, bounds.1
            );
            FileLook::Damaged(reason)
        }
        Ok(_) => FileLook::Sound,
        Err(error) => FileLook::Damaged(error.to_string()),
    })
}

/// Returns `true` if these bounds lie within those of the log, by which files are passed over. Bounds of a footer may be cut, and
/// are wider then.
fn contains(logged: &Option<(String, String)>, bounds: &(String, String)) -> bool {
    let Some((least, greatest)) = logged else {
        return true;
    };
    let is_cut = |text: &str| text.len() >= CUT_FROM;
    (is_cut(&bounds.0) || *least <= bounds.0) && (is_cut(&bounds.1) || bounds.1 <= *greatest)
}

/// Length in bytes from which a bound of a footer may be cut: at 64, and within a character.
const CUT_FROM: usize = 61;

/// Returns the keys that two files of a partition have.
async fn twice(
    lake: &Lake,
    shape: &SilverShape,
    files: Vec<&TableFile>,
) -> Result<Vec<RepeatedKey>, SilverError> {
    let mut places: BTreeMap<&FilePlace, Vec<&TableFile>> = BTreeMap::new();
    for file in files {
        places.entry(&file.place).or_default().push(file);
    }
    let mut twice = Vec::new();
    for mut files in places.into_values() {
        files.sort_by(|one, other| one.keys.cmp(&other.keys));
        for (position, file) in files.iter().enumerate() {
            let overlapping = files.iter().skip(position + 1);
            for other in overlapping.take_while(|other| overlap(file, other)) {
                let (one, two) = (
                    rows(lake, shape, file).await?,
                    rows(lake, shape, other).await?,
                );
                let first = one.intersection(&two).next();
                twice.extend(first.map(|(id, _)| RepeatedKey {
                    id: id.clone(),
                    files: [file, other].map(|file| format!("{}/{}", shape.prefix, file.path)),
                }));
            }
        }
    }
    Ok(twice)
}

/// Returns `true` if a file and one that begins later may have a key in common.
fn overlap(file: &TableFile, later: &TableFile) -> bool {
    match (&file.keys, &later.keys) {
        (Some((_, greatest)), Some((least, _))) => least <= greatest,
        _ => true,
    }
}

/// Returns the keys of a file's rows; of a history, with the order of each version.
async fn rows(
    lake: &Lake,
    shape: &SilverShape,
    file: &TableFile,
) -> Result<BTreeSet<(String, Option<String>)>, SilverError> {
    let bytes = locate::read(lake, shape, file).await?;
    let mut rows = BTreeSet::new();
    let wanted = |name: &str| name == ID || (shape.history && name == ORDER);
    for batch in locate::batches(shape, file, bytes, wanted)? {
        let batch = batch?;
        let texts = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
        let Some(ids) = texts(ID) else { continue };
        let orders = texts(ORDER);
        rows.extend((0..batch.num_rows()).map(|row| {
            let order = orders.filter(|orders| orders.is_valid(row));
            let order = order.map(|orders| orders.value(row).to_owned());
            (ids.value(row).to_owned(), order)
        }));
    }
    Ok(rows)
}

/// Returns the bronze days of which more went in than bronze has.
async fn ahead(
    lake: &Lake,
    table: &SilverTable,
    state: &TableState,
) -> Result<Vec<DayAhead>, SilverError> {
    let mut ahead = Vec::new();
    for input in &table.inputs {
        let prefix = &input.prefix;
        let mut stored = BTreeMap::new();
        for entry in lake.list(prefix).await? {
            if let Some(day) = layout::file_day(prefix, &entry.key) {
                let number = layout::file_number(prefix, day, &entry.key);
                let last = stored.entry(day).or_insert(0);
                *last = number.unwrap_or_default().max(*last);
            }
        }
        for ((name, day), progress) in &state.progress {
            if *name != input.name {
                continue;
            }
            let (taken, stored) = (progress.0, stored.get(day).copied().unwrap_or_default());
            let last = layout::file_key(prefix, *day, taken);
            if stored < taken && !lake.exists(&last).await? {
                ahead.push(DayAhead {
                    day: format!("{name} {day}"),
                    taken,
                    stored,
                });
            }
        }
    }
    Ok(ahead)
}
