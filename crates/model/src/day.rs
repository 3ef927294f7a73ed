//! The civil day that a partition stands for (*data day*), and its bounds in the source's zone.
//!
//! A day is a date, never an instant: `2025-10-22` in a key, `20251022` in a file name. Only
//! together with the source's zone does it become a span of time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The civil date in the source's zone that a partition stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// The day of this date.
    pub const fn new(date: NaiveDate) -> Self {
        Self(date)
    }

    /// The day that `instant` falls on in `zone`.
    pub fn of(instant: DateTime<Utc>, zone: Tz) -> Self {
        Self(instant.with_timezone(&zone).date_naive())
    }

    /// The date.
    pub const fn date(self) -> NaiveDate {
        self.0
    }

    /// `20251022`, as file names and the complete marker carry it.
    pub fn compact(self) -> String {
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        format!("{year:04}{month:02}{day:02}")
    }

    /// Parses the form that [`Self::compact`] writes. `None` if the text is not a date in this form.
    pub fn from_compact(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u32 = digits.then(|| text.parse().ok())??;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day).map(Self)
    }

    /// `year=2025/month=10/day=22`, the Hive partition folder.
    pub fn partition(self) -> String {
        format!(
            "year={:04}/month={:02}/day={:02}",
            self.0.year(),
            self.0.month(),
            self.0.day()
        )
    }

    /// Returns the first instant of the day in `zone`. If a change of clocks skips midnight (São Paulo, until
    /// 2018), the day begins at the first time that exists.
    pub fn start(self, zone: Tz) -> DateTime<Utc> {
        let mut local = self.0.and_time(NaiveTime::MIN);
        // Every gap known to the zone database is shorter than a day: the loop ends.
        for _ in 0..24 * 4 {
            if let Some(instant) = zone.from_local_datetime(&local).earliest() {
                return instant.with_timezone(&Utc);
            }
            local += chrono::TimeDelta::minutes(15);
        }
        Utc.from_utc_datetime(&self.0.and_time(NaiveTime::MIN))
    }

    /// The first instant after the day in `zone`.
    pub fn end(self, zone: Tz) -> DateTime<Utc> {
        self.next().start(zone)
    }

    /// The day after.
    pub fn next(self) -> Self {
        Self(self.0.checked_add_days(Days::new(1)).unwrap_or(self.0))
    }

    /// The day before.
    pub fn previous(self) -> Self {
        Self(self.0.checked_sub_days(Days::new(1)).unwrap_or(self.0))
    }

    /// Every day from `self` to `last`, both included.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> {
        self.0
            .iter_days()
            .take_while(move |date| *date <= last.0)
            .map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Error of parsing a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day: write it as 2025-10-22")]
pub struct DayError(String);

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let plain = text.len() == 10;
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|_| plain)
            .map(Self)
            .ok_or_else(|| DayError(text.to_owned()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Day")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date",
            "description": "A day of the source's time zone: 2025-10-22.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Sao_Paulo;

    #[test]
    fn a_day_is_named_in_three_ways() {
        let day: Day = "2025-10-02".parse().unwrap();
        assert_eq!(day.to_string(), "2025-10-02");
        assert_eq!(day.compact(), "20251002");
        assert_eq!(day.partition(), "year=2025/month=10/day=02");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "2025-1-2", "20251022", "2025-13-01", "2025-10-22T00"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_in_json_is_its_text() {
        let day: Day = serde_json::from_str(r#""2025-10-22""#).unwrap();
        assert_eq!(serde_json::to_string(&day).unwrap(), r#""2025-10-22""#);
        let error = serde_json::from_str::<Day>(r#""22/10/2025""#).unwrap_err();
        assert!(error.to_string().contains("write it as 2025-10-22"));
    }

    #[test]
    fn a_day_is_brasilia_time() {
        let day: Day = "2025-10-22".parse().unwrap();
        assert_eq!(
            day.start(Sao_Paulo).to_rfc3339(),
            "2025-10-22T03:00:00+00:00"
        );
        assert_eq!(day.end(Sao_Paulo).to_rfc3339(), "2025-10-23T03:00:00+00:00");
        let late = "2025-10-23T02:59:59Z".parse().unwrap();
        assert_eq!(Day::of(late, Sao_Paulo), day);
    }

    #[test]
    fn a_day_without_midnight_begins_at_one() {
        // Summer time began at midnight of 2018-11-04 in São Paulo.
        let day: Day = "2018-11-04".parse().unwrap();
        assert_eq!(
            day.start(Sao_Paulo).to_rfc3339(),
            "2018-11-04T03:00:00+00:00"
        );
    }

    #[test]
    fn a_range_holds_both_ends() {
        let first: Day = "2025-02-27".parse().unwrap();
        let last: Day = "2025-03-01".parse().unwrap();
        let days: Vec<_> = first.through(last).map(|day| day.to_string()).collect();
        assert_eq!(days, ["2025-02-27", "2025-02-28", "2025-03-01"]);
        assert_eq!(last.through(first).count(), 0);
    }
}
