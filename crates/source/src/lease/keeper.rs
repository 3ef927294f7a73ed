//! Keeps the entry of one process in the lease of a source.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::time::{Instant, sleep, timeout};

use crate::lease::document::{self, HeldShare, Holder, LeaseDocument};
use crate::lease::fair::fair;
use crate::lease::identity::ProcessIdentity;
use crate::lease::{Desk, EXPIRE, IDLE, PATIENCE, RENEW, SOON, SharedLimits, TOLERANCE, key};
use crate::limiter::{AdaptiveLimiter, LimitId};
use bronzed_model::clock::Clock;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::document::{DocumentError, JsonDocument};

/// Length of a turn, if there are fewer slots than processes.
const TURN_SECONDS: i64 = 60;
const SLOW: &str = "the lake didn't answer in time";
/// Name of the source's own limit in the document.
const SOURCE: &str = "limits";

/// Background task that renews a process's entry.
#[derive(Debug)]
pub(super) struct Keeper {
    source: String,
    id: String,
    who: ProcessIdentity,
    since: DateTime<Utc>,
    parts: Vec<Limit>,
    limiter: Arc<AdaptiveLimiter>,
    document: JsonDocument<LeaseDocument>,
    clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    desk: Arc<Desk>,
}

/// One of the limits of the source.
#[derive(Debug)]
struct Limit {
    part: LimitId,
    name: String,
    /// Maximum for this process.
    ceiling: usize,
    /// Maximum for all processes together.
    together: usize,
}

/// State of the keeper between rounds.
#[derive(Debug, Default)]
struct LeaseMemory {
    /// Time of the last write of the entry.
    renewed: Option<Instant>,
    /// Time of the last demand for each limit.
    wanted: Vec<Option<Instant>>,
    renewals: u64,
    watched: BTreeMap<String, Watched>,
    /// Number of other processes, as last logged.
    others: usize,
    /// `true` if the failure to renew the lease was logged.
    failing: bool,
}

/// Observation of another process's entry.
#[derive(Debug)]
struct Watched {
    renewed: u64,
    since: Instant,
    /// `true` if a renewal was observed.
    lives: bool,
}

/// A planned change of the document, with its consequences.
#[derive(Debug, Default)]
struct Round {
    document: LeaseDocument,
    bounds: Vec<usize>,
    /// `true` while shares are being redistributed.
    pending: bool,
    others: usize,
    dead: Vec<Holder>,
}

impl Keeper {
    pub(super) fn new(
        source: &str,
        limiter: &Arc<AdaptiveLimiter>,
        shared: SharedLimits,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
        desk: Arc<Desk>,
    ) -> Self {
        let SharedLimits {
            lake,
            together,
            who,
        } = shared;
        let parts: Vec<_> = limiter
            .parts()
            .map(|(part, pool, ceiling)| Limit {
                part,
                name: pool.map_or(SOURCE.to_owned(), |pool| format!("pool.{pool}")),
                ceiling,
                together: match pool {
                    None => together.max(ceiling),
                    Some(_) => ceiling,
                },
            })
            .collect();
        for limit in &parts {
            limiter.set_share(limit.part, 0);
        }
        let since = clock.now();
        Self {
            source: source.to_owned(),
            id: who.name(since.timestamp_millis()),
            who,
            since: since.trunc_subsecs(3),
            parts,
            limiter: Arc::clone(limiter),
            document: document::at(&lake, &key(source)),
            clock,
            entropy,
            desk,
        }
    }

