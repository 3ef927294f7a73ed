//! Plan of a dataset: the due runs, and the time of the next plan. A pure function of jobs, lake and time.
//!
//! - A slot of a job of `today` requests its own civil day. Missed slots within the catch-up period are
//!   coalesced into one run per day, never of another day; older ones are dropped. Once its day is over, the
//!   priority is `daily` at most.
//! - During a blackout of a job, none of its runs is planned; delayed slots are caught up at its end.
//! - Other jobs read ended days until they are complete: the days that slots within the catch-up period name.
//!   All other wanted days (begun, once named, or covered) are read by the dataset's carrier, at the lowest
//!   priority.
//! - Of a snapshot or a feed, only today can be read: a missed slot of an earlier day is caught up by a run of
//!   today, if no slot has come since.
//! - A job of mode `verify` compares complete days with the API, once per slot. For any other job, a complete
//!   day is done for ever.
//! - A paused job plans nothing.
//! - A day with an active run isn't planned again: a slot that comes meanwhile joins the run if the run's mode
//!   is thorough enough, and waits for its end otherwise.
//! - Jobs that want the same day of a dataset share one run, with the most thorough mode and the highest
//!   priority.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schedule::due::{self, Attempt, DayDeadlines, NextAttempt};
use crate::schedule::jobs::{Schedule, ScheduledDataset, ScheduledJob};
use crate::schedule::knowledge::{DatasetKnowledge, Knowledge};
use crate::schedule::missed;
use bronzed_model::cron::Slot;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Blackout, JobDays, Mode, Priority};

pub use crate::schedule::due::{Class, Reason};
pub use crate::schedule::missed::{MisfireReason, Misfires};

/// Maximum time until the next plan.
const IDLE: TimeDelta = TimeDelta::hours(24);

/// Input of a plan, besides the schedule.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// Current time.
    pub now: DateTime<Utc>,
    /// Time of the previous plan; `None` for the first one of a process.
    pub previous: Option<DateTime<Utc>>,
    /// Knowledge from the lake.
    pub knowledge: &'a Knowledge,
    /// Active runs of this process.
    pub running: &'a Running,
    /// Names of the jobs that a person has paused.
    pub paused: &'a BTreeSet<String>,
}

/// Active runs, by dataset and day.
pub type Running = BTreeMap<(Arc<str>, Day), RunningRead>;

/// An active run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningRead {
    /// Mode of the run.
    pub mode: Mode,
    /// Start time of the run.
    pub started_at: DateTime<Utc>,
}

/// Times of the next attempts, by dataset and day.
pub type NextTries = BTreeMap<(Arc<str>, Day), DateTime<Utc>>;

/// A due run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// Day to read, which may differ from the day of the slot.
    pub day: Day,
    /// Mode of the run.
    pub mode: Mode,
    /// Job that is entered in the audit. If several jobs want the day, one of mode [`Self::mode`], because the
    /// entry has only the job's name and must not claim a more thorough read.
    pub job: Arc<str>,
    /// Highest priority of all jobs that want the day.
    pub priority: Priority,
    /// Slot that requested the run.
    pub slot: DateTime<Utc>,
    /// Reason of the run.
    pub reason: Reason,
    /// Time since which the run has been due.
    pub due: DateTime<Utc>,
}

impl Task {
    /// Returns the queueing class.
    pub fn class(&self) -> Class {
        self.reason.class()
    }

    /// Returns the sort key within a plan: the highest priority first, then the newest day.
    fn rank(&self) -> Reverse<(Priority, Day)> {
        Reverse((self.priority, self.day))
    }
}

/// A slot that is served by an active run instead of one of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoalescedSlot {
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// Day that is being read.
    pub day: Day,
    /// Job of the slot.
    pub job: Arc<str>,
    /// Time of the slot.
    pub slot: DateTime<Utc>,
}

/// Plan of one dataset at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All due runs, at most one per dataset and day: the highest priority first, then the newest day. If
    /// there are more than run slots, [`crate::schedule::deal`] decides which start first.
    pub tasks: Vec<Task>,
    /// Slots that joined the active run of their day; repeated in every plan until the run ends.
    pub joined: Vec<CoalescedSlot>,
    /// Misfires since the previous plan.
    pub missed: Vec<Misfires>,
    /// Time at which the next run can become due if nothing else happens. The end of a run, a resumed job and
    /// a clock that was set need a new plan before that.
    pub next_wake: DateTime<Utc>,
}

