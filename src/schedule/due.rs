//! Next attempt at a day that a job names: retries, back-off and reads within the settle time, computed from
//! the day's runs.
//!
//! Two kinds of job. A job of `today` wants a run *for each slot*: a successful run that was active at the
//! slot or later serves it ([`at_slot`]). All other jobs want ended days *complete*: a slot starts the first
//! attempt at a day, and the result of the last run determines the next one ([`until_complete`]).
//!
//! ```text
//! last run                                 next attempt (delay from its end to the next start)
//! failed, or succeeded after settling      after 10 min, 20 min, 40 min … up to a quarter of the day's age;
//! without proof                            this maximum is at least a day and at most three weeks
//! succeeded within the settle time         when the day is twice as old, after at least 1 h and at most the
//!                                          maximum above; at the latest when the day settles
//! states the time of the next attempt      at that time
//! ```
//!
//! So a failed day is retried within minutes at first, and a day of last year at least every three weeks:
//! thirty days after an API has recovered, every day has been tried. Only old days have delays of weeks.
//!
//! A run counts for a job if its mode is at least as thorough as the job's. A run that is still `running` in
//! the lake but isn't active in this process was killed, or belongs to another process: it counts as failed,
//! so that a day that kills the process backs off instead of killing it in a loop. Runs that ended without an
//! attempt (cancelled, host down, lake full) don't count, so the next process continues at once. Nor do runs
//! that start in the future, dated by a clock that was ahead.

use std::cmp;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::schedule::jobs::ScheduledDataset;
use crate::schedule::knowledge::ExecutionFacts;
use bronzed_model::cron::Slot;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::verified::Verified;

/// Delay after which a slot counts as late: its run is a catch-up.
pub(super) const LATE: TimeDelta = TimeDelta::minutes(1);

/// First delay of the exponential back-off; each further one is twice as long.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(10);
/// Minimum delay between reads within the settle time.
const LEAST_SETTLING: TimeDelta = TimeDelta::hours(1);
/// Maximum delay for young days, slots, and comparisons with the API.
const DAILY: TimeDelta = TimeDelta::hours(24);
/// Maximum delay: thirty days after an API has recovered, every day has been tried, with days to spare.
const LONGEST: TimeDelta = TimeDelta::days(21);
/// Divisor of a day's age: the maximum delay of days that aren't young is a quarter of their age.
const PART_OF_AGE: i32 = 4;

/// Reason of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The slot is due.
    Slot,
    /// The slot was found late, or the day is wanted but neither covered nor within the jobs' windows.
    CatchUp,
    /// Coverage requires the day, and it was never read since it ended.
    Coverage,
    /// The last attempt failed, or didn't prove that the day is complete.
    Retry,
    /// The last run succeeded, but the day could still change, or can be proven only now.
    Settle,
}

impl Reason {
    /// Returns the label value in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::CatchUp => "catch_up",
            Self::Coverage => "coverage",
            Self::Retry => "retry",
            Self::Settle => "settle",
        }
    }

    /// Returns the queueing class.
    pub fn class(self) -> Class {
        match self {
            Self::Slot | Self::CatchUp | Self::Coverage => Class::FirstReading,
            Self::Settle => Class::Settle,
            Self::Retry => Class::Retry,
        }
    }

    /// Returns the reason of the first run for a slot: `CatchUp` if the slot is late.
    pub(super) fn of_slot(slot: Slot, now: DateTime<Utc>) -> Self {
        if now - slot.at > LATE {
            Self::CatchUp
        } else {
            Self::Slot
        }
    }
}

/// Class of a run in fair queueing: see [`crate::schedule::deal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// First read of the day since its slot, or since it ended.
    FirstReading,
    /// Repeated read after a success: the day could still change, or can be proven only now.
    Settle,
    /// Repeated read after an attempt that failed, or didn't prove that the day is complete.
    Retry,
}

