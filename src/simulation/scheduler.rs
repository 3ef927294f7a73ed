//! One schedule: who goes next, and what goes wrong, until nobody is left; then a last run, without
//! faults, that must set everything right.
//!
//! A single thread polls one actor at a time. An actor stops at each operation on the lake, and goes
//! on when it is granted; waits are over as soon as it is their turn, however long they are. So the
//! choices alone decide, and the same choices are the same schedule.
//!
//! - `turn`: who may be next
//! - `events`: what happens then
//! - `judge`: what is held against it

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
use crate::source::declaration::{Mode, Require};
use crate::state::support;
use turn::Turn;

/// How a schedule went.
pub struct Outcome {
    /// What was broken first.
    pub failure: Option<String>,
    pub choices: Choices,
    /// What happened, where it was asked for.
    pub log: Vec<String>,
    /// How often each kind of fault had an effect.
    pub fired: BTreeMap<&'static str, u64>,
    pub steps: u64,
    /// It would have gone on like another schedule that was seen.
    pub pruned: bool,
}

type Life = Pin<Box<dyn Future<Output = ()>>>;

/// One after the other of these is alive.
#[derive(Default)]
struct Lane {
    life: Option<Life>,
    to_come: VecDeque<(Role, Uuid)>,
    /// Who that is.
    run: Uuid,
    /// Tells it to stop.
    stop: CancellationToken,
    /// It may be waiting for another try.
    restless: bool,
    /// The parents that the state called done when it began.
    done: BTreeSet<Box<str>>,
}

pub struct Scheduler<'a> {
    scenario: &'a Scenario,
    stage: Arc<Stage>,
    objects: Objects,
    lanes: Vec<Lane>,
    late: Vec<Request>,
    harms: Vec<(u64, Harm)>,
    to_publish: VecDeque<Box<str>>,
    /// Every state document that ever was.
    documents: Vec<Bytes>,
    /// The step of the last harm to the state, when it last said that the day is complete, and
    /// each run's last write to it.
    harmed: u64,
    complete: u64,
    wrote: BTreeMap<Uuid, u64>,
    faults_left: u32,
    oddities_left: u32,
    removals_left: usize,
    changes_left: usize,
    stops_left: usize,
    /// In an exhaustive search: operations whose turn at this point leads to what was seen.
    asleep: Vec<Turn>,
    last: usize,
    /// Something was written since the promises were last looked at.
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
        let mut objects = Objects::default();
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
            out: Outcome {
                failure: None,
                choices,
                log: Vec::new(),
                fired: BTreeMap::new(),
                steps: 0,
                pruned: false,
            },
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
            // One that was left out as the same as another had no last run.
            if !self.out.pruned {
                self.judge_withdrawn();
            }
        }
    }

    /// Whoever comes last meets no faults, and leaves everything as it must be.
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
        // Where only late ones are left, they may as well come after everything.
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
        // That a wait is over changes nothing that anyone else sees.
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

    /// What slept is looked at again where it can make a difference that it comes after this.
    fn rouse(&mut self, done: &Turn) {
        self.asleep.retain(|other| !other.conflicts_with(done));
    }

    /// The one who ran comes first, what nobody waits for last.
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

    /// Whether the world outside may make a step now. Runs are long: it waits for them, or it would
    /// have made all of its steps before they have begun.
    fn stirs(&mut self) -> bool {
        match &self.scenario.manner {
            Some(manner) if !self.scenario.exhaustive => self.out.choices.happens(manner.stirs),
            _ => true,
        }
    }

    /// What happens to the API, to the state, and to those at work.
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

    /// What the API may list again. Not more than one record comes and goes in a schedule: of two,
    /// one that goes and one that comes keep a total as it is, and nobody could tell. Where rows are
    /// counted, one that goes and comes would do.
    fn returnable(&self) -> Option<Box<str>> {
        let manner = self.scenario.manner.as_ref()?;
        let most = match manner.require {
            Require::RowTotal => 0,
            _ => manner.removals,
        };
        let truth = self.stage.truth();
        let id = truth.api.removed.first().filter(|_| most == 1)?;
        let gone = !truth.api.listed.contains(id);
        // A day that is complete has what is listed now; and a parent that is done isn't asked for again.
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
            (now.run, now.stop, now.restless) = (id, stop, false);
            now.life = Some(Box::pin(life));
            self.poll(lane);
        }
    }

    /// Lets an actor go on until it waits.
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

/// Ids of runs are the same in every schedule.
fn run_id(lane: usize, life: u32) -> Uuid {
    Uuid::from_u128(lane as u128 * 100 + u128::from(life))
}
