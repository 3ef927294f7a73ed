//! What the lake tells about a source's days: enough to say what is due, without a database of our
//! own.
//!
//! Per dataset: which days are complete or accepted, and which were begun (one LIST of markers and
//! states); the first day that a job or coverage has ever named (`_bronzed/named`); and, of the days that
//! were begun and aren't done, what the runs did (the executions in their states). A day of which nothing
//! is known was never read. Of complete days it is known when they were last compared with the API.
//!
//! A dataset that isn't in here is one of which the lake couldn't be asked; nothing is planned for
//! it, for missing knowledge is not the knowledge that nothing is there (promise P5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use bronzed_model::verified::Verified;

use bronzed_model::day::Day;
use bronzed_model::execution::{Execution, Status, StopReason};

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
    accepted: BTreeSet<Day>,
    begun: BTreeSet<Day>,
    named_from: Option<Day>,
    executions: BTreeMap<Day, Vec<ExecutionFacts>>,
    last_seen: Option<DateTime<Utc>>,
    good: BTreeMap<Arc<str>, BTreeMap<Day, DateTime<Utc>>>,
    verified: BTreeMap<Day, Verified>,
}

/// Of each job the good runs of so many days are known, those that began last.
const GOOD_DAYS: usize = 32;

impl DatasetKnowledge {
    /// Knows the complete days, and of no runs yet.
    pub fn new(complete: impl IntoIterator<Item = Day>) -> Self {
        Self {
            complete: complete.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds what a run did that has just ended, in place of what was known of the same run.
    pub fn note(&mut self, day: Day, facts: ExecutionFacts) {
        let now = facts.ended_at.max(facts.started_at);
        self.note_at(day, facts, now);
    }

    /// Adds what the lake tells at `now` of a run. What is dated in the future was dated by a clock that
    /// was wrong: it says neither that somebody was at work, nor that data are fresh.
    pub fn note_at(&mut self, day: Day, facts: ExecutionFacts, now: DateTime<Utc>) {
        self.begun.insert(day);
        if facts.ended_at <= now {
            self.last_seen = self.last_seen.max(Some(facts.ended_at));
        }
        if facts.status == Status::Ok && facts.started_at <= now {
            self.note_good(day, &facts);
        }
        if self.is_done(day) {
            return;
        }
        let known = self.executions.entry(day).or_default();
        known.retain(|other| other.run_id != facts.run_id);
        let order = |facts: &ExecutionFacts| (facts.ended_at, facts.started_at);
        let place = known.partition_point(|other| order(other) <= order(&facts));
        known.insert(place, facts);
    }

    fn note_good(&mut self, day: Day, facts: &ExecutionFacts) {
        let of_job = self.good.entry(Arc::clone(&facts.job)).or_default();
        let at = of_job.entry(day).or_insert(facts.started_at);
        *at = facts.started_at.max(*at);
        if of_job.len() > GOOD_DAYS {
            let oldest = of_job.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(day, _)| *day) {
                of_job.remove(&oldest);
            }
        }
    }

    /// The day is complete, for ever. What its runs did is forgotten: nobody asks any more.
    pub fn complete(&mut self, day: Day) {
        self.complete.insert(day);
        self.executions.remove(&day);
    }

    /// A person has taken the day as it is: nobody wants it any more, and it isn't complete.
    pub fn accept(&mut self, day: Day) {
        self.accepted.insert(day);
        self.executions.remove(&day);
    }

    /// These days have a state: they were begun.
    pub fn begin(&mut self, days: impl IntoIterator<Item = Day>) {
        self.begun.extend(days);
    }

    /// A job, or coverage, has named this day, and so all since then.
    pub fn name_from(&mut self, day: Day) {
        self.named_from = Some(self.named_from.map_or(day, |known| known.min(day)));
    }

    /// Adds when days were last compared with the API.
    pub fn verified(&mut self, days: impl IntoIterator<Item = (Day, Verified)>) {
        self.verified.extend(days);
    }

    /// When the day was last compared with the API.
    pub fn last_verified(&self, day: Day) -> Option<Verified> {
        self.verified.get(&day).copied()
    }

    /// When days were compared with the API, and all was well; of those up to `now` the last.
    pub fn last_verification(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let well = self.verified.values().filter(|mark| mark.failures == 0);
        well.map(|mark| mark.at).filter(|at| *at <= now).max()
    }

    /// The first day that a job or coverage has ever named.
    pub fn named_from(&self) -> Option<Day> {
        self.named_from
    }

    /// The days that have a state.
    pub fn begun(&self) -> &BTreeSet<Day> {
        &self.begun
    }

    /// The days that are complete.
    pub fn complete_set(&self) -> &BTreeSet<Day> {
        &self.complete
    }

    /// The days that a person has accepted, and that aren't complete.
    pub fn accepted(&self) -> impl Iterator<Item = Day> + '_ {
        self.accepted.difference(&self.complete).copied()
    }