impl Class {
    /// Returns `true` for repeated reads, which get only a share of the run slots while first reads wait.
    pub fn is_again(self) -> bool {
        self != Self::FirstReading
    }
}

/// Time and reason of the next attempt at a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextAttempt {
    pub at: DateTime<Utc>,
    pub reason: Reason,
}

/// End of a day, and the time at which it has settled and can be complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct DayDeadlines {
    /// End of the day.
    pub ended: DateTime<Utc>,
    /// End of the day plus its settle time.
    pub settled: DateTime<Utc>,
}

impl DayDeadlines {
    pub(super) fn of(day: Day, dataset: &ScheduledDataset, zone: Tz) -> Self {
        let ended = dataset.period.end(day, zone);
        Self {
            ended,
            settled: ended + dataset.settle,
        }
    }
}

/// A run that counts for a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    started: DateTime<Utc>,
    ended: DateTime<Utc>,
    well: bool,
    /// Time from which the day is worth another run, if the run itself determined it.
    again: Option<DateTime<Utc>>,
}

impl Attempt {
    /// Returns `true` if the run succeeded, but started before the day had settled.
    fn settling(&self, day: DayDeadlines) -> bool {
        self.well && self.started < day.settled
    }
}

/// Returns the number of attempts that started after the day had settled.
pub(super) fn tries(day: DayDeadlines, attempts: &[Attempt]) -> usize {
    let settled = attempts.iter().filter(|run| run.started >= day.settled);
    settled.count()
}

/// Returns the runs that count for a job of this mode, in the order of `executions`.
pub(super) fn attempts(
    executions: &[ExecutionFacts],
    mode: Mode,
    mode_of: impl Fn(&str) -> Mode,
    now: DateTime<Utc>,
) -> Vec<Attempt> {
    // Cache the last job's result, because consecutive runs are mostly of one job.
    let mut last: Option<(&str, bool)> = None;
    let mut counts = |job| match last {
        Some((known, counts)) if known == job => counts,
        _ => {
            let counts = mode_of(job).covers(mode);
            last = Some((job, counts));
            counts
        }
    };
    executions
        .iter()
        .filter(|facts| facts.status != Status::Adopted && facts.started_at <= now)
        .filter(|facts| facts.stop.is_none_or(StopReason::is_attempt))
        .filter(|facts| counts(&facts.job))
        .map(|facts| Attempt {
            started: facts.started_at,
            // An end in the future: the clock was set back since. The real end is unknown, so use the start.
            ended: Some(facts.ended_at)
                .filter(|ended| *ended <= now)
                .unwrap_or(facts.started_at),
            well: facts.status == Status::Ok,
            again: facts.again_at,
        })
        .collect()
}

/// Returns the next attempt for the latest slot of a job of `today`. `None` if a run has served the slot.
pub(super) fn at_slot(slot: Slot, attempts: &[Attempt], now: DateTime<Utc>) -> Option<NextAttempt> {
    let mut since = attempts.iter().filter(|run| run.ended >= slot.at);
    if since.clone().any(|run| run.well) {
        return None;
    }
    // Each slot is tried at once, even if the day keeps failing. The back-off counts failures of earlier slots
    // too, so there are fewer retries from slot to slot.
    Some(match since.next_back() {
        None => NextAttempt {
            at: slot.at,
            reason: Reason::of_slot(slot, now),
        },
        Some(last) => NextAttempt {
            at: last.ended + distance(in_a_row(attempts, |run| !run.well), DAILY),
            reason: Reason::Retry,
        },
    })
}

