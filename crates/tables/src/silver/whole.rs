//! Expectations on a table as a whole: its number of rows, the age of its newest value, and that values occur in another table.
//! They are judged after each build. Nothing is held back by them. The first two take the statistics of the log; of a file whose
//! statistics lack the column, its footer. The last one is in [`super::exists`].

use bronzed_model::declaration::{Check, Expectation, ExpectationSeverity, SilverTable};
use bronzed_model::quality::{Example, ExpectationResult};
use bronzed_storage::bronze::expectations::judge_newest;
use bronzed_storage::lake::{Entry, Lake};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::{Date32Type, TimestampMicrosecondType};
use delta_kernel::arrow::datatypes::DataType;
use delta_kernel::snapshot::SnapshotRef;
use serde_json::Value;

use super::exists::{KnownReferences, ReferringTable, Unevaluated};
use super::report::WholeJudgement;
use super::shape::SilverShape;
use super::state::{FileStatistics, TableFile, TableState};
use super::{SilverError, Stop};
use crate::statistics;

/// Returns `true` for an expectation on the table as a whole.
pub(super) fn is_of_whole(expectation: &Expectation) -> bool {
    matches!(
        expectation.check,
        Check::Freshness { .. } | Check::RowCountBetween { .. } | Check::ExistsIn { .. }
    )
}

/// Returns the reason why an expectation can't be judged on a table as a whole.
pub(super) fn refusal(expectation: &Expectation) -> Option<String> {
    let (name, word) = (&expectation.name, expectation.check.word());
    if !is_of_whole(expectation) {
        return None;
    }
    if expectation.severity == ExpectationSeverity::Error {
        return Some(format!(
            "expectation `{name}`: `{word}` judges the table as a whole, of which nothing can be held back: its severity is `warn`"
        ));
    }
    let columns = expectation.check.columns();
    let nested = columns
        .into_iter()
        .find(|column| column.steps().count() > 1);
    nested.map(|column| {
        format!(
            "expectation `{name}`: `{}` isn't a column of its own",
            column.written
        )
    })
}

/// A table that is judged as a whole.
pub(super) struct JudgedTable<'a> {
    pub lake: &'a Lake,
    pub table: &'a SilverTable,
    pub shape: &'a SilverShape,
    pub now: DateTime<Utc>,
    pub stop: Stop<'a>,
    /// Results of `exists_in` that may still stand.
    pub known: &'a KnownReferences,
    /// Number of values that are looked for in another table at once.
    pub values: usize,
}

impl JudgedTable<'_> {
    /// Judges the expectations on the table as a whole. One for which there is no value has no result.
    pub async fn judge(&self, state: &TableState) -> Result<WholeJudgement, SilverError> {
        let of_whole = self.table.expectations.iter();
        let of_whole: Vec<_> = of_whole.filter(|one| is_of_whole(one)).collect();
        let mut judged = WholeJudgement::default();
        let Some(base) = state.base.as_ref().filter(|_| !of_whole.is_empty()) else {
            return Ok(judged);
        };
        let files = TableState::with_statistics(self.lake, &self.shape.prefix, base).await?;
        for expectation in of_whole {
            let name = expectation.name.clone();
            match self.one(expectation, base, &files).await? {
                Ok(Some(result)) => drop(judged.results.insert(name, result)),
                Ok(None) => {}
                Err(Unevaluated(reason)) => drop(judged.unevaluated.insert(name, reason)),
            }
        }
        Ok(judged)
    }

    async fn one(
        &self,
        expectation: &Expectation,
        base: &SnapshotRef,
        files: &[(TableFile, FileStatistics)],
    ) -> Result<Result<Option<ExpectationResult>, Unevaluated>, SilverError> {
        match &expectation.check {
            Check::RowCountBetween { min, max } => {
                let rows = files.iter().map(|(file, _)| file.rows).sum();
                Ok(Ok(Some(counted(expectation, rows, (*min, *max)))))
            }
            Check::Freshness { column, .. } => {
                let name = column.steps().next().unwrap_or_default();
                let newest = newest(self.lake, self.shape, files, &name).await?;
                let zone = self.table.inputs.first().map(|input| input.days.zone);
                let judged = newest.as_ref().zip(zone).map(|((number, kind), zone)| {
                    judge_newest(expectation, (*number, kind), zone, self.now)
                });
                Ok(Ok(judged.flatten()))
            }
            Check::ExistsIn { column, other } => {
                let name = column.steps().next().unwrap_or_default();
                let referring = ReferringTable {
                    lake: self.lake,
                    name: &self.shape.name,
                    prefix: &self.shape.prefix,
                    snapshot: base,
                    files,
                    stop: self.stop,
                    values: self.values,
                };
                let judged = referring.judge(expectation, (&name, other), self.known);
                Ok(judged.await?.map(Some))
            }
            _ => Ok(Ok(None)),
        }
    }
}

fn counted(expectation: &Expectation, rows: u64, (min, max): (u64, u64)) -> ExpectationResult {
    let mut result = ExpectationResult::of(expectation);
    let is_expected = (min..=max).contains(&rows);
    (result.evaluated, result.unexpected) = (1, u64::from(!is_expected));
    if !is_expected {
        result.examples = vec![Example {
            id: String::new(),
            value: Some(rows.to_string()),
        }];
    }
    result.judge(expectation);
    result
}

/// Returns the greatest value of a column, in the unit of its type.
async fn newest(
    lake: &Lake,
    shape: &SilverShape,
    files: &[(TableFile, FileStatistics)],
    name: &str,
) -> Result<Option<(i128, DataType)>, SilverError> {
    let Ok(field) = shape.files.field_with_name(name) else {
        return Ok(None);
    };
    let kind = field.data_type();
    let mut newest = None;
    for (file, statistics) in files {
        let number = match statistics.max_values.get(name) {
            Some(value) => number(value, kind),
            None if statistics.is_null(name) => None,
            None => of_footer(lake, shape, file, name).await?,
        };
        newest = newest.max(number);
    }
    Ok(newest.map(|number| (number, kind.clone())))
}

/// Returns a value of the log's statistics in the unit of its type.
pub(super) fn number(value: &Value, kind: &DataType) -> Option<i128> {
    let text = value.as_str()?;
    if *kind == DataType::Date32 {
        let date: NaiveDate = text.parse().ok()?;
        return Some(date.to_epoch_days().into());
    }
    let text = text.trim_end_matches('Z');
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| DateTime::parse_from_rfc3339(text).map(|at| at.naive_utc()));
    Some(at.ok()?.and_utc().timestamp_micros().into())
}

/// Returns the greatest value of a column by the footer of a file.
async fn of_footer(
    lake: &Lake,
    shape: &SilverShape,
    file: &TableFile,
    name: &str,
) -> Result<Option<i128>, SilverError> {
    let entry = Entry {
        key: format!("{}/{}", shape.prefix, file.path),
        size: file.size,
        modified: DateTime::UNIX_EPOCH,
        e_tag: None,
    };
    let Some(footer) = statistics::footer(lake, &entry).await? else {
        return Ok(None);
    };
    let greatest = footer.greatest(name);
    let greatest = greatest.map_err(|error| SilverError::Rows {
        table: shape.name.clone(),
        error,
    })?;
    Ok(greatest.and_then(|value| {
        let date = value.as_primitive_opt::<Date32Type>();
        let date = date.map(|date| i128::from(date.value(0)));
        let time = value.as_primitive_opt::<TimestampMicrosecondType>();
        date.or_else(|| time.map(|time| time.value(0).into()))
    }))
}