    /// Whether nobody needs to read the day again: it is complete, or accepted.
    pub fn is_done(&self, day: Day) -> bool {
        self.complete.contains(&day) || self.accepted.contains(&day)
    }

    /// Whether the day is complete.
    pub fn is_complete(&self, day: Day) -> bool {
        self.complete.contains(&day)
    }

    /// How many days are complete.
    pub fn complete_days(&self) -> usize {
        self.complete.len()
    }

    /// What the runs of a day did, in the order of their ends.
    pub fn executions(&self, day: Day) -> &[ExecutionFacts] {
        self.executions.get(&day).map_or(&[], Vec::as_slice)
    }

    /// The end of the last known run of any day up to `now`: somebody was at work then.
    pub fn last_seen(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.last_seen.filter(|at| *at <= now)
    }

    /// The start of the last known run, of any day, that ended well.
    pub fn last_success(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.last_good(now, |_, _, _| true)
    }

    /// The start of the last known run up to `now` that ended well, of those that count by their job,
    /// their day and their start.
    pub fn last_good(
        &self,
        now: DateTime<Utc>,
        counts: impl Fn(&str, Day, DateTime<Utc>) -> bool,
    ) -> Option<DateTime<Utc>> {
        let runs = self.good.iter().flat_map(|(job, days)| {
            let days = days.iter();
            days.map(move |(day, at)| (&**job, *day, *at))
        });
        let counted = runs.filter(|(job, day, at)| *at <= now && counts(job, *day, *at));
        counted.map(|(_, _, at)| at).max()
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
        let now = "2025-10-22T13:00:00Z".parse().unwrap();
        assert_eq!(known.last_seen(now), "2025-10-22T12:09:00Z".parse().ok());
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
        let now = "2025-10-23T13:00:00Z".parse().unwrap();
        assert_eq!(known.last_seen(now), "2025-10-23T12:05:00Z".parse().ok());
    }

    #[test]
    fn a_clock_that_was_ahead_for_one_run_blinds_freshness_for_no_moment() {
        let day = "2025-10-22".parse().unwrap();
        let now = "2025-10-22T13:00:00Z".parse().unwrap();
        let mut known = DatasetKnowledge::default();
        known.note_at(day, facts(1, Status::Ok, "2025-10-22T12:05:00Z"), now);
        let ahead = ExecutionFacts {
            started_at: "2026-01-20T12:00:00Z".parse().unwrap(),
            ..facts(2, Status::Ok, "2026-01-20T12:05:00Z")
        };
        known.note_at(day, ahead, now);
        for later in [
            "2025-10-22T13:00:00Z",
            "2025-12-21T13:00:00Z",
            "2026-03-01T00:00:00Z",
        ] {
            let later = later.parse().unwrap();
            assert_eq!(known.last_seen(later), "2025-10-22T12:05:00Z".parse().ok());
            assert_eq!(
                known.last_success(later),
                "2025-10-22T12:00:00Z".parse().ok()
            );
        }
    }

    #[test]
    fn a_day_that_a_person_accepted_is_done_and_not_complete() {
        let day = "2025-10-22".parse().unwrap();
        let mut known = DatasetKnowledge::default();
        known.note(day, facts(1, Status::Partial, "2025-10-22T12:05:00Z"));
        known.accept(day);
        assert!(known.is_done(day) && !known.is_complete(day));
        assert!(known.executions(day).is_empty());
        assert_eq!(known.accepted().collect::<Vec<_>>(), [day]);
        known.complete(day);
        assert_eq!(known.accepted().count(), 0, "proven since");
    }
}
