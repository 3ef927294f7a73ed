//! Effects of a turn: an operation is granted or fails, a delayed write arrives, the API lists more, the
//! state is changed from outside.

use std::time::Duration;

use object_store::PutMode;
use url::Url;

use super::super::api::{Oddity, Place};
use super::super::desk::{Half, Op, Reply, Request, broke, exists};
use super::super::lake;
use super::super::scenario::{DURING, Fault, Harm, SETTLED, SETTLING};
use super::Scheduler;
use super::turn::{Turn, told};
use bronzed_model::declaration::Require;
use bronzed_storage::testing::support;

/// Maximum number of steps; more than any schedule of this size takes, unless two actors livelock.
const MOST_STEPS: u64 = 5_000;

impl Scheduler<'_> {
    pub(super) async fn take(&mut self, turn: Turn) {
        self.out.steps += 1;
        if self.out.steps > MOST_STEPS {
            return self.fail("liveness: the schedule doesn't end".to_owned());
        }
        match turn {
            Turn::Grant(request) => {
                let fault = self.fault(&request.op);
                if fault.is_none_or(Fault::lets_happen) {
                    self.rouse(&Turn::Grant(request.clone()));
                }
                self.last = request.lane;
                self.grant(&request, fault);
                self.look();
                self.poll(request.lane);
            }
            Turn::Wake(lane) => {
                self.last = lane;
                self.lanes[lane].restless = false;
                tokio::time::advance(Duration::from_secs(60)).await;
                self.poll(lane);
            }
            Turn::Deliver(request) => {
                self.note(|| format!("late, of lane {}: {}", request.lane, told(&request.op)));
                self.rouse(&Turn::Deliver(request.clone()));
                self.late.retain(|late| late.id != request.id);
                let happened = self.apply(&request, None).1;
                self.fired(if happened {
                    "late write that happens"
                } else {
                    "late write in vain"
                });
                self.look();
            }
            Turn::Publish => {
                self.rouse(&Turn::Publish);
                self.publish();
            }
            Turn::Remove => {
                self.rouse(&Turn::Remove);
                self.remove();
            }
            Turn::Change => {
                self.rouse(&Turn::Change);
                self.change();
            }
            Turn::Return => {
                self.rouse(&Turn::Return);
                self.bring_back();
            }
            Turn::Stop(lane) => {
                self.stops_left -= 1;
                self.note(|| format!("lane {lane} is told to stop"));
                self.fired("run told to stop");
                let run = self.lanes[lane].run;
                self.stage.truth().api.given.entry(run).or_default().stopped = true;
                self.lanes[lane].stop.cancel();
                self.poll(lane);
            }
            Turn::Harm(id, harm) => {
                self.rouse(&Turn::Harm(id, harm));
                self.harms.retain(|(other, _)| *other != id);
                self.harm(harm);
                self.look();
            }
        }
        let mut truth = self.stage.truth();
        let violations = std::mem::take(&mut truth.violations);
        drop(truth);
        self.blame(violations);
    }

    fn fault(&mut self, op: &Op) -> Option<Fault> {
        if let Some(oddity) = self.oddity(op) {
            return Some(Fault::Odd(oddity));
        }
        if self.faults_left == 0 {
            return None;
        }
        let kinds = if self.scenario.exhaustive {
            Fault::different(op)
        } else {
            Fault::of(op)
        };
        let chosen = if self.scenario.exhaustive {
            self.out.choices.pick(kinds.len() + 1).checked_sub(1)?
        } else {
            // Listings are rare, and their result depends on their timing.
            let rate = match op {
                Op::List { before: None, .. } => 0.45,
                _ => self.scenario.fault_rate,
            };
            if !self.out.choices.happens(rate) {
                return None;
            }
            self.out.choices.pick(kinds.len())
        };
        self.faults_left -= 1;
        Some(kinds[chosen])
    }

    /// Chooses the fault of a response.
    fn oddity(&mut self, op: &Op) -> Option<Oddity> {
        let manner = self.scenario.manner.as_ref()?;
        if self.oddities_left == 0 || !matches!(op, Op::Ask { .. }) {
            return None;
        }
        // A repeated page has the same number of rows: undetectable if only rows are counted.
        let by_rows = manner.require == Require::RowTotal;
        let kinds = manner.kinds.iter().copied();
        let kinds: Vec<_> = kinds
            .filter(|oddity| !(by_rows && *oddity == Oddity::Repeated))
            .collect();
        let chosen = if self.scenario.exhaustive {
            self.out.choices.pick(kinds.len() + 1).checked_sub(1)?
        } else {
            if kinds.is_empty() || !self.out.choices.happens(0.25) {
                return None;
            }
            self.out.choices.pick(kinds.len())
        };
        self.oddities_left -= 1;
        Some(kinds[chosen])
    }

    /// Returns the API's response at this instant.
    fn answer(&mut self, request: &Request, url: &Url, oddity: Option<Oddity>) -> Reply {
        let run = self.lanes[request.lane].run;
        let place = Place::of(url);
        // A parent without children has no row, so it is forgotten if the state is rebuilt.
        let lane = &mut self.lanes[request.lane];
        let is_done = lane.done.contains(&place.slice);
        // Among those that are done, one may be asked whether it still has children.
        let is_canary = is_done
            && place.page == 0
            && *lane.canary.get_or_insert_with(|| place.slice.clone()) == place.slice;
        if self.harmed == 0 && is_done && !is_canary {
            self.fail(format!(
                "progress: {place} is asked for again, after it was done"
            ));
        }
        let mut truth = self.stage.truth();
        let dated = self
            .scenario
            .manner
            .as_ref()
            .is_some_and(|manner| manner.dated);
        let over = truth.served.finally.is_some();
        let now = match (over, self.to_publish.is_empty()) {
            (true, _) => support::at(SETTLED),
            (false, true) => support::at(SETTLING),
            (false, false) => support::at(DURING),
        };
        let date = dated.then_some(now);
        let (answer, was_odd) = truth.api.answer(run, place, date, oddity);
        drop(truth);
        if let Some(oddity) = oddity.filter(|_| was_odd) {
            self.fired(oddity.name());
            self.lanes[request.lane].restless = true;
        }
        Reply::Answered(answer)
    }

    fn grant(&mut self, request: &Request, fault: Option<Fault>) {
        let (lane, op) = (request.lane, &request.op);
        let what = || {
            format!(
                "lane {lane}: {}{}",
                told(op),
                fault.map(|f| format!(" ✗ {f:?}")).unwrap_or_default()
            )
        };
        self.note(what);
        if !matches!(fault, None | Some(Fault::Odd(_))) {
            let run = self.lanes[lane].run;
            self.stage.truth().api.given.entry(run).or_default().failed = true;
        }
        let error = || Some(failed(op));
        let reply = match (fault, op) {
            (None, Op::Ask { url }) => Some(self.answer(request, url, None)),
            (Some(Fault::Odd(oddity)), Op::Ask { url }) => {
                Some(self.answer(request, url, Some(oddity)))
            }
            _ => None,
        };
        if let Some(reply) = reply {
            return self.stage.desk.answer(request.id, reply);
        }
        let reply = match fault {
            None | Some(Fault::Odd(_)) => Some(self.apply(request, Some(lane)).0),
            Some(Fault::Fail) => {
                self.fired("failed operation");
                error()
            }
            Some(Fault::LoseReply) => {
                let happened = self.apply(request, Some(lane)).1;
                self.fired(if happened {
                    "lost reply"
                } else {
                    "lost refusal"
                });
                error()
            }
            Some(Fault::Late) => {
                self.fired("delayed write");
                self.late.push(request.clone());
                error()
            }
            Some(Fault::Busy) => {
                self.fired("conflict that is none");
                Some(Reply::Written(Err(exists(""))))
            }
            Some(Fault::Torn) => return self.tear(request),
            Some(Fault::Crash | Fault::CrashAfter | Fault::CrashLate) => {
                match fault {
                    Some(Fault::CrashAfter) => {
                        let happened = self.apply(request, Some(lane)).1;
                        self.fired(if happened {
                            "crash after it happened"
                        } else {
                            "crash before it happened"
                        });
                    }
                    Some(Fault::CrashLate) => {
                        self.fired("crash with a write under way");
                        self.late.push(request.clone());
                    }
                    _ => self.fired("crash before it happened"),
                }
                None
            }
        };
        match reply {
            Some(reply) => self.stage.desk.answer(request.id, reply),
            None => self.die(request),
        }
    }

    /// Kills the caller. Its other writes under way may still happen.
    fn die(&mut self, request: &Request) {
        let lane = request.lane;
        for other in self.stage.desk.other_writes(lane, request.id) {
            if self.out.choices.pick(2) == 1 {
                self.fired("crash with a write under way");
                self.late.push(other);
            }
        }
        self.lanes[lane].life = None;
        self.next_life(lane);
    }

    /// Makes a listing non-atomic: one half is of this instant, the other of a later one.
    fn tear(&mut self, request: &Request) {
        let choices = &mut self.out.choices;
        let half = || [Half::Even, Half::Odd][choices.pick(2)];
        if let Some(rest) = self.objects.torn(&request.op, half) {
            self.fired("listing of two instants");
            self.stage.desk.ask_on(request.id, rest);
        }
    }

    /// Executes an operation, for a caller that may have died; also returns `false` if it was refused.
    fn apply(&mut self, request: &Request, by: Option<usize>) -> (Reply, bool) {
        let reply = self.objects.apply(&request.op);
        let happened = !matches!(&reply, Reply::Written(Err(_)));
        let writes = matches!(request.op, Op::Put { .. } | Op::Delete { .. });
        self.changed |= happened && writes;
        match &request.op {
            Op::Put { key, bytes, .. } if key == support::STATE && happened => {
                self.documents.push(bytes.clone());
                let run = by.map(|lane| self.lanes[lane].run);
                self.wrote.extend(run.map(|run| (run, self.out.steps)));
            }
            Op::Delete { key } if key == support::STATE => self.harmed = self.out.steps,
            _ => {}
        }
        (reply, happened)
    }

    fn publish(&mut self) {
        let ahead = self
            .scenario
            .manner
            .as_ref()
            .map(|manner| manner.clock_ahead);
        let sets_clock = ahead == Some(false);
        match self.to_publish.pop_front() {
            Some(id) => lake::publish(&self.stage, &mut self.objects, self.scenario, &id),
            None => lake::settle(&self.stage, &mut self.objects, self.scenario),
        }
        // The last record is published after the end of the day.
        if sets_clock {
            let over = self.stage.truth().served.finally.is_some();
            let now = match (over, self.to_publish.len()) {
                (true, _) => SETTLED,
                (false, 0 | 1) => SETTLING,
                (false, _) => DURING,
            };
            self.stage.clock.set(support::at(now));
        }
        self.note(|| "the API lists more, or no more".to_owned());
    }

    fn remove(&mut self) {
        self.removals_left -= 1;
        let removable = self.stage.truth().api.removable();
        if removable.is_empty() {
            return;
        }
        let id = &removable[self.out.choices.pick(removable.len())];
        self.note(|| format!("the API takes {id} away"));
        self.fired("record taken away");
        self.stage.truth().remove(id);
    }

    fn change(&mut self) {
        self.changes_left -= 1;
        let listed = self.stage.truth().api.listed.clone();
        let id = &listed[self.out.choices.pick(listed.len())];
        if self.stage.truth().is_of_the_day(id) {
            self.note(|| format!("{id} changes"));
            self.fired("record changed");
            self.stage.truth().change(id);
        }
    }

    fn bring_back(&mut self) {
        let Some(id) = self.returnable() else { return };
        let in_place = self.out.choices.pick(2) == 1;
        let place = if in_place { ", where it was" } else { "" };
        self.note(|| format!("the API lists {id} again{place}"));
        self.fired("record listed again");
        let newest_first = self.scenario.newest_first();
        self.stage.truth().list_again(id, in_place, newest_first);
    }

    fn harm(&mut self, harm: Harm) {
        let now = self.objects.get(support::STATE);
        let now = now.map(|document| document.bytes.clone());
        let document = lake::harmed(
            harm,
            now.as_ref(),
            &self.documents,
            &self.stage,
            &mut self.out.choices,
        );
        self.note(|| format!("somebody else: {harm:?}"));
        if now == document {
            return;
        }
        self.fired(harm.name());
        (self.harmed, self.changed) = (self.out.steps, true);
        let key = support::STATE.to_owned();
        let mode = PutMode::Overwrite;
        self.objects.apply(&match document {
            Some(bytes) => Op::Put { key, bytes, mode },
            None => Op::Delete { key },
        });
    }
}

fn failed(op: &Op) -> Reply {
    match op {
        Op::Get { .. } => Reply::Found(Err(broke())),
        Op::Put { .. } => Reply::Written(Err(broke())),
        Op::List { .. } => Reply::Listed(Err(broke())),
        Op::Delete { .. } => Reply::Deleted,
        Op::Ask { url } => unreachable!("{url}: an API fails by its answers"),
    }
}
