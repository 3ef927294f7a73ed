//! Execution of one schedule: picks the next turn and its fault until no actor is left; then a last run
//! without faults must repair everything.
//!
//! A single thread polls one actor at a time. An actor stops at each operation on the lake and continues
//! when the operation is granted; a wait ends as soon as its turn comes, whatever its length. So the
//! choices alone determine the schedule.
//!
//! - `turn`: the possible next steps
//! - `events`: their effects
//! - `judge`: the checks

mod events;
mod judge;
mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::actors::{Role, act};
use super::api::Shape;
use super::choices::Choices;
use super::desk::{Objects, Request};
use super::lake;
use super::scenario::{Harm, Scenario};
use super::stage::Stage;
use bronzed_model::declaration::{Mode, Require};
use bronzed_storage::testing::support;
use turn::Turn;

/// Result of a schedule.
pub struct Outcome {
    /// First failure.
    pub failure: Option<String>,
    pub choices: Choices,
    /// Log of events; empty unless `verbose`.
    pub log: Vec<String>,
    /// Number of times that each kind of fault had an effect.
    pub fired: BTreeMap<&'static str, u64>,
    pub steps: u64,
    /// `true` if the schedule was abandoned as equivalent to one already explored.
    pub pruned: bool,
}

impl Outcome {
    /// Returns the result of a schedule that begins.
    pub(super) fn begun(choices: Choices) -> Self {
        Self {
            failure: None,
            choices,
            log: Vec::new(),
            fired: BTreeMap::new(),
            steps: 0,
            pruned: false,
        }
    }
}

type Life = Pin<Box<dyn Future<Output = ()>>>;

/// A sequence of actors, of which one is alive at a time.
#[derive(Default)]
struct Lane {
    life: Option<Life>,
    to_come: VecDeque<(Role, Uuid)>,
    /// Run id of the live actor.
    run: Uuid,
    /// Cancels the live actor.
    stop: CancellationToken,
    /// `true` if the actor may be waiting for a retry.
    restless: bool,
    /// Parents that the state listed as finished when the actor started.
    done: BTreeSet<Box<str>>,
    /// The one of these whose first page was asked for to learn if the API answers at all.
    canary: Option<Box<str>>,
}

pub struct Scheduler<'a> {
    scenario: &'a Scenario,
    stage: Arc<Stage>,
    objects: Objects,
    lanes: Vec<Lane>,
    late: Vec<Request>,
    harms: Vec<(u64, Harm)>,
    to_publish: VecDeque<Box<str>>,
    /// Every version of the state document so far.
    documents: Vec<Bytes>,
    /// Step of the last external change to the state; `complete`: step at which the state last said that
    /// the day is complete; `wrote`: step of each run's last write to the state.
    harmed: u64,
    complete: u64,
    wrote: BTreeMap<Uuid, u64>,
    faults_left: u32,
    oddities_left: u32,
    removals_left: usize,
    changes_left: usize,
    stops_left: usize,
    /// Sleep set of the exhaustive search: turns that lead to schedules already explored.
    asleep: Vec<Turn>,
    last: usize,
    /// `true` if something was written since the last check of the promises.
    changed: bool,
    verbose: bool,
    out: Outcome,
}

/// Plays one schedule. Must be called within a runtime whose time is paused.
pub async fn play(scenario: &Scenario, choices: Choices, verbose: bool) -> Outcome {
    let mut scheduler = Scheduler::new(scenario, choices, verbose);
    scheduler.all().await;
    scheduler.out
}

impl<'a> Scheduler<'a> {
    fn new(scenario: &'a Scenario, choices: Choices, verbose: bool) -> Self {
        let stage = Arc::new(Stage::new(scenario));
        let mut objects = Objects::new(scenario.store);
        lake::prepare(&stage, &mut objects, scenario);
        let document = objects.get(support::STATE);
        let documents = document.map(|document| document.bytes.clone());
        let documents = documents.into_iter().collect();
        let harms = scenario.harms.iter();
        let harms = harms.map(|harm| (stage.desk.number(), *harm)).collect();
        let lanes = scenario.lanes.iter().enumerate();
        let lanes = lanes.map(|(lane, roles)| Lane {
            to_come: (1..)
                .map(|life| run_id(lane, life))
                .zip(roles)
                .map(|(id, role)| (*role, id))
                .collect(),
            ..Lane::default()
        });
        let manner = scenario.manner.as_ref();
        Self {
            lanes: lanes.collect(),
            to_publish: lake::unpublished(scenario),
            faults_left: scenario.faults,
            oddities_left: manner.map_or(0, |manner| manner.oddities),
            removals_left: manner.map_or(0, |manner| manner.removals),
            changes_left: manner.map_or(0, |manner| manner.changes),
            stops_left: manner.map_or(0, |manner| manner.stops),
            scenario,
            stage,
            objects,
            late: Vec::new(),
            harms,
            documents,
            harmed: 0,
            complete: 0,
            wrote: BTreeMap::new(),
            asleep: Vec::new(),
            last: 0,
            changed: true,
            verbose,
            out: Outcome::begun(choices),
        }
    }

