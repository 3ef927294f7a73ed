//! What the lake tells about a source's days: enough to say what is due, without a database of our
//! own.
//!
//! Two things per dataset: which days are complete (one LIST of markers), and, of the days that
//! aren't and that somebody has looked at, what the runs did (the executions in their states). A
//! day of which nothing is known was never read. Of complete days it is known when they were last
//! compared with the API.
//!
//! A dataset that isn't in here is one of which the lake couldn't be asked; nothing is planned for
//! it, for missing knowledge is not the knowledge that nothing is there (promise P5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::day::Day;
use crate::state::execution::{Execution, Status, StopReason};

/// What is known of the datasets of one source, by their short names.
#[derive(Debug, Clone, Default)]
pub struct Knowledge(BTreeMap<Arc<str>, DatasetKnowledge>);

impl Knowledge {
    /// Takes in what the lake tells about a dataset, in place of what was known.
    pub fn learn(&mut self, dataset: &str, known: DatasetKnowledge) {
        self.0.insert(dataset.into(), known);
    }

    /// What is known of a dataset.
    pub fn of(&self, dataset: &str) -> Option<&DatasetKnowledge> {
        self.0.get(dataset)
    }

    /// What is known of a dataset, to add what a run has just done.
    pub fn of_mut(&mut self, dataset: &str) -> Option<&mut DatasetKnowledge> {
        self.0.get_mut(dataset)
    }
}

/// What is known of the days of one dataset.
#[derive(Debug, Clone, Default)]
pub struct DatasetKnowledge {
    complete: BTreeSet<Day>,
    executions: BTreeMap<Day, Vec<ExecutionFacts>>,
    last_seen: Option<DateTime<Utc>>,
    last_success: Option<DateTime<Utc>>,
    verified: BTreeMap<Day, Verified>,
}

/// When a complete day was last compared with what the API states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When that began.
    pub at: DateTime<Utc>,
    /// How many times in a row it couldn't be done, or left a difference; 0 where all is well.
    #[serde(default)]
    pub failures: u32,
}

impl DatasetKnowledge {
    /// Knows the complete days, and of no runs yet.
    pub fn new(complete: impl IntoIterator<Item = Day>) -> Self {
        Self {
            complete: complete.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds what a run did, in place of what was known of the same run.
    pub fn note(&mut self, day: Day, facts: ExecutionFacts) {
        self.last_seen = self.last_seen.max(Some(facts.ended_at));
        if facts.status == Status::Ok {
            self.last_success = self.last_success.max(Some(facts.started_at));
        }
        if self.complete.contains(&day) {
            return;
        }
        let known = self.executions.entry(day).or_default();
        known.retain(|other| other.run_id != facts.run_id);
        known.push(facts);
        known.sort_by_key(|facts| (facts.ended_at, facts.started_at));
    }

    /// The day is complete, for ever. What its runs did is forgotten: nobody asks any more.
    pub fn complete(&mut self, day: Day) {
        self.complete.insert(day);
        self.executions.remove(&day);
    }

    /// Adds when days were last compared with the API.
    pub fn verified(&mut self, days: impl IntoIterator<Item = (Day, Verified)>) {
        self.verified.extend(days);
    }

    /// When the day was last compared with the API.
    pub fn last_verified(&self, day: Day) -> Option<Verified> {
        self.verified.get(&day).copied()
    }

    /// Whether the day is complete.
    pub fn is_complete(&self, day: Day) -> bool {
        self.complete.contains(&day)
    }

    /// How many days are complete.
    pub fn complete_days(&self) -> usize {
        self.complete.len()
    }

    /// How many days of a range aren't complete, both ends included.
    pub fn incomplete_days(&self, from: Day, to: Day) -> u64 {
        if from > to {
            return 0;
        }
        let days = (to.date() - from.date()).num_days().unsigned_abs() + 1;
        days - self.complete.range(from..=to).count() as u64
    }

    /// What the runs of a day did, in the order of their ends.
    pub fn executions(&self, day: Day) -> &[ExecutionFacts] {
        self.executions.get(&day).map_or(&[], Vec::as_slice)
    }

    /// The end of the last known run of any day: somebody was at work then.
    pub fn last_seen(&self) -> Option<DateTime<Utc>> {
        self.last_seen
    }

    /// The start of the last known run, of any day, that ended well.
    pub fn last_success(&self) -> Option<DateTime<Utc>> {
        self.last_success
    }
}

/// What planning needs of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionFacts {
    /// Tells runs apart.
    pub run_id: Uuid,
    /// The job in whose name it ran. It also tells how the day was read: see
    /// [`crate::schedule::plan::Task::job`].
    pub job: Arc<str>,
    /// How it stands, or stood when it was last heard of.
    pub status: Status,
    /// Why it ended early, where it did.
    pub stop: Option<StopReason>,
    /// When the day is worth reading again, as the run itself found.
    pub again_at: Option<DateTime<Utc>>,
    /// When the run began.
    pub started_at: DateTime<Utc>,
    /// When its entry was last written: the end, unless it was cut off.
    pub ended_at: DateTime<Utc>,
}

impl From<&Execution> for ExecutionFacts {
    fn from(execution: &Execution) -> Self {
        Self {
            run_id: execution.run_id,
            job: execution.job.as_str().into(),
            status: execution.status,
            stop: execution.stop,
            again_at: execution.again_at,
            started_at: execution.started_at,
            ended_at: execution.timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(run: u128, status: Status, ended_at: &str) -> ExecutionFacts {
        ExecutionFacts {
            run_id: Uuid::from_u128(run),
            job: "hourly".into(),
            status,
            stop: None,
            again_at: None,
            started_at: "2025-10-22T12:00:00Z".parse().unwrap(),
            ended_at: ended_at.parse().unwrap(),
        }
    }

    #[test]
    fn a_run_is_known_once_by_its_last_news_and_runs_are_in_order() {
        let day = "2025-10-22".parse().unwrap();
        let mut known = DatasetKnowledge::default();
        known.note(day, facts(1, Status::Running, "2025-10-22T12:05:00Z"));
        known.note(day, facts(2, Status::Partial, "2025-10-22T12:07:00Z"));
        known.note(day, facts(1, Status::Ok, "2025-10-22T12:09:00Z"));
        let seen: Vec<_> = known.executions(day).iter().map(|f| f.status).collect();
        assert_eq!(seen, [Status::Partial, Status::Ok]);
        assert_eq!(known.last_seen(), "2025-10-22T12:09:00Z".parse().ok());
    }

    #[test]
    fn a_complete_day_needs_no_facts_but_its_runs_were_seen() {
        let day = "2025-10-22".parse().unwrap();
        let mut known = DatasetKnowledge::default();
        known.note(day, facts(1, Status::Partial, "2025-10-22T12:05:00Z"));
        known.complete(day);
        known.note(day, facts(2, Status::Ok, "2025-10-23T12:05:00Z"));
        assert!(known.is_complete(day));
        assert!(known.executions(day).is_empty());
        assert_eq!(known.last_seen(), "2025-10-23T12:05:00Z".parse().ok());
    }
}
