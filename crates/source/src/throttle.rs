//! Admission of requests: each waits for the end of a blackout, for the limits of its pool and its
//! source, and for the outcome of a probe if its host or endpoint is down.
//!
//! The outcome of a request is reported to the limiter and the circuit breaker.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono_tz::Tz;
use tracing::info;
use url::Url;

use crate::breaker::{Breaker, Down, Pass};
use crate::failure::Failure;
use crate::lease::Lease;
use crate::limiter::{AdaptiveLimiter, LimitId, Permit};
use bronzed_model::clock::Clock;
use bronzed_model::declaration::{Blackout, Dataset, Priority, Source};

/// Maximum sleep in a blackout: the clock is then checked again, so that setting it doesn't prolong the
/// wait.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Admits the requests of one source.
#[derive(Debug)]
pub(super) struct RequestThrottle {
    source: String,
    zone: Tz,
    blackout: Vec<Blackout>,
    pub(super) limiter: Arc<AdaptiveLimiter>,
    /// Lease of this process's share of the limits, if other processes share them.
    pub(super) lease: OnceLock<Lease>,
    /// Circuit breakers by host: a source's datasets may be at several hosts.
    breakers: BTreeMap<String, Breaker>,
    clock: Arc<dyn Clock>,
}

/// Permission to send one request.
#[derive(Debug)]
pub(super) struct AdmittedRequest<'t> {
    permit: Permit,
    pass: Option<Pass<'t>>,
}

impl RequestThrottle {
    pub(super) fn new(source: &Source, clock: &Arc<dyn Clock>) -> Self {
        let datasets = source.datasets.values();
        let elsewhere = datasets.filter_map(|dataset| dataset.base_url.as_ref());
        let breaker = |url: &Url| (host(url), Breaker::new(host(url), Arc::clone(clock)));
        Self {
            source: source.name.clone(),
            zone: source.timezone,
            blackout: source.blackout.clone(),
            limiter: AdaptiveLimiter::new(&source.limits.pool(), &source.pools),
            lease: OnceLock::new(),
            breakers: elsewhere.chain([&source.base_url]).map(breaker).collect(),
            clock: Arc::clone(clock),
        }
    }

    /// Waits until a request to `url` may be sent.
    ///
    /// # Errors
    /// [`Down`] if its host or endpoint is down and no probe is due.
    pub(super) async fn wait(
        &self,
        dataset: &Dataset,
        url: &Url,
        priority: Priority,
    ) -> Result<AdmittedRequest<'_>, Down> {
        let breaker = self.breakers.get(&host(url));
        let endpoint = endpoint(dataset);
        loop {
            // Checked before the queue, so that no request queues in vain, or holds a permit while a
            // probe is under way …
            if let Some(breaker) = breaker {
                breaker.probed(&endpoint).await?;
            }
            let permit = self.enter_outside_blackout(dataset, priority).await;
            // … and after it, because the source may have gone down meanwhile.
            let Some(breaker) = breaker else {
                let pass = None;
                return Ok(AdmittedRequest { permit, pass });
            };
            if let Some(pass) = breaker.pass(&endpoint)? {
                let pass = Some(pass);
                return Ok(AdmittedRequest { permit, pass });
            }
        }
    }

    /// State of the open circuit that holds up requests of `dataset` to `url`. `None` if they are sent
    /// normally.
    pub(super) fn down(&self, dataset: &Dataset, url: &Url) -> Option<Down> {
        let breaker = self.breakers.get(&host(url))?;
        breaker.down(&endpoint(dataset))
    }

    async fn enter_outside_blackout(&self, dataset: &Dataset, priority: Priority) -> Permit {
        loop {
            self.end_of_blackout(dataset).await;
            let permit = self.enter(dataset, priority).await;
            // A blackout may have begun while the request was queued.
            if self.blackout_left().is_none() {
                return permit;
            }
        }
    }

    /// Waits for the limits only, regardless of blackout and circuit breaker.
    pub(super) async fn enter(&self, dataset: &Dataset, priority: Priority) -> Permit {
        let pool = self.pool(dataset);
        if let Some(lease) = self.lease.get() {
            lease.want(pool);
        }
        self.limiter.enter(pool, priority).await
    }

    fn pool(&self, dataset: &Dataset) -> Option<LimitId> {
        self.limiter.pool(dataset.pool.as_deref()?)
    }

    /// Number of requests that may be in flight now.
    #[cfg(test)]
    pub(super) fn limit(&self) -> usize {
        self.limiter.limit()
    }

    async fn end_of_blackout(&self, dataset: &Dataset) {
        let mut told = false;
        while let Some(left) = self.blackout_left() {
            if !std::mem::replace(&mut told, true) {
                info!(
                    source = self.source,
                    dataset = dataset.name,
                    wait_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
                    "blackout waited out"
                );
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
        }
    }

    /// Remaining time of the current blackout; `None` outside of blackouts.
    pub(super) fn blackout_left(&self) -> Option<Duration> {
        let now = self.clock.now();
        let end = Blackout::end_of(&self.blackout, now, self.zone)?;
        (end - now).to_std().ok()
    }
}

impl AdmittedRequest<'_> {
    /// Reports an understood response. Returns the host or endpoint that was down until now.
    pub(super) fn answered(self) -> Option<Down> {
        self.permit.good();
        self.pass.and_then(Pass::answered)
    }

    /// Reports "too many requests", which says neither that the host works nor that it is down.
    pub(super) fn rate_limited(self) {
        self.permit.rate_limited();
    }

    /// Reports a failure. Returns the host or endpoint that is down because of it.
    pub(super) fn failed(self, url: &Url, failure: &Failure) -> Option<Down> {
        self.pass?.failed(url, failure)
    }

    /// Reports a response that shows that the host works, but nothing about its limits. Returns the host
    /// or endpoint that was down until now.
    pub(super) fn alive(self) -> Option<Down> {
        self.pass?.answered()
    }
}

/// Returns the endpoint: the path template, which is the same for all parents of a child although their
/// paths differ.
fn endpoint(dataset: &Dataset) -> String {
    dataset.path.to_string()
}

fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}
