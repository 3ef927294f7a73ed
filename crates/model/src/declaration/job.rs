//! Jobs of a source: schedule, days, mode and priority of its datasets, and blackouts.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::cron::Cron;
use crate::text::{self, PositiveSpan, Span, TextFormat, WrongText};

/// Named schedule of a source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["cron", "days"]))]
pub struct Job {
    /// Name of the job: `hourly`.
    #[serde(skip)]
    pub name: String,
    /// Cron expression in the source's time zone. Five fields (minute, hour, day, month, day of the week), or
    /// six with seconds first: `"0 3 * * *"`.
    #[serde(deserialize_with = "text::read::<CronText, _, _>")]
    pub cron: String,
    /// Days to read: `"today"`, `"yesterday"`, `"last 7"` (days before the slot's), or `"incomplete"` (days
    /// of the coverage, and every other day that was once begun or named and is not complete).
    #[serde(deserialize_with = "text::read::<JobDays, _, _>")]
    #[schemars(with = "String")]
    pub days: JobDays,
    /// Mode of reading. Default: `full`. `new` requests more than the first page of a slice only if its total
    /// has grown; an update leaves the total as it is, so `new` is not for datasets with versions. `verify`
    /// compares complete days with what the API states now (one request per slice, and a second one for the
    /// last page if there are several) and re-reads days that differ; the last slot that names a day re-reads
    /// it in any case.
    pub mode: Mode,
    /// Priority of the job's runs when limits are reached. Default: `daily`.
    pub priority: Priority,
    /// Datasets to read. Default: all of the source. Datasets that are not enabled are skipped.
    pub datasets: Vec<String>,
    /// Missed slots are caught up if they are at most this old. Default: `"7d"`.
    #[serde(deserialize_with = "text::read::<Span, _, _>")]
    #[schemars(with = "String")]
    pub catch_up: Duration,
    /// Hours of each day in which the job does not start, in the source's time zone: `["20:00-21:00"]`.
    #[schemars(with = "Vec<String>")]
    pub blackout: Vec<Blackout>,
    /// Maximum age of the last successful run of what the job asks for; runs of other jobs for other days do
    /// not count. Older data are stale: the daemon warns, and `bronzed_job_freshness_limit_seconds` exports
    /// the limit for alerts. Default: no limit.
    #[serde(deserialize_with = "text::read::<PositiveSpan, _, _>")]
    #[schemars(with = "String")]
    pub freshness: Option<Duration>,
    /// Time after which an incomplete day is overdue, counted from when it could be complete (it has settled,
    /// and a slot has come since): the daemon warns, and `bronzed_overdue_partitions` counts the day.
    /// Default: `"2d"`.
    #[serde(deserialize_with = "text::read::<Span, _, _>")]
    #[schemars(with = "String")]
    pub complete_by: Duration,
    /// Time limit of a run; a longer run commits what it has read and ends as partial. Default: unlimited.
    #[serde(deserialize_with = "text::read::<PositiveSpan, _, _>")]
    #[schemars(with = "String")]
    pub deadline: Option<Duration>,
}

impl Job {
    /// Default of [`Job::catch_up`]: 7d.
    pub const CATCH_UP: Duration = Duration::from_secs(7 * 24 * 3600);
    /// Default of [`Job::complete_by`]: 2d.
    pub const COMPLETE_BY: Duration = Duration::from_secs(2 * 24 * 3600);
}

impl Default for Job {
    /// Returns a job that reads yesterday in full at three o'clock.
    fn default() -> Self {
        Self {
            name: String::new(),
            cron: "0 3 * * *".to_owned(),
            days: JobDays::Yesterday,
            mode: Mode::Full,
            priority: Priority::Daily,
            datasets: Vec::new(),
            catch_up: Self::CATCH_UP,
            blackout: Vec::new(),
            freshness: None,
            complete_by: Self::COMPLETE_BY,
            deadline: None,
        }
    }
}

/// A cron expression of five or six fields, valid in every time zone.
struct CronText;

impl TextFormat for CronText {
    type Value = String;

    fn parse(text: &str) -> Result<String, WrongText> {
        match Cron::parse(text, Tz::UTC) {
            Ok(_) => Ok(text.to_owned()),
            Err(reason) => Err(WrongText::is_not(
                text,
                &format!("is not a cron expression: {reason}"),
                "write minute, hour, day, month and day of the week: \"0 3 * * *\"",
            )),
        }
    }
}

/// Hours of each day, in the source's time zone, in which no requests are sent (source) or no runs
/// started (job): from `start` up to `end`, over midnight if `end` is the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blackout {
    /// First instant of the blackout.
    pub start: NaiveTime,
    /// First instant after the blackout.
    pub end: NaiveTime,
}

impl TextFormat for Blackout {
    type Value = Self;

    fn parse(text: &str) -> Result<Self, WrongText> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
        let hours = text.split_once('-').and_then(|(start, end)| {
            let (start, end) = (time(start)?, time(end)?);
            Some(Self { start, end })
        });
        let hours = hours.filter(|hours| hours.start != hours.end);
        hours.ok_or_else(|| WrongText {
            problem: format!("`{{list}}` has `{text}`, which is no span of hours"),
            hint: "write its start and its end: \"20:00-21:00\"".to_owned(),
        })
    }
}

