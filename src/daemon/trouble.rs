//! Back-off of datasets whose last run failed at the API: one run at a time, with a delay of its own for each
//! dataset, so that one bad endpoint doesn't block the others.
//!
//! The delay is 10 s after the first failure. Each further consecutive failure doubles it, to at least nine
//! times the duration of the run, so that the dataset takes at most a tenth of a run slot. Maximum: 1 h. A
//! run in which no page was given up resets the back-off.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use bronzed_engine::ingest::report::RunReport;
use bronzed_model::execution::Status;

/// First delay.
const FIRST: TimeDelta = TimeDelta::seconds(10);
/// Maximum delay.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// Minimum delay as a multiple of the run's duration.
const REST: i32 = 9;

/// Back-off by dataset.
#[derive(Debug, Default)]
pub(super) struct DatasetBackoff(BTreeMap<Arc<str>, Trouble>);

#[derive(Debug)]
struct Trouble {
    failures: u32,
    began: DateTime<Utc>,
    rest: TimeDelta,
}

impl DatasetBackoff {
    /// Updates the back-off after a run.
    pub(super) fn hear(&mut self, dataset: &Arc<str>, report: &RunReport, now: DateTime<Utc>) {
        let execution = &report.execution;
        if report.unanswered == 0 {
            // A run that was stopped for another reason proves nothing.
            if execution.stop.is_none() {
                self.0.remove(dataset);
            }
            return;
        }
        if execution.status == Status::Ok || execution.stop.is_some() {
            return;
        }
        let trouble = self.0.entry(Arc::clone(dataset)).or_insert(Trouble {
            failures: 0,
            began: now,
            rest: FIRST,
        });
        trouble.failures += 1;
        trouble.began = now;
        let doubled = FIRST * (1 << trouble.failures.saturating_sub(1).min(9));
        let took = (execution.timestamp - execution.started_at).max(TimeDelta::zero());
        let took = took.max(TimeDelta::from_std(report.took).unwrap_or(LONGEST));
        // A single bad day must hardly delay the other days.
        let share = match trouble.failures {
            1 => TimeDelta::zero(),
            _ => took.min(LONGEST) * REST,
        };
        trouble.rest = doubled.max(share).min(LONGEST);
    }

    /// `true` if the last run of a dataset failed at the API.
    pub(super) fn has(&self, dataset: &str) -> bool {
        self.0.contains_key(dataset)
    }

    /// Returns the end of a dataset's delay. `None` if it has none.
    pub(super) fn rests_until(&self, dataset: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let trouble = self.0.get(dataset)?;
        // The clock may have been set in between.
        let left = trouble.rest - (now - trouble.began).abs();
        (left > TimeDelta::zero()).then(|| now + left)
    }

    /// Resets all delays after the source recovered.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::deal::{FairQueue, QueuedRun};
    use crate::schedule::plan::Class;
    use bronzed_model::declaration::{Mode, Priority};
    use bronzed_model::execution::Execution;
    use std::time::Duration;
    use uuid::Uuid;

    fn start() -> DateTime<Utc> {
        "2025-10-22T12:00:00Z".parse().unwrap()
    }

    fn report(status: Status, unanswered: u64, took: Duration) -> RunReport {
        let mut execution = Execution::begun(Uuid::nil(), "backfill", start());
        execution.status = status;
        RunReport {
            source: "pncp".to_owned(),
            dataset: "contratos".to_owned(),
            day: "2025-10-01".parse().unwrap(),
            mode: Mode::Full,
            execution,
            complete: false,
            took,
            put_off: false,
            unanswered,
        }
    }

    /// Returns the delays after consecutive failures of runs of this duration, in seconds.
    fn rests(took: Duration, count: usize) -> Vec<i64> {
        let (mut troubles, dataset) = (DatasetBackoff::default(), Arc::from("contratos"));
        let rests = (0..count).map(|_| {
            troubles.hear(&dataset, &report(Status::Failed, 4, took), start());
            let until = troubles.rests_until(&dataset, start()).unwrap();
            (until - start()).num_seconds()
        });
        rests.collect()
    }

