//! Status of a source's days as read from the lake: enough to plan the due runs, without a database.
//!
//! Per dataset: the complete, accepted and begun days (one LIST of markers and states); the first day that a
//! job or coverage has ever named (`_bronzed/named`); the last comparison of complete days with the API
//! (`_bronzed/verified`); and the executions of days that were begun and are neither complete nor accepted,
//! from their states. A day that isn't listed was never read.
//!
//! A dataset is absent if the lake couldn't be read. Nothing is planned for it, because missing knowledge
//! doesn't mean that the lake holds nothing (promise P5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use bronzed_model::verified::Verified;

use bronzed_model::day::Day;
use bronzed_model::execution::{Execution, Status, StopReason};

/// Knowledge of the datasets of one source, by short name.
#[derive(Debug, Clone, Default)]
pub struct Knowledge(BTreeMap<Arc<str>, DatasetKnowledge>);

impl Knowledge {
    /// Replaces the knowledge of a dataset.
    pub fn learn(&mut self, dataset: &str, known: DatasetKnowledge) {
        self.0.insert(dataset.into(), known);
    }

    /// Returns the knowledge of a dataset. `None` if the lake couldn't be read.
    pub fn of(&self, dataset: &str) -> Option<&DatasetKnowledge> {
        self.0.get(dataset)
    }

    /// Returns the knowledge of a dataset, to add the result of a run.
    pub fn of_mut(&mut self, dataset: &str) -> Option<&mut DatasetKnowledge> {
        self.0.get_mut(dataset)
    }
}

/// Knowledge of the days of one dataset.
#[derive(Debug, Clone, Default)]
pub struct DatasetKnowledge {
    complete: BTreeSet<Day>,
    accepted: BTreeSet<Day>,
    begun: BTreeSet<Day>,
    lost: BTreeSet<Day>,
    named_from: Option<Day>,
    named_at: Option<DateTime<Utc>>,
    executions: BTreeMap<Day, Vec<ExecutionFacts>>,
    last_seen: Option<DateTime<Utc>>,
    good: BTreeMap<Arc<str>, BTreeMap<Day, DateTime<Utc>>>,
    verified: BTreeMap<Day, Verified>,
    /// Mistyped values, with the end of their run. A run over a feed has some on several days.
    mistyped: BTreeMap<(Uuid, Day), (DateTime<Utc>, MistypedValues)>,
}

/// Time for which mistyped values are told after the last run that had some.
const MISTYPED_FOR: TimeDelta = TimeDelta::days(7);

/// Maximum number of days per job whose last successful run is kept: those whose run started last.
const GOOD_DAYS: usize = 32;