/// Returns the next attempt at an ended day that isn't complete; `first` if no run started since its end.
pub(super) fn until_complete(
    day: DayDeadlines,
    attempts: &[Attempt],
    first: NextAttempt,
) -> NextAttempt {
    // A run that began before the end can't complete the day.
    let mut since_end = attempts.iter().filter(|run| run.started >= day.ended);
    let Some(last) = since_end.next_back() else {
        return first;
    };
    let most = longest(last.ended - day.ended);
    if let Some(again) = last.again.filter(|again| *again > last.started) {
        return NextAttempt {
            // At most three weeks, because the clock may have been wrong; at least 10 min, because a run that
            // ended after its own `again` would otherwise be repeated at once, again and again.
            at: again.clamp(last.ended + FIRST_RETRY, last.ended + LONGEST),
            reason: match last.well {
                true => Reason::Settle,
                false => Reason::Retry,
            },
        };
    }
    if last.settling(day) {
        let age = last.started - day.ended;
        let again = last.ended + cmp::min(age, most).max(LEAST_SETTLING);
        return NextAttempt {
            at: cmp::min(again, day.settled),
            reason: Reason::Settle,
        };
    }
    let tries = in_a_row(attempts, |run| {
        run.started >= day.ended && !run.settling(day)
    });
    NextAttempt {
        at: last.ended + distance(tries, most),
        reason: Reason::Retry,
    }
}

/// Returns the maximum delay between two reads of a day of this age.
fn longest(age: TimeDelta) -> TimeDelta {
    (age / PART_OF_AGE).clamp(DAILY, LONGEST)
}

/// Returns the next comparison of a complete day with the API, for the latest slot that names it. `None` if
/// the day was compared successfully since that slot.
pub(super) fn to_verify(
    slot: Slot,
    last: Option<Verified>,
    now: DateTime<Utc>,
) -> Option<NextAttempt> {
    match last.filter(|last| (slot.at..=now).contains(&last.at)) {
        None => Some(NextAttempt {
            at: slot.at,
            reason: Reason::of_slot(slot, now),
        }),
        Some(last) if last.failures == 0 => None,
        Some(last) => Some(NextAttempt {
            at: last.at + distance(last.failures, DAILY),
            reason: Reason::Retry,
        }),
    }
}

