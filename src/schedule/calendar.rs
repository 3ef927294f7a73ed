//! Coverage calendar of a dataset: the status of each day, from what the lake is known to hold.
//!
//! ```text
//! proven      complete
//! accepted    closed by a person, not proven
//! settling    read, and waiting for what only time brings: its end, its settle time, a second reading
//! partial     read, and something couldn't be read or proven
//! failed      the last run ended without having read what was requested
//! never_read  wanted, over, and never read
//! not_due     nobody wants it, or it isn't over
//! ```

use chrono::{DateTime, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::schedule::due::DayDeadlines;
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::DatasetKnowledge;
use bronzed_model::day::Day;
use bronzed_model::execution::Status;

/// Maximum length of a calendar: days before that were begun by a wrong clock.
const LONGEST: TimeDelta = TimeDelta::days(366 * 30);

/// Status of a day of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayStatus {
    /// Complete, with its proof.
    Proven,
    /// Closed by a person, without a proof.
    Accepted,
    /// Read; its proof waits for what only time brings.
    Settling,
    /// Read; something couldn't be read or proven.
    Partial,
    /// The last run ended without having read what was requested.
    Failed,
    /// Wanted, over, and never read.
    NeverRead,
    /// Nobody wants it, or it isn't over.
    NotDue,
}

impl DayStatus {
    /// Every status, in the order of a legend.
    pub const ALL: [Self; 7] = [
        Self::Proven,
        Self::Accepted,
        Self::Settling,
        Self::Partial,
        Self::Failed,
        Self::NeverRead,
        Self::NotDue,
    ];

    /// Returns `true` if the day isn't as it should be.
    pub fn is_open(self) -> bool {
        match self {
            Self::Partial | Self::Failed | Self::NeverRead => true,
            Self::Proven | Self::Accepted | Self::Settling | Self::NotDue => false,
        }
    }
}

/// Consecutive days of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "CalendarSpan")]
pub struct CalendarSpan {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Status of each of the days.
    pub status: DayStatus,
}

impl CalendarSpan {
    /// Returns the number of days.
    pub fn days(&self) -> u64 {
        u64::try_from((self.to.date() - self.from.date()).num_days() + 1).unwrap_or_default()
    }
}

impl Schedule {
    /// Returns the calendar of a dataset from its first known or wanted day up to today, in spans without
    /// gaps; at least of today, and nothing before `since`.
    pub fn calendar(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
        since: Option<Day>,
    ) -> Vec<CalendarSpan> {
        let today = Day::of(now, self.zone);
        let wanted = self.wanted(dataset, known, now);
        let sets = [known.begun(), known.complete_set(), &wanted];
        let firsts = sets.iter().filter_map(|days| days.first().copied());
        let oldest = Day::new(today.date() - LONGEST);
        let first = firsts.min().unwrap_or(today).max(oldest);
        let first = since.map_or(first, |since| since.max(first)).min(today);
        let mut spans: Vec<CalendarSpan> = Vec::new();
        let period = self.period_of(dataset);
        for day in first.through(today) {
            let partition = period.first(day);
            let status = status_of(known, partition, wanted.contains(&partition));
            match spans.last_mut() {
                Some(span) if span.status == status => span.to = day,
                _ => spans.push(CalendarSpan {
                    from: day,
                    to: day,
                    status,
                }),
            }
        }
        spans
    }

    /// Returns the newest days before `before` that are wanted and aren't as they should be, at most `most`.
    pub fn older_open_days(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
        (before, most): (Day, usize),
    ) -> Vec<(Day, DayStatus)> {
        let wanted = self.wanted(dataset, known, now);
        let days = wanted.range(..before).rev();
        let days = days.map(|day| (*day, status_of(known, *day, true)));
        let open = days.filter(|(_, status)| status.is_open());
        open.take(most).collect()
    }

    /// Returns the status of a day.
    pub fn day_status(
        &self,
        dataset: &str,
        known: &DatasetKnowledge,
        day: Day,
        now: DateTime<Utc>,
    ) -> DayStatus {
        let day = self.period_of(dataset).first(day);
        status_of(known, day, self.wanted(dataset, known, now).contains(&day))
    }

    /// Returns the time from which a day of a dataset can be proven. `None` if there is no such dataset.
    pub fn settles_at(&self, dataset: &str, day: Day) -> Option<DateTime<Utc>> {
        let scheduled = self.datasets.get(dataset)?;
        let day = scheduled.period.first(day);
        Some(DayDeadlines::of(day, scheduled, self.zone).settled)
    }
}

fn status_of(known: &DatasetKnowledge, day: Day, is_wanted: bool) -> DayStatus {
    if known.is_complete(day) {
        return DayStatus::Proven;
    }
    if known.is_done(day) {
        return DayStatus::Accepted;
    }
    if !known.begun().contains(&day) {
        return match is_wanted {
            true => DayStatus::NeverRead,
            false => DayStatus::NotDue,
        };
    }
    match known.executions(day).last().map(|run| run.status) {
        Some(Status::Ok) => DayStatus::Settling,
        Some(Status::Failed) => DayStatus::Failed,
        Some(Status::Partial | Status::Running | Status::Recovered | Status::Adopted) | None => {
            DayStatus::Partial
        }
    }
}