    #[test]
    fn an_endpoint_that_fails_and_fails_held_up_its_siblings() {
        assert_eq!(rests(Duration::ZERO, 5), [10, 20, 40, 80, 160]);
        assert_eq!(rests(Duration::ZERO, 12)[9..], [3_600; 3]);
        // The dataset takes a tenth of the slot: the delay is nine times the run's duration.
        assert_eq!(rests(Duration::from_secs(100), 3), [10, 900, 900]);
        assert_eq!(rests(Duration::from_secs(900), 2), [10, 3_600]);
    }

    #[test]
    fn a_run_with_all_its_answers_ends_the_trouble_proven_or_not() {
        let (mut troubles, dataset) = (DatasetBackoff::default(), Arc::from("contratos"));
        troubles.hear(
            &dataset,
            &report(Status::Failed, 1, Duration::ZERO),
            start(),
        );
        assert!(troubles.has(&dataset) && !troubles.has("itens"));
        let stopped = RunReport {
            execution: Execution {
                stop: Some(bronzed_model::execution::StopReason::Cancelled),
                ..report(Status::Partial, 0, Duration::ZERO).execution
            },
            ..report(Status::Partial, 0, Duration::ZERO)
        };
        troubles.hear(&dataset, &stopped, start());
        assert!(troubles.has(&dataset), "it was stopped: that says nothing");
        troubles.hear(
            &dataset,
            &report(Status::Partial, 0, Duration::ZERO),
            start(),
        );
        assert!(!troubles.has(&dataset));
    }

    #[test]
    fn a_rest_ends_by_a_clock_that_was_set_too() {
        let (mut troubles, dataset) = (DatasetBackoff::default(), Arc::from("contratos"));
        troubles.hear(
            &dataset,
            &report(Status::Failed, 1, Duration::ZERO),
            start(),
        );
        let rests = |at: TimeDelta| troubles.rests_until(&dataset, start() + at).is_some();
        assert!(rests(TimeDelta::seconds(9)) && !rests(TimeDelta::seconds(10)));
        assert!(!rests(-TimeDelta::days(90)));
    }

    /// Returns the number of runs of each of six datasets in six hours, with two slots. A run takes a second;
    /// one of `failing` takes five minutes and fails.
    fn six_hours(failing: Option<usize>) -> Vec<u32> {
        let names: Vec<Arc<str>> = (0..6).map(|n| Arc::from(format!("d{n}"))).collect();
        let (mut deal, mut troubles) = (FairQueue::default(), DatasetBackoff::default());
        let mut running: Vec<(DateTime<Utc>, usize)> = Vec::new();
        let (mut runs, mut now) = (vec![0; 6], start());
        let long = Duration::from_secs(300);
        while now < start() + TimeDelta::hours(6) {
            let turns = names.iter().enumerate().map(|(n, name)| {
                let turn = QueuedRun {
                    source: "pncp".into(),
                    dataset: Arc::clone(name),
                    day: "2025-10-01".parse().unwrap(),
                    priority: Priority::Backfill,
                    class: Class::FirstReading,
                    due: start(),
                };
                (turn, n)
            });
            // Start runs in order while a slot is free.
            for (turn, n) in deal.order(turns) {
                let twice = troubles.has(&turn.dataset) && running.iter().any(|(_, of)| *of == n);
                let rests = troubles.rests_until(&turn.dataset, now).is_some();
                if running.len() < 2 && !twice && !rests {
                    deal.begun(&turn);
                    let takes = match failing == Some(n) {
                        true => TimeDelta::seconds(300),
                        false => TimeDelta::seconds(1),
                    };
                    running.push((now + takes, n));
                }
            }
            now = running.iter().map(|(end, _)| *end).min().unwrap();
            let (ended, rest) = running.into_iter().partition(|(end, _)| *end <= now);
            running = rest;
            let ended: Vec<(DateTime<Utc>, usize)> = ended;
            for (_, n) in ended {
                let report = match failing == Some(n) {
                    true => report(Status::Failed, 4, long),
                    false => report(Status::Ok, 0, Duration::ZERO),
                };
                troubles.hear(&names[n], &report, now);
                runs[n] += 1;
            }
        }
        runs
    }

    #[test]
    fn the_siblings_of_an_endpoint_that_fails_keep_nine_tenths_of_their_pace() {
        let (well, ill) = (six_hours(None), six_hours(Some(0)));
        for n in 1..6 {
            assert!(ill[n] * 10 >= well[n] * 9, "{well:?} {ill:?}");
        }
        assert!(ill[0] >= 5, "it is tried again: {ill:?}");
    }
}