/// Plans all datasets of a source, merged into one plan. For tests.
#[cfg(test)]
pub(super) fn plan(schedule: &Schedule, situation: PlanInput<'_>) -> Plan {
    let datasets = schedule.datasets.keys();
    let plans = datasets.map(|dataset| plan_dataset(schedule, situation, dataset));
    let none = Plan {
        tasks: Vec::new(),
        joined: Vec::new(),
        missed: Vec::new(),
        next_wake: situation.now + IDLE,
    };
    let mut whole = plans.fold(none, |mut whole, plan| {
        whole.tasks.extend(plan.tasks);
        whole.joined.extend(plan.joined);
        whole.missed.extend(plan.missed);
        whole.next_wake = whole.next_wake.min(plan.next_wake);
        whole
    });
    whole.tasks.sort_by_key(Task::rank);
    whole.joined.sort_by(|one, other| one.job.cmp(&other.job));
    whole.missed.sort_by(|one, other| one.job.cmp(&other.job));
    whole
}

/// Plans one dataset of a source, independently of the other datasets. The same input gives the same plan.
pub fn plan_dataset(schedule: &Schedule, situation: PlanInput<'_>, dataset: &str) -> Plan {
    let mut planner = Planner::new(schedule, situation, dataset);
    planner.jobs();
    planner.finish()
}

/// Due runs of a dataset, and those that become due later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upcoming {
    /// Due runs, as in the plan.
    pub due: Vec<Task>,
    /// Runs that are known to become due, at most one per day: its earliest. Runs that a slot to come
    /// requests are not among them.
    pub later: Vec<Task>,
}

/// Returns the runs of a dataset that are due, or become due without a further slot.
pub fn upcoming(schedule: &Schedule, situation: PlanInput<'_>, dataset: &str) -> Upcoming {
    let mut planner = Planner::new(schedule, situation, dataset);
    planner.later = Some(BTreeMap::new());
    planner.jobs();
    let later = planner.later.take().unwrap_or_default().into_iter();
    let tasks = &planner.tasks;
    let mut later: Vec<_> = later
        .filter(|(key, _)| !tasks.contains_key(key))
        .map(|(_, task)| task)
        .collect();
    later.sort_by_key(|task| (task.due, task.rank()));
    Upcoming {
        later,
        due: planner.finish().tasks,
    }
}

/// Returns the times of the next attempts at the days that jobs want. Days whose next attempt waits for a
/// future slot, and days of paused jobs, are left out.
pub fn next_tries(schedule: &Schedule, situation: PlanInput<'_>) -> NextTries {
    let datasets = schedule.datasets.keys();
    let tries = datasets.flat_map(|dataset| {
        let mut planner = Planner::new(schedule, situation, dataset);
        planner.wishes = Some(BTreeMap::new());
        planner.jobs();
        planner.wishes.unwrap_or_default()
    });
    tries.collect()
}

struct Planner<'a> {
    schedule: &'a Schedule,
    situation: PlanInput<'a>,
    dataset: &'a str,
    tasks: BTreeMap<(Arc<str>, Day), Task>,
    joined: Vec<CoalescedSlot>,
    /// Times of the next attempts; `None` if not requested.
    wishes: Option<NextTries>,
    /// Runs that aren't due yet; `None` if not requested.
    later: Option<BTreeMap<(Arc<str>, Day), Task>>,
    next_wake: DateTime<Utc>,
}

/// A job and one of the datasets that it reads.
#[derive(Clone, Copy)]
struct JobTarget<'a> {
    name: &'a Arc<str>,
    job: &'a ScheduledJob,
    dataset_name: &'a Arc<str>,
    dataset: &'a ScheduledDataset,
    known: &'a DatasetKnowledge,
    /// `true` if the job is the carrier of the planned days: wanted days that have left the jobs' windows.
    carried: bool,
}

impl<'a> Planner<'a> {
    /// Creates the planner of a dataset.
    fn new(schedule: &'a Schedule, situation: PlanInput<'a>, dataset: &'a str) -> Self {
        Self {
            schedule,
            situation,
            dataset,
            tasks: BTreeMap::new(),
            joined: Vec::new(),
            wishes: None,
            later: None,
            next_wake: situation.now + IDLE,
        }
    }

    /// Plans every job of the dataset that isn't paused.
    fn jobs(&mut self) {
        let (schedule, paused) = (self.schedule, self.situation.paused);
        if let Some((dataset_name, dataset)) = schedule.datasets.get_key_value(self.dataset) {
            for (name, job) in schedule.jobs_of(dataset_name) {
                if !paused.contains(&**name) {
                    self.job((name, job), (dataset_name, dataset));
                }
            }
        }
    }