impl DatasetKnowledge {
    /// Creates the knowledge of a dataset with these complete days, without runs.
    pub fn new(complete: impl IntoIterator<Item = Day>) -> Self {
        Self {
            complete: complete.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Records a run that has just ended, replacing the earlier entry of the same run.
    pub fn note(&mut self, day: Day, facts: ExecutionFacts) {
        let now = facts.ended_at.max(facts.started_at);
        self.note_at(day, facts, now);
    }

    /// Records a run read from the lake at `now`. Times after `now` were written by a clock that was ahead:
    /// they count neither as activity nor as fresh data.
    pub fn note_at(&mut self, day: Day, facts: ExecutionFacts, now: DateTime<Utc>) {
        self.begun.insert(day);
        if facts.ended_at <= now {
            self.last_seen = self.last_seen.max(Some(facts.ended_at));
        }
        if facts.status == Status::Ok && facts.started_at <= now {
            self.note_good(day, &facts);
        }
        if let Some(mistyped) = &facts.mistyped {
            let seen = (facts.ended_at, mistyped.clone());
            self.mistyped.insert((facts.run_id, day), seen);
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

    /// Marks the day as complete, for ever. Its runs are dropped, because planning no longer needs them.
    pub fn complete(&mut self, day: Day) {
        self.complete.insert(day);
        self.lost.remove(&day);
        self.executions.remove(&day);
    }

    /// Records that files of these days are gone, although their markers are there.
    pub fn lose(&mut self, days: impl IntoIterator<Item = Day>) {
        self.lost.extend(days);
    }

    /// Returns the days whose files are gone, although their markers are there.
    pub fn lost(&self) -> &BTreeSet<Day> {
        &self.lost
    }

    /// Marks the day as accepted by a person: it is no longer wanted, and not complete.
    pub fn accept(&mut self, day: Day) {
        self.accepted.insert(day);
        self.executions.remove(&day);
    }

    /// Marks days as begun, because they have a state.
    pub fn begin(&mut self, days: impl IntoIterator<Item = Day>) {
        self.begun.extend(days);
    }

    /// Records that a job or coverage has named this day, and so all later ones.
    pub fn name_from(&mut self, day: Day) {
        self.named_from = Some(self.named_from.map_or(day, |known| known.min(day)));
    }

    /// Records when the first named day was written into the lake.
    pub fn name_at(&mut self, at: DateTime<Utc>) {
        self.named_at = Some(at);
    }

    /// Records the last comparison of days with the API.
    pub fn verified(&mut self, days: impl IntoIterator<Item = (Day, Verified)>) {
        self.verified.extend(days);
    }

    /// Returns the values that declared columns couldn't hold, if a run of the last week has found some.
    pub fn mistyped(&self, now: DateTime<Utc>) -> Option<MistypedDataset> {
        let recent = |at: DateTime<Utc>| at <= now && now - at <= MISTYPED_FOR;
        let found = self.mistyped.iter().filter(|(_, (at, _))| recent(*at));
        let found: Vec<_> = found.collect();
        let ((_, day), (_, last)) = found.iter().max_by_key(|((_, day), (at, _))| (*at, *day))?;
        let runs: BTreeSet<_> = found.iter().map(|((run, _), _)| run).collect();
        Some(MistypedDataset {
            since: found.iter().map(|(_, (at, _))| *at).min()?,
            day: *day,
            field: Arc::clone(&last.field),
            values: found.iter().map(|(_, (_, one))| one.values).sum(),
            runs: runs.len(),
        })
    }

    /// Returns the last comparison of the day with the API.
    pub fn last_verified(&self, day: Day) -> Option<Verified> {
        self.verified.get(&day).copied()
    }

    /// Returns the time of the last successful comparison of any day with the API up to `now`.
    pub fn last_verification(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let well = self.verified.values().filter(|mark| mark.failures == 0);
        well.map(|mark| mark.at).filter(|at| *at <= now).max()
    }

    /// Returns the first day that a job or coverage has ever named.
    pub fn named_from(&self) -> Option<Day> {
        self.named_from
    }

    /// Returns the time at which the first named day was written into the lake. `None` if that isn't known.
    pub fn named_at(&self) -> Option<DateTime<Utc>> {
        self.named_at
    }

    /// Returns the days that have a state.
    pub fn begun(&self) -> &BTreeSet<Day> {
        &self.begun
    }

    /// Returns the complete days.
    pub fn complete_set(&self) -> &BTreeSet<Day> {
        &self.complete
    }

    /// Returns the days that a person has accepted, and that aren't complete.
    pub fn accepted(&self) -> impl Iterator<Item = Day> + '_ {
        self.accepted.difference(&self.complete).copied()
    }

    /// Returns `true` if the day is complete or accepted, so that it needn't be read again.
    pub fn is_done(&self, day: Day) -> bool {
        self.complete.contains(&day) || self.accepted.contains(&day)
    }

    /// Returns `true` if the day is complete.
    pub fn is_complete(&self, day: Day) -> bool {
        self.complete.contains(&day)
    }

    /// Returns the number of complete days.
    pub fn complete_days(&self) -> usize {
        self.complete.len()
    }

    /// Returns the runs of a day, in the order of their ends. Empty for complete and accepted days.
    pub fn executions(&self, day: Day) -> &[ExecutionFacts] {
        self.executions.get(&day).map_or(&[], Vec::as_slice)
    }

    /// Returns the end of the last known run of any day: the last activity of any process. `None` if it is
    /// later than `now`.
    pub fn last_seen(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.last_seen.filter(|at| *at <= now)
    }

    /// Returns the start of the last successful run of any day up to `now`.
    pub fn last_success(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.last_good(now, |_, _, _| true)
    }

    /// Returns the start of the last successful run up to `now`, of those for which `counts` returns `true`
    /// when called with job, day and start.
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

/// Fields of an [`Execution`] that planning needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionFacts {
    /// Unique id of the run.
    pub run_id: Uuid,
    /// Job that requested the run. Its mode is the mode of the run: see [`crate::schedule::plan::Task::job`].
    pub job: Arc<str>,
    /// Last known status.
    pub status: Status,
    /// Reason why the run ended early; `None` otherwise.
    pub stop: Option<StopReason>,
    /// Time from which the day is worth another run, if the run itself determined it.
    pub again_at: Option<DateTime<Utc>>,
    /// Start time of the run.
    pub started_at: DateTime<Utc>,
    /// Time of the last write of its entry: the end of the run, unless it was interrupted.
    pub ended_at: DateTime<Utc>,
    /// Values that a declared column couldn't hold; `None` if there were none.
    pub mistyped: Option<MistypedValues>,
}

/// Values of a run that went to `_extra` although a column is declared for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MistypedValues {
    /// Path of one of the fields: `valorGlobal`.
    pub field: Arc<str>,
    /// Number of values in `_extra`, those without a column among them.
    pub values: u64,
}

/// Mistyped values of a dataset, summed over the runs of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MistypedDataset {
    /// End of the first of these runs.
    pub since: DateTime<Utc>,
    /// Day of the last of these runs.
    pub day: Day,
    /// Field that the last of these runs named.
    pub field: Arc<str>,
    /// Number of values.
    pub values: u64,
    /// Number of runs.
    pub runs: usize,
}

impl MistypedDataset {
    /// Describes the values, and what to do.
    pub fn in_words(&self, dataset: &str) -> String {
        format!(
            "{} values are in `_extra`, because the API sends `{}` in another type than its column has: sums over \
             it lack them. `bronzed schema drift {dataset}` has them all",
            self.values, self.field
        )
    }
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
            mistyped: mistyped(execution),
        }
    }
}