    /// Renews the lease while there is demand, then gives it back.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut memory = LeaseMemory::default();
        loop {
            let open = !self.desk.closed.is_cancelled();
            let wait = if open && self.note_wanted(&mut memory) {
                self.round(&mut memory).await
            } else {
                self.give_back(&mut memory).await;
                if self.desk.end() {
                    return;
                }
                continue;
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.desk.poked.notified() => {}
                () = self.desk.closed.cancelled() => {}
            }
        }
    }

    /// Returns `true` if there was demand within [`IDLE`].
    fn note_wanted(&self, memory: &mut LeaseMemory) -> bool {
        let now = Instant::now();
        let taken = self.desk.take_wanted();
        memory.wanted.resize(self.parts.len(), None);
        let parts = self.parts.iter().zip(taken).zip(&mut memory.wanted);
        for ((limit, wanted), last) in parts {
            if wanted || self.limiter.is_wanted(limit.part) {
                *last = Some(now);
            } else if last.is_some_and(|last| now - last >= IDLE) {
                *last = None;
            }
        }
        self.desk.asked(memory.wanted.iter().map(Option::is_some));
        memory.wanted.iter().any(Option::is_some)
    }

    /// Renews the entry if due; returns the time until the next round.
    async fn round(&self, memory: &mut LeaseMemory) -> Duration {
        let done = timeout(PATIENCE, self.renew(memory)).await;
        let error = match done {
            Ok(Ok(round)) => {
                memory.failing = false;
                self.tell(memory, &round);
                for (limit, bound) in self.parts.iter().zip(&round.bounds) {
                    self.limiter.set_share(limit.part, *bound);
                }
                return if round.pending { SOON } else { RENEW };
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => SLOW.to_owned(),
        };
        if memory.renewed.is_none_or(|at| at.elapsed() >= EXPIRE) {
            for limit in &self.parts {
                self.limiter.set_share(limit.part, 1);
            }
        }
        if !std::mem::replace(&mut memory.failing, true) {
            tracing::warn!(source = self.source, error, "lease not kept");
        }
        RENEW
    }

    async fn renew(&self, memory: &mut LeaseMemory) -> Result<Round, DocumentError> {
        let due = memory.renewed.is_none_or(|at| at.elapsed() >= RENEW);
        let (mut round, mut written) = (Round::default(), false);
        let change = |found: Option<LeaseDocument>| {
            let before = found.unwrap_or_default();
            round = self.plan(memory, &before);
            written = due || !is_same(&before, &round.document);
            Ok::<_, DocumentError>(written.then(|| round.document.clone()))
        };
        self.document.change(&self.entropy, change).await?;
        if written {
            memory.renewed = Some(Instant::now());
            memory.renewals += 1;
        }
        Ok(round)
    }

    /// Plans the new entries. Lowers an excessive share at the limiter before other processes read the new
    /// value.
    fn plan(&self, memory: &mut LeaseMemory, before: &LeaseDocument) -> Round {
        let now = self.clock.now();
        let mut document = before.clone();
        document.holders.remove(&self.id);
        let mut dead = Vec::new();
        document.holders.retain(|id, holder| {
            let gone = memory.is_dead(id, holder, &self.who, now);
            if gone {
                dead.push(holder.clone());
            }
            !gone
        });
        memory.watched.retain(|id, one| {
            document.holders.contains_key(id) || one.since.elapsed() < EXPIRE * 10
        });
        let (mut bounds, mut limits, mut pending) = (Vec::new(), BTreeMap::new(), false);
        for (limit, wanted) in self.parts.iter().zip(&memory.wanted) {
            let wants = wanted.map_or(0, |_| limit.ceiling);
            let target = self.target(limit, wants, &document, now);
            let others = document.holders.values();
            let others: usize = others.map(|other| other.of(&limit.name).share).sum();
            let bound = target.min(limit.together.saturating_sub(others));
            if bound < self.limiter.share(limit.part) {
                self.limiter.set_share(limit.part, bound);
            }
            // Requests in flight still use their slots.
            let share = bound.max(self.limiter.in_flight(limit.part));
            pending |= share != target;
            bounds.push(bound);
            limits.insert(limit.name.clone(), HeldShare { wants, share });
        }
        let wanting = |other: &&Holder| other.of(SOURCE).wants > 0;
        let others = document.holders.values().filter(wanting).count();
        let expires = now + TimeDelta::from_std(EXPIRE).unwrap_or_default();
        let entry = Holder {
            host: self.who.host.clone(),
            pid: self.who.pid,
            command: self.who.command.clone(),
            since: self.since,
            expires: expires.trunc_subsecs(0),
            renewed: memory.renewals + 1,
            limits,
        };
        document.holders.insert(self.id.clone(), entry);
        Round {
            document,
            bounds,
            pending,
            others,
            dead,
        }
    }

    /// Returns this process's fair share, given the demand of all processes.
    fn target(
        &self,
        limit: &Limit,
        wants: usize,
        others: &LeaseDocument,
        now: DateTime<Utc>,
    ) -> usize {
        let others = others.holders.iter().map(|(id, holder)| {
            let wants = holder.of(&limit.name).wants;
            (holder.since, id.as_str(), wants)
        });
        let mut all: Vec<_> = others.collect();
        all.push((self.since, &self.id, wants));
        all.sort_unstable();
        let mine = all.iter().position(|(_, id, _)| *id == self.id);
        let wants: Vec<_> = all.iter().map(|(_, _, wants)| *wants).collect();
        let turn = now.timestamp().div_euclid(TURN_SECONDS).unsigned_abs();
        let shares = fair(limit.together, &wants, turn);
        mine.and_then(|mine| shares.get(mine).copied()).unwrap_or(0)
    }

    fn tell(&self, memory: &mut LeaseMemory, round: &Round) {
        for holder in &round.dead {
            tracing::warn!(
                source = self.source,
                host = holder.host,
                pid = holder.pid,
                command = holder.command,
                expired = %holder.expires,
                "lease taken over"
            );
        }
        let told = std::mem::replace(&mut memory.others, round.others);
        let (Some(limit), Some(share)) = (self.parts.first(), round.bounds.first()) else {
            return;
        };
        match round.others {
            others if others == told => {}
            0 => tracing::info!(source = self.source, share, "limit shared no longer"),
            others => tracing::info!(
                source = self.source,
                processes = others + 1,
                share,
                of = limit.together,
                "limit shared with another process"
            ),
        }
    }

    /// Removes the entry. If the lake can't be written, the entry expires.
    async fn give_back(&self, memory: &mut LeaseMemory) {
        for limit in &self.parts {
            self.limiter.set_share(limit.part, 0);
        }
        if memory.renewed.take().is_none() && !memory.failing {
            return;
        }
        memory.others = 0;
        let without = |document: &mut LeaseDocument| drop(document.holders.remove(&self.id));
        let given = timeout(PATIENCE, self.document.update(&self.entropy, without));
        let error = match given.await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => SLOW.to_owned(),
        };
        tracing::debug!(source = self.source, error, "lease not given back");
    }
}

