//! Execution of one schedule: one actor is polled at a time, until it waits for an operation on the lake.

mod undisturbed;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::super::choices::Choices;
use super::super::desk::{Half, Objects, Op, Reply, Request, broke, exists};
use super::super::scenario::Fault;
use super::super::scheduler::Outcome;
use super::actors::{Ended, act};
use super::judge::Judge;
use super::scenario::{TableRole, TableScenario};
use super::world::World;

/// Maximum number of steps; more than any schedule of this size takes.
const MOST_STEPS: u64 = 20_000;

type Life = Pin<Box<dyn Future<Output = Ended>>>;

/// A sequence of actors, of which one is alive at a time.
#[derive(Default)]
struct Lane {
    life: Option<Life>,
    to_come: VecDeque<TableRole>,
    /// `true` if the live actor makes the silver table anew.
    anew: bool,
    /// `true` if the live actor has met a fault.
    hurt: bool,
}

/// A write that happens at any time after its caller has stopped waiting.
#[derive(Debug, Clone)]
struct LateWrite {
    request: Request,
    anew: bool,
}

/// A possible next step.
#[derive(Debug, Clone)]
enum Step {
    Grant(Request),
    /// An actor's wait ends.
    Wake(usize),
    Deliver(LateWrite),
}

struct Playing<'a> {
    scenario: &'a TableScenario,
    world: Arc<World>,
    objects: Objects,
    judge: Judge,
    lanes: Vec<Lane>,
    late: Vec<LateWrite>,
    /// Number of actors so far.
    actors: u64,
    faults_left: u32,
    last: usize,
    verbose: bool,
    out: Outcome,
}

/// Plays one schedule. Must be called within a runtime of one thread whose time is paused.
pub async fn play(scenario: &TableScenario, choices: Choices, verbose: bool) -> Outcome {
    let world = Arc::new(World::new(scenario));
    let mut playing = Playing {
        scenario,
        judge: Judge::new(Arc::clone(&world)),
        world,
        objects: Objects::new(None),
        lanes: Vec::new(),
        late: Vec::new(),
        actors: 0,
        faults_left: 0,
        last: 0,
        verbose,
        out: Outcome::begun(choices),
    };
    playing.all().await;
    playing.out
}

