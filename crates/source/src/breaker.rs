//! The circuit breaker of a host: an API that is down is probed, not hammered, and one endpoint that
//! fails doesn't take the others down.
//!
//! It has a circuit for the host and one for each endpoint (path) on it. A circuit opens after 20
//! consecutive failures: an endpoint's by its own; the host's only if no endpoint was answered in
//! between, and either several endpoints failed or not one response arrived (no connection, timeouts).
//! Then no requests are sent until a cool-down is over (60 s; doubled by each failed probe, up to 10
//! min). After it exactly one request is sent as the probe, and the others wait for its outcome: any
//! understood response closes the circuit, and they go on at once.
//!
//! An endpoint that had no part in the host's failures may probe it at once: its response tells whether
//! the host is down or only the endpoints that failed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::sync::Notify;
use url::Url;

use crate::circuit::{Circuit, CircuitDecision};
use crate::failure::Failure;
use bronzed_model::clock::Clock;

#[cfg(test)]
pub(super) use crate::circuit::FAILURES_TO_OPEN;

/// Number of failures that each of two endpoints must have before the host counts as down.
const FAILURES_OF_ANOTHER: u32 = 5;

/// The circuits of one host.
#[derive(Debug)]
pub struct Breaker {
    host: String,
    clock: Arc<dyn Clock>,
    state: Mutex<BreakerState>,
    /// Notified when a request has ended, whatever its outcome.
    probed: Notify,
}

#[derive(Debug, Default)]
struct BreakerState {
    host: Circuit,
    /// Number of failures of each endpoint since the host's last response.
    failing: BTreeMap<Arc<str>, u32>,
    endpoints: BTreeMap<Arc<str>, Circuit>,
}

/// A host or endpoint that is down: its circuit is open, and nothing is sent there for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// The host (`https://pncp.gov.br`), with the path if only an endpoint is down.
    pub what: String,
    /// Time of the first of the consecutive failures.
    pub since: DateTime<Utc>,
    /// Number of consecutive failures.
    pub failures: u32,
    /// Description of the last failure.
    pub last: String,
    /// Time until a probe is due; zero if one may be sent now.
    pub probe_in: Duration,
    /// `true` while a probe is under way: other requests wait for its outcome.
    pub probing: bool,
    /// `true` if the host is down and this endpoint has a part in its failures: a probe of another
    /// endpoint tells more.
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

/// Decision on a request.
enum Way {
    /// Send it.
    Free,
    /// Send it as the only probe, of the host, of its endpoint, or of both.
    Probe { host: bool, endpoint: bool },
    /// Wait for the outcome of a probe.
    Wait(Down),
    /// Don't send it.
    Shut(Down),
}

impl Breaker {
    /// Creates the circuit breaker of a host, with all circuits closed.
    pub fn new(host: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            host,
            clock,
            state: Mutex::default(),
            probed: Notify::new(),
        }
    }

    /// Returns the open circuit that holds up requests to an endpoint; `None` if they are sent normally.
    /// Doesn't take the probe.
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

    /// Waits while a probe is under way. Doesn't take the next one.
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

    /// Admits a request; its outcome must be reported to the [`Pass`]. `None` if a probe is under way.
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

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BreakerState {
    /// Decides on a request to `endpoint`.
    fn way(&self, host: &str, endpoint: &str, now: DateTime<Utc>) -> Way {
        let mut of_host = self.host.gate(now);
        if of_host == CircuitDecision::Cooling && !self.failing.contains_key(endpoint) {
            of_host = CircuitDecision::ProbeDue;
        }
        let own = self.endpoints.get(endpoint);
        let own = own.map_or(CircuitDecision::Free, |circuit| circuit.gate(now));
        let host_is_worse = matches!(of_host, CircuitDecision::Cooling | CircuitDecision::Probing);
        match (of_host, own) {
            (CircuitDecision::Free, CircuitDecision::Free) => Way::Free,
            (CircuitDecision::Cooling, _) | (_, CircuitDecision::Cooling) => {
                Way::Shut(self.describe(host, host_is_worse, endpoint, now))
            }
            (CircuitDecision::Probing, _) | (_, CircuitDecision::Probing) => {
                Way::Wait(self.describe(host, host_is_worse, endpoint, now))
            }
            (of_host, own) => Way::Probe {
                host: of_host == CircuitDecision::ProbeDue,
                endpoint: own == CircuitDecision::ProbeDue,
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

    /// Sets or clears the mark that a probe is under way.
    fn probe(&mut self, endpoint: &str, of_host: bool, of_endpoint: bool, probing: bool) {
        let own = self.endpoints.get_mut(endpoint);
        let own = own.filter(|_| of_endpoint).and_then(|it| it.open.as_mut());
        let host = self.host.open.as_mut().filter(|_| of_host);
        for open in [host, own].into_iter().flatten() {
            open.probing = probing;
        }
    }

    /// Records a response of an endpoint. Returns the host or endpoint that was down until now.
    fn answered(&mut self, host: &str, endpoint: &str, now: DateTime<Utc>) -> Option<Down> {
        let own = self.endpoints.get(endpoint);
        let own_was_open = own.is_some_and(|circuit| circuit.open.is_some());
        let host_was_open = self.host.open.is_some();
        let was = (host_was_open || own_was_open)
            .then(|| self.describe(host, host_was_open, endpoint, now));
        self.endpoints.remove(endpoint);
        if host_was_open {
            // Failures while the host was down say nothing about an endpoint.
            let since = self.host.since;
            self.endpoints.retain(|_, circuit| circuit.since < since);
        }
        self.host = Circuit::default();
        self.failing.clear();
        was
    }

    /// Records a failed request. Returns the host or endpoint whose circuit opens because of it.
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
            // A request from before the circuit opened isn't a probe, and the first failure of an
            // endpoint, even of its probe, doesn't prolong the cool-down.
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

/// One admitted request. If it is dropped without an outcome (cancelled, or rate-limited, which says
/// nothing about the host), the circuits don't change, and the next request may probe.
#[derive(Debug)]
pub struct Pass<'b> {
    breaker: &'b Breaker,
    endpoint: Arc<str>,
    of_host: bool,
    of_endpoint: bool,
}

impl Pass<'_> {
    /// Reports an understood response, be it a refusal. Returns the host or endpoint that was down until
    /// now.
    pub fn answered(self) -> Option<Down> {
        let now = self.breaker.clock.now();
        let mut state = self.breaker.lock();
        state.answered(&self.breaker.host, &self.endpoint, now)
    }

    /// Reports a missing response, or one that wasn't understood. Returns the host or endpoint whose
    /// circuit opens because of it.
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
        // Not only after probes: the response to an older request may have closed the circuit.
        self.breaker.probed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
