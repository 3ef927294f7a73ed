//! What to do now: the runs that are due, and when to look again.
//!
//! - A slot of a job of `today` asks for its own civil day. Slots that passed while nobody was
//!   there become one run for each day concerned, and never a run of another day; those longer ago
//!   than the job's catch-up are let go. A day that is over is no more urgent than a daily job's.
//! - In the hours of a blackout nothing is begun; what they held up is caught up with at their end.
//! - Other jobs work on ended days until they are complete: those that the slots within the
//!   catch-up name. All other days that are wanted (begun, named once, or asked for by coverage) are
//!   carried by one job of the dataset, with the lowest priority.
//! - Of a snapshot or a feed, only the day that is under way can be read: a slot of an earlier day that
//!   nobody served is caught up with by a reading of today, if no slot has come since.
//! - A job of mode `verify` compares complete days with the API, once for each of its slots. To any
//!   other job a complete day is done for ever.
//! - A paused job plans nothing, and a day that is being
//!   read isn't planned beside itself: a slot that comes meanwhile joins that run, if it reads
//!   thoroughly enough; else it waits for its end.
//! - Jobs that want the same day of a dataset get one run: of the most thorough mode, with the
//!   highest priority.

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

/// Where nothing is scheduled, the next look is this much later.
const IDLE: TimeDelta = TimeDelta::hours(24);

/// What a plan is made from, beside the jobs.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// The time.
    pub now: DateTime<Utc>,
    /// When the plan before this one was made; `None` for the first of a process.
    pub previous: Option<DateTime<Utc>>,
    /// What the lake tells.
    pub knowledge: &'a Knowledge,
    /// What is being read in this process.
    pub running: &'a Running,
    /// Jobs that a person has paused, by name.
    pub paused: &'a BTreeSet<String>,
}

/// The runs under way, by dataset and day.
pub type Running = BTreeMap<(Arc<str>, Day), RunningRead>;

/// A run under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningRead {
    /// How it reads its day.
    pub mode: Mode,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

/// Next tries, by dataset and day.
pub type NextTries = BTreeMap<(Arc<str>, Day), DateTime<Utc>>;

/// One run that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// The day to read, which needn't be the day of the slot.
    pub day: Day,
    /// How to read it.
    pub mode: Mode,
    /// In whose name. Of several jobs that want the day, one that asks for [`Self::mode`]: the
    /// audit entry carries the name only, and must not claim more than was done.
    pub job: Arc<str>,
    /// Who goes first; the highest of all jobs that want the day.
    pub priority: Priority,
    /// The slot that asked for it.
    pub slot: DateTime<Utc>,
    /// Why now.
    pub reason: Reason,
    /// Since when it has been due.
    pub due: DateTime<Utc>,
}

impl Task {
    /// What it is to the others that wait.
    pub fn class(&self) -> Class {
        self.reason.class()
    }

    /// Rank among the tasks of a plan: the highest priority first, then the newest day.
    fn rank(&self) -> Reverse<(Priority, Day)> {
        Reverse((self.priority, self.day))
    }
}

/// A slot that needs no run of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoalescedSlot {
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// The day that is being read.
    pub day: Day,
    /// Whose slot it is.
    pub job: Arc<str>,
    /// The slot.
    pub slot: DateTime<Utc>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is due, one for each dataset and day at most: highest priority first, then the newest
    /// day. All of it, however much that is; how much is done at once, and whose turn it is among
    /// equals, [`crate::schedule::deal`] says.
    pub tasks: Vec<Task>,
    /// Slots that came while their day is being read, as long as that takes.
    pub joined: Vec<CoalescedSlot>,
    /// Slots since the previous plan that passed without a run of their own.
    pub missed: Vec<Misfires>,
    /// When something can become due without anything having happened. A run that ends, a pause
    /// that is lifted and a clock that is put elsewhere call for a plan of their own.
    pub next_wake: DateTime<Utc>,
}