/// Returns `true` if only times would change.
fn is_same(before: &LeaseDocument, after: &LeaseDocument) -> bool {
    let limits = |(id, holder): (&String, &Holder)| (id.clone(), holder.limits.clone());
    let all = |document: &LeaseDocument| -> BTreeMap<_, _> {
        document.holders.iter().map(limits).collect()
    };
    all(before) == all(after)
}

impl LeaseMemory {
    /// Returns `true` if a process's entry no longer counts: it has expired and no renewal was observed, or
    /// the process is known to be gone.
    fn is_dead(
        &mut self,
        id: &str,
        holder: &Holder,
        who: &ProcessIdentity,
        now: DateTime<Utc>,
    ) -> bool {
        let seen = self.watched.entry(id.to_owned());
        let watched = seen
            .and_modify(|watched| {
                if watched.renewed != holder.renewed {
                    watched.renewed = holder.renewed;
                    watched.since = Instant::now();
                    watched.lives = true;
                }
            })
            .or_insert_with(|| Watched {
                renewed: holder.renewed,
                since: Instant::now(),
                lives: false,
            });
        let silent = watched.since.elapsed();
        if silent >= EXPIRE + TOLERANCE {
            return true;
        }
        // Its clock may be wrong, and its process id may belong to another container.
        if watched.lives && silent < EXPIRE {
            return false;
        }
        let tolerance = TimeDelta::from_std(TOLERANCE).unwrap_or_default();
        holder.expires + tolerance < now || who.knows_gone(&holder.host, holder.pid)
    }
}
