//! What a request waits for before it is sent: the end of a blackout, its pool's limits and the
//! source's, and the outcome of a probe where its host or endpoint is taken for down.
//!
//! What comes of a request is told to all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono_tz::Tz;
use tracing::info;
use url::Url;

use crate::clock::Clock;
use crate::lease::Lease;
use crate::source::breaker::{Breaker, Down, Pass};
use crate::source::declaration::{Blackout, Dataset, Priority, Source};
use crate::source::failure::Failure;
use crate::source::gate::{Gate, Part, Permit};

/// A blackout is waited out in parts, so that a clock that is set doesn't make it longer.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Gives turns to the requests of one source.
#[derive(Debug)]
pub(super) struct Turns {
    source: String,
    zone: Tz,
    blackout: Vec<Blackout>,
    pub(super) gate: Arc<Gate>,
    /// What bounds this process within the limits, where other processes share them.
    pub(super) lease: OnceLock<Lease>,
    /// By host, for the datasets of a source may be read at several.
    breakers: BTreeMap<String, Breaker>,
    clock: Arc<dyn Clock>,
}

/// The right to send one request.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    permit: Permit,
    pass: Option<Pass<'t>>,
}

impl Turns {
    pub(super) fn new(source: &Source, clock: &Arc<dyn Clock>) -> Self {
        let datasets = source.datasets.values();
        let elsewhere = datasets.filter_map(|dataset| dataset.base_url.as_ref());
        let breaker = |url: &Url| (host(url), Breaker::new(host(url), Arc::clone(clock)));
        Self {
            source: source.name.clone(),
            zone: source.timezone,
            blackout: source.blackout.clone(),
            gate: Gate::new(&source.limits.pool(), &source.pools),
            lease: OnceLock::new(),
            breakers: elsewhere.chain([&source.base_url]).map(breaker).collect(),
            clock: Arc::clone(clock),
        }
    }

    /// Waits for a turn to ask for `url`.
    ///
    /// # Errors
    /// [`Down`] where its host or its endpoint is taken for down, and no probe is due.
    pub(super) async fn wait(
        &self,
        dataset: &Dataset,
        url: &Url,
        priority: Priority,
    ) -> Result<Turn<'_>, Down> {
        let breaker = self.breakers.get(&host(url));
        let endpoint = endpoint(dataset);
        loop {
            // Before the queue, so that nobody waits for a turn that is no use, or holds one while a
            // probe is under way …
            if let Some(breaker) = breaker {
                breaker.probed(&endpoint).await?;
            }
            let permit = self.enter_outside_blackout(dataset, priority).await;
            // … and behind it, for the source may have gone down meanwhile.
            let Some(breaker) = breaker else {
                let pass = None;
                return Ok(Turn { permit, pass });
            };
            if let Some(pass) = breaker.pass(&endpoint)? {
                let pass = Some(pass);
                return Ok(Turn { permit, pass });
            }
        }
    }

    /// Why the requests of a dataset to `url` aren't sent like any others; `None`: they are.
    pub(super) fn down(&self, dataset: &Dataset, url: &Url) -> Option<Down> {
        let breaker = self.breakers.get(&host(url))?;
        breaker.down(&endpoint(dataset))
    }

    async fn enter_outside_blackout(&self, dataset: &Dataset, priority: Priority) -> Permit {
        loop {
            self.end_of_blackout(dataset).await;
            let permit = self.enter(dataset, priority).await;
            // The queue may have been long.
            if self.blackout_left().is_none() {
                return permit;
            }
        }
    }

    /// Waits for the limits alone.
    pub(super) async fn enter(&self, dataset: &Dataset, priority: Priority) -> Permit {
        let pool = self.pool(dataset);
        if let Some(lease) = self.lease.get() {
            lease.want(pool);
        }
        self.gate.enter(pool, priority).await
    }

    fn pool(&self, dataset: &Dataset) -> Option<Part> {
        self.gate.pool(dataset.pool.as_deref()?)
    }

    /// How many requests may be in flight now.
    #[cfg(test)]
    pub(super) fn limit(&self) -> usize {
        self.gate.limit()
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

    /// How long a blackout that is on still lasts.
    pub(super) fn blackout_left(&self) -> Option<Duration> {
        let now = self.clock.now();
        let end = Blackout::end_of(&self.blackout, now, self.zone)?;
        (end - now).to_std().ok()
    }
}

impl Turn<'_> {
    /// An understood answer. Returns what was taken for down before.
    pub(super) fn answered(self) -> Option<Down> {
        self.permit.good();
        self.pass.and_then(Pass::answered)
    }

    /// Too many requests: that says neither that the host works nor that it is down.
    pub(super) fn rate_limited(self) {
        self.permit.rate_limited();
    }

    /// A failure. Returns what is taken for down since.
    pub(super) fn failed(self, url: &Url, failure: &Failure) -> Option<Down> {
        self.pass?.failed(url, failure)
    }

    /// An answer that says that the host works, and nothing of its limits. Returns what was taken
    /// for down before.
    pub(super) fn alive(self) -> Option<Down> {
        self.pass?.answered()
    }
}

/// The endpoint as its dataset declares it: one for all parents of a child, whose paths differ.
fn endpoint(dataset: &Dataset) -> String {
    dataset.path.to_string()
}

fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}
