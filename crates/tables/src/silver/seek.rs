//! Values of one table's column that the other column of another table lacks.
//!
//! ```text
//! the column, file by file ──► hashes, and the other table's files whose bounds may have one
//!        ▲ next values                    │ when many are looked for, or all
//!        └── rows whose value is left ◄───┴── the other column of these files, until no hash is left
//! ```
//!
//! Of both tables the columns' pages alone are read. Memory holds a hash of 64 bits for each value that is looked for at once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use bronzed_model::declaration::ReferencedColumn;
use bronzed_model::quality::{Example, MAX_EXAMPLES};
use bronzed_storage::bronze::expectations::example_value;
use bronzed_storage::lake::Lake;
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::{Array, RecordBatch};

use super::SilverError;
use super::exists::{ReferringTable, Unevaluated};
use super::reference::{FileBounds, ReferenceArray, ReferenceValue};
use super::shape::ID;
use super::state::TableFile;
use crate::pages;

/// Result of a comparison.
#[derive(Debug, Clone, Default)]
pub(super) struct ReferenceTally {
    pub evaluated: u64,
    pub unexpected: u64,
    pub examples: Vec<Example>,
}

/// Columns that are compared.
pub(super) struct ComparedColumns<'a> {
    pub column: &'a str,
    pub other: &'a ReferencedColumn,
    pub other_files: Vec<(TableFile, Option<FileBounds>)>,
    pub shows_values: bool,
}

/// Values that are looked for, and the files of the other table that may have one.
struct SoughtValues {
    hashes: HashSet<u64>,
    /// Positions of the files that may have one of the values.
    wanted: Vec<usize>,
    /// Positions of the others.
    unwanted: Vec<usize>,
    /// Positions of the files of the table with these values.
    of: Vec<usize>,
}

impl ReferringTable<'_> {
    /// Compares the columns of all files.
    pub async fn compare(
        &self,
        columns: &ComparedColumns<'_>,
    ) -> Result<Result<ReferenceTally, Unevaluated>, SilverError> {
        let mut tally = ReferenceTally::default();
        let mut sought = SoughtValues::among(&columns.other_files);
        for (position, (file, statistics)) in self.files.iter().enumerate() {
            if (self.stop)() {
                let reason = "the build was stopped before".to_owned();
                return Ok(Err(Unevaluated(reason)));
            }
            if statistics.is_null(columns.column) {
                continue;
            }
            for batch in self.rows(file, &[columns.column]).await? {
                each(&batch?, columns.column, |_, value| {
                    tally.evaluated += 1;
                    sought.add(&value, &columns.other_files);
                });
            }
            sought.of.push(position);
            if sought.hashes.len() < self.values {
                continue;
            }
            if let Err(reason) = self.settle(columns, &mut sought, &mut tally).await? {
                return Ok(Err(reason));
            }
            sought = SoughtValues::among(&columns.other_files);
        }
        let settled = self.settle(columns, &mut sought, &mut tally).await?;
        Ok(settled.map(|()| tally))
    }

    /// Looks for the values, and counts the rows whose value isn't found.
    async fn settle(
        &self,
        columns: &ComparedColumns<'_>,
        sought: &mut SoughtValues,
        tally: &mut ReferenceTally,
    ) -> Result<Result<(), Unevaluated>, SilverError> {
        if let Err(error) = self.find(columns, sought).await {
            return Ok(Err(Unevaluated(error.to_string())));
        }
        if sought.hashes.is_empty() {
            return Ok(Ok(()));
        }
        let of = sought.of.iter();
        for (file, _) in of.filter_map(|position| self.files.get(*position)) {
            for batch in self.rows(file, &[ID, columns.column]).await? {
                count_unfound(&batch?, columns, &sought.hashes, tally);
            }
        }
        Ok(Ok(()))
    }

    /// Takes away the values that the other table has.
    async fn find(
        &self,
        columns: &ComparedColumns<'_>,
        sought: &mut SoughtValues,
    ) -> Result<(), SilverError> {
        let name = columns.other.column.as_str();
        for position in &sought.wanted {
            if sought.hashes.is_empty() {
                return Ok(());
            }
            let Some((file, _)) = columns.other_files.get(*position) else {
                continue;
            };
            let of = (&*columns.other.table, &*columns.other.prefix);
            for batch in read(self.lake, of, file, &[name]).await? {
                each(&batch?, name, |_, value| {
                    sought.hashes.remove(&hash(&value));
                });
            }
        }
        Ok(())
    }

    /// Reads columns of a file of the table.
    async fn rows(
        &self,
        file: &TableFile,
        names: &[&str],
    ) -> Result<impl Iterator<Item = Result<RecordBatch, SilverError>>, SilverError> {
        read(self.lake, (self.name, self.prefix), file, names).await
    }
}

