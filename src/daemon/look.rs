//! Reconcile pass: plans every source, and selects the runs to start.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::backfill;
use crate::daemon::DaemonInner;
use crate::daemon::board::DaemonState;
use crate::daemon::doors::AdmissionControl;
use crate::daemon::places::RunSlots;
use crate::daemon::runs::{Beginning, RunKey, RunProgress, RunRequest};
use crate::schedule::deal::QueuedRun;
use crate::schedule::plan::{Class, PlanInput, Reason, Task};
use bronzed_metrics::events;
use bronzed_model::declaration::Priority;

/// Delay until the next reconcile pass if nothing is scheduled.
const IDLE: TimeDelta = TimeDelta::hours(24);

/// A run to be started, with its slot taken.
pub(super) struct StartedRun {
    pub key: RunKey,
    pub asked: RunRequest,
    pub watch: Arc<RunProgress>,
    /// Reason of the planner. `None` if a person requested the run.
    pub planned: Option<Reason>,
}

/// A run that could be started.
struct Candidate {
    key: RunKey,
    /// Request by a person.
    asked: Option<RunRequest>,
    task: Option<Task>,
}

impl DaemonInner {
    /// Performs the reconcile pass; returns the runs to start, with their slots taken.
    pub(super) fn look(&self, board: &mut DaemonState) -> Vec<StartedRun> {
        let now = self.now();
        let mut candidates = self.asked_for(board, now);
        let mut next_wake = now + IDLE;
        let sources = self.sources.iter().filter(|_| board.is_paused_known);
        for (name, scheduled) in sources {
            let running = board.runs.running(name);
            let paused = board.paused.of(name);
            let Some(of_source) = board.sources.get_mut(name) else {
                continue;
            };
            let Some(knowledge) = &of_source.knowledge else {
                continue;
            };
            let inputs = PlanInput {
                now,
                previous: None,
                knowledge,
                running: &running,
                paused: &paused,
            };
            for plan in of_source.plans.update(&scheduled.schedule, inputs) {
                next_wake = next_wake.min(plan.next_wake);
                candidates.extend(planned(name, &plan.tasks));
            }
            self.watch(scheduled, of_source, now);
        }
        let (starts, next) = self.begin(board, candidates, now);
        let probe = board.lake.next_probe();
        let next = [next, probe].into_iter().flatten().min();
        board.next_wake = Some(next.map_or(next_wake, |next| next.min(next_wake)));
        starts
    }

    /// Returns the queued runs that were requested by a person.
    fn asked_for(&self, board: &DaemonState, now: DateTime<Utc>) -> Vec<(QueuedRun, Candidate)> {
        let waiting = board.runs.waiting().map(|(key, asked)| {
            let turn = QueuedRun {
                source: Arc::clone(&key.source),
                dataset: Arc::clone(&key.dataset),
                day: key.day,
                priority: asked.priority,
                class: Class::FirstReading,
                due: now,
            };
            let candidate = Candidate {
                key: key.clone(),
                asked: Some(asked.clone()),
                task: None,
            };
            (turn, candidate)
        });
        waiting.collect()
    }

    /// Assigns slots to candidates in fair order. Also returns the next time at which one may be admitted
    /// without a trigger.
    fn begin(
        &self,
        board: &mut DaemonState,
        candidates: Vec<(QueuedRun, Candidate)>,
        now: DateTime<Utc>,
    ) -> (Vec<StartedRun>, Option<DateTime<Utc>>) {
        if board.stopping || board.lake.is_closed() {
            return (Vec::new(), None);
        }
        let mut places = self.places(board);
        let mut doors = AdmissionControl::new(&self.session, board, now);
        let most = self.session.settings().pool.runs + board.runs.under_way().count();
        let heads = heads(candidates, most, |turn, by_hand| {
            doors.is_shut(board, turn, by_hand)
        });
        let mut starts = Vec::new();
        for (turn, candidate) in board.deal.order(heads) {
            let Candidate { key, asked, task } = candidate;
            let by_hand = asked.is_some();
            if board.runs.is_under_way(&key)
                || doors.is_shut(board, &turn, by_hand)
                || !places.try_take(&key.source, turn.priority)
            {
                continue;
            }
            if let Some(task) = &task {
                tell_begin(&key, task, now);
            }
            let asked = match (asked, &task) {
                (Some(asked), _) => asked,
                (None, Some(task)) => self.as_asked(board, &key, task, now),
                (None, None) => continue,
            };
            board.deal.begun(&turn);
            let beginning = Beginning {
                by_hand: by_hand || board.runs.promised(&key, asked.mode).is_some(),
                probes: doors.take(&turn),
                at: now,
            };
            let watch = board.runs.begin(key.clone(), asked.clone(), beginning);
            starts.push(StartedRun {
                key,
                asked,
                watch,
                planned: task.map(|task| task.reason),
            });
        }
        (starts, doors.opens_at())
    }

