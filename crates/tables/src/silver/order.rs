//! Order of a key's versions, as text that sorts as they do, so that the table itself tells which of two is later.
//!
//! ```text
//! 386400b2c4f1d340 000 2025-10-22 c0000000007 0000000012
//! │                │   │          │           row
//! │                │   │          file: its number, or its place among those of another program
//! │                │   day
//! │                position of the dataset in `inputs`
//! value of `order_by`: 0 none, 1 a number, 2 a text, 3 a time
//! ```

use bronzed_model::day::Day;
use bronzed_model::json::Kind;
use bronzed_model::json::decimal::Decimal;
use bronzed_model::json::tape::Value;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

/// Value of a record that has none: below all others.
pub(super) const NO_VALUE: &str = "0";

/// Returns the text of the value by which the versions of a record are ordered. Texts that are a time are compared as times,
/// in `zone` where they have no offset; numbers as numbers.
pub(super) fn value(record: Value<'_>, pointer: Option<&str>, zone: Tz) -> String {
    let found = pointer.and_then(|pointer| record.pointer(pointer));
    let text = found.and_then(|value| match value.kind() {
        Kind::Number => Some(number(value.text())),
        Kind::String => Some(text(&value.string()?, zone)),
        Kind::Boolean => Some(text(value.text(), zone)),
        _ => None,
    });
    text.unwrap_or_else(|| NO_VALUE.to_owned())
}

/// Returns the order of a row: after the value, its place in bronze decides.
pub(super) fn order(value: &str, input: usize, day: Day, file: &str, row: u64) -> Box<str> {
    format!("{value} {input:03} {day} {file} {row:010}").into()
}

fn number(text: &str) -> String {
    let scaled = Decimal::parse(text).and_then(|number| number.to_scaled(38, 9));
    match scaled {
        Some(scaled) => format!("1{:032x}", scaled.cast_unsigned() ^ (1 << 127)),
        None => plain(text),
    }
}

fn text(text: &str, zone: Tz) -> String {
    match micros(text, zone) {
        Some(micros) => format!("3{:016x}", micros.cast_unsigned() ^ (1 << 63)),
        None => plain(text),
    }
}

/// Returns a text that sorts as `text` also where more follows after a space: what isn't above `!` is escaped.
fn plain(text: &str) -> String {
    let mut out = String::from("2");
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(low) if low <= b'!' => out.extend(['!', char::from(b'0' + low)]),
            _ => out.push(character),
        }
    }
    out
}

fn micros(text: &str, zone: Tz) -> Option<i64> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) || text.len() < 10 {
        return None;
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    let forms = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
    ];
    let mut parsed = forms
        .iter()
        .filter_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let local = parsed.next().or_else(|| {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(date.and_time(NaiveTime::MIN))
    })?;
    let instant = local.and_local_timezone(zone).earliest();
    Some(instant.map_or_else(
        || local.and_utc().timestamp_micros(),
        |instant| instant.timestamp_micros(),
    ))
}

#[cfg(test)]
mod tests {
    use bronzed_model::json::tape::Tape;

    use super::*;

    fn of(json: &str) -> String {
        let record = format!(r#"{{"v":{json}}}"#);
        let tape = Tape::parse(&record).unwrap();
        value(
            tape.root(&record),
            Some("/v"),
            chrono_tz::America::Sao_Paulo,
        )
    }

    #[test]
    fn values_sort_as_what_they_stand_for() {
        let rising = [
            "null",
            "-12.5",
            "-2",
            "0",
            "9",
            "10",
            "10.000000001",
            r#""""#,
            r#""a""#,
            r#""a\u0000""#,
            r#""a b""#,
            r#""a!""#,
            r#""ab""#,
            r#""é""#,
            r#""1969-12-31""#,
            r#""2025-10-22""#,
            r#""2025-10-22T00:00:00.5""#,
            r#""2025-10-22T08:41:33""#,
            r#""2025-10-22T11:41:34Z""#,
            r#""2025-10-23 00:00:00""#,
        ];
        let day: Day = "2025-10-22".parse().unwrap();
        // What follows decides only between equal values.
        let orders = rising.map(of);
        for (place, pair) in orders.windows(2).enumerate() {
            let [low, high] = pair else { unreachable!() };
            let low = order(low, 999, day, "c0000000009", 9);
            let high = order(high, 0, day, "a0000000000", 0);
            assert!(
                low < high,
                "{} isn't below {}",
                rising[place],
                rising[place + 1]
            );
        }
        assert_eq!(
            of(r#""2025-10-22T08:41:33""#),
            of(r#""2025-10-22T11:41:33Z""#)
        );
        assert_eq!(of("7"), of("7.0"));
    }

    #[test]
    fn of_equal_values_the_later_dataset_day_file_and_row_counts() {
        let day = |text: &str| -> Day { text.parse().unwrap() };
        let rising = [
            order("0", 0, day("2025-10-23"), "a0000000000", 99),
            order("0", 0, day("2025-10-23"), "c0000000002", 99),
            order("0", 0, day("2025-10-23"), "c0000000010", 9),
            order("0", 0, day("2025-10-23"), "c0000000010", 10),
            order("0", 0, day("2025-10-24"), "c0000000001", 0),
            order("0", 1, day("2025-10-01"), "c0000000001", 0),
        ];
        assert!(rising.is_sorted(), "{rising:#?}");
    }
}
