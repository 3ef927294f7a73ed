//! Evidence of runs and overdue days over time: needed by rules, and kept in the ledger, so that a restart
//! doesn't forget it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::facts::{AlertFacts, RunEnding, RunFacts};
use bronzed_model::day::Day;

/// Maximum number of failed runs that are kept of a dataset.
const MAX_FAILURES: usize = 32;
/// Time for which drift is remembered after the last run that had some.
const DRIFT_LASTS: TimeDelta = TimeDelta::days(1);
/// Time for which a failed expectation is remembered after the last run in which it failed.
const EXPECTATION_LASTS: TimeDelta = TimeDelta::days(7);
/// Time for which overdue days count as becoming fewer after they last did.
const SHRINKING: TimeDelta = TimeDelta::days(2);
/// Interval at which repeated evidence is noted, so that the ledger isn't written by every run.
const NOTED_EVERY: TimeDelta = TimeDelta::hours(1);

/// Evidence, by full name of the dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Failed runs since the last good one, oldest first.
    #[serde(default)]
    failures: BTreeMap<String, Vec<FailedRun>>,
    /// Values that no column holds.
    #[serde(default)]
    drift: BTreeMap<String, DriftEvidence>,
    /// Expectations that fail, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    expectations: BTreeMap<String, BTreeMap<String, FailedExpectation>>,
    /// Trends of overdue days.
    #[serde(default)]
    overdue: BTreeMap<String, OverdueTrend>,
}

/// A failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRun {
    /// End of the run.
    pub at: DateTime<Utc>,
    /// Day that was read.
    pub day: Day,
    /// Reason of the failure.
    pub reason: String,
}

/// Values that no column holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEvidence {
    /// End of the first run that had some.
    pub since: DateTime<Utc>,
    /// End of the last run that had some, to within an hour.
    pub last: DateTime<Utc>,
    /// Day of that run.
    pub day: Day,
    /// Number of values in that run.
    pub values: u64,
}

/// An expectation that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedExpectation {
    /// End of the first run in which it failed.
    pub since: DateTime<Utc>,
    /// End of the last run in which it failed.
    pub last: DateTime<Utc>,
    /// Day of that run.
    pub day: Day,
    /// Number of rows that the run evaluated.
    pub evaluated: u64,
    /// Number of rows that weren't as expected.
    pub unexpected: u64,
}

/// Trend of the overdue days of a dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverdueTrend {
    /// Number of overdue days, as last noted.
    days: u64,
    /// Time at which there last were fewer than before, to within an hour. `None` if that wasn't seen.
    shrunk_at: Option<DateTime<Utc>>,
}

/// Returns the full name of a dataset: `pncp.contratacoes`.
pub fn full_name(source: &str, dataset: &str) -> String {
    format!("{source}.{dataset}")
}

impl Evidence {
    /// Adds what a snapshot shows.
    pub fn hear(&mut self, facts: &AlertFacts) {
        for run in &facts.runs {
            self.hear_run(run);
        }
        for source in &facts.sources {
            for dataset in &source.datasets {
                if let Some(days) = &dataset.days {
                    let name = full_name(&source.name, &dataset.name);
                    self.hear_overdue(&name, days.overdue, facts.at);
                }
            }
        }
        self.drift.retain(|_, drift| is_recent(drift, facts.at));
        let lasts =
            |failed: &FailedExpectation| (facts.at - failed.last).abs() <= EXPECTATION_LASTS;
        for failing in self.expectations.values_mut() {
            failing.retain(|_, failed| lasts(failed));
        }
        self.expectations.retain(|_, failing| !failing.is_empty());
    }

    fn hear_run(&mut self, run: &RunFacts) {
        let name = full_name(&run.source, &run.dataset);
        match &run.outcome {
            RunEnding::Ok => drop(self.failures.remove(&name)),
            RunEnding::Failed(reason) => {
                let failures = self.failures.entry(name.clone()).or_default();
                failures.push(FailedRun {
                    at: run.at,
                    day: run.day,
                    reason: reason.clone(),
                });
                let surplus = failures.len().saturating_sub(MAX_FAILURES);
                failures.drain(..surplus);
            }
            RunEnding::Other => {}
        }
        self.hear_expectations(&name, run);
        if run.drift > 0 {
            self.hear_drift(name, run);
        }
    }