fn mistyped(execution: &Execution) -> Option<MistypedValues> {
    let example = execution.drift_example.as_ref();
    let example = example.filter(|example| example.is_mistyped())?;
    Some(MistypedValues {
        field: example.field.as_str().into(),
        values: execution.counts.drift,
    })
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
            mistyped: None,
        }
    }

    /// An amount that came as text was stored in `_extra`, and nothing but a line of the log told of it.
    #[test]
    fn an_amount_in_another_type_is_told_for_a_week_whoever_read_it() {
        let day = "2025-10-22".parse().unwrap();
        let mut known = DatasetKnowledge::new([day]);
        let run = |run, values, ended_at| ExecutionFacts {
            mistyped: Some(MistypedValues {
                field: "valorGlobal".into(),
                values,
            }),
            ..facts(run, Status::Ok, ended_at)
        };
        known.note(day, facts(1, Status::Ok, "2025-10-22T12:05:00Z"));
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(known.mistyped(at("2025-10-22T13:00:00Z")), None);
        known.note(day, run(2, 30, "2025-10-22T14:00:00Z"));
        known.note(day, run(3, 1, "2025-10-22T15:00:00Z"));
        known.note(day, run(3, 1, "2025-10-22T15:00:00Z"));
        let told = known.mistyped(at("2025-10-22T16:00:00Z")).unwrap();
        // A run over a feed has an entry in each of its days.
        known.note(
            "2025-10-21".parse().unwrap(),
            run(3, 2, "2025-10-22T15:00:00Z"),
        );
        let of_feed = known.mistyped(at("2025-10-22T16:00:00Z")).unwrap();
        assert_eq!((of_feed.values, of_feed.runs), (33, 2));
        assert_eq!((told.values, told.runs, told.day), (31, 2, day));
        assert_eq!(told.since, at("2025-10-22T14:00:00Z"));
        assert!(told.in_words("pncp.contratos").contains("`valorGlobal`"));
        assert_eq!(known.mistyped(at("2025-10-30T16:00:00Z")), None);
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