/// Plans one source: the plans of its datasets together. The same input gives the same plan.
pub fn plan(schedule: &Schedule, situation: PlanInput<'_>) -> Plan {
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

/// Plans one dataset of a source, which no other dataset of it has a say in.
pub fn plan_dataset(schedule: &Schedule, situation: PlanInput<'_>, dataset: &str) -> Plan {
    Planner::of(schedule, situation, dataset, None).finish()
}

/// Returns the next tries of the days that jobs want, now or later. Days whose next try is decided by a slot
/// that has yet to come, and days of paused jobs, are left out.
pub fn next_tries(schedule: &Schedule, situation: PlanInput<'_>) -> NextTries {
    let datasets = schedule.datasets.keys();
    let tries = datasets.flat_map(|dataset| {
        let wishes = Some(BTreeMap::new());
        let planner = Planner::of(schedule, situation, dataset, wishes);
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
    /// Next tries, where they are asked for.
    wishes: Option<NextTries>,
    next_wake: DateTime<Utc>,
}

/// A job at work on one dataset.
#[derive(Clone, Copy)]
struct JobTarget<'a> {
    name: &'a Arc<str>,
    job: &'a ScheduledJob,
    dataset_name: &'a Arc<str>,
    dataset: &'a ScheduledDataset,
    known: &'a DatasetKnowledge,
    /// The days are wanted, and have left the jobs' windows.
    carried: bool,
}

impl<'a> Planner<'a> {
    /// With all that the jobs ask for.
    fn of(
        schedule: &'a Schedule,
        situation: PlanInput<'a>,
        dataset: &'a str,
        wishes: Option<NextTries>,
    ) -> Self {
        let mut planner = Self {
            schedule,
            situation,
            dataset,
            tasks: BTreeMap::new(),
            joined: Vec::new(),
            wishes,
            next_wake: situation.now + IDLE,
        };
        if let Some((dataset_name, dataset)) = schedule.datasets.get_key_value(dataset) {
            for (name, job) in schedule.jobs_of(dataset_name) {
                if !situation.paused.contains(&**name) {
                    planner.job((name, job), (dataset_name, dataset));
                }
            }
        }
        planner
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
        let named = job.named_days(now);
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

    /// All days that are wanted, that had ended at the latest slot, and that the job's slots don't name.
    fn wanted(&mut self, asking: &JobTarget<'a>, named: &BTreeMap<Day, Slot>, slot: Slot) {
        let now = self.situation.now;
        let wanted = self.schedule.wanted(asking.dataset_name, asking.known, now);
        let newest = slot.day.previous();
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

    /// Plans a reading of what can be read only as it is today, whichever day the latest slot was of:
    /// the days between are missed, and nothing catches up with them.
    fn today(&mut self, asking: &JobTarget<'a>, named: &BTreeMap<Day, Slot>) {
        let now = self.situation.now;
        let today = Day::of(now, self.schedule.zone);
        let latest = named.last_key_value().map(|(_, slot)| *slot);
        let Some(slot) = latest.filter(|_| asking.job.job.days == JobDays::Today) else {
            return;
        };
        // A reading that goes on past midnight is let come to its end first: what it finds is what
        // the next one is compared with.
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

    /// Plans a day for a job that names it where it is due.
    fn day(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        let too_early = asking.dataset.earliest.is_some_and(|first| day < first);
        if too_early || asking.known.is_done(day) {
            return;
        }
        let first = Reason::of_slot(slot, self.situation.now);
        let wish = match asking.job.job.days {
            JobDays::Today => due::at_slot(slot, &self.attempts(asking, day), self.situation.now),
            _ => Some(self.until_complete(asking, day, slot, first)),
        };
        if let Some(wish) = wish {
            self.due(asking, day, slot, wish);
        }
    }

    /// Plans a day that is wanted and that has left the windows of the jobs where it is due.
    fn carried(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        let covered = asking.dataset.coverage_from.is_some_and(|from| from <= day);
        let first = match covered {
            true => Reason::Coverage,
            false => Reason::CatchUp,
        };
        let wish = self.until_complete(asking, day, slot, first);
        self.due(asking, day, slot, wish);
    }

    /// Plans the comparison of a day with the API where it is due.
    fn verification(&mut self, asking: &JobTarget<'a>, day: Day, slot: Slot) {
        // A day that isn't complete is the business of other jobs first.
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
            return;
        }
        match self.situation.running.get(&key()) {
            Some(run) => self.join(asking, day, slot, *run),
            None => self.propose(asking, day, slot, wish),
        }
    }

    /// When the job wants the ended day read.
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
        // Of most days of a long coverage nothing is known, and their ends don't matter.
        if attempts.is_empty() {
            return first;
        }
        let ripeness = DayDeadlines::of(day, asking.dataset, self.schedule.zone);
        due::until_complete(ripeness, &attempts, first)
    }

    /// The runs of a day that count for the job.
    fn attempts(&self, asking: &JobTarget<'a>, day: Day) -> Vec<Attempt> {
        let (runs, mode) = (asking.known.executions(day), asking.job.job.mode);
        let mode_of = |name: &str| self.schedule.mode_of(name);
        due::attempts(runs, mode, mode_of, self.situation.now)
    }

    /// The day is being read: a slot that came since the run began is served by it.
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
        let job = &asking.job.job;
        // What is urgent about today isn't any more when the day is over: catching up with it must
        // not hold up the slots of the day that is under way. And what has left a job's window is nobody's
        // hurry.
        let over = day < Day::of(self.situation.now, self.schedule.zone);
        let priority = match (job.days, asking.carried) {
            (_, true) => job.priority.min(Priority::Backfill),
            (JobDays::Today, false) if over => job.priority.min(Priority::Daily),
            _ => job.priority,
        };
        let task = Task {
            dataset: Arc::clone(asking.dataset_name),
            day,
            mode: job.mode,
            job: Arc::clone(asking.name),
            priority,
            slot: slot.at,
            reason: wish.reason,
            due: wish.at,
        };
        let key = (Arc::clone(asking.dataset_name), day);
        let merged = match self.tasks.remove(&key) {
            Some(other) => merge(other, task),
            None => task,
        };
        self.tasks.insert(key, merged);
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

/// One run for two jobs that want the same day.
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