    async fn all(&mut self) {
        self.look();
        for lane in 0..self.lanes.len() {
            self.next_life(lane);
        }
        while !self.is_over() {
            let Some(turn) = self.choose() else { break };
            self.take(turn).await;
        }
        if !self.late.is_empty() && self.out.choices.pick(2) == 0 {
            self.deliver_all().await;
        }
        let (role, verifies) = match &self.scenario.manner {
            None => (Role::Run, false),
            Some(manner) => {
                let verifies = manner.removals > 0 && manner.shape != Shape::Children;
                (Role::Read(Mode::Full), verifies)
            }
        };
        self.last_run(1, role).await;
        if !self.late.is_empty() {
            self.deliver_all().await;
            self.last_run(2, role).await;
        }
        if verifies {
            self.last_run(3, Role::Read(Mode::Verify)).await;
            // A pruned schedule had no last run.
            if !self.out.pruned {
                self.judge_withdrawn();
            }
        }
    }

    /// Executes a last run without faults, which must leave everything repaired.
    async fn last_run(&mut self, number: u32, role: Role) {
        if self.out.failure.is_some() || self.out.pruned {
            return;
        }
        (self.faults_left, self.oddities_left) = (0, 0);
        let lane = self.lanes.len();
        let id = run_id(lane, number);
        self.lanes.push(Lane {
            to_come: VecDeque::from([(role, id)]),
            ..Lane::default()
        });
        self.next_life(lane);
        while !self.is_over() && self.lanes[lane].life.is_some() {
            let waiting = self.stage.desk.waiting().into_iter().next();
            self.take(waiting.map_or(Turn::Wake(lane), Turn::Grant))
                .await;
        }
        if self.out.failure.is_none() {
            self.judge_rest(id);
        }
    }

    fn choose(&mut self) -> Option<Turn> {
        let exhaustive = self.scenario.exhaustive;
        let mut turns = self.turns();
        let is_late = |turn: &Turn| matches!(turn, Turn::Deliver(_));
        if turns.iter().all(is_late) || self.stirs() {
            turns.extend(self.turns_of_the_world());
        }
        // If only delayed writes are left, they can be delivered after everything else.
        if turns.iter().all(is_late) {
            return None;
        }
        if !exhaustive {
            let chosen = self
                .out
                .choices
                .pick_mostly_first(turns.len(), self.scenario.stays);
            return turns.into_iter().nth(chosen);
        }
        // The end of a wait is invisible to other actors.
        if let Some(wake) = turns.iter().find(|turn| matches!(turn, Turn::Wake(_))) {
            return Some(wake.clone());
        }
        let asleep = |turn: &Turn| self.asleep.iter().any(|other| other.id() == turn.id());
        let mut awake: Vec<_> = turns.into_iter().filter(|turn| !asleep(turn)).collect();
        if awake.is_empty() {
            self.out.pruned = true;
            return None;
        }
        let chosen = self.out.choices.pick(awake.len());
        let turn = awake[chosen].clone();
        awake.truncate(chosen);
        self.asleep.extend(awake);
        Some(turn)
    }

    /// Removes from the sleep set the turns that conflict with `done`.
    fn rouse(&mut self, done: &Turn) {
        self.asleep.retain(|other| !other.conflicts_with(done));
    }

    /// Returns the actors' turns, those of the last actor first, and delayed writes last.
    fn turns(&self) -> Vec<Turn> {
        let mut turns = Vec::new();
        let waiting = self.stage.desk.waiting();
        let count = self.lanes.len();
        for lane in (0..count).map(|lane| (lane + self.last) % count) {
            let mine = waiting.iter().filter(|request| request.lane == lane);
            let before = turns.len();
            turns.extend(mine.cloned().map(Turn::Grant));
            let restless = self.lanes[lane].restless && !self.scenario.exhaustive;
            if self.lanes[lane].life.is_some() && (restless || turns.len() == before) {
                turns.push(Turn::Wake(lane));
            }
        }
        turns.extend(self.late.iter().cloned().map(Turn::Deliver));
        turns
    }

