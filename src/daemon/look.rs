//! A look at what is due now: every source's plan, and which of it begins.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::backfill;
use crate::daemon::Inner;
use crate::daemon::board::Board;
use crate::daemon::places::Places;
use crate::daemon::runs::{Asked, Key, Watch};
use crate::schedule::plan::{Plan, Reason, Situation, Task, plan};
use crate::source::declaration::Priority;
use crate::telemetry::metrics::events;

/// Where nothing is scheduled, the next look is this much later.
const IDLE: TimeDelta = TimeDelta::hours(24);

/// A run that has its place and begins.
pub(super) struct Start {
    pub key: Key,
    pub asked: Asked,
    pub watch: Arc<Watch>,
    /// Why, where a job asked for it; `None`: a person did.
    pub planned: Option<Reason>,
}

/// What could begin.
struct Candidate {
    key: Key,
    asked: Asked,
    task: Option<Task>,
}

impl Inner {
    /// Looks at everything, and says what begins. The places are taken already.
    pub(super) fn look(&self, board: &mut Board) -> Vec<Start> {
        let now = self.now();
        let mut candidates = self.asked_for(board);
        let mut next_wake = now + IDLE;
        for (name, scheduled) in &self.sources {
            let running = board.runs.running(name);
            let paused = board.paused.of(name);
            let Some(of_source) = board.sources.get_mut(name) else {
                continue;
            };
            let Some(knowledge) = &of_source.knowledge else {
                continue;
            };
            let situation = Situation {
                now,
                previous: of_source.planned_at,
                knowledge,
                running: &running,
                paused: &paused,
            };
            let plan = plan(&scheduled.schedule, situation);
            of_source.planned_at = Some(now);
            next_wake = next_wake.min(plan.next_wake);
            count_missed(name, &plan);
            self.watch(scheduled, of_source, now);
            candidates.extend(self.planned(board, name, plan.tasks, now));
        }
        board.next_wake = Some(next_wake);
        // Stable: among equals, what a person asked for comes first.
        candidates.sort_by_key(|one| Reverse((one.asked.priority, one.key.day)));
        self.begin(board, candidates, now)
    }

    /// What waits because somebody asked for it.
    fn asked_for(&self, board: &Board) -> Vec<Candidate> {
        let waiting = board.runs.waiting().map(|(key, asked)| Candidate {
            key: key.clone(),
            asked: asked.clone(),
            task: None,
        });
        waiting.collect()
    }

    fn planned(
        &self,
        board: &Board,
        source: &Arc<str>,
        tasks: Vec<Task>,
        now: DateTime<Utc>,
    ) -> Vec<Candidate> {
        let candidates = tasks.into_iter().map(|task| {
            let key = Key {
                source: Arc::clone(source),
                dataset: Arc::clone(&task.dataset),
                day: task.day,
            };
            let promised = board.runs.promised(&key, task.mode);
            let asked = Asked {
                run_id: promised.unwrap_or_else(|| self.session.entropy().run_id(now)),
                job: Arc::clone(&task.job),
                mode: task.mode,
                priority: task.priority,
            };
            Candidate {
                key,
                asked,
                task: Some(task),
            }
        });
        candidates.collect()
    }

    fn begin(
        &self,
        board: &mut Board,
        candidates: Vec<Candidate>,
        now: DateTime<Utc>,
    ) -> Vec<Start> {
        if board.stopping {
            return Vec::new();
        }
        let mut places = self.places(board);
        let mut starts = Vec::new();
        for Candidate { key, asked, task } in candidates {
            if board.runs.is_under_way(&key) || !places.try_take(&key.source, asked.priority) {
                continue;
            }
            if let Some(task) = &task {
                tell_begin(&key, task, now);
            }
            let watch = board.runs.begin(key.clone(), asked.clone(), now);
            starts.push(Start {
                key,
                asked,
                watch,
                planned: task.map(|task| task.reason),
            });
        }
        starts
    }

    fn places(&self, board: &Board) -> Places {
        let of_source = self.sources.iter();
        let of_source = of_source.map(|(name, one)| (Arc::clone(name), one.source.limits.runs));
        let mut places = Places::new(self.session.settings().pool.runs, of_source.collect());
        for (key, run) in board.runs.under_way() {
            places.take(&key.source, run.asked.priority);
        }
        places
    }
}

fn count_missed(source: &str, plan: &Plan) {
    for missed in &plan.missed {
        events::slots_missed(source, missed);
        tracing::info!(
            source,
            dataset = &*missed.dataset,
            job = &*missed.job,
            reason = missed.reason.as_str(),
            slots = missed.slots,
            "slots missed"
        );
    }
}

/// A run of a job begins: how late, where a slot asked for it.
fn tell_begin(key: &Key, task: &Task, now: DateTime<Utc>) {
    let delay = (now - task.slot).to_std().unwrap_or_default();
    if matches!(task.reason, Reason::Slot | Reason::CatchUp) {
        events::slot_started(&key.source, &task.job, delay);
    }
    tracing::info!(
        source = &*key.source,
        dataset = &*key.dataset,
        day = %key.day,
        job = &*task.job,
        mode = task.mode.name(),
        reason = task.reason.as_str(),
        slot = %task.slot.to_rfc3339(),
        "run due"
    );
}

/// In whose name a backfill is that a person asked for, as `bronzed backfill` has it.
pub(super) fn backfill_job() -> (Arc<str>, Priority) {
    (backfill::JOB.into(), Priority::Backfill)
}
