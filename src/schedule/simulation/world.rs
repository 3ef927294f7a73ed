//! A simulated daemon with its runs, their lake, and the true time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::faults::Faults;
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts, Knowledge};
use crate::schedule::plan::{Plan, PlanInput, Running, RunningRead, Task, plan};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority};
use bronzed_model::execution::Status;

/// Maximum number of concurrent runs that are not hourly ones.
const PLACES: usize = 2;

pub(super) struct World {
    pub schedule: Schedule,
    pub faults: Faults,
    pub lake: Knowledge,
    /// Start of the simulation, and the true time.
    pub begin: DateTime<Utc>,
    pub truth: DateTime<Utc>,
    /// All runs that ended or were killed.
    pub reads: Vec<Read>,
    /// A day that can't be read.
    pub stuck: Option<Day>,
    /// Number of days that were proven but got no marker.
    pub unmarked: usize,
    rng: SmallRng,
    /// Memory of the daemon; `None` while it is down.
    daemon: Option<Daemon>,
    runs: u128,
}

#[derive(Default)]
struct Daemon {
    previous: Option<DateTime<Utc>>,
    wakes: Option<DateTime<Utc>>,
    skew: TimeDelta,
    active: Vec<Active>,
}

struct Active {
    task: Task,
    run_id: Uuid,
    begun: DateTime<Utc>,
    begun_shown: DateTime<Utc>,
    ends: DateTime<Utc>,
}

/// A finished run, in true time and as the clock showed it.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub dataset: Arc<str>,
    pub day: Day,
    pub mode: Mode,
    pub status: Status,
    pub begun: DateTime<Utc>,
    pub ended: DateTime<Utc>,
    shown: (DateTime<Utc>, DateTime<Utc>),
}

impl Read {
    pub(super) fn wrongly_dated(&self) -> bool {
        self.shown != (self.begun, self.ended)
    }

    /// `true` if the run, by the clock, overlaps the interval.
    pub(super) fn shown_at(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
        self.shown.0 <= to && from <= self.shown.1.max(self.shown.0)
    }
}

impl World {
    pub(super) fn new(seed: u64, schedule: Schedule, faults: Faults, begin: DateTime<Utc>) -> Self {
        let mut lake = Knowledge::default();
        for name in schedule.datasets.keys() {
            lake.learn(name, DatasetKnowledge::default());
        }
        Self {
            schedule,
            faults,
            lake,
            begin,
            truth: begin,
            reads: Vec::new(),
            stuck: None,
            unmarked: 0,
            rng: SmallRng::seed_from_u64(seed),
            daemon: None,
            runs: 0,
        }
    }

    pub(super) fn reads_of(&self, dataset: &str, day: Day) -> impl Iterator<Item = &Read> {
        let of = move |read: &&Read| *read.dataset == *dataset && read.day == day;
        self.reads.iter().filter(of)
    }

    /// Number of civil days that the simulation touches.
    pub(super) fn begun_days(&self) -> usize {
        let day = |at| Day::of(at, self.schedule.zone);
        day(self.begin).through(day(self.truth)).count()
    }

    pub(super) fn live_until(&mut self, until: DateTime<Utc>) {
        while self.truth < until {
            self.step();
            self.truth = self.next_event().min(until);
        }
    }

    fn shown(&self) -> DateTime<Utc> {
        self.truth + self.faults.skew(self.truth)
    }

    fn next_event(&mut self) -> DateTime<Utc> {
        let daemon = self.daemon.as_ref();
        let ends = daemon.and_then(|d| d.active.iter().map(|run| run.ends).min());
        let wakes = daemon.and_then(|d| d.wakes);
        let change = self.faults.next_change(self.truth);
        let next = [ends, wakes, change].into_iter().flatten().min();
        next.expect("something always comes")
            .max(self.truth + TimeDelta::milliseconds(1))
    }

    /// Processes the events of the current instant.
    fn step(&mut self) {
        if self.faults.is_down(self.truth) {
            self.kill();
            return;
        }
        let skew = self.faults.skew(self.truth);
        let truth = self.truth;
        let daemon = self.daemon.get_or_insert_default();
        let (over, active) = daemon.active.drain(..).partition(|run| run.ends <= truth);
        daemon.active = active;
        let over: Vec<Active> = over;
        // The slow tick beside the timers detects that the clock was set.
        let clock_set = std::mem::replace(&mut daemon.skew, skew) != skew;
        let woken = clock_set || !over.is_empty() || daemon.wakes.is_none_or(|at| at <= truth);
        for run in over {
            self.end(run);
        }
        if woken {
            self.reconcile();
        }
    }

    /// Plans, starts runs while slots are free, and sets the timer.
    fn reconcile(&mut self) {
        let now = self.shown();
        self.name(now);
        let mut daemon = self.daemon.take().unwrap_or_default();
        let running: Running = daemon
            .active
            .iter()
            .map(|run| {
                let read = RunningRead {
                    mode: run.task.mode,
                    started_at: run.begun_shown,
                };
                ((Arc::clone(&run.task.dataset), run.task.day), read)
            })
            .collect();
        let plan = self.plan(now, daemon.previous, &running);
        self.check(&plan, now, &running);
        for task in plan.tasks {
            let others = |run: &&Active| run.task.priority != Priority::Hourly;
            let free = daemon.active.iter().filter(others).count() < PLACES;
            if task.priority == Priority::Hourly || free {
                daemon.active.push(self.start(task));
            }
        }
        daemon.previous = Some(now);
        // Timers are late, and some never fire: the slow tick then replaces them.
        let late = match self.rng.random_bool(0.05) {
            true => self.rng.random_range(1000..60_000),
            false => self.rng.random_range(0..800),
        };
        let wait = (plan.next_wake - now).max(TimeDelta::zero());
        daemon.wakes = Some(self.truth + wait + TimeDelta::milliseconds(late));
        self.daemon = Some(daemon);
    }

