//! All that the simulator knows, and how it comes to an answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::answer::{Answer, Outcome};
use super::chance::Chance;
use super::faults::{Fault, Faults, PageKey};
use super::ledger::{Entry, Ledger};
use super::spoil::{Right, firewall, spoil};
use super::{SimConfig, pncp};
use crate::clock::Clock;

/// What every base URL ends with: `http://127.0.0.1:41234/api`.
pub(super) const BASE_PATH: &str = "/api";

/// The simulated provider.
#[derive(Debug)]
pub(super) struct World {
    pub(super) config: SimConfig,
    pub(super) ledger: Ledger,
    faults: Mutex<Faults>,
    pages: Mutex<HashMap<PageKey, Asked>>,
    in_flight: AtomicUsize,
}

/// How a page was asked for so far.
#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    /// How often.
    times: u64,
    /// How many answers in a row were spoilt.
    spoilt: u64,
}

/// A request that is under way; counted until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight<'a> {
    counter: &'a AtomicUsize,
    /// How many were under way when it came, itself included.
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
        }
    }

    /// Counts a request in.
    pub(super) fn arrive(&self) -> InFlight<'_> {
        InFlight {
            counter: &self.in_flight,
            count: self.in_flight.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }

    /// Replaces all that may go wrong.
    pub(super) fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults;
    }

    /// Decides on a request and notes it.
    pub(super) fn decide(&self, method: &str, target: &str, arrival: &InFlight<'_>) -> Outcome {
        let mut entry = Entry {
            ordinal: 0,
            at: self.config.clock.now(),
            method: method.to_owned(),
            target: target.to_owned(),
            days: None,
            slice: None,
            page: None,
            attempt: None,
            status: None,
            fault: None,
            rows: 0,
            total: None,
            in_flight: arrival.count,
        };
        let outcome = self.outcome(method, target, &mut entry);
        entry.status = outcome.status();
        self.ledger.note(entry);
        outcome
    }

    fn outcome(&self, method: &str, target: &str, entry: &mut Entry) -> Outcome {
        let root = Chance::new(self.config.seed);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path.strip_prefix(BASE_PATH) != Some(pncp::PATH) {
            return Outcome::Answer(not_found(path, entry.at));
        }
        if method != "GET" {
            let text = r#"{"status":405,"error":"Method Not Allowed"}"#;
            return Outcome::Answer(Answer::json(405, text));
        }
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let request = match pncp::Request::parse(&pairs) {
            Ok(request) => request,
            Err(answer) => return Outcome::Answer(answer),
        };
        let key = request.key();
        entry.days = Some(key.days.clone());
        entry.slice = Some(key.slice.clone());
        entry.page = Some(key.page);
        if self
            .config
            .max_in_flight
            .is_some_and(|most| entry.in_flight > most)
        {
            entry.fault = Some("over_limit");
            return Outcome::Answer(firewall(root.at(entry.in_flight as u64)));
        }
        self.serve(&request, &key, root, entry)
    }

    fn serve(
        &self,
        request: &pncp::Request,
        key: &PageKey,
        root: Chance,
        entry: &mut Entry,
    ) -> Outcome {
        let faults = lock(&self.faults).clone();
        let slice = root.of(&key.days).of(&key.slice);
        let (fault, call) = {
            let mut pages = lock(&self.pages);
            let asked = pages.entry(key.clone()).or_default();
            asked.times += 1;
            entry.attempt = Some(asked.times);
            let call = slice.at(key.size).at(key.page).at(asked.times);
            let fault = faults.pick(call, key, asked.times, asked.spoilt);
            let spoilt = fault.as_ref().is_some_and(Fault::spoils_answer);
            asked.spoilt = if spoilt { asked.spoilt + 1 } else { 0 };
            (fault, call)
        };
        let config = &self.config;
        if let Some(Fault::Advance(by)) = &fault {
            config.clock.advance(*by);
        }
        let now = config.clock.brasilia();
        let fault = fault.filter(|fault| request.disturb(fault, &config.catalog, now));
        let right = request.answer(&config.catalog, now, slice, call);
        entry.total = Some(right.total);
        let spoiling = fault.as_ref().filter(|fault| fault.spoils_answer());
        entry.fault = fault.as_ref().map(Fault::name);
        let Right { answer, rows, .. } = &right;
        match spoiling {
            Some(fault) => spoil(fault, &right, &faults, call),
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
