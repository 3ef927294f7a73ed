//! Days as they are typed: a date, or `today` or `yesterday` in the zone of the source.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use bronzed_model::day::Day;

/// Name of the value in help texts.
pub const DAY: &str = "YYYY-MM-DD|today|yesterday";

/// A day as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypedDay {
    /// A date.
    Date(Day),
    /// The day under way.
    Today,
    /// The last day that has ended.
    Yesterday,
}

/// Error of parsing a typed day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day: write it as 2025-10-22, or `today` or `yesterday`")]
pub struct TypedDayError(String);

impl TypedDay {
    /// Returns the day, `now` in `zone`.
    pub fn at(self, now: DateTime<Utc>, zone: Tz) -> Day {
        self.on(Day::of(now, zone))
    }

    /// Returns the day, on the day `today`.
    pub fn on(self, today: Day) -> Day {
        match self {
            Self::Date(day) => day,
            Self::Today => today,
            Self::Yesterday => today.previous(),
        }
    }
}

impl FromStr for TypedDay {
    type Err = TypedDayError;

    fn from_str(text: &str) -> Result<Self, TypedDayError> {
        match text {
            "today" => Ok(Self::Today),
            "yesterday" => Ok(Self::Yesterday),
            date => date
                .parse()
                .map(Self::Date)
                .map_err(|_| TypedDayError(date.to_owned())),
        }
    }
}

impl fmt::Display for TypedDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(day) => day.fmt(f),
            Self::Today => f.write_str("today"),
            Self::Yesterday => f.write_str("yesterday"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Sao_Paulo;

    #[test]
    fn today_is_that_of_the_source_and_not_that_of_utc() {
        let late: DateTime<Utc> = "2025-10-23T01:00:00Z".parse().unwrap();
        let day = |text: &str, zone| {
            let typed: TypedDay = text.parse().unwrap();
            assert_eq!(typed.to_string(), text);
            typed.at(late, zone).to_string()
        };
        assert_eq!(day("today", Sao_Paulo), "2025-10-22");
        assert_eq!(day("yesterday", Sao_Paulo), "2025-10-21");
        assert_eq!(day("today", Tz::UTC), "2025-10-23");
        assert_eq!(day("2024-02-29", Sao_Paulo), "2024-02-29");
    }

    #[test]
    fn what_is_no_day_is_told_with_all_that_is_one() {
        for text in ["", "Today", "tomorrow", "22/10/2025", "2025-02-30"] {
            let error = text.parse::<TypedDay>().unwrap_err().to_string();
            let hint = "write it as 2025-10-22, or `today` or `yesterday`";
            assert!(error.contains(hint), "{error}");
        }
    }
}
