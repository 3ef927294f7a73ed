//! The circuit breaker of a host: an API that is down is probed, not hammered, and one endpoint
//! that fails doesn't take the others down.
//!
//! It has a circuit for the host and one for each endpoint (path) on it. A circuit opens after 20
//! failures in a row: an endpoint's by its own; the host's only where nobody was answered in
//! between, and either several endpoints failed or there was no connection at all. Then requests
//! aren't sent until a cool-down is over (60 s; doubled up to 10 min by each probe that fails).
//! After it one request, and one only, is sent as the probe, and the others wait for its outcome:
//! any understood answer closes the circuit, and they go on at once.
//!
//! An endpoint without a part in the failures of the host may probe it at once: its answer tells
//! the host from the endpoints that failed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::Notify;
use url::Url;

use crate::clock::Clock;
use crate::source::circuit::{Circuit, Gate};
use crate::source::failure::Failure;

#[cfg(test)]
pub(super) use crate::source::circuit::FAILURES_TO_OPEN;

/// Of so many failures each must two endpoints be for the host to be taken for down.
const FAILURES_OF_ANOTHER: u32 = 5;

/// The circuits of one host.
#[derive(Debug)]
pub struct Breaker {
    host: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// A probe has ended, however.
    probed: Notify,
}

#[derive(Debug, Default)]
struct State {
    host: Circuit,
    /// The endpoints that failed since the host's last answer, and how often.
    failing: BTreeMap<Arc<str>, u32>,
    endpoints: BTreeMap<Arc<str>, Circuit>,
}

/// A host or an endpoint is taken for down: nothing is sent there for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The host (`https://pncp.gov.br`), with the path where only an endpoint is down.
    pub what: String,
    /// When the first of the failures in a row happened.
    pub since: DateTime<Utc>,
    /// Number of the failures.
    pub failures: u32,
    /// The last one.
    pub last: String,
    /// Time until a request is let through again; zero where one may probe now.
    pub probe_in: Duration,
    /// A request is probing: others wait for its outcome.
    pub probing: bool,
    /// This endpoint's was the last probe of the host, and failed: another one tells more.
    pub probed: bool,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let again = humantime::format_duration(Duration::from_secs(self.probe_in.as_secs()));
        write!(
            f,
            "{} failures in a row at {} since {since} (the last: {}); it is tried again in {again}",
            self.failures, self.what, self.last
        )
    }
}

/// What a request may do.
enum Way {
    /// Be sent.
    Free,
    /// Be sent as the one probe, of the host, of its endpoint, or of both.
    Probe { host: bool, endpoint: bool },
    /// Wait for the outcome of a probe.
    Wait(Down),
    /// Not be sent.
    Shut(Down),
}

