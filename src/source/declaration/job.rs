//! When a source's datasets are read: its jobs, and the hours in which nothing is asked.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A named schedule of a source.
#[derive(Debug, Clone)]
pub struct Job {
    /// `hourly`
    pub name: String,
    /// Five fields, or six with seconds first, in the source's zone.
    pub cron: String,
    /// Which days.
    pub days: JobDays,
    /// How they are read.
    pub mode: Mode,
    /// Who goes first where the limits bind.
    pub priority: Priority,
    /// Which datasets; empty: all of the source.
    pub datasets: Vec<String>,
    /// Slots that passed while nobody was there are caught up with when they aren't longer ago
    /// than this.
    pub catch_up: Duration,
    /// Hours of each day in which the job isn't begun.
    pub blackout: Vec<Blackout>,
    /// Data of its datasets that are older than this are stale. `None`: nobody cares.
    pub freshness: Option<Duration>,
    /// A day that isn't complete so long after it settled and a slot has come since is overdue.
    pub complete_by: Duration,
    /// A run that takes longer is ended at a safe point. `None`: no bound.
    pub deadline: Option<Duration>,
}

impl Job {
    /// The [`Job::catch_up`] of jobs that say nothing about it: a week.
    pub const CATCH_UP: Duration = Duration::from_secs(7 * 24 * 3600);
    /// The [`Job::complete_by`] of jobs that say nothing about it: two days.
    pub const COMPLETE_BY: Duration = Duration::from_secs(2 * 24 * 3600);
}

/// Hours of each day, in the source's zone, in which nothing is asked or begun: from its start up
/// to its end, over midnight where the end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blackout {
    /// The first instant of it.
    pub start: NaiveTime,
    /// The first instant after it.
    pub end: NaiveTime,
}

impl Blackout {
    /// Whether `time` lies in it.
    pub fn contains(self, time: NaiveTime) -> bool {
        if self.start < self.end {
            (self.start..self.end).contains(&time)
        } else {
            time >= self.start || time < self.end
        }
    }

    /// The end of the hours that `now` lies in, those that follow on one another counted together;
    /// `None` outside of them.
    pub fn end_of(hours: &[Self], now: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let mut at = now;
        // As many as there are can follow on one another; more would be a day without an end.
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
            // A time that a change of clocks leaves out has passed an hour later.
            let in_zone = |local| zone.from_local_datetime(&local).latest();
            let end = in_zone(end).or_else(|| in_zone(end + TimeDelta::hours(1)));
            at = end.map_or(at + TimeDelta::hours(1), |end| end.with_timezone(&Utc));
        }
        (at > now).then_some(at)
    }
}

/// Which days a job reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobDays {
    /// The day of the slot.
    Today,
    /// The day before the slot's.
    Yesterday,
    /// The last n days before the slot's.
    Last(u32),
    /// Those that coverage asks for and that aren't complete.
    Incomplete,
}

/// How a day is read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every page of every slice.
    Full,
    /// Only what is new in each slice, found from the end where new records appear, when the total has
    /// grown. Updates leave the total as it is: a dataset with versions is read in full all the same.
    New,
    /// Every page of every slice of a day that differs from what the API states: what is new is
    /// added, and ids that the API has taken away are noted.
    Verify,
}

impl Mode {
    /// As logs and reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::New => "new",
            Self::Verify => "verify",
        }
    }

    /// Whether a day read in this mode needn't be read in `asked` as well.
    pub fn covers(self, asked: Self) -> bool {
        let thoroughness = |mode| match mode {
            Self::New => 0,
            Self::Full => 1,
            Self::Verify => 2,
        };
        thoroughness(self) >= thoroughness(asked)
    }
}

/// Who goes first where the limits bind; the greatest first.
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
    /// Years of history.
    Backfill,
    /// The day before.
    Daily,
    /// The day that is under way, and what a person asked for.
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