impl<'de> Deserialize<'de> for Blackout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::read::<Self, _, _>(deserializer)
    }
}

impl Blackout {
    /// Returns `true` if `time` lies in the blackout.
    pub fn contains(self, time: NaiveTime) -> bool {
        if self.start < self.end {
            (self.start..self.end).contains(&time)
        } else {
            time >= self.start || time < self.end
        }
    }

    /// Returns the end of the blackout that `now` lies in, with adjoining ones merged. `None` outside of
    /// blackouts.
    pub fn end_of(hours: &[Self], now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut at = now;
        // At most all of them adjoin; if they cover the whole day, the bound ends the loop.
        for _ in 0..=hours.len() {
            let local = at.with_timezone(&zone).naive_local();
            let Some(within) = hours.iter().find(|hours| hours.contains(local.time())) else {
                break;
            };
            let today = local.date().and_time(within.end);
            let end = match today > local {
                true => today,
                false => today + TimeDelta::days(1),
            };
            // A local time that a change of clocks skips is replaced by the time an hour later.
            let in_zone = |local| zone.from_local_datetime(&local).latest();
            let end = in_zone(end).or_else(|| in_zone(end + TimeDelta::hours(1)));
            at = end.map_or(at + TimeDelta::hours(1), |end| end.with_timezone(&Utc));
        }
        (at > now).then_some(at)
    }
}

/// Days that a job reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobDays {
    /// The day of the slot.
    Today,
    /// The day before the slot's.
    Yesterday,
    /// The last n days before the slot's.
    Last(u32),
    /// Days of the coverage that aren't complete.
    Incomplete,
}

impl TextFormat for JobDays {
    type Value = Self;

    fn parse(text: &str) -> Result<Self, WrongText> {
        let last = text.strip_prefix("last ");
        let last = last.and_then(|days| days.trim().parse().ok());
        match (text, last) {
            ("today", _) => Ok(Self::Today),
            ("yesterday", _) => Ok(Self::Yesterday),
            ("incomplete", _) => Ok(Self::Incomplete),
            (_, Some(days)) if days > 0 => Ok(Self::Last(days)),
            _ => Err(WrongText::is_not(
                text,
                "names no days",
                "write \"today\", \"yesterday\", \"last 7\" or \"incomplete\"",
            )),
        }
    }
}

/// Reading mode of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every page of every slice.
    Full,
    /// Only the new records of each slice, read from the end at which they appear, if the total has
    /// grown. Updates don't change the total: a dataset with versions is read in full all the same.
    New,
    /// Every page of every slice of a day whose counts differ from what the API states: new records are
    /// added, and ids that the API no longer lists are noted.
    Verify,
}

impl Mode {
    /// Returns the name used in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::New => "new",
            Self::Verify => "verify",
        }
    }

    /// Returns `true` if a day read in this mode needn't be read in mode `asked` as well.
    pub fn covers(self, asked: Self) -> bool {
        let thoroughness = |mode| match mode {
            Self::New => 0,
            Self::Full => 1,
            Self::Verify => 2,
        };
        thoroughness(self) >= thoroughness(asked)
    }
}

/// Priority when the limits bind: `hourly` before `daily` before `backfill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// History.
    Backfill,
    /// The previous day.
    Daily,
    /// The current day, and runs requested by a person.
    Hourly,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Sao_Paulo;

    fn hours(start: &str, end: &str) -> Blackout {
        Blackout {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
        }
    }

    #[test]
    fn a_blackout_ends_in_the_zone_of_the_source() {
        let evening = [hours("20:00:00", "21:00:00")];
        let end = |hours: &[Blackout], at: &str| {
            Blackout::end_of(hours, at.parse().unwrap(), Sao_Paulo).map(|end| end.to_rfc3339())
        };
        assert_eq!(end(&evening, "2025-10-22T22:59:59Z"), None);
        let nine = Some("2025-10-23T00:00:00+00:00".to_owned());
        assert_eq!(end(&evening, "2025-10-22T23:00:00Z"), nine);
        assert_eq!(end(&evening, "2025-10-22T23:59:59Z"), nine);
        assert_eq!(end(&evening, "2025-10-23T00:00:00Z"), None);

        let night = [hours("23:00:00", "01:00:00"), hours("01:00:00", "02:30:00")];
        let half_past_two = Some("2025-10-23T05:30:00+00:00".to_owned());
        for within in [
            "2025-10-23T02:00:00Z",
            "2025-10-23T03:10:00Z",
            "2025-10-23T05:29:00Z",
        ] {
            assert_eq!(end(&night, within), half_past_two, "{within}");
        }
        assert_eq!(end(&night, "2025-10-23T05:30:00Z"), None);
        assert_eq!(end(&[], "2025-10-23T02:00:00Z"), None);
    }

    #[test]
    fn a_blackout_ends_where_a_change_of_clocks_leaves_its_end_out() {
        // Summer time began at midnight, which became one o'clock.
        let end = Blackout::end_of(
            &[hours("23:00:00", "00:30:00")],
            "2018-11-04T02:30:00Z".parse().unwrap(),
            Sao_Paulo,
        );
        assert_eq!(end, Some("2018-11-04T03:30:00Z".parse().unwrap()));
    }
}