/// Returns the number of consecutive last runs for which `such` returns `true`.
fn in_a_row(attempts: &[Attempt], such: impl Fn(&Attempt) -> bool) -> u32 {
    let count = attempts.iter().rev().take_while(|run| such(run)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Returns the back-off after this many consecutive attempts.
fn distance(tries: u32, longest: TimeDelta) -> TimeDelta {
    // 10 min × 2^12 exceeds the maximum delay of three weeks.
    let doublings = tries.saturating_sub(1).min(12);
    cmp::min(FIRST_RETRY * (1 << doublings), longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2025-10-{text}:00Z").parse().unwrap()
    }

    fn run(started: &str, ended: &str, well: bool) -> Attempt {
        Attempt {
            started: at(started),
            ended: at(ended),
            well,
            again: None,
        }
    }

    fn slot(text: &str) -> Slot {
        Slot {
            at: at(text),
            day: "2025-10-22".parse().unwrap(),
        }
    }

    fn wish(text: &str, reason: Reason) -> NextAttempt {
        NextAttempt {
            at: at(text),
            reason,
        }
    }

    #[test]
    fn a_slot_is_served_by_a_good_run_at_it_or_after_it() {
        let served = |runs: &[Attempt]| at_slot(slot("22T10:00"), runs, at("22T10:00")).is_none();
        assert!(!served(&[]));
        assert!(!served(&[run("22T09:00", "22T09:59", true)]));
        assert!(served(&[run("22T09:00", "22T10:01", true)]), "joined");
        assert!(served(&[run("22T10:00", "22T10:01", true)]));
        assert!(!served(&[run("22T10:00", "22T10:01", false)]));
        let failed_later = [
            run("22T10:00", "22T10:01", true),
            run("22T10:05", "22T10:06", false),
        ];
        assert!(served(&failed_later));
    }

    #[test]
    fn a_slot_that_fails_is_tried_again_and_the_next_slot_does_not_wait() {
        let mut runs = vec![run("22T09:00", "22T09:01", true)];
        let now = at("22T10:00");
        assert_eq!(
            at_slot(slot("22T10:00"), &runs, now),
            Some(wish("22T10:00", Reason::Slot))
        );
        runs.push(run("22T10:00", "22T10:02", false));
        assert_eq!(
            at_slot(slot("22T10:00"), &runs, now),
            Some(wish("22T10:12", Reason::Retry))
        );
        runs.push(run("22T10:12", "22T10:14", false));
        assert_eq!(
            at_slot(slot("22T10:00"), &runs, now),
            Some(wish("22T10:34", Reason::Retry))
        );
        runs.push(run("22T10:34", "22T10:36", false));
        let now = at("22T11:02");
        assert_eq!(
            at_slot(slot("22T11:00"), &runs, now),
            Some(wish("22T11:00", Reason::CatchUp))
        );
        runs.push(run("22T11:02", "22T11:04", false));
        assert_eq!(
            at_slot(slot("22T11:00"), &runs, now),
            Some(wish("22T12:24", Reason::Retry))
        );
    }

    #[test]
    fn a_day_without_proof_is_tried_at_a_distance_that_doubles_up_to_a_day() {
        let day = DayDeadlines {
            ended: at("01T03:00"),
            settled: at("01T03:00"),
        };
        let first = wish("01T05:00", Reason::Slot);
        let mut runs = vec![run("01T02:00", "01T03:30", true)];
        let mut waited = Vec::new();
        let mut next = until_complete(day, &runs, first);
        assert_eq!(next, first, "a run from before the end proves nothing");
        for _ in 0..11 {
            // A run that succeeds without writing the marker counts as failed.
            let ended = next.at + TimeDelta::minutes(5);
            runs.push(Attempt {
                started: next.at,
                ended,
                well: runs.len() % 2 == 0,
                again: None,
            });
            next = until_complete(day, &runs, first);
            assert_eq!(next.reason, Reason::Retry);
            waited.push((next.at - ended).num_minutes());
        }
        assert_eq!(
            waited,
            [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]
        );
    }

    #[test]
    fn inside_the_settle_time_a_day_is_read_at_a_growing_distance_and_then_at_once() {
        let day = DayDeadlines {
            ended: at("01T03:00"),
            settled: at("04T03:00"),
        };
        let first = wish("01T03:00", Reason::Slot);
        let mut next = first;
        let mut runs = Vec::new();
        let mut ages = Vec::new();
        while next.at < day.settled {
            ages.push((next.at - day.ended).num_hours());
            runs.push(Attempt {
                started: next.at,
                ended: next.at,
                well: true,
                again: None,
            });
            next = until_complete(day, &runs, first);
            assert_eq!(next.reason, Reason::Settle);
        }
        assert_eq!(ages, [0, 1, 2, 4, 8, 16, 32, 56]);
        assert_eq!(next.at, day.settled);
    }

    #[test]
    fn the_distance_of_retries_grows_with_the_age_of_the_day_up_to_three_weeks() {
        let ended = at("01T03:00");
        let day = DayDeadlines {
            ended,
            settled: ended,
        };
        let first = wish("01T05:00", Reason::Slot);
        let waited = |age: i64, tries: usize| {
            let last = ended + TimeDelta::days(age);
            let run = |number: usize| Attempt {
                started: last - TimeDelta::minutes(number as i64),
                ended: last - TimeDelta::minutes(number as i64),
                well: false,
                again: None,
            };
            let runs: Vec<_> = (0..tries).rev().map(run).collect();
            let wait = until_complete(day, &runs, first).at - last;
            (wait.num_days(), wait.num_minutes() % 1440)
        };
        assert_eq!(waited(1, 1), (0, 10), "yesterday is tried within minutes");
        assert_eq!(waited(1, 30), (1, 0));
        assert_eq!(waited(20, 30), (5, 0));
        assert_eq!(waited(365, 1), (0, 10));
        assert_eq!(waited(365, 30), (21, 0));
        assert_eq!(waited(3650, 30), (21, 0), "in time for thirty quiet days");
    }

    #[test]
    fn inside_a_long_settle_time_a_day_is_not_read_every_night() {
        let ended = at("01T03:00");
        let day = DayDeadlines {
            ended,
            settled: ended + TimeDelta::days(120),
        };
        let mut next = wish("01T05:00", Reason::Slot);
        let mut runs = Vec::new();
        while next.at < day.settled {
            runs.push(Attempt {
                started: next.at,
                ended: next.at,
                well: true,
                again: None,
            });
            let last = next.at;
            next = until_complete(day, &runs, next);
            let age = last - ended;
            assert!(next.at - last <= (age / 4).max(TimeDelta::days(1)), "{age}");
        }
        assert_eq!(next.at, day.settled);
        // It was 124 with a maximum delay of one day.
        assert_eq!(runs.len(), 23);
    }

    #[test]
    fn a_clock_that_was_wrong_puts_no_day_off_for_ever() {
        let day = DayDeadlines {
            ended: at("01T03:00"),
            settled: at("01T05:00"),
        };
        let runs = [Attempt {
            again: Some(at("02T05:00") + TimeDelta::days(900)),
            ..run("02T04:00", "02T04:01", true)
        }];
        let next = until_complete(day, &runs, wish("01T05:00", Reason::Slot));
        assert_eq!(next.at, at("02T04:01") + TimeDelta::days(21));
    }

    /// Regression: a run that ended two seconds after the time that it had requested for its repetition was
    /// repeated with the back-off of all attempts before it: after eleven days.
    #[test]
    fn p10_a_run_that_ended_later_than_it_asked_to_be_repeated_is_repeated_soon() {
        let day = DayDeadlines {
            ended: at("01T03:00"),
            settled: at("01T05:00"),
        };
        let mut runs = vec![run("20T01:00", "20T01:01", false); 30];
        runs.push(Attempt {
            again: Some(at("20T04:01")),
            ..run("20T04:00", "20T04:02", false)
        });
        let next = until_complete(day, &runs, wish("01T05:00", Reason::Slot));
        assert_eq!(next, wish("20T04:12", Reason::Retry));
    }

    #[test]
    fn a_failure_inside_the_settle_time_is_tried_again_soon() {
        let day = DayDeadlines {
            ended: at("01T03:00"),
            settled: at("04T03:00"),
        };
        let runs = [
            run("02T03:00", "02T03:10", true),
            run("03T03:00", "03T03:10", false),
        ];
        let next = until_complete(day, &runs, wish("01T03:00", Reason::Slot));
        assert_eq!(next, wish("03T03:20", Reason::Retry));
    }

    #[test]
    fn only_runs_that_read_enough_and_really_began_count() {
        let facts = |job: &str, status, started: &str, ended: &str| ExecutionFacts {
            run_id: uuid::Uuid::nil(),
            job: job.into(),
            status,
            stop: None,
            again_at: None,
            started_at: at(started),
            ended_at: at(ended),
            mistyped: None,
        };
        let known = [
            facts("legacy", Status::Adopted, "20T10:00", "20T10:00"),
            facts("hourly", Status::Ok, "22T10:00", "22T10:01"),
            facts("daily", Status::Running, "22T10:30", "22T11:40"),
            facts("daily", Status::Ok, "22T15:00", "22T15:01"),
        ];
        let mode_of = |job: &str| {
            if job == "daily" {
                Mode::Full
            } else {
                Mode::New
            }
        };
        let now = at("22T11:00");
        let count = |mode| attempts(&known, mode, mode_of, now).len();
        assert_eq!((count(Mode::New), count(Mode::Full)), (2, 1));
        // Its end lies in the future, so its start counts as its end.
        let full = attempts(&known, Mode::Full, mode_of, now);
        assert_eq!((full[0].ended, full[0].well), (at("22T10:30"), false));
    }
}