impl SoughtValues {
    fn among(files: &[(TableFile, Option<FileBounds>)]) -> Self {
        let positions = || 0..files.len();
        let is_wanted = |position: &usize| files.get(*position).is_some_and(|one| one.1.is_none());
        Self {
            hashes: HashSet::new(),
            // Of which nothing is known.
            wanted: positions().filter(is_wanted).collect(),
            unwanted: positions()
                .filter(|position| !is_wanted(position))
                .collect(),
            of: Vec::new(),
        }
    }

    fn add(&mut self, value: &ReferenceValue<'_>, files: &[(TableFile, Option<FileBounds>)]) {
        if !self.hashes.insert(hash(value)) {
            return;
        }
        let wanted = &mut self.wanted;
        self.unwanted.retain(|position| {
            let bounds = files.get(*position).and_then(|(_, bounds)| bounds.as_ref());
            let may_have = bounds.is_some_and(|bounds| bounds.may_have(value));
            if may_have {
                wanted.push(*position);
            }
            !may_have
        });
    }
}

fn count_unfound(
    batch: &RecordBatch,
    columns: &ComparedColumns<'_>,
    unfound: &HashSet<u64>,
    tally: &mut ReferenceTally,
) {
    let Some(array) = batch.column_by_name(columns.column) else {
        return;
    };
    let ids = batch.column_by_name(ID);
    let ids = ids.and_then(|ids| ids.as_string_opt::<i32>());
    each(batch, columns.column, |row, value| {
        if !unfound.contains(&hash(&value)) {
            return;
        }
        tally.unexpected += 1;
        if tally.examples.len() < MAX_EXAMPLES {
            let value = columns.shows_values.then(|| example_value(array, row));
            let id = ids.filter(|ids| ids.is_valid(row));
            tally.examples.push(Example {
                id: id.map_or_else(String::new, |ids| ids.value(row).to_owned()),
                value: value.flatten(),
            });
        }
    });
}

/// Calls `take` with each value of a column that isn't null, and its row.
fn each(batch: &RecordBatch, column: &str, mut take: impl FnMut(usize, ReferenceValue<'_>)) {
    let Some(array) = batch.column_by_name(column) else {
        return;
    };
    let Some(values) = ReferenceArray::of(array) else {
        return;
    };
    for row in 0..batch.num_rows() {
        if array.is_valid(row) {
            take(row, values.at(row));
        }
    }
}

/// Returns a hash that is the same within a process.
pub(super) fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Reads columns of a file of a table.
pub(super) async fn read(
    lake: &Lake,
    (table, prefix): (&str, &str),
    file: &TableFile,
    names: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch, SilverError>>, SilverError> {
    let table = table.to_owned();
    let key = format!("{prefix}/{}", file.path);
    let Some(reader) = pages::columns(lake, (&key, file.size), names).await? else {
        return Err(SilverError::Gone { table, key });
    };
    Ok(reader.map(move |batch| {
        batch.map_err(|error| SilverError::Rows {
            table: table.clone(),
            error,
        })
    }))
}
