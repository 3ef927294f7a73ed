//! A month on the command line: `2025-10`.

use std::fmt;
use std::str::FromStr;

use chrono::{Months, NaiveDate};

use bronzed_model::day::Day;

/// The days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthSpan {
    /// First day.
    pub first: Day,
    /// Last day.
    pub last: Day,
}

impl FromStr for MonthSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        let first = first.filter(|first| first.format("%Y-%m").to_string() == text);
        let next = first.and_then(|first| first.checked_add_months(Months::new(1)));
        let last = next.and_then(|next| next.pred_opt());
        let days = first.map(Day::new).zip(last.map(Day::new));
        let (first, last) = days.ok_or_else(|| format!("`{text}` is no month, as 2025-10 is"))?;
        Ok(Self { first, last })
    }
}

impl fmt::Display for MonthSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first.date().format("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_its_days() {
        let month: MonthSpan = "2024-02".parse().unwrap();
        assert_eq!(
            (month.first.to_string(), month.last.to_string()),
            ("2024-02-01".into(), "2024-02-29".into())
        );
        assert_eq!(month.to_string(), "2024-02");
        for text in ["2024", "2024-13", "2024-2", "2024-02-01", ""] {
            assert!(text.parse::<MonthSpan>().is_err(), "{text}");
        }
    }
}
