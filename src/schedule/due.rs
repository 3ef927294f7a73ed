//! When a day that a job names is to be read, told from what its runs did.
//!
//! Two rules, for two kinds of job. A job of `today` wants a look *at each slot*: one that ended
//! well and was at work at the slot, or after it, serves it ([`at_slot`]). All other jobs want
//! ended days *complete*: a slot opens the work on a day, and what its runs did says when it goes
//! on ([`until_complete`]).
//!
//! ```text
//! it didn't end well, or there is no proof      10 min later, 20, 40 … up to a quarter of the day's age,
//!                                               within a day and three weeks (from end to start)
//! it ended well, inside the settle time         once more at twice the day's age, at most a day later
//!                                               or a quarter of its age, within 1 h and three weeks;
//!                                               and when the day has settled
//! it said itself from when on it is worth it    then
//! ```
//!
//! So a day of yesterday that failed is tried within minutes, one of last year each three weeks, and within
//! thirty days after an API is well again everything was tried. What has a distance of weeks is old, or was
//! tried often.
//!
//! A run counts for a job where it read the day at least as thoroughly as the job asks. One that
//! is still `running` in the lake, with nobody running it here, was cut off (or is another
//! process's), and is waited for like a failed one: so that a day that kills the process doesn't
//! do so in a loop. One that ended without having tried (told to stop, its host down, the lake full) doesn't
//! count: who starts next goes on with it. Nor does one that began in the future, dated by a clock that was
//! wrong.

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

/// A slot that is found later than this was missed: nobody was there at its time.
pub(super) const LATE: TimeDelta = TimeDelta::minutes(1);

/// The first distance between two tries; each is twice the one before.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(10);
/// Reading again inside the settle time is at least this far apart.
const LEAST_SETTLING: TimeDelta = TimeDelta::hours(1);
/// A young day is waited for no longer, and a slot, or a comparison with the API.
const DAILY: TimeDelta = TimeDelta::hours(24);
/// No distance is longer: thirty days after an API is well again everything was tried, with days to spare.
const LONGEST: TimeDelta = TimeDelta::days(21);
/// A day that isn't young is read again after this part of its age.
const PART_OF_AGE: i32 = 4;

/// Why a day is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Its slot has come.
    Slot,
    /// Its slot passed while nobody was there.
    CatchUp,
    /// Coverage asks for it, and it was never read since it ended.
    Coverage,
    /// The last try didn't end well, or without the proof that the day is complete.
    Retry,
    /// It was read well, but could still change, or can be proven only now.
    Settle,
}

impl Reason {
    /// As logs and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::CatchUp => "catch_up",
            Self::Coverage => "coverage",
            Self::Retry => "retry",
            Self::Settle => "settle",
        }
    }

    /// Who it goes before, and whom it has to leave a share to.
    pub fn class(self) -> Class {
        match self {
            Self::Slot | Self::CatchUp | Self::Coverage => Class::FirstReading,
            Self::Settle => Class::Settle,
            Self::Retry => Class::Retry,
        }
    }

    /// Of the first run that a slot asks for.
    pub(super) fn of_slot(slot: Slot, now: DateTime<Utc>) -> Self {
        if now - slot.at > LATE {
            Self::CatchUp
        } else {
            Self::Slot
        }
    }
}

/// What a reading is to those that wait beside it: see [`crate::schedule::deal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nobody has read the day since its slot, or since it ended.
    FirstReading,
    /// It was read well, and is read again: it could still change, or can be proven only now.
    Settle,
    /// The last try didn't end well, or without the proof that the day is complete.
    Retry,
}

impl Class {
    /// Whether the day was read before, so that it may take its share of the places only while others
    /// were never read.
    pub fn is_again(self) -> bool {
        self != Self::FirstReading
    }
}

/// When a day is to be read next, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextAttempt {
    pub at: DateTime<Utc>,
    pub reason: Reason,
}

/// When a day can be complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct DayDeadlines {
    /// The day's end.
    pub ended: DateTime<Utc>,
    /// Its end and its settle time.
    pub settled: DateTime<Utc>,
}

impl DayDeadlines {
    pub(super) fn of(day: Day, dataset: &ScheduledDataset, zone: Tz) -> Self {
        let ended = day.end(zone);
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
    /// When the run itself says that the day is worth reading again.
    again: Option<DateTime<Utc>>,
}

impl Attempt {
    /// Whether the day was read well, and can still change.
    fn settling(&self, day: DayDeadlines) -> bool {
        self.well && self.started < day.settled
    }
}

/// How often in a row, up to now, a day was tried that has settled, and isn't complete.
pub(super) fn tries(day: DayDeadlines, attempts: &[Attempt]) -> usize {
    let settled = attempts.iter().filter(|run| run.started >= day.settled);
    settled.count()
}

/// The runs of a day that count for a job that reads it in `mode`, in the order of their ends.
pub(super) fn attempts(
    executions: &[ExecutionFacts],
    mode: Mode,
    mode_of: impl Fn(&str) -> Mode,
    now: DateTime<Utc>,
) -> Vec<Attempt> {
    // Runs of one job mostly follow each other.
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
            // The clock was put back since: the end isn't known, and mustn't be waited for.
            ended: Some(facts.ended_at)
                .filter(|ended| *ended <= now)
                .unwrap_or(facts.started_at),
            well: facts.status == Status::Ok,
            again: facts.again_at,
        })
        .collect()
}

/// When the latest slot of a job of `today` wants its day read. `None`: it has been.
pub(super) fn at_slot(slot: Slot, attempts: &[Attempt], now: DateTime<Utc>) -> Option<NextAttempt> {
    let mut since = attempts.iter().filter(|run| run.ended >= slot.at);
    if since.clone().any(|run| run.well) {
        return None;
    }
    // The slots of a day that goes on failing are tried all the same: so the tries between two
    // slots become fewer from slot to slot.
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

/// When a day that has ended, and isn't complete, is to be read next; `first` where it wasn't yet.
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
            // A clock that was wrong mustn't put it off for ever, nor a run that ended later than it asked for ask
            // at once again and again.
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

/// The longest distance between two readings of a day of this age.
fn longest(age: TimeDelta) -> TimeDelta {
    (age / PART_OF_AGE).clamp(DAILY, LONGEST)
}

/// When a complete day is to be compared with the API for the latest slot that names it. `None`: it
/// has been.
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

/// How many of the last runs are all such.
fn in_a_row(attempts: &[Attempt], such: impl Fn(&Attempt) -> bool) -> u32 {
    let count = attempts.iter().rev().take_while(|run| such(run)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How long to wait after that many tries in a row.
fn distance(tries: u32, longest: TimeDelta) -> TimeDelta {
    // 2^12 times ten minutes is more than three weeks already.
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
            // Ends well, but the marker isn't there: no better than a failed one.
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
        // It was 124.
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

    /// A run that ended two seconds after the time that it asked for was tried again at the distance of all runs
    /// before it: after eleven days.
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
        // Its end lies in the future, so it is as long ago as its start.
        let full = attempts(&known, Mode::Full, mode_of, now);
        assert_eq!((full[0].ended, full[0].well), (at("22T10:30"), false));
    }
}
