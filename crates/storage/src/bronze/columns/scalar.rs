//! Conversion of a JSON value to its column's storage type; `None` if the value couldn't be rebuilt from it.

use chrono::{Datelike, NaiveDate};

use bronzed_model::json::decimal::Decimal;
use bronzed_model::json::{self, Kind};

/// Day number of the Unix epoch, counted from 0001-01-01 as day 1.
const EPOCH: i32 = 719_163;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// Parses a boolean.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Parses a 64-bit integer in any spelling: `5.0` is 5.
pub(super) fn int64(value: &str) -> Option<i64> {
    if !matches!(json::kind(value), Kind::Number) {
        return None;
    }
    // The common spelling; JSON has neither `+` nor leading zeros.
    value
        .parse()
        .ok()
        .or_else(|| Decimal::parse(value)?.to_i64())
}

/// Parses a number, and multiplies it by ten to the power of the column's scale.
pub(super) fn decimal(value: &str, precision: u8, scale: u8) -> Option<i128> {
    Decimal::parse(value)?.to_scaled(precision, scale)
}

/// Parses `2025-10-22` as days since the epoch.
pub(super) fn date(value: &str) -> Option<i32> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    days(text.as_bytes())
}

/// Parses `2025-10-22T08:41:33` (followed by `suffix`) as microseconds since the epoch.
pub(super) fn timestamp(value: &str, suffix: &str) -> Option<i64> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    let text = text.strip_suffix(suffix)?.as_bytes();
    let (day, time) = text.split_at_checked(10)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2] = time else {
        return None;
    };
    let hour = number(&[*h1, *h2]).filter(|hour| *hour < 24)?;
    let minute = number(&[*m1, *m2]).filter(|minute| *minute < 60)?;
    let second = number(&[*s1, *s2]).filter(|second| *second < 60)?;
    let seconds = i64::from(days(day)?) * 86_400 + i64::from((hour * 60 + minute) * 60 + second);
    Some(seconds * MICROS_PER_SECOND)
}

fn days(text: &[u8]) -> Option<i32> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    // Other readers don't support year 0.
    let year = number(year).filter(|value| year.len() == 4 && *value > 0)?;
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.num_days_from_ce() - EPOCH)
}

/// Parses digits only.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_fit_however_they_are_written() {
        for (value, expected) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("5e0", Some(5)),
            ("-0", Some(0)),
            ("-0.0", Some(0)),
            ("12.5", None),
            ("9223372036854775808", None),
            ("\"5\"", None),
            ("true", None),
        ] {
            assert_eq!(int64(value), expected, "{value}");
        }
    }

    #[test]
    fn decimals_keep_every_digit_or_are_refused() {
        assert_eq!(decimal("1.24", 18, 2), Some(124));
        assert_eq!(decimal("1.239", 18, 2), None);
        assert_eq!(decimal("\"1.24\"", 18, 2), None);
    }

    #[test]
    fn dates_fit_in_one_form_only() {
        assert_eq!(date("\"1970-01-01\""), Some(0));
        assert_eq!(date("\"2025-10-22\""), Some(20_383));
        assert_eq!(date("\"1969-12-31\""), Some(-1));
        assert_eq!(date("\"2024-02-29\""), Some(19_782));
        for value in [
            "\"2025-02-29\"",
            "\"2025-13-01\"",
            "\"2025-1-01\"",
            "\"0000-01-01\"",
            "\"12025-01-01\"",
            "\"2025-10-22T00:00:00\"",
            "\"+025-10-22\"",
            "\"\"",
            "20251022",
            "\"2025-10-2 \"",
            "\"-\"",
            "\"2025/10/22\"",
        ] {
            assert_eq!(date(value), None, "{value}");
        }
    }

    #[test]
    fn timestamps_fit_in_one_form_only() {
        assert_eq!(timestamp("\"1970-01-01T00:00:01\"", ""), Some(1_000_000));
        assert_eq!(
            timestamp("\"2025-10-22T08:41:33\"", ""),
            Some(1_761_122_493_000_000)
        );
        assert_eq!(timestamp("\"1970-01-01T00:00:01Z\"", "Z"), Some(1_000_000));
        for value in [
            "\"2025-10-22T08:41:33Z\"",
            "\"2025-10-22T08:41:33.000\"",
            "\"2025-10-22T08:41:60\"",
            "\"2025-10-22T24:00:00\"",
            "\"2025-10-22 08:41:33\"",
            "\"2025-10-22T08:41\"",
            "\"2025-10-22\"",
            "\"2025-02-30T08:41:33\"",
            "\"2025-10-22T08:41:33-03:00\"",
            "\"çççççççççç\"",
            "1761122493",
        ] {
            assert_eq!(timestamp(value, ""), None, "{value}");
        }
        assert_eq!(timestamp("\"2025-10-22T08:41:33\"", "Z"), None);
    }
}