    /// Returns `true` if the environment may make a step now. It is throttled because runs are long: all
    /// its steps would otherwise precede them.
    fn stirs(&mut self) -> bool {
        match &self.scenario.manner {
            Some(manner) if !self.scenario.exhaustive => self.out.choices.happens(manner.stirs),
            _ => true,
        }
    }

    /// Returns the turns that affect the API, the state and the actors.
    fn turns_of_the_world(&self) -> Vec<Turn> {
        let mut turns = Vec::new();
        if self.stage.truth().served.finally.is_none() {
            turns.push(Turn::Publish);
        }
        turns.extend(self.harms.iter().map(|(id, harm)| Turn::Harm(*id, *harm)));
        if self.removals_left > 0 {
            turns.push(Turn::Remove);
        }
        if self.changes_left > 0 && self.stage.truth().served.finally.is_none() {
            turns.push(Turn::Change);
        }
        if self.returnable().is_some() {
            turns.push(Turn::Return);
        }
        if self.stops_left > 0 {
            let alive = self.lanes.iter().enumerate();
            let alive = alive.filter(|(_, lane)| lane.life.is_some());
            turns.extend(alive.map(|(lane, _)| Turn::Stop(lane)));
        }
        turns
    }

    /// Returns the deleted record that may be listed again. Only if a schedule deletes a single record,
    /// because a deletion and a return of different records leave the total unchanged and undetectable;
    /// never if only rows are counted, because one record suffices there.
    fn returnable(&self) -> Option<Box<str>> {
        let manner = self.scenario.manner.as_ref()?;
        let most = match manner.require {
            Require::RowTotal => 0,
            _ => manner.removals,
        };
        let truth = self.stage.truth();
        let id = truth.api.removed.first().filter(|_| most == 1)?;
        let gone = !truth.api.listed.contains(id);
        // A complete day has what is listed now; and the children of a finished parent aren't requested
        // again.
        let may_be_new = truth.served.finally.is_none() && manner.shape != Shape::Children;
        let may_return = may_be_new || truth.stored().contains(id);
        (gone && may_return).then(|| id.clone())
    }

    async fn deliver_all(&mut self) {
        while !self.is_over() && !self.late.is_empty() {
            let late = self.late[0].clone();
            self.take(Turn::Deliver(late)).await;
        }
    }

    fn next_life(&mut self, lane: usize) {
        if let Some((role, id)) = self.lanes[lane].to_come.pop_front() {
            self.note(|| format!("lane {lane} begins: {role:?}, run {id}"));
            let stop = CancellationToken::new();
            let life = act(Arc::clone(&self.stage), lane, role, id, stop.clone());
            let done = lake::parents_done(&self.objects);
            let now = &mut self.lanes[lane];
            now.done = done;
            now.canary = None;
            (now.run, now.stop, now.restless) = (id, stop, false);
            now.life = Some(Box::pin(life));
            self.poll(lane);
        }
    }

    /// Polls an actor until it waits.
    fn poll(&mut self, lane: usize) {
        let Some(mut life) = self.lanes[lane].life.take() else {
            return;
        };
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        while woken.0.swap(false, Ordering::SeqCst) {
            let mut context = Context::from_waker(&waker);
            let mut future = tokio::task::coop::unconstrained(life.as_mut());
            let polled = catch_unwind(AssertUnwindSafe(|| {
                Pin::new(&mut future).poll(&mut context)
            }));
            match polled {
                Ok(Poll::Pending) => {}
                Ok(Poll::Ready(())) => return self.next_life(lane),
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().cloned();
                    let text = text
                        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                    return self.fail(format!("assertion: {}", text.unwrap_or_default()));
                }
            }
        }
        self.lanes[lane].life = Some(life);
    }

    fn is_over(&self) -> bool {
        self.out.failure.is_some() || self.out.pruned
    }

    fn fired(&mut self, what: &'static str) {
        *self.out.fired.entry(what).or_default() += 1;
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.verbose {
            self.out.log.push(what());
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Returns a run id that is the same in every schedule.
fn run_id(lane: usize, life: u32) -> Uuid {
    Uuid::from_u128(lane as u128 * 100 + u128::from(life))
}
