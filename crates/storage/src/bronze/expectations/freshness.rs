//! Age of the newest value.

use arrow_array::Array;
use arrow_schema::DataType;
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use super::checks::shown;
use super::leaf::{ColumnNumbers, Leaf};
use super::rows::BatchRows;
use crate::bronze::rebuild::value_text;
use bronzed_model::declaration::{Check, ColumnPath, Expectation};
use bronzed_model::quality::{Example, ExpectationResult};

/// Newest value of a column.
#[derive(Debug)]
pub(super) struct Newest {
    number: i128,
    /// End of the value, if it is a date; else the value.
    until: DateTime<Utc>,
    text: String,
    /// `true` until the value is judged.
    is_new: bool,
}

/// Remembers the newest value of a batch, if it is newer than the one before, and that there were values.
pub(super) fn see(
    rows: &BatchRows<'_>,
    column: &ColumnPath,
    zone: Tz,
    newest: &mut Option<Newest>,
) {
    let Some(leaf) = Leaf::of(rows.batch, column) else {
        return;
    };
    let Some(numbers) = ColumnNumbers::of(&*leaf.values) else {
        return;
    };
    let places = (0..leaf.values.len()).filter(|place| leaf.values.is_valid(*place));
    let Some(place) = places.max_by_key(|place| numbers.at(*place)) else {
        return;
    };
    let number = numbers.at(place);
    match newest {
        Some(known) if known.number >= number => known.is_new = true,
        _ => {
            *newest = instant(number, leaf.values.data_type(), zone).map(|until| Newest {
                number,
                until,
                text: value_text(&*leaf.values, place).unwrap_or_default(),
                is_new: true,
            });
        }
    }
}

/// Judges the newest value as of an instant, if rows came since it was last judged.
pub(super) fn judge(
    expectation: &Expectation,
    result: &mut ExpectationResult,
    newest: &mut Newest,
    at: DateTime<Utc>,
) {
    let Check::Freshness { max_age, .. } = &expectation.check else {
        return;
    };
    if !std::mem::take(&mut newest.is_new) {
        return;
    }
    let max_age = TimeDelta::from_std(*max_age).unwrap_or(TimeDelta::MAX);
    let is_old = at.signed_duration_since(newest.until) > max_age;
    (result.evaluated, result.unexpected) = (1, u64::from(is_old));
    if is_old {
        result.examples = vec![Example {
            id: String::new(),
            value: expectation.examples.then(|| shown(&newest.text)),
        }];
    }
}

/// Returns the result of a `freshness` check for the newest value of a column, a number in the unit of its type, as of an
/// instant; `None` for another check, or a value that is no time.
pub fn judge_newest(
    expectation: &Expectation,
    (number, kind): (i128, &DataType),
    zone: Tz,
    at: DateTime<Utc>,
) -> Option<ExpectationResult> {
    if !matches!(expectation.check, Check::Freshness { .. }) {
        return None;
    }
    let mut newest = Newest {
        number,
        until: instant(number, kind, zone)?,
        text: number_text(number, kind)?,
        is_new: true,
    };
    let mut result = ExpectationResult::of(expectation);
    judge(expectation, &mut result, &mut newest, at);
    result.judge(expectation);
    Some(result)
}

/// Returns a date or a time as JSON.
fn number_text(number: i128, kind: &DataType) -> Option<String> {
    let text = match kind {
        DataType::Date32 => NaiveDate::from_epoch_days(i32::try_from(number).ok()?)?.to_string(),
        _ => {
            let at = DateTime::from_timestamp_micros(i64::try_from(number).ok()?)?;
            match kind {
                DataType::Timestamp(_, None) => at.format("%Y-%m-%dT%H:%M:%S").to_string(),
                _ => at.to_rfc3339_opts(SecondsFormat::Secs, true),
            }
        }
    };
    Some(format!("\"{text}\""))
}

/// Returns the instant of a value; of a date, its end.
fn instant(number: i128, kind: &DataType, zone: Tz) -> Option<DateTime<Utc>> {
    let in_zone = |local: NaiveDateTime| {
        let at = local.and_local_timezone(zone).earliest();
        at.map_or_else(|| local.and_utc(), |at| at.to_utc())
    };
    if *kind == DataType::Date32 {
        let date = NaiveDate::from_epoch_days(i32::try_from(number).ok()?)?;
        return Some(in_zone(date.succ_opt()?.and_hms_opt(0, 0, 0)?));
    }
    let at = DateTime::from_timestamp_micros(i64::try_from(number).ok()?)?;
    match kind {
        DataType::Timestamp(_, None) => Some(in_zone(at.naive_utc())),
        _ => Some(at),
    }
}
