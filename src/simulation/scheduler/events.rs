//! What happens at a turn: an operation is granted, or goes wrong; a late one arrives; the API lists
//! more; somebody lays hands on the state.

use std::time::Duration;

use object_store::PutMode;

use super::super::desk::{Half, Op, Reply, Request, broke, exists};
use super::super::lake;
use super::super::scenario::{Fault, Harm};
use super::Scheduler;
use super::turn::{Turn, told};
use crate::state::support;

/// More than any schedule of this size takes, unless two keep each other from ever ending.
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
            Turn::Publish => self.publish(),
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
            // Listings are rare, and what they come to hangs on when they are looked at.
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
        let error = || Some(failed(op));
        let reply = match fault {
            None => Some(self.apply(request, Some(lane)).0),
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
                self.lanes[lane].life = None;
                self.stage.desk.forget(lane);
                None
            }
        };
        let is_dead = reply.is_none();
        self.stage.desk.answer(request.id, reply);
        if is_dead {
            self.next_life(lane);
        }
    }

    /// A listing of which one half is of this instant, and the other of a later one.
    fn tear(&mut self, request: &Request) {
        let Op::List {
            prefix,
            before: None,
        } = &request.op
        else {
            return;
        };
        let half = [Half::Even, Half::Odd][self.out.choices.pick(2)];
        let mut found = self.objects.below(prefix);
        found.retain(|meta| Half::of(meta) == half);
        self.fired("listing of two instants");
        let (prefix, before) = (prefix.clone(), Some((half, found)));
        let rest = Op::List { prefix, before };
        self.stage.desk.ask_on(request.id, rest);
    }

    /// Does it, for one who is there to hear of it or not. Says whether it wasn't refused.
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
        let mut truth = self.stage.truth();
        match self.to_publish.pop_front() {
            Some(id) => {
                truth.listed.push(id.clone());
                truth.served.ever.insert(id);
            }
            None => truth.served.finally = Some(truth.listed.iter().cloned().collect()),
        }
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
    }
}
