//! State of the simulator, and its decision on each request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::SimConfig;
use super::answer::{Answer, Outcome};
use super::call::{Call, Right};
use super::chance::Chance;
use super::faults::{Fault, Faults, PageKey};
use super::ledger::{Entry, Ledger};
use super::meter::Meter;
use super::parameters::Parameters;
use super::provider::Provider;
use super::spoil::spoil;
use bronzed_model::clock::Clock;

/// The simulated provider.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SimConfig,
    pub(super) ledger: Ledger,
    faults: Mutex<Faults>,
    pages: Mutex<HashMap<PageKey, Asked>>,
    in_flight: AtomicUsize,
    started: Instant,
    meter: Meter,
}

/// Request history of a page.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    /// Number of requests.
    times: u64,
    /// Number of consecutive spoilt responses.
    spoilt: u64,
}

/// Outcome of a request, and its latency in addition to the common one.
#[derive(Debug)]
pub(super) struct Decision {
    pub outcome: Outcome,
    pub wait: Duration,
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self {
            outcome: Outcome::Answer(answer),
            wait: Duration::ZERO,
        }
    }
}

/// A request in flight, counted until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight<'a> {
    counter: &'a AtomicUsize,
    /// Number of requests in flight on arrival, including this one.
    count: usize,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    pub(super) fn new(config: SimConfig) -> Self {
        Self {
            faults: Mutex::new(config.faults.clone()),
            config,
            ledger: Ledger::default(),
            pages: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            started: Instant::now(),
            meter: Meter::default(),
        }
    }

    /// Counts a request as in flight.
    pub(super) fn arrive(&self) -> InFlight<'_> {
        InFlight {
            counter: &self.in_flight,
            count: self.in_flight.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }

    /// Replaces the faults.
    pub(super) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// Decides on a request and records it in the ledger.
    pub(super) fn decide(&self, method: &str, target: &str, arrival: &InFlight<'_>) -> Decision {
        let since_start = self.started.elapsed().as_micros();
        let mut entry = Entry {
            ordinal: 0,
            at: self.config.clock.now(),
            since_start_us: u64::try_from(since_start).unwrap_or(u64::MAX),
            method: method.to_owned(),
            target: target.to_owned(),
            dataset: None,
            days: None,
            slice: None,
            page: None,
            offset: None,
            attempt: None,
            status: None,
            fault: None,
            rows: 0,
            total: None,
            in_flight: arrival.count,
        };
        let decision = self.decision(method, target, &mut entry);
        entry.status = decision.outcome.status();
        self.ledger.note(entry);
        decision
    }

    fn decision(&self, method: &str, target: &str, entry: &mut Entry) -> Decision {
        let root = Chance::new(self.config.seed);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some((provider, path_under_base)) = Provider::of(path) else {
            return not_found(path, entry.at).into();
        };
        if let Some(answer) = provider.closed(&self.config, self.config.clock.brasilia()) {
            entry.fault = Some("closed");
            return answer.into();
        }
        if method != "GET" {
            let text = r#"{"status":405,"error":"Method Not Allowed"}"#;
            return Answer::json(405, text).into();
        }
        let call = match provider.route(path_under_base, &Parameters::parse(query)) {
            Ok(call) => call,
            Err(answer) => return answer.unwrap_or_else(|| not_found(path, entry.at)).into(),
        };
        let key = call.key();
        entry.dataset = Some(key.dataset);
        entry.days = Some(key.days.clone());
        entry.slice = Some(key.slice.clone());
        entry.page = Some(key.page);
        entry.offset = Some(key.offset);
        if let Some(answer) = self.over_rate(provider, call.as_ref()) {
            entry.fault = Some("over_rate");
            return answer.into();
        }
        if self
            .config
            .max_in_flight
            .is_some_and(|most| entry.in_flight > most)
        {
            entry.fault = Some("over_limit");
            return provider.crowded(root.at(entry.in_flight as u64)).into();
        }
        Decision {
            outcome: self.serve(call.as_ref(), provider, &key, root, entry),
            wait: call.wait(&self.config),
        }
    }

    /// Returns the error response if the request exceeds the rate limit of its module.
    fn over_rate(&self, provider: Provider, call: &dyn Call) -> Option<Answer> {
        let module = call.module()?;
        let rate = provider.rate(&self.config, module)?;
        let wait = self.meter.admit(module, rate).err()?;
        Some(provider.too_many(wait))
    }

    fn serve(
        &self,
        call: &dyn Call,
        provider: Provider,
        key: &PageKey,
        root: Chance,
        entry: &mut Entry,
    ) -> Outcome {
        let faults = lock(&self.faults).clone();
        let dataset = match provider {
            // Draws must never change, and PNCP's contratações were the only dataset at first.
            Provider::Pncp if key.dataset == "pncp.contratacoes" => root,
            _ => root.of(key.dataset),
        };
        let slice = dataset.of(&key.days).of(&key.slice);
        let (fault, chance) = {
            let mut pages = lock(&self.pages);
            let asked = pages.entry(key.clone()).or_default();
            asked.times += 1;
            entry.attempt = Some(asked.times);
            let chance = slice.at(key.size).at(key.page).at(asked.times);
            let fault = faults.pick(chance, key, asked.times, asked.spoilt);
            let spoilt = fault.as_ref().is_some_and(Fault::spoils_answer);
            asked.spoilt = if spoilt { asked.spoilt + 1 } else { 0 };
            (fault, chance)
        };
        let config = &self.config;
        if let Some(Fault::Advance(by)) = &fault {
            config.clock.advance(*by);
        }
        let now = config.clock.brasilia();
        let fault = fault.filter(|fault| call.disturb(fault, config, now));
        let right = call.answer(config, now, slice, chance);
        entry.total = Some(right.total);
        let spoiling = fault.as_ref().filter(|fault| fault.spoils_answer());
        entry.fault = fault.as_ref().map(Fault::name);
        let Right { answer, rows, .. } = &right;
        match spoiling {
            Some(fault) => spoil(fault, &right, &faults, provider, chance),
            None => {
                entry.rows = *rows;
                Outcome::Answer(answer.clone())
            }
        }
    }
}

fn not_found(path: &str, now: DateTime<Utc>) -> Answer {
    let body = serde_json::json!({
        "timestamp": now.format("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string(),
        "status": 404,
        "error": "Not Found",
        "path": path,
    });
    Answer::json(404, body.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