impl Breaker {
    /// The breaker of a host, closed.
    pub fn new(host: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            host,
            clock,
            state: Mutex::default(),
            probed: Notify::new(),
        }
    }

    /// Why a request to an endpoint can't be sent like any other; `None`: it can. Takes nothing.
    pub fn down(&self, endpoint: &str) -> Option<Down> {
        let (state, now) = (self.lock(), self.clock.now());
        match state.way(&self.host, endpoint, now) {
            Way::Free => None,
            Way::Wait(down) | Way::Shut(down) => Some(down),
            Way::Probe { host, .. } => Some(Down {
                probe_in: Duration::ZERO,
                ..state.describe(&self.host, host, endpoint, now)
            }),
        }
    }

    /// Waits while a probe is under way; takes nothing.
    ///
    /// # Errors
    /// [`Down`] during the cool-down.
    pub async fn probed(&self, endpoint: &str) -> Result<(), Down> {
        loop {
            let probed = self.probed.notified();
            tokio::pin!(probed);
            probed.as_mut().enable();
            match self.lock().way(&self.host, endpoint, self.clock.now()) {
                Way::Free | Way::Probe { .. } => return Ok(()),
                Way::Shut(down) => return Err(down),
                Way::Wait(_) => {}
            }
            probed.await;
        }
    }

    /// Lets a request pass. Its outcome is told to the [`Pass`]. `None`: a probe is under way.
    ///
    /// # Errors
    /// [`Down`] during the cool-down.
    pub fn pass(&self, endpoint: &str) -> Result<Option<Pass<'_>>, Down> {
        let mut state = self.lock();
        let (of_host, of_endpoint) = match state.way(&self.host, endpoint, self.clock.now()) {
            Way::Free => (false, false),
            Way::Probe { host, endpoint } => (host, endpoint),
            Way::Wait(_) => return Ok(None),
            Way::Shut(down) => return Err(down),
        };
        state.probe(endpoint, of_host, of_endpoint, true);
        Ok(Some(Pass {
            breaker: self,
            endpoint: endpoint.into(),
            of_host,
            of_endpoint,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The way of a request to `endpoint`.
    fn way(&self, host: &str, endpoint: &str, now: DateTime<Utc>) -> Way {
        let mut of_host = self.host.gate(now);
        if of_host == Gate::Cooling && !self.failing.contains_key(endpoint) {
            of_host = Gate::ProbeDue;
        }
        let own = self.endpoints.get(endpoint);
        let own = own.map_or(Gate::Free, |circuit| circuit.gate(now));
        let host_is_worse = matches!(of_host, Gate::Cooling | Gate::Probing);
        match (of_host, own) {
            (Gate::Free, Gate::Free) => Way::Free,
            (Gate::Cooling, _) | (_, Gate::Cooling) => {
                Way::Shut(self.describe(host, host_is_worse, endpoint, now))
            }
            (Gate::Probing, _) | (_, Gate::Probing) => {
                Way::Wait(self.describe(host, host_is_worse, endpoint, now))
            }
            (of_host, own) => Way::Probe {
                host: of_host == Gate::ProbeDue,
                endpoint: own == Gate::ProbeDue,
            },
        }
    }

    fn describe(&self, host: &str, whole: bool, endpoint: &str, now: DateTime<Utc>) -> Down {
        let own = self.endpoints.get(endpoint).filter(|_| !whole);
        let circuit = own.unwrap_or(&self.host);
        Down {
            what: match own {
                Some(_) => format!("{host}{endpoint}"),
                None => host.to_owned(),
            },
            since: circuit.since.unwrap_or(now),
            failures: circuit.failures,
            last: circuit.last.clone(),
            probe_in: circuit.probe_in(now),
            probing: circuit.open.as_ref().is_some_and(|open| open.probing),
            probed: own.is_none() && self.failing.contains_key(endpoint),
        }
    }

    /// A probe begins or ends.
    fn probe(&mut self, endpoint: &str, of_host: bool, of_endpoint: bool, probing: bool) {
        let own = self.endpoints.get_mut(endpoint);
        let own = own.filter(|_| of_endpoint).and_then(|it| it.open.as_mut());
        let host = self.host.open.as_mut().filter(|_| of_host);
        for open in [host, own].into_iter().flatten() {
            open.probing = probing;
        }
    }

    /// An endpoint was answered. Returns what was down and isn't any more.
    fn answered(&mut self, host: &str, endpoint: &str, now: DateTime<Utc>) -> Option<Down> {
        let own = self.endpoints.get(endpoint);
        let own_was_open = own.is_some_and(|circuit| circuit.open.is_some());
        let host_was_open = self.host.open.is_some();
        let was = (host_was_open || own_was_open)
            .then(|| self.describe(host, host_was_open, endpoint, now));
        self.endpoints.remove(endpoint);
        if host_was_open {
            // What failed while the host was down says nothing about an endpoint.
            let since = self.host.since;
            self.endpoints.retain(|_, circuit| circuit.since < since);
        }
        self.host = Circuit::default();
        self.failing.clear();
        was
    }

    /// A request of an endpoint has failed. Returns what is down since.
    fn failed(
        &mut self,
        pass: &Pass<'_>,
        url: &Url,
        failure: &Failure,
        now: DateTime<Utc>,
    ) -> Option<Down> {
        let endpoint = &pass.endpoint;
        let host = &pass.breaker.host;
        let failures = self.failing.entry(Arc::clone(endpoint)).or_default();
        let first_of_endpoint = *failures == 0;
        *failures += 1;
        self.host.count(url, failure, now);
        if self.host.open.is_some() {
            // A straggler from before it opened is no news, and an endpoint that hadn't failed yet
            // only adds its word.
            if pass.of_host && !first_of_endpoint {
                self.host.trip(now);
            }
            return None;
        }
        if self.is_host_down() {
            self.host.trip(now);
            return Some(self.describe(host, true, endpoint, now));
        }
        let own = self.endpoints.entry(Arc::clone(endpoint)).or_default();
        own.count(url, failure, now);
        match own.open {
            None if own.is_broken() => {
                own.trip(now);
                Some(self.describe(host, false, endpoint, now))
            }
            Some(_) if pass.of_endpoint => {
                own.trip(now);
                None
            }
            _ => None,
        }
    }

    fn is_host_down(&self) -> bool {
        let often = |failures: &&u32| **failures >= FAILURES_OF_ANOTHER;
        let several = self.failing.values().filter(often).count() > 1;
        self.host.is_broken() && (several || self.host.is_cut_off())
    }
}

/// One request that was let pass. Dropped without an outcome (cancelled, or told "too many
/// requests", which says neither), it changes nothing, and the next request may probe.
#[derive(Debug)]
pub struct Pass<'b> {
    breaker: &'b Breaker,
    endpoint: Arc<str>,
    of_host: bool,
    of_endpoint: bool,
}

impl Pass<'_> {
    /// The API gave an answer that was understood, be it a refusal. Returns what was down, and isn't
    /// any more.
    pub fn answered(self) -> Option<Down> {
        let now = self.breaker.clock.now();
        let mut state = self.breaker.lock();
        state.answered(&self.breaker.host, &self.endpoint, now)
    }

    /// No answer, or none that could be understood. Returns what is taken for down since.
    pub fn failed(self, url: &Url, failure: &Failure) -> Option<Down> {
        let now = self.breaker.clock.now();
        let mut state = self.breaker.lock();
        state.failed(&self, url, failure, now)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.of_host || self.of_endpoint {
            let mut state = self.breaker.lock();
            state.probe(&self.endpoint, self.of_host, self.of_endpoint, false);
            drop(state);
        }
        // Also by an answer to a straggler, which ends the wait for a probe.
        self.breaker.probed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