    fn as_asked(
        &self,
        board: &DaemonState,
        key: &RunKey,
        task: &Task,
        now: DateTime<Utc>,
    ) -> RunRequest {
        let promised = board.runs.promised(key, task.mode);
        RunRequest {
            run_id: promised.unwrap_or_else(|| self.session.entropy().run_id(now)),
            job: Arc::clone(&task.job),
            mode: task.mode,
            priority: task.priority,
        }
    }

    fn places(&self, board: &DaemonState) -> RunSlots {
        let of_source = self.sources.iter();
        let of_source = of_source.map(|(name, one)| (Arc::clone(name), one.source.limits.runs));
        let mut places = RunSlots::new(self.session.settings().pool.runs, of_source.collect());
        for (key, run) in board.runs.under_way() {
            places.take(&key.source, run.asked.priority);
        }
        places
    }
}

fn planned(source: &Arc<str>, tasks: &[Task]) -> impl Iterator<Item = (QueuedRun, Candidate)> {
    tasks.iter().map(|task| {
        let key = RunKey {
            source: Arc::clone(source),
            dataset: Arc::clone(&task.dataset),
            day: task.day,
        };
        let turn = QueuedRun::of_task(source, task);
        let candidate = Candidate {
            key,
            asked: None,
            task: Some(task.clone()),
        };
        (turn, candidate)
    })
}

/// Groups candidates by source, dataset, priority, class and origin, and returns the first `most` of each
/// group that may start. Limited because a backlog has thousands.
fn heads(
    candidates: Vec<(QueuedRun, Candidate)>,
    most: usize,
    mut is_shut: impl FnMut(&QueuedRun, bool) -> bool,
) -> Vec<(QueuedRun, Candidate)> {
    let mut groups: BTreeMap<_, Vec<(QueuedRun, Candidate)>> = BTreeMap::new();
    for (turn, candidate) in candidates {
        let by_hand = candidate.asked.is_some();
        let group = (
            Arc::clone(&turn.source),
            Arc::clone(&turn.dataset),
            turn.priority,
            turn.class.is_again(),
            by_hand,
        );
        groups.entry(group).or_default().push((turn, candidate));
    }
    let mut heads = Vec::new();
    // Requests by a person come first among equals.
    let (by_hand, planned): (Vec<_>, Vec<_>) =
        groups.into_iter().partition(|((.., by_hand), _)| *by_hand);
    for ((.., again, by_hand), mut group) in by_hand.into_iter().chain(planned) {
        if group.first().is_none_or(|(turn, _)| is_shut(turn, by_hand)) {
            continue;
        }
        match again {
            true => group.sort_by_key(|(turn, _)| (turn.due, Reverse(turn.day))),
            false => group.sort_by_key(|(turn, _)| Reverse(turn.day)),
        }
        group.truncate(most);
        heads.extend(group);
    }
    heads
}

/// Logs the start of a job's run, and records the delay if a slot caused it.
fn tell_begin(key: &RunKey, task: &Task, now: DateTime<Utc>) {
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

/// Job name and priority of a backfill requested by a person, as for `bronzed backfill`.
pub(super) fn backfill_job() -> (Arc<str>, Priority) {
    (backfill::JOB.into(), Priority::Backfill)
}