    /// Records in the lake the first day that jobs and coverage name, as the daemon does when it loads the
    /// lake.
    fn name(&mut self, now: DateTime<Utc>) {
        for dataset in self.schedule.datasets.keys() {
            let first = self.schedule.first_named(dataset, now);
            if let (Some(first), Some(known)) = (first, self.lake.of_mut(dataset)) {
                known.name_from(first);
            }
        }
    }

    fn plan(&self, now: DateTime<Utc>, previous: Option<DateTime<Utc>>, running: &Running) -> Plan {
        let situation = PlanInput {
            now,
            previous,
            knowledge: &self.lake,
            running,
            paused: &BTreeSet::new(),
        };
        plan(&self.schedule, situation)
    }

    /// Checks the invariants of every plan.
    fn check(&mut self, plan: &Plan, now: DateTime<Utc>, running: &Running) {
        let key = |task: &Task| (Arc::clone(&task.dataset), task.day);
        let keys: BTreeMap<_, _> = plan.tasks.iter().map(|task| (key(task), ())).collect();
        assert_eq!(keys.len(), plan.tasks.len(), "two runs of a day");
        assert!(plan.next_wake > now);
        let order = |two: &[Task]| (two[0].priority, two[0].day) >= (two[1].priority, two[1].day);
        assert!(plan.tasks.windows(2).all(order));
        for task in &plan.tasks {
            assert!(!running.contains_key(&key(task)), "{task:?} is being read");
            assert!(!self.lake.of(&task.dataset).unwrap().is_complete(task.day));
            assert!(task.day <= Day::of(now, self.schedule.zone) && task.slot <= now);
        }
        // Nothing becomes due before the next wake-up.
        if self.rng.random_bool(0.05) {
            let until = (plan.next_wake - now).num_milliseconds();
            let later = now + TimeDelta::milliseconds(self.rng.random_range(0..until));
            let then = self.plan(later, Some(now), running);
            let sooner = then
                .tasks
                .iter()
                .find(|task| !keys.contains_key(&key(task)));
            assert_eq!(sooner, None, "planned at {later}, but not at {now}");
        }
    }

    fn start(&mut self, task: Task) -> Active {
        let slow = self.rng.random_bool(0.02);
        let seconds = match (task.mode, slow) {
            _ if self.faults.api_away(self.truth, self.truth) => 30..180,
            (Mode::New, false) => 5..240,
            (Mode::Full | Mode::Verify, false) => 60..900,
            (_, true) => 3000..6000,
        };
        self.runs += 1;
        Active {
            task,
            run_id: Uuid::from_u128(self.runs),
            begun: self.truth,
            begun_shown: self.shown(),
            ends: self.truth + TimeDelta::seconds(self.rng.random_range(seconds)),
        }
    }

    /// Ends a run, and writes its result to the lake.
    fn end(&mut self, run: Active) {
        let task = &run.task;
        let stuck = self.stuck == Some(task.day);
        let bad_luck = self.faults.restarts() > 0 && self.rng.random_bool(0.02);
        let status = match self.faults.api_away(run.begun, self.truth) {
            true if self.rng.random_bool(0.5) => Status::Failed,
            true => Status::Partial,
            false if stuck || bad_luck => Status::Partial,
            false => Status::Ok,
        };
        let settle = self.schedule.datasets[&task.dataset].settle;
        let ripe = task.day.end(self.schedule.zone) + settle;
        // By our clock, and by the date of the answers.
        let proven = task.mode == Mode::Full
            && status == Status::Ok
            && run.begun_shown >= ripe
            && run.begun >= ripe;
        let unmarked = proven && self.faults.restarts() > 0 && self.rng.random_bool(0.01);
        self.unmarked += usize::from(unmarked);
        let (dataset, day) = (Arc::clone(&task.dataset), task.day);
        self.audit(run, status);
        if proven && !unmarked {
            self.lake.of_mut(&dataset).unwrap().complete(day);
        }
    }

    /// Kills the daemon; commits of its runs stay in the lake.
    fn kill(&mut self) {
        let Some(daemon) = self.daemon.take() else {
            return;
        };
        for run in daemon.active {
            if self.truth - run.begun > TimeDelta::minutes(1) {
                self.audit(run, Status::Running);
            }
        }
    }

    fn audit(&mut self, run: Active, status: Status) {
        let shown = (run.begun_shown, self.shown());
        let facts = ExecutionFacts {
            run_id: run.run_id,
            job: Arc::clone(&run.task.job),
            status,
            stop: None,
            again_at: None,
            started_at: shown.0,
            ended_at: shown.1,
            mistyped: None,
        };
        self.lake
            .of_mut(&run.task.dataset)
            .unwrap()
            .note(run.task.day, facts);
        self.reads.push(Read {
            dataset: run.task.dataset,
            day: run.task.day,
            mode: run.task.mode,
            status,
            begun: run.begun,
            ended: self.truth,
            shown,
        });
    }
}
