//! Conversion of a day to request parameters, and properties of a dataset's days.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::day::Day;

/// Time window of a request, made from a day.
#[derive(Debug, Clone)]
pub struct Window {
    /// Query parameter that takes the window's start. `None` if a template takes it as `{start}`.
    pub start_param: Option<String>,
    /// Query parameter that takes the window's end.
    pub end_param: Option<String>,
    /// strftime format of start and end: `%Y%m%d`, or one with the time: `%Y-%m-%dT%H:%M:%S%:z`.
    pub format: String,
    /// Inclusive or exclusive end.
    pub end: WindowEnd,
    /// The source's time zone, in which the day begins and ends.
    pub zone: Tz,
}

/// End of the window that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// The day's last second; without a time in the format, the day itself.
    Inclusive,
    /// The first instant of the next day; without a time in the format, the next day.
    Exclusive,
}

/// Span of time that one partition holds. The partition bears the first day of the span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    #[default]
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

impl Period {
    /// Returns the first day of the period that `day` lies in.
    #[must_use]
    pub fn first(self, day: Day) -> Day {
        let date = day.date();
        let month = match self {
            Self::Day => return day,
            Self::Month => date.month(),
            Self::Year => 1,
        };
        NaiveDate::from_ymd_opt(date.year(), month, 1).map_or(day, Day::new)
    }

    /// Returns the first day of the period after the one that `day` lies in.
    #[must_use]
    pub fn next(self, day: Day) -> Day {
        let date = day.date();
        let next = match self {
            Self::Day => return day.next(),
            Self::Month if date.month() < 12 => {
                NaiveDate::from_ymd_opt(date.year(), date.month() + 1, 1)
            }
            Self::Month | Self::Year => NaiveDate::from_ymd_opt(date.year() + 1, 1, 1),
        };
        next.map_or(day, Day::new)
    }

    /// Returns the first day of the period before the one that `day` lies in.
    #[must_use]
    pub fn previous(self, day: Day) -> Day {
        self.first(self.first(day).previous())
    }

    /// Returns the first day of each period that has a day from `first` to `last`, both included.
    pub fn through(self, first: Day, last: Day) -> impl Iterator<Item = Day> {
        let after = move |day: &Day| Some(self.next(*day)).filter(|next| next > day);
        let periods = std::iter::successors(Some(self.first(first)), after);
        periods.take_while(move |day| first <= last && *day <= last)
    }

    /// Returns the first instant after the period that `day` lies in.
    pub fn end(self, day: Day, zone: Tz) -> DateTime<Utc> {
        self.next(day).start(zone)
    }

    /// Returns the word for the period in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// Properties of the days of a dataset, whatever its kind.
#[derive(Debug, Clone)]
pub struct Days {
    /// Span of time that one partition holds; its first day stands for it wherever a day is named.
    pub period: Period,
    /// First day of the coverage: every day from here on must become complete. `None`: no history is
    /// required.
    pub coverage_from: Option<Day>,
    /// First day that the API serves: it has nothing earlier, or refuses it, and a feed isn't read
    /// further back.
    pub earliest: Option<Day>,
    /// JSON pointer to the record's own date: compared with the requested day, or (feed) what the day is
    /// taken from.
    pub day_field: Option<String>,
    /// strftime format of the record's date, which may be longer: `%Y-%m-%d`. With an offset
    /// (`%Y-%m-%dT%H:%M:%S%#z`) the date is an instant, whose day is that in [`Days::zone`].
    pub day_format: String,
    /// Settle time: how long after its end a day may still change. A feed looks for late records that
    /// long.
    pub settle: Duration,
    /// The source's time zone.
    pub zone: Tz,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_is_named_by_its_first_day_and_ends_with_the_next_one() {
        for (period, of, first, next, previous) in [
            (
                Period::Day,
                "2024-02-29",
                "2024-02-29",
                "2024-03-01",
                "2024-02-28",
            ),
            (
                Period::Month,
                "2024-02-29",
                "2024-02-01",
                "2024-03-01",
                "2024-01-01",
            ),
            (
                Period::Month,
                "2024-12-31",
                "2024-12-01",
                "2025-01-01",
                "2024-11-01",
            ),
            (
                Period::Month,
                "2024-01-01",
                "2024-01-01",
                "2024-02-01",
                "2023-12-01",
            ),
            (
                Period::Year,
                "2024-12-31",
                "2024-01-01",
                "2025-01-01",
                "2023-01-01",
            ),
        ] {
            assert_eq!(period.first(day(of)), day(first), "{period:?} {of}");
            assert_eq!(period.next(day(of)), day(next), "{period:?} {of}");
            assert_eq!(period.previous(day(of)), day(previous), "{period:?} {of}");
        }
        let end = Period::Month.end(day("2025-01-17"), chrono_tz::America::Sao_Paulo);
        assert_eq!(end.to_rfc3339(), "2025-02-01T03:00:00+00:00");
    }

    #[test]
    fn a_range_has_each_period_that_it_touches_once() {
        let through = |period: Period, first: &str, last: &str| {
            let days = period.through(day(first), day(last));
            days.map(|day| day.to_string()).collect::<Vec<_>>()
        };
        let months = ["2024-11-01", "2024-12-01", "2025-01-01"];
        assert_eq!(through(Period::Month, "2024-11-17", "2025-01-01"), months);
        assert_eq!(
            through(Period::Month, "2025-01-10", "2025-01-12"),
            ["2025-01-01"]
        );
        assert_eq!(through(Period::Year, "2024-12-31", "2025-01-01").len(), 2);
        assert_eq!(through(Period::Day, "2025-01-31", "2025-02-01").len(), 2);
        assert!(through(Period::Month, "2025-01-12", "2025-01-10").is_empty());
        let end_of_time = Day::new(chrono::NaiveDate::MAX);
        assert_eq!(Period::Day.through(end_of_time, end_of_time).count(), 1);
    }
}