    fn hear_expectations(&mut self, name: &str, run: &RunFacts) {
        for (expectation, result) in &run.expectations {
            if result.success {
                let failing = self.expectations.get_mut(name);
                failing.and_then(|failing| failing.remove(expectation));
                continue;
            }
            let failing = self.expectations.entry(name.to_owned()).or_default();
            let since = failing
                .get(expectation)
                .map_or(run.at, |failed| failed.since);
            let failed = FailedExpectation {
                since,
                last: run.at,
                day: run.day,
                evaluated: result.evaluated,
                unexpected: result.unexpected,
            };
            failing.insert(expectation.clone(), failed);
        }
        self.expectations.retain(|_, failing| !failing.is_empty());
    }

    fn hear_drift(&mut self, name: String, run: &RunFacts) {
        let found = self.drift.get_mut(&name);
        match found.filter(|drift| is_recent(drift, run.at)) {
            Some(drift) if (run.at - drift.last).abs() < NOTED_EVERY => {}
            Some(drift) => {
                drift.last = run.at;
                drift.day = run.day;
                drift.values = run.drift;
            }
            None => {
                let drift = DriftEvidence {
                    since: run.at,
                    last: run.at,
                    day: run.day,
                    values: run.drift,
                };
                self.drift.insert(name, drift);
            }
        }
    }

    fn hear_overdue(&mut self, name: &str, overdue: u64, now: DateTime<Utc>) {
        let Some(trend) = self.overdue.get_mut(name) else {
            // A history that nobody has read yet is overdue at once: its reading has just begun.
            let shrunk_at = (overdue > 0).then_some(now);
            let trend = OverdueTrend {
                days: overdue,
                shrunk_at,
            };
            self.overdue.insert(name.to_owned(), trend);
            return;
        };
        let noted = trend
            .shrunk_at
            .is_some_and(|at| (now - at).abs() < NOTED_EVERY);
        if overdue == 0 {
            *trend = OverdueTrend::default();
        } else if overdue > trend.days {
            trend.days = overdue;
        } else if overdue < trend.days && !noted {
            trend.days = overdue;
            trend.shrunk_at = Some(now);
        }
    }

    /// Returns the failed runs of a dataset since its last good one, oldest first.
    pub fn failures(&self, name: &str) -> &[FailedRun] {
        self.failures.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the drift of a dataset. `None` if no run of the last day had any.
    pub fn drift(&self, name: &str, now: DateTime<Utc>) -> Option<&DriftEvidence> {
        self.drift.get(name).filter(|drift| is_recent(drift, now))
    }

    /// Returns the expectations of a dataset that fail, by name. One that nobody has evaluated for a week is left
    /// out: it isn't declared any more, or its rows don't come.
    pub fn failing_expectations(
        &self,
        name: &str,
        now: DateTime<Utc>,
    ) -> Vec<(&str, &FailedExpectation)> {
        let failing = self.expectations.get(name).into_iter().flatten();
        failing
            .filter(|(_, failed)| (now - failed.last).abs() <= EXPECTATION_LASTS)
            .map(|(name, failed)| (name.as_str(), failed))
            .collect()
    }

    /// Returns `true` if there are fewer overdue days than two days ago, or if nobody has known them for as long.
    pub fn is_shrinking(&self, name: &str, now: DateTime<Utc>) -> bool {
        let shrunk_at = self.overdue.get(name).and_then(|trend| trend.shrunk_at);
        shrunk_at.is_some_and(|at| (now - at).abs() < SHRINKING)
    }

    /// Adds what other evidence has and this lacks; of both, takes the newer.
    pub fn merge(&mut self, other: &Self) {
        for (name, failures) in &other.failures {
            let own = self.failures.entry(name.clone()).or_default();
            let newest = |runs: &[FailedRun]| runs.last().map(|run| run.at);
            if newest(own) < newest(failures) {
                own.clone_from(failures);
            }
        }
        for (name, drift) in &other.drift {
            let own = self
                .drift
                .entry(name.clone())
                .or_insert_with(|| drift.clone());
            if own.last < drift.last {
                own.clone_from(drift);
            }
        }
        for (name, failing) in &other.expectations {
            let own = self.expectations.entry(name.clone()).or_default();
            for (expectation, failed) in failing {
                let own = own.entry(expectation.clone());
                let own = own.or_insert_with(|| failed.clone());
                if own.last < failed.last {
                    own.clone_from(failed);
                }
            }
        }
        for (name, trend) in &other.overdue {
            let own = self.overdue.entry(name.clone());
            let own = own.or_insert_with(|| trend.clone());
            if own.shrunk_at < trend.shrunk_at {
                own.clone_from(trend);
            }
        }
    }
}

fn is_recent(drift: &DriftEvidence, now: DateTime<Utc>) -> bool {
    (now - drift.last).abs() <= DRIFT_LASTS
}
