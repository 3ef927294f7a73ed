//! Expectation that each value of a column occurs in a column of another silver table, judged on the table as a whole: that the
//! columns can be compared as the tables have them, and what of the result is known already. A result stands as long as neither
//! table has another version. The comparison is in [`super::seek`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bronzed_model::declaration::{Expectation, ReferencedColumn};
use bronzed_model::quality::ExpectationResult;
use bronzed_storage::lake::Lake;
use delta_kernel::schema::{DataType as DeltaType, PrimitiveType};
use delta_kernel::snapshot::SnapshotRef;

use super::reference::FileBounds;
use super::seek::{ComparedColumns, ReferenceTally};
use super::state::{FileStatistics, TableFile, TableState};
use super::{SilverError, Stop};
use crate::error::DeltaError;
use crate::newest;

/// Number of values that are looked for at once.
pub(super) const VALUES: usize = 1_000_000;

/// Results of comparisons by table and expectation, each with all on which it depends.
pub(super) type KnownReferences = Arc<Mutex<HashMap<(String, String), (String, ReferenceTally)>>>;

/// An expectation that isn't evaluated, with the reason.
pub(super) struct Unevaluated(pub String);

/// A table whose column refers to another one.
pub(super) struct ReferringTable<'a> {
    pub lake: &'a Lake,
    /// Full name of the table.
    pub name: &'a str,
    pub prefix: &'a str,
    pub snapshot: &'a SnapshotRef,
    pub files: &'a [(TableFile, FileStatistics)],
    pub stop: Stop<'a>,
    /// Number of values that are looked for at once.
    pub values: usize,
}

impl ReferringTable<'_> {
    /// Judges an expectation, of `column` and `other`.
    ///
    /// # Errors
    /// Returns an error if the table itself can't be read. That the other one can't be is a reason not to evaluate.
    pub async fn judge(
        &self,
        expectation: &Expectation,
        (column, other): (&str, &ReferencedColumn),
        known: &KnownReferences,
    ) -> Result<Result<ExpectationResult, Unevaluated>, SilverError> {
        let read = newest::load(self.lake, &other.prefix).await;
        let of_other = match read {
            Ok(Some(snapshot)) => snapshot,
            Ok(None) => {
                let reason = format!("{} has no version yet", other.table);
                return Ok(Err(Unevaluated(reason)));
            }
            Err(error) => return Ok(Err(Unevaluated(error.to_string()))),
        };
        if let Some(reason) = self.incomparable(column, other, &of_other) {
            return Ok(Err(Unevaluated(reason)));
        }
        let at = (self.prefix.to_owned(), expectation.name.clone());
        let depends = format!(
            "{column} {} {} {other:?} {}",
            expectation.examples,
            version_of(self.snapshot),
            version_of(&of_other)
        );
        let before = {
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let found = known.get(&at);
            let same = found.filter(|(depended, _)| *depended == depends);
            same.map(|(_, tally)| tally.clone())
        };
        let tally = match before {
            Some(tally) => tally,
            None => {
                let other_files = match self.other_files(other, &of_other).await {
                    Ok(files) => files,
                    Err(error) => return Ok(Err(Unevaluated(error.to_string()))),
                };
                let columns = ComparedColumns {
                    column,
                    other,
                    other_files,
                    shows_values: expectation.examples,
                };
                let tally = match self.compare(&columns).await? {
                    Ok(tally) => tally,
                    Err(reason) => return Ok(Err(reason)),
                };
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(at, (depends, tally.clone()));
                tally
            }
        };
        let mut result = ExpectationResult::of(expectation);
        (result.evaluated, result.unexpected) = (tally.evaluated, tally.unexpected);
        result.examples = tally.examples;
        result.judge(expectation);
        Ok(Ok(result))
    }

    /// Returns the reason why the columns can't be compared as the tables have them.
    fn incomparable(
        &self,
        column: &str,
        other: &ReferencedColumn,
        of_other: &SnapshotRef,
    ) -> Option<String> {
        let (one, two) = (self.snapshot.schema(), of_other.schema());
        let lacks = |table: &str, column: &str| {
            Some(format!("{table} has no column `{column}` as it was built"))
        };
        let Some(one) = one.field(column) else {
            return lacks(self.name, column);
        };
        let Some(two) = two.field(&other.column) else {
            return lacks(&other.table, &other.column);
        };
        let (one, two) = (one.data_type(), two.data_type());
        (!are_comparable(one, two)).then(|| {
            format!(
                "`{column}` is {one}, and `{}` of {} is {two}, as they were built",
                other.column, other.table
            )
        })
    }

    async fn other_files(
        &self,
        other: &ReferencedColumn,
        snapshot: &SnapshotRef,
    ) -> Result<Vec<(TableFile, Option<FileBounds>)>, DeltaError> {
        let files = TableState::with_statistics(self.lake, &other.prefix, snapshot).await?;
        let schema = snapshot.schema();
        let kind = schema.field(&other.column).map(|field| field.data_type());
        let files = files.into_iter().filter(|(_, statistics)| {
            // A file that has nulls alone has no value.
            !statistics.is_null(&other.column)
        });
        let files = files.map(|(file, statistics)| {
            let bounds = kind.and_then(|kind| FileBounds::of(&statistics, &other.column, kind));
            (file, bounds)
        });
        Ok(files.collect())
    }
}

/// Returns the identity of a version of a table.
fn version_of(snapshot: &SnapshotRef) -> String {
    let table = snapshot.table_configuration().metadata().id();
    format!("{table}@{}", snapshot.version())
}

/// Returns `true` if equal values of these types are found by their hashes.
fn are_comparable(one: &DeltaType, two: &DeltaType) -> bool {
    let scale = |kind: &DeltaType| match kind {
        DeltaType::Primitive(PrimitiveType::Decimal(decimal)) => Some(decimal.scale()),
        DeltaType::Primitive(PrimitiveType::Long) => Some(0),
        _ => None,
    };
    match (scale(one), scale(two)) {
        (Some(one), Some(two)) => one == two,
        _ => one == two && matches!(one, DeltaType::Primitive(_)),
    }
}
