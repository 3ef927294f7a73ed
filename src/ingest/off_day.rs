//! Whose day a record belongs to, by its own date.
//!
//! The ends of windows differ from endpoint to endpoint, and change without notice: so the
//! record's own date is checked, too. A row of another day is read there. A row whose date can't
//! be read stays: nothing is lost because a date changed its form.

use chrono::NaiveDate;

use crate::day::Day;
use crate::json;
use crate::source::declaration::Window;

/// Whether the record belongs to another day than `day`.
pub fn is_off_day(window: &Window, day: Day, record: &str) -> bool {
    let Some(pointer) = &window.day_field else {
        return false;
    };
    own_date(pointer, &window.day_format, record).is_some_and(|date| date != day.date())
}

fn own_date(pointer: &str, format: &str, record: &str) -> Option<NaiveDate> {
    let value = json::pointer(record, pointer).ok()??;
    if json::kind(value) != json::Kind::String {
        return None;
    }
    let text = json::string(value).ok()?;
    NaiveDate::parse_and_remainder(&text, format)
        .ok()
        .map(|(date, _)| date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::declaration::WindowEnd;

    fn window(day_field: Option<&str>) -> Window {
        Window {
            start_param: "dataInicial".into(),
            end_param: None,
            format: "%Y%m%d".into(),
            end: WindowEnd::Inclusive,
            earliest: None,
            day_field: day_field.map(Into::into),
            day_format: "%Y-%m-%d".into(),
            settle: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn a_row_is_judged_by_its_own_date_and_stays_when_that_cannot_be_read() {
        let day: Day = "2025-10-22".parse().unwrap();
        let checked = window(Some("/d"));
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
            assert_eq!(is_off_day(&checked, day, record), off, "{record}");
        }
        assert!(!is_off_day(&window(None), day, r#"{"d":"2020-01-01"}"#));
    }
}
