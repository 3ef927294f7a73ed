//! Alerts: tells somebody, once when a condition begins and once when it ends, without Prometheus.
//!
//! ```text
//! daemon ──► facts ──► rules ──► tracker ──► outbox ──► channels
//!            snapshot  pure      pure        pure       HTTP, SMTP
//!                                └── ledger (_bronzed/alerts.json) ──┘
//! ```
//!
//! Promises: an alert is told once when it starts and once when it ends, across restarts and by one of several
//! daemons, because every transition is a compare-and-swap of the ledger; a message that is queued is
//! delivered at least once, and again only if the process ends between its sending and the note of it; runs
//! never wait for any of it. While the lake takes no writes, the ledger is continued in memory, and merged
//! with the one of the lake afterwards.
//!
//! - [`facts`], [`rules`]: snapshot of the daemon, and the conditions that hold in it
//! - [`ledger`], [`tracker`], [`evidence`], [`outbox`]: what is known of alerts, and its transitions
//! - [`message`], [`channel`]: texts, and their delivery
//! - `worker`, `keeper`, `heartbeat`, `volume`: the task that does the I/O

pub mod channel;
pub mod evidence;
pub mod facts;
mod heartbeat;
mod keeper;
pub mod key;
pub mod ledger;
pub mod message;
pub mod outbox;
pub mod rules;
pub mod tracker;
mod volume;
mod worker;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::alerts::facts::AlertFacts;
use crate::alerts::ledger::AlertEntry;

pub(crate) use worker::{AlertContext, run};

/// Handle to the alerts of a daemon, shared by the daemon, the worker and the server.
#[derive(Debug, Clone, Default)]
pub struct Alerts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<AlertSlot>,
    /// Notified when facts were published.
    published: Notify,
    /// Notified when published facts have been dealt with.
    settled: Notify,
}

#[derive(Debug, Default)]
struct AlertSlot {
    /// Newest facts that the worker hasn't taken.
    facts: Option<AlertFacts>,
    /// Number of published facts, and number of these that were dealt with.
    published: u64,
    settled: u64,
    /// Active alerts.
    active: Vec<AlertEntry>,
}

impl Alerts {
    /// Hands facts to the worker. Never waits: facts that the worker hasn't taken yet are replaced, and only
    /// the runs that they report are kept.
    pub fn publish(&self, mut facts: AlertFacts) {
        let mut slot = self.slot();
        if let Some(earlier) = slot.facts.take() {
            facts.continue_from(earlier);
        }
        slot.facts = Some(facts);
        slot.published += 1;
        drop(slot);
        self.0.published.notify_one();
    }

    /// Returns the active alerts, oldest first.
    pub fn active(&self) -> Vec<AlertEntry> {
        self.slot().active.clone()
    }

    /// Waits until all published facts have been dealt with, delivery attempts included; for callers that
    /// drive the clock.
    pub async fn settled(&self) {
        loop {
            let settled = self.0.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let slot = self.slot();
                if slot.settled == slot.published {
                    return;
                }
            }
            settled.await;
        }
    }

    /// Takes the newest facts, with their number; waits for some.
    async fn next(&self) -> (AlertFacts, u64) {
        loop {
            {
                let mut slot = self.slot();
                if let Some(facts) = slot.facts.take() {
                    return (facts, slot.published);
                }
            }
            self.0.published.notified().await;
        }
    }

    /// Notes that facts up to this number have been dealt with.
    fn done(&self, number: u64, active: Vec<AlertEntry>) {
        let mut slot = self.slot();
        slot.settled = number;
        slot.active = active;
        drop(slot);
        self.0.settled.notify_waiters();
    }

    fn slot(&self) -> MutexGuard<'_, AlertSlot> {
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
