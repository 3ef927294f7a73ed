//! Expectations on a table as a whole: its number of rows, and the age of its newest value. They are judged after each build, by
//! the statistics of the log; of a file whose statistics lack the column, by its footer. Nothing is held back by them.

use bronzed_model::declaration::{Check, Expectation, ExpectationSeverity, SilverTable};
use bronzed_model::quality::{Example, ExpectationResult, Results};
use bronzed_storage::bronze::expectations::judge_newest;
use bronzed_storage::lake::{Entry, Lake};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::types::{Date32Type, TimestampMicrosecondType};
use delta_kernel::arrow::datatypes::DataType;
use serde_json::Value;

use super::SilverError;
use super::shape::SilverShape;
use super::state::{FileStatistics, TableFile, TableState};
use crate::statistics;

/// Returns `true` for an expectation on the table as a whole.
pub(super) fn is_of_whole(expectation: &Expectation) -> bool {
    matches!(
        expectation.check,
        Check::Freshness { .. } | Check::RowCountBetween { .. }
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

/// Judges the expectations on the table as a whole. One for which there is no value has no result.
pub(super) async fn judge(
    lake: &Lake,
    table: &SilverTable,
    shape: &SilverShape,
    state: &TableState,
    now: DateTime<Utc>,
) -> Result<Results, SilverError> {
    let of_whole = table.expectations.iter().filter(|one| is_of_whole(one));
    let of_whole: Vec<_> = of_whole.collect();
    let mut results = Results::new();
    let Some(base) = state.base.as_ref().filter(|_| !of_whole.is_empty()) else {
        return Ok(results);
    };
    let files = TableState::with_statistics(lake, &shape.prefix, base).await?;
    for expectation in of_whole {
        let result = match &expectation.check {
            Check::RowCountBetween { min, max } => {
                let rows = files.iter().map(|(file, _)| file.rows).sum();
                Some(counted(expectation, rows, (*min, *max)))
            }
            Check::Freshness { column, .. } => {
                let name = column.steps().next().unwrap_or_default();
                let newest = newest(lake, shape, &files, &name).await?;
                let zone = table.inputs.first().map(|input| input.days.zone);
                let judged = newest.as_ref().zip(zone).map(|((number, kind), zone)| {
                    judge_newest(expectation, (*number, kind), zone, now)
                });
                judged.flatten()
            }
            _ => None,
        };
        results.extend(result.map(|result| (expectation.name.clone(), result)));
    }
    Ok(results)
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
            None if is_empty(statistics, name) => None,
            None => of_footer(lake, shape, file, name).await?,
        };
        newest = newest.max(number);
    }
    Ok(newest.map(|number| (number, kind.clone())))
}

fn is_empty(statistics: &FileStatistics, name: &str) -> bool {
    let nulls = statistics.null_count.get(name).and_then(Value::as_u64);
    nulls == Some(statistics.num_records)
}

/// Returns a value of the log's statistics in the unit of its type.
fn number(value: &Value, kind: &DataType) -> Option<i128> {
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
