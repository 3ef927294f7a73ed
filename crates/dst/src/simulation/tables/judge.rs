//! Checks of the tables: some after each write, the others when nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Array, RecordBatch};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, DeletedRows};
use bronzed_storage::bronze::layout;
use bronzed_tables::testing::{Event, Known, SeenRow};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::super::desk::Objects;
use super::super::lake;
use super::bronze::{self, DayRows};
use super::log::{ReplayedLog, replay};
use super::world::World;

/// Number of the last commit, by the name of the dataset and day.
type Progress = BTreeMap<(String, Day), u64>;

/// Judge of a schedule, with what it has seen so far.
pub struct Judge {
    world: Arc<World>,
    /// Number of commits that a log has shown.
    shown: Progress,
    /// Commits that have gone into the silver table.
    taken: Progress,
    /// `true` while logs of bronze are made anew: they may be damaged.
    rebuilding: bool,
}

impl Judge {
    pub fn new(world: Arc<World>) -> Self {
        Self {
            world,
            shown: Progress::new(),
            taken: Progress::new(),
            rebuilding: false,
        }
    }

    /// Looks at no log of bronze until its rebuild has ended; what was shown before counts no more.
    pub fn expect_rebuild(&mut self, begins: bool) {
        self.rebuilding = begins;
        self.shown.clear();
    }

    /// Checks the tables to which a written or deleted object belongs. `anew`: by whoever makes the silver table anew.
    ///
    /// # Errors
    /// Returns an error that names the promise that is broken.
    pub fn look(&mut self, objects: &Objects, key: &str, anew: bool) -> Result<(), String> {
        let world = Arc::clone(&self.world);
        if key.starts_with(&world.table.prefix) {
            return self.silver(objects, anew && key.contains("/_delta_log/"), false);
        }
        if self.rebuilding {
            return Ok(());
        }
        for dataset in world.inputs() {
            if key.starts_with(&format!("{}/_delta_log/", dataset.prefix)) {
                self.delta(objects, dataset, false)?;
            }
        }
        Ok(())
    }

    /// Checks that all tables are whole.
    ///
    /// # Errors
    /// As [`Judge::look`].
    pub fn look_at_rest(&mut self, objects: &Objects) -> Result<(), String> {
        let world = Arc::clone(&self.world);
        for dataset in world.inputs() {
            self.delta(objects, dataset, true)?;
        }
        self.silver(objects, false, true)
    }

    fn delta(&mut self, objects: &Objects, dataset: &Dataset, whole: bool) -> Result<(), String> {
        let prefix = &dataset.prefix;
        let log = replay(objects, prefix).map_err(|error| format!("log: {error}"))?;
        for (day, stored) in bronze::rows_of(objects, dataset) {
            let mut numbers = Vec::new();
            for path in log.files.keys() {
                let key = format!("{prefix}/{path}");
                let object = objects.get(&key);
                let object =
                    object.ok_or_else(|| format!("gone: {key} is in the log, and not there"))?;
                if let Some(number) = layout::file_number(prefix, day, &key) {
                    numbers.push(number);
                } else if let Some(name) =
                    layout::compacted_name(prefix, &key).filter(|name| name.day == day)
                {
                    numbers.extend(name.first..=name.last);
                    has_the_rows(
                        &key,
                        bronze::ids(&object.bytes),
                        &stored,
                        name.first..=name.last,
                    )?;
                }
            }
            numbers.sort_unstable();
            let last = numbers.len() as u64;
            if !numbers.iter().copied().eq(1..=last) {
                return Err(format!(
                    "prefix: of {prefix} {day} the log shows the commits {numbers:?}"
                ));
            }
            let told = log.transactions.get(&format!("bronzed/{day}"));
            if told.copied().unwrap_or_default() != last {
                return Err(format!(
                    "transaction: of {prefix} {day} it is {told:?}, and {last} are shown"
                ));
            }
            let before = self.shown.insert((dataset.name.clone(), day), last);
            if before.is_some_and(|before| before > last) {
                return Err(format!(
                    "shrinks: of {prefix} {day} {last} commits are shown, and were {before:?}"
                ));
            }
            if whole && last != stored.len() as u64 {
                return Err(format!(
                    "late: of {prefix} {day} {last} commits are shown, of {}",
                    stored.len()
                ));
            }
        }
        Ok(())
    }

    fn silver(&mut self, objects: &Objects, anew: bool, whole: bool) -> Result<(), String> {
        let world = Arc::clone(&self.world);
        let prefix = &world.table.prefix;
        let log = replay(objects, prefix).map_err(|error| format!("log: {error}"))?;
        if log.versions == 0 {
            return Ok(());
        }
        kept_are_there(objects, prefix, &log)?;
        let progress = progress(&log);
        if anew {
            self.taken.clear();
        }
        for (day, number) in &progress {
            let taken = self.taken.entry(day.clone()).or_default();
            *taken = (*taken).max(*number);
        }
        let rows = rows(objects, prefix, &log)?;
        // A day whose notes have changed goes in again from its beginning, and its later rows are there meanwhile.
        let fold = |progress: &Progress| self.fold(objects, progress, whole);
        let (expected, later) = (fold(&progress), fold(&self.taken));
        if !whole {
            return match self.may_be(&rows, &expected) || self.may_be(&rows, &later) {
                true => Ok(()),
                false => Err(format!(
                    "fold: of {progress:?}\n  has  {rows:?}\n  must {expected:?}"
                )),
            };
        }
        for dataset in world.inputs() {
            for (day, stored) in bronze::rows_of(objects, dataset) {
                let taken = progress.get(&(dataset.name.clone(), day));
                if stored.len() as u64 != taken.copied().unwrap_or_default() {
                    return Err(format!(
                        "behind: {taken:?} commits of {} {day}, of {}",
                        dataset.name,
                        stored.len()
                    ));
                }
            }
        }
        match rows == expected {
            true => Ok(()),
            false => Err(format!(
                "fold: of all\n  has  {rows:?}\n  must {expected:?}"
            )),
        }
    }