    fn job(
        &mut self,
        (name, job): (&'a Arc<str>, &'a ScheduledJob),
        (dataset_name, dataset): (&'a Arc<str>, &'a ScheduledDataset),
    ) {
        let now = self.situation.now;
        if let Some(next) = job.cron.next_after(now) {
            self.wake(next.at);
        }
        if let Some(end) = Blackout::end_of(&job.job.blackout, now, self.schedule.zone) {
            self.wake(end);
            return;
        }
        let Some(known) = self.situation.knowledge.of(dataset_name) else {
            return;
        };
        let asking = JobTarget {
            name,
            job,
            dataset_name,
            dataset,
            known,
            carried: false,
        };
        let named = job.named_days(now, dataset.period);
        if dataset.only_today {
            self.today(&asking, &named);
            return;
        }
        for (day, slot) in &named {
            match job.job.mode {
                Mode::Verify => self.verification(&asking, *day, *slot),
                Mode::Full | Mode::New => self.day(&asking, *day, *slot),
            }
        }
        if self.schedule.carries(name, job, dataset_name)
            && let Some(slot) = job.cron.last_at_or_before(now)
        {
            self.wanted(&asking, &named, slot);
        }
    }

    /// Plans the wanted days that had ended at the latest slot, except those that the job's slots name.
    fn wanted(&mut self, asking: &JobTarget<'a>, named: &BTreeMap<Day, Slot>, slot: Slot) {
        let now = self.situation.now;
        let wanted = self.schedule.wanted(asking.dataset_name, asking.known, now);
        let newest = asking.dataset.period.previous(slot.day);
        let asking = &JobTarget {
            carried: true,
            ..*asking
        };
        for day in wanted.into_iter().filter(|day| *day <= newest) {
            if !named.contains_key(&day) {
                self.carried(asking, day, slot);
            }
        }
    }

    /// Plans a run of a dataset that can be read only today, even if the latest slot was on an earlier day:
    /// the days in between can't be caught up.
    fn today(&mut self, asking: &JobTarget<'a>, named: &BTreeMap<Day, Slot>) {
        let now = self.situation.now;
        let today = Day::of(now, self.schedule.zone);
        let latest = named.last_key_value().map(|(_, slot)| *slot);
        let Some(slot) = latest.filter(|_| asking.job.job.days == JobDays::Today) else {
            return;
        };
        // A run that continues past midnight must end first, because the next one is compared with its result.
        let mut running = self.situation.running.keys();
        if running.any(|(name, day)| name == asking.dataset_name && *day != today) {
            return;
        }
        let since = || slot.day.through(today);
        if since().any(|day| asking.known.is_complete(day)) {
            return;
        }
        let runs: Vec<_> = since()
            .flat_map(|day| asking.known.executions(day))
            .cloned()
            .collect();
        let mode_of = |name: &str| self.schedule.mode_of(name);
        let attempts = due::attempts(&runs, asking.job.job.mode, mode_of, now);
        if let Some(wish) = due::at_slot(slot, &attempts, now) {
            self.due(asking, today, slot, wish);
        }
    }

    /// Plans a day that the job names, if it is due.
    fn day(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        let too_early = asking.dataset.earliest.is_some_and(|first| day < first);
        if too_early || asking.known.is_done(day) {
            return;
        }
        let first = Reason::of_slot(slot, self.situation.now);
        // A month or a year is named all the while, so that each slot before its end reads it.
        let under_way = slot.at < asking.dataset.period.end(day, self.schedule.zone);
        let wish = match asking.job.job.days == JobDays::Today || under_way {
            true => due::at_slot(slot, &self.attempts(asking, day), self.situation.now),
            false => Some(self.until_complete(asking, day, slot, first)),
        };
        if let Some(wish) = wish {
            self.due(asking, day, slot, wish);
        }
    }

    /// Plans a wanted day that has left the windows of the jobs, if it is due.
    fn carried(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        let covered = asking.dataset.coverage_from.is_some_and(|from| from <= day);
        let first = match covered {
            true => Reason::Coverage,
            false => Reason::CatchUp,
        };
        let wish = self.until_complete(asking, day, slot, first);
        self.due(asking, day, slot, wish);
    }

    /// Plans the comparison of a day with the API, if it is due.
    fn verification(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        // Incomplete days are left to the other jobs.
        if !asking.dataset.verify || !asking.known.is_complete(day) {
            return;
        }
        let last = asking.known.last_verified(day);
        if let Some(wish) = due::to_verify(slot, last, self.situation.now) {
            self.due(asking, day, slot, wish);
        }
    }

