//! Jobs of a source: schedule, days, mode and priority of its datasets, and blackouts.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A named schedule of a source.
#[derive(Debug, Clone)]
pub struct Job {
    /// Name of the job: `hourly`.
    pub name: String,
    /// Cron expression in the source's time zone: five fields, or six with seconds first.
    pub cron: String,
    /// Days to read.
    pub days: JobDays,
    /// Reading mode.
    pub mode: Mode,
    /// Priority when the limits bind.
    pub priority: Priority,
    /// Datasets to read. Empty: all of the source.
    pub datasets: Vec<String>,
    /// Maximum age of a missed slot (misfire) that is caught up.
    pub catch_up: Duration,
    /// Hours of each day in which the job isn't started.
    pub blackout: Vec<Blackout>,
    /// Maximum age of the data of its datasets before they count as stale. `None`: not checked.
    pub freshness: Option<Duration>,
    /// Time after which an incomplete day is overdue, counted from the first slot after the day settled.
    pub complete_by: Duration,
    /// Maximum duration of a run, which is then ended at a safe point. `None`: unlimited.
    pub deadline: Option<Duration>,
}

impl Job {
    /// Default of [`Job::catch_up`]: 7d.
    pub const CATCH_UP: Duration = Duration::from_secs(7 * 24 * 3600);
    /// Default of [`Job::complete_by`]: 2d.
    pub const COMPLETE_BY: Duration = Duration::from_secs(2 * 24 * 3600);
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

/// Reading mode of a day.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Deserialize,
    schemars::JsonSchema,
)]
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
