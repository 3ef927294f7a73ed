//! Conversion of scalar columns to JSON.

use arrow_array::cast::AsArray;
use arrow_array::types as t;
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, TimeDelta};

use bronzed_model::json;
use bronzed_model::json::decimal::Decimal;

/// Writes the value of one non-null row; returns `false` if the value has to be read as null (NaN).
pub(super) type RebuiltScalar<'a> = Box<dyn Fn(usize, &mut String) -> bool + 'a>;

/// Returns the formatter of a scalar column's values. `None` if the type has no JSON form.
pub(super) fn new(array: &dyn Array) -> Option<RebuiltScalar<'_>> {
    Some(match array.data_type() {
        DataType::Utf8 => text(array.as_string::<i32>()),
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            Box::new(move |row, out| quoted(out, array.value(row)))
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            Box::new(move |row, out| quoted(out, array.value(row)))
        }
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| plain(out, if array.value(row) { "true" } else { "false" }))
        }
        DataType::Int8 => number::<t::Int8Type>(array),
        DataType::Int16 => number::<t::Int16Type>(array),
        DataType::Int32 => number::<t::Int32Type>(array),
        DataType::Int64 => number::<t::Int64Type>(array),
        DataType::UInt8 => number::<t::UInt8Type>(array),
        DataType::UInt16 => number::<t::UInt16Type>(array),
        DataType::UInt32 => number::<t::UInt32Type>(array),
        DataType::UInt64 => number::<t::UInt64Type>(array),
        DataType::Float32 => number::<t::Float32Type>(array),
        DataType::Float64 => number::<t::Float64Type>(array),
        DataType::Decimal32(_, scale) => decimal::<t::Decimal32Type>(array, *scale),
        DataType::Decimal64(_, scale) => decimal::<t::Decimal64Type>(array, *scale),
        DataType::Decimal128(_, scale) => decimal::<t::Decimal128Type>(array, *scale),
        DataType::Decimal256(_, scale) => decimal::<t::Decimal256Type>(array, *scale),
        DataType::Date32 => {
            let array = array.as_primitive::<t::Date32Type>();
            Box::new(move |row, out| date(out, i64::from(array.value(row))))
        }
        DataType::Date64 => {
            let array = array.as_primitive::<t::Date64Type>();
            Box::new(move |row, out| date(out, array.value(row).div_euclid(86_400_000)))
        }
        DataType::Timestamp(unit, zone) => {
            let end = if zone.is_some() { "Z" } else { "" };
            match unit {
                TimeUnit::Second => time::<t::TimestampSecondType>(array, 1, end),
                TimeUnit::Millisecond => time::<t::TimestampMillisecondType>(array, 1_000, end),
                TimeUnit::Microsecond => time::<t::TimestampMicrosecondType>(array, 1_000_000, end),
                TimeUnit::Nanosecond => {
                    time::<t::TimestampNanosecondType>(array, 1_000_000_000, end)
                }
            }
        }
        _ => return None,
    })
}

fn text(array: &StringArray) -> RebuiltScalar<'_> {
    Box::new(move |row, out| quoted(out, array.value(row)))
}

fn quoted(out: &mut String, text: &str) -> bool {
    json::push_quoted(out, text);
    true
}

fn plain(out: &mut String, text: &str) -> bool {
    out.push_str(text);
    true
}

/// Writes integers, and floats by their shortest text. A whole float has no `.0`, because pandas turns
/// integers with nulls into floats. NaN is null, as pandas stores null as NaN.
fn number<T: ArrowPrimitiveType>(array: &dyn Array) -> RebuiltScalar<'_>
where
    T::Native: std::fmt::Display,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    Box::new(move |row, out| {
        let text = array.value(row).to_string();
        text.ends_with(|last: char| last.is_ascii_digit()) && plain(out, &text)
    })
}

fn decimal<T: arrow_array::types::DecimalType>(array: &dyn Array, scale: i8) -> RebuiltScalar<'_>
where
    T::Native: std::fmt::Display,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    Box::new(move |row, out| {
        let text = format!("{}e{}", array.value(row), -i16::from(scale));
        match Decimal::parse(&text) {
            Some(number) => number.push_canonical(out),
            None => out.push_str(&text),
        }
        true
    })
}

/// Writes `2025-10-22`; a day beyond the calendar stays a number.
fn date(out: &mut String, days: i64) -> bool {
    let date =
        TimeDelta::try_days(days).and_then(|since| DateTime::UNIX_EPOCH.checked_add_signed(since));
    match date {
        Some(date) => plain(out, &date.format("\"%Y-%m-%d\"").to_string()),
        None => plain(out, &days.to_string()),
    }
}

/// Writes `2025-10-22T08:41:33`, with a fraction only if it is not zero; an instant beyond the calendar stays
/// a number.
fn time<'a, T: ArrowPrimitiveType<Native = i64>>(
    array: &'a dyn Array,
    per_second: i64,
    end: &'static str,
) -> RebuiltScalar<'a> {
    let array: &PrimitiveArray<T> = array.as_primitive();
    Box::new(move |row, out| {
        let value = array.value(row);
        let (seconds, rest) = (value.div_euclid(per_second), value.rem_euclid(per_second));
        let nanos = u32::try_from(rest * (1_000_000_000 / per_second)).unwrap_or_default();
        match DateTime::from_timestamp(seconds, nanos) {
            Some(instant) => {
                let text = instant.format("%Y-%m-%dT%H:%M:%S%.f").to_string();
                plain(out, &format!("\"{text}{end}\""))
            }
            None => plain(out, &value.to_string()),
        }
    })
}