    /// Returns `true` if readers may see these rows at any time. The notes that went in may be older ones.
    fn may_be(&self, rows: &[SeenRow], expected: &[SeenRow]) -> bool {
        let table = &self.world.table;
        let plain = |row: &SeenRow| SeenRow {
            deleted: row.deleted.clone().filter(|_| table.history),
            ..row.clone()
        };
        let expected: BTreeSet<_> = expected.iter().map(plain).collect();
        let seen: BTreeSet<_> = rows.iter().map(plain).collect();
        let once = seen.len() == rows.len();
        match table.deleted {
            DeletedRows::Omit => once && seen.is_subset(&expected),
            DeletedRows::Flag => once && seen == expected,
        }
    }

    /// Returns the rows that the table is to have; of one that omits rows all, unless it is `whole`: the notes that went in may
    /// be older ones, and what is seen is among these rows.
    fn fold(&self, objects: &Objects, progress: &Progress, whole: bool) -> Vec<SeenRow> {
        let table = &self.world.table;
        let mut known = Known::default();
        for dataset in self.world.inputs() {
            for (day, stored) in bronze::rows_of(objects, dataset) {
                let taken = progress.get(&(dataset.name.clone(), day)).copied();
                let taken = stored.range(..=taken.unwrap_or_default());
                for facts in taken.map(|(_, facts)| facts) {
                    known.hear(&Event::Commit(facts.to_vec()));
                }
                let gone = lake::withdrawn(objects, &layout::state_key(&dataset.prefix, day));
                let (gone, returned) = (gone.into_iter().map(String::from).collect(), Vec::new());
                known.hear(&Event::Note {
                    day,
                    gone,
                    returned,
                });
            }
        }
        match table.name.as_str() {
            "lista" => known.list(table.history),
            _ => known.records(whole && table.deleted == DeletedRows::Omit),
        }
    }
}

/// Requires that a compacted file has each row of the files for which it stands, once.
fn has_the_rows(
    key: &str,
    mut ids: Vec<String>,
    stored: &DayRows,
    numbers: std::ops::RangeInclusive<u64>,
) -> Result<(), String> {
    let facts = stored.range(numbers).flat_map(|(_, facts)| facts.iter());
    let mut wanted: Vec<_> = facts.map(|fact| fact.id.clone()).collect();
    ids.sort();
    wanted.sort();
    match ids == wanted {
        true => Ok(()),
        false => Err(format!(
            "compacted: {key} has {ids:?}, and stands for {wanted:?}"
        )),
    }
}

/// Requires that the files of rows that readers don't see are there.
fn kept_are_there(objects: &Objects, prefix: &str, log: &ReplayedLog) -> Result<(), String> {
    let kept = log.domains.get("bronzed.kept");
    let kept: Value = serde_json::from_str(kept.map_or("[]", String::as_str)).unwrap_or_default();
    for file in kept.as_array().into_iter().flatten() {
        let key = format!("{prefix}/{}", file[0].as_str().unwrap_or_default());
        if objects.get(&key).is_none() {
            return Err(format!("gone: {key} is kept, and not there"));
        }
    }
    Ok(())
}

/// Returns the commits that went in, as the log has them.
fn progress(log: &ReplayedLog) -> Progress {
    let mut progress = Progress::new();
    for (domain, text) in &log.domains {
        let mut parts = domain.split('.').skip(1);
        let (Some(dataset), Some(_)) = (parts.next(), parts.next()) else {
            continue;
        };
        let days: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
        for (day, value) in days {
            if let (Some(day), Some(number)) = (Day::from_compact(&day), value[0].as_u64()) {
                progress.insert((dataset.to_owned(), day), number);
            }
        }
    }
    progress
}

/// Returns the rows that readers see.
fn rows(objects: &Objects, prefix: &str, log: &ReplayedLog) -> Result<Vec<SeenRow>, String> {
    let mut rows = Vec::new();
    for (path, month) in &log.files {
        let key = format!("{prefix}/{path}");
        let object = objects.get(&key);
        let object = object.ok_or_else(|| format!("gone: {key} is in the log, and not there"))?;
        let told = |error: &dyn std::fmt::Display| format!("unreadable: {key}: {error}");
        let read = ParquetRecordBatchReaderBuilder::try_new(object.bytes.clone());
        let read = read.and_then(|read| read.build());
        for batch in read.map_err(|error| told(&error))? {
            let batch = batch.map_err(|error| told(&error))?;
            rows.extend((0..batch.num_rows()).map(|row| seen(&batch, row, month)));
        }
    }
    rows.sort();
    Ok(rows)
}

fn seen(batch: &RecordBatch, row: usize, month: &Option<String>) -> SeenRow {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let date = |name: &str| {
        let column = batch
            .column_by_name(name)?
            .as_primitive_opt::<Date32Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    SeenRow {
        key: text("_id").unwrap_or_default(),
        value: text("valor").unwrap_or_default(),
        month: month.clone(),
        deleted: text("_deleted"),
        day: date("_day").unwrap_or_default(),
        valid_to: date("valid_to"),
    }
}
