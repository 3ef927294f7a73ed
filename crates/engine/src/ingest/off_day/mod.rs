//! Day that a record belongs to, by its own date; where a partition holds a month or a year, its first day.
//!
//! The ends of date windows differ between endpoints and change without notice; therefore the record's own
//! date is checked, too. An off-day row is looked up in its own day ([`held`]). A row whose date can't be
//! parsed stays, so that nothing is lost when a date changes its format.

pub(super) mod held;

use chrono::{DateTime, NaiveDate, Utc};

use bronzed_model::day::Day;
use bronzed_model::declaration::Days;
use bronzed_model::json::tape::Value;

/// Returns `true` if the record's own date is another day than `day`.
pub fn is_off_day(days: &Days, day: Day, record: Value<'_>) -> bool {
    other_day(days, day, record).is_some()
}

/// Returns the day of the record's own date if it isn't `day`.
pub fn other_day(days: &Days, day: Day, record: Value<'_>) -> Option<Day> {
    own_day(days, record).filter(|own| *own != day)
}

/// Returns the day of the record's own date; `None` if there is none or it can't be parsed.
pub fn own_day(days: &Days, record: Value<'_>) -> Option<Day> {
    let text = record.pointer(days.day_field.as_deref()?)?.string()?;
    if let Ok((instant, _)) = DateTime::parse_and_remainder(&text, &days.day_format) {
        let day = Day::of(instant.with_timezone(&Utc), days.zone);
        return Some(days.period.first(day));
    }
    let date = NaiveDate::parse_and_remainder(&text, &days.day_format);
    date.ok().map(|(date, _)| days.period.first(Day::new(date)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::declaration::Period;
    use bronzed_model::json;
    use bronzed_model::json::tape::Document;

    fn days(day_field: Option<&str>, day_format: &str) -> Days {
        Days {
            period: Period::Day,
            coverage_from: None,
            earliest: None,
            day_field: day_field.map(Into::into),
            day_format: day_format.into(),
            settle: std::time::Duration::ZERO,
            zone: chrono_tz::America::Sao_Paulo,
        }
    }

    #[test]
    fn a_row_is_judged_by_its_own_date_and_stays_when_that_cannot_be_read() {
        let day: Day = "2025-10-22".parse().unwrap();
        let checked = days(Some("/d"), "%Y-%m-%d");
        for (record, off) in [
            (r#"{"d":"2025-10-22T23:59:59"}"#, false),
            (r#"{"d":"2025-10-23T00:00:00"}"#, true),
            (r#"{"d":"2025-10-21"}"#, true),
            (r#"{"d":"22/10/2025"}"#, false),
            (r#"{"d":null}"#, false),
            (r#"{"d":20251023}"#, false),
            (r"{}", false),
            ("17", false),
        ] {
            let document = Document::parse(record).unwrap();
            let found = is_off_day(&checked, day, document.value());
            assert_eq!(found, off, "{record}");
        }
        let document = Document::parse(r#"{"d":"2020-01-01"}"#).unwrap();
        let undeclared = days(None, "%Y-%m-%d");
        assert!(!is_off_day(&undeclared, day, document.value()));
    }

    #[test]
    fn a_row_of_another_day_of_the_month_belongs_to_the_month() {
        let months = Days {
            period: Period::Month,
            ..days(Some("/d"), "%d/%m/%Y")
        };
        let january: Day = "2025-01-01".parse().unwrap();
        for (date, other) in [
            ("01/01/2025", None),
            ("31/01/2025", None),
            ("01/02/2025", Some("2025-02-01")),
            ("31/12/2024", Some("2024-12-01")),
        ] {
            let document = Document::parse(format!(r#"{{"d":"{date}"}}"#)).unwrap();
            let found = other_day(&months, january, document.value());
            assert_eq!(found, other.map(|day| day.parse().unwrap()), "{date}");
        }
    }

    #[test]
    fn a_date_is_read_in_the_form_of_the_source_and_an_instant_in_its_zone() {
        let own = |format: &str, text: &str| {
            let record = format!(r#"{{"d":{}}}"#, json::quote(text));
            let document = Document::parse(record).unwrap();
            own_day(&days(Some("/d"), format), document.value()).map(|day| day.to_string())
        };
        let of = |day: &str| Some(day.to_owned());
        assert_eq!(own("%d/%m/%Y", "05/02/2025"), of("2025-02-05"));
        assert_eq!(own("%d/%m/%Y", "05/02/2025 14:30"), of("2025-02-05"));
        assert_eq!(own("%d/%m/%Y", "31/02/2025"), None);
        let instant = "%Y-%m-%dT%H:%M:%S%#z";
        assert_eq!(own(instant, "2025-02-01T03:00:00Z"), of("2025-02-01"));
        assert_eq!(own(instant, "2025-02-01T02:59:59Z"), of("2025-01-31"));
        assert_eq!(own(instant, "2025-10-20T23:30:00-0300"), of("2025-10-20"));
        assert_eq!(own(instant, "2025-10-20T23:30:00-05:00"), of("2025-10-21"));
    }
}