    fn due(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot, wish: NextAttempt) {
        let (now, key) = (self.situation.now, || {
            (Arc::clone(asking.dataset_name), day)
        });
        if let Some(wishes) = &mut self.wishes {
            let at = wish.at.max(now);
            let next = wishes.entry(key()).or_insert(at);
            *next = at.min(*next);
        }
        if wish.at > now {
            self.wake(wish.at);
            if self.later.is_some() {
                self.later(asking, day, slot, wish);
            }
            return;
        }
        match self.situation.running.get(&key()) {
            Some(run) => self.join(asking, day, slot, *run),
            None => self.propose(asking, day, slot, wish),
        }
    }

    /// Returns the next attempt at a day that is read until it is complete.
    fn until_complete(
        &self,
        asking: &JobTarget<'a>,
        day: Day,
        slot: Slot,
        reason: Reason,
    ) -> NextAttempt {
        let first = NextAttempt {
            at: slot.at,
            reason,
        };
        let attempts = self.attempts(asking, day);
        // Skip computing the deadlines: most days of a long coverage have no runs.
        if attempts.is_empty() {
            return first;
        }
        let ripeness = DayDeadlines::of(day, asking.dataset, self.schedule.zone);
        due::until_complete(ripeness, &attempts, first)
    }

    /// Returns the runs of a day that count for the job.
    fn attempts(&self, asking: &JobTarget<'a>, day: Day) -> Vec<Attempt> {
        let (runs, mode) = (asking.known.executions(day), asking.job.job.mode);
        let mode_of = |name: &str| self.schedule.mode_of(name);
        due::attempts(runs, mode, mode_of, self.situation.now)
    }

    /// Lets a slot that came since the start of the day's active run join it, if the run is thorough enough.
    fn join(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot, run: RunningRead) {
        if slot.at > run.started_at && run.mode.covers(asking.job.job.mode) {
            self.joined.push(CoalescedSlot {
                dataset: Arc::clone(asking.dataset_name),
                day,
                job: Arc::clone(asking.name),
                slot: slot.at,
            });
        }
    }

    fn propose(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot, wish: NextAttempt) {
        let task = self.task(asking, day, slot, wish);
        let key = (Arc::clone(asking.dataset_name), day);
        let merged = match self.tasks.remove(&key) {
            Some(other) => merge(other, task),
            None => task,
        };
        self.tasks.insert(key, merged);
    }

    /// Notes a run that isn't due yet, if this was requested; of several on a day, the earliest.
    fn later(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot, wish: NextAttempt) {
        let task = self.task(asking, day, slot, wish);
        if let Some(later) = &mut self.later {
            let key = (Arc::clone(asking.dataset_name), day);
            let known = later.entry(key).or_insert_with(|| task.clone());
            if task.due < known.due {
                *known = task;
            }
        }
    }

    fn task(&self, asking: &JobTarget<'a>, day: Day, slot: Slot, wish: NextAttempt) -> Task {
        let job = &asking.job.job;
        // Once a day is over, reading it for a job of `today` must not delay the slots of the current day. Days
        // that have left the jobs' windows are never urgent.
        let today = Day::of(self.situation.now, self.schedule.zone);
        let over = day < asking.dataset.period.first(today);
        let priority = match (job.days, asking.carried) {
            (_, true) => job.priority.min(Priority::Backfill),
            (JobDays::Today, false) if over => job.priority.min(Priority::Daily),
            _ => job.priority,
        };
        Task {
            dataset: Arc::clone(asking.dataset_name),
            day,
            mode: job.mode,
            job: Arc::clone(asking.name),
            priority,
            slot: slot.at,
            reason: wish.reason,
            due: wish.at,
        }
    }

    fn wake(&mut self, at: DateTime<Utc>) {
        self.next_wake = self.next_wake.min(at);
    }

    fn finish(self) -> Plan {
        let missed = missed::count(self.schedule, self.situation, self.dataset, &self.joined);
        let mut tasks: Vec<_> = self.tasks.into_values().collect();
        tasks.sort_by_key(Task::rank);
        Plan {
            tasks,
            joined: self.joined,
            missed,
            next_wake: self.next_wake,
        }
    }
}

/// Merges the runs of two jobs that want the same day.
fn merge(one: Task, other: Task) -> Task {
    let priority = one.priority.max(other.priority);
    let better = match (other.mode.covers(one.mode), one.mode.covers(other.mode)) {
        (true, true) => other.priority > one.priority,
        (better, _) => better,
    };
    let leading = if better { other } else { one };
    Task {
        priority,
        ..leading
    }
}