impl Playing<'_> {
    async fn all(&mut self) {
        self.undisturbed(self.scenario.before.clone()).await;
        // The process of what comes before has ended.
        self.world.end_process(0);
        self.lanes = self
            .scenario
            .lanes
            .iter()
            .map(|roles| Lane {
                to_come: roles.iter().cloned().collect(),
                ..Lane::default()
            })
            .collect();
        self.faults_left = self.scenario.faults;
        for lane in 0..self.lanes.len() {
            self.next_life(lane);
        }
        while !self.is_over() {
            let Some(step) = self.choose() else { break };
            self.take(step).await;
        }
        self.faults_left = 0;
        if !self.late.is_empty() && self.out.choices.pick(2) == 0 {
            self.deliver_all().await;
        }
        self.make_whole().await;
        if !self.late.is_empty() {
            self.deliver_all().await;
            self.make_whole().await;
        }
        if let Some(role) = &self.scenario.after_loss {
            self.lose_of_a_log(role.clone()).await;
        }
    }

    fn choose(&mut self) -> Option<Step> {
        let mut steps = Vec::new();
        let waiting = self.world.desk.waiting();
        let count = self.lanes.len();
        for lane in (0..count).map(|lane| (lane + self.last) % count) {
            let before = steps.len();
            let mine = waiting.iter().filter(|request| request.lane == lane);
            steps.extend(mine.cloned().map(Step::Grant));
            if self.lanes[lane].life.is_some() && steps.len() == before {
                steps.push(Step::Wake(lane));
            }
        }
        if steps.is_empty() {
            return None;
        }
        steps.extend(self.late.iter().cloned().map(Step::Deliver));
        let stays = self.scenario.stays;
        let chosen = self.out.choices.pick_mostly_first(steps.len(), stays);
        steps.into_iter().nth(chosen)
    }

    async fn take(&mut self, step: Step) {
        self.out.steps += 1;
        if self.out.steps > MOST_STEPS {
            return self.fail("liveness: the schedule doesn't end".to_owned());
        }
        match step {
            Step::Grant(request) => {
                let fault = self.fault(&request.op);
                self.last = request.lane;
                self.grant(&request, fault);
                self.poll(request.lane);
            }
            Step::Wake(lane) => {
                self.last = lane;
                tokio::time::advance(Duration::from_secs(60)).await;
                self.poll(lane);
            }
            Step::Deliver(late) => {
                self.late
                    .retain(|other| other.request.id != late.request.id);
                self.note(|| {
                    format!(
                        "late, of lane {}: {}",
                        late.request.lane,
                        told(&late.request.op)
                    )
                });
                let reply = self.apply(&late.request, late.anew);
                let happened = !matches!(reply, Reply::Written(Err(_)));
                self.fired(if happened {
                    "late write that happens"
                } else {
                    "late write in vain"
                });
            }
        }
    }

    fn fault(&mut self, op: &Op) -> Option<Fault> {
        if self.faults_left == 0 {
            return None;
        }
        // Writes and listings are rare beside reads.
        let rate = match op {
            Op::List { before: None, .. } => 0.3,
            Op::Put { .. } | Op::Delete { .. } => 3.0 * self.scenario.fault_rate,
            _ => self.scenario.fault_rate / 5.0,
        };
        if !self.out.choices.happens(rate) {
            return None;
        }
        let kinds = Fault::of(op);
        let fault = kinds[self.out.choices.pick(kinds.len())];
        self.faults_left -= 1;
        Some(fault)
    }

    fn grant(&mut self, request: &Request, fault: Option<Fault>) {
        let lane = request.lane;
        self.note(|| {
            let fault = fault.map(|fault| format!(" ✗ {fault:?}"));
            format!(
                "lane {lane}: {}{}",
                told(&request.op),
                fault.unwrap_or_default()
            )
        });
        let anew = self.lanes[lane].anew;
        let late = LateWrite {
            request: request.clone(),
            anew,
        };
        let Some(fault) = fault else {
            let reply = self.apply(request, anew);
            return self.world.desk.answer(request.id, reply);
        };
        self.lanes[lane].hurt = true;
        let reply = match fault {
            Fault::Fail => {
                self.fired("failed operation");
                failed(&request.op)
            }
            Fault::LoseReply => {
                self.fired("lost reply");
                self.apply(request, anew);
                failed(&request.op)
            }
            Fault::Late => {
                self.fired("delayed write");
                self.late.push(late);
                failed(&request.op)
            }
            Fault::Busy => {
                self.fired("conflict that is none");
                Reply::Written(Err(exists("")))
            }
            Fault::Torn => return self.tear(request),
            Fault::Crash | Fault::CrashAfter | Fault::CrashLate | Fault::Odd(_) => {
                self.fired("crash");
                match fault {
                    Fault::CrashAfter => drop(self.apply(request, anew)),
                    Fault::CrashLate => self.late.push(late),
                    _ => {}
                }
                return self.die(lane, request.id);
            }
        };
        self.world.desk.answer(request.id, reply);
    }

    /// Kills an actor, with its process, or alone: then the process goes on with what it knows. Other writes of the actor that are
    /// under way may still happen.
    fn die(&mut self, lane: usize, id: u64) {
        for request in self.world.desk.other_writes(lane, id) {
            if self.out.choices.pick(2) == 1 {
                let anew = self.lanes[lane].anew;
                self.late.push(LateWrite { request, anew });
            }
        }
        self.lanes[lane].life = None;
        if self.out.choices.pick(2) == 0 {
            self.world.end_process(lane);
        }
        self.next_life(lane);
    }

    /// Makes a listing non-atomic: one half is of this instant, the other of a later one.
    fn tear(&mut self, request: &Request) {
        let choices = &mut self.out.choices;
        let half = || [Half::Even, Half::Odd][choices.pick(2)];
        if let Some(rest) = self.objects.torn(&request.op, half) {
            self.fired("listing of two instants");
            self.world.desk.ask_on(request.id, rest);
        }
    }

    /// Executes an operation, and checks the tables that it has changed.
    fn apply(&mut self, request: &Request, anew: bool) -> Reply {
        let reply = self.objects.apply(&request.op);
        if let (Reply::Written(Ok(_)), Op::Put { key, .. }) | (Reply::Deleted, Op::Delete { key }) =
            (&reply, &request.op)
        {
            let judged = self.judge.look(&self.objects, key, anew);
            self.hold(judged);
        }
        reply
    }

    async fn deliver_all(&mut self) {
        while !self.is_over() && !self.late.is_empty() {
            let late = self.late[0].clone();
            self.take(Step::Deliver(late)).await;
        }
    }

    fn next_life(&mut self, lane: usize) {
        let Some(role) = self.lanes[lane].to_come.pop_front() else {
            return;
        };
        self.actors += 1;
        self.note(|| format!("lane {lane} begins: {role:?}"));
        let life = act(Arc::clone(&self.world), lane, role.clone(), self.actors);
        let now = &mut self.lanes[lane];
        (now.anew, now.hurt) = (matches!(role, TableRole::Renew), false);
        now.life = Some(Box::pin(life));
        self.poll(lane);
    }

    /// Polls an actor until it waits.
    fn poll(&mut self, lane: usize) {
        let Some(mut life) = self.lanes[lane].life.take() else {
            return;
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut future = tokio::task::coop::unconstrained(life.as_mut());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut future).poll(&mut context)
        }));
        match polled {
            Ok(Poll::Pending) => self.lanes[lane].life = Some(life),
            Ok(Poll::Ready(ended)) => {
                if let Err(error) = ended {
                    self.note(|| format!("lane {lane} fails: {error}"));
                    if !self.lanes[lane].hurt {
                        return self.fail(format!("error: an actor that met no fault: {error}"));
                    }
                }
                self.next_life(lane);
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                self.fail(format!("assertion: {}", text.unwrap_or_default()));
            }
        }
    }

    fn hold(&mut self, judged: Result<(), String>) {
        if let Err(broken) = judged {
            self.fail(broken);
        }
    }

    fn fail(&mut self, what: String) {
        self.note(|| format!("BROKEN {what}"));
        self.out.failure.get_or_insert(what);
    }

    fn is_over(&self) -> bool {
        self.out.failure.is_some()
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

fn failed(op: &Op) -> Reply {
    match op {
        Op::Get { .. } => Reply::Found(Err(broke())),
        Op::Put { .. } => Reply::Written(Err(broke())),
        Op::List { .. } => Reply::Listed(Err(broke())),
        Op::Delete { .. } => Reply::Deleted,
        Op::Ask { url } => unreachable!("{url}: tables ask nobody"),
    }
}

/// Describes an operation in a few words.
fn told(op: &Op) -> String {
    match op {
        Op::Get { key } => format!("get {key}"),
        Op::Delete { key } => format!("delete {key}"),
        Op::List { prefix, .. } => format!("list {prefix}"),
        Op::Put { key, mode, .. } => format!("put {key}, {mode:?}"),
        Op::Ask { url } => format!("ask for {url}"),
    }
}
