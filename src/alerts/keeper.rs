//! Keeper of the ledger: changes it in the lake, or in memory while the lake takes no writes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::alerts::ledger::{AlertEntry, Ledger};
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::JsonDocument;

/// Interval between reads of a ledger that this process doesn't change: they find the messages of a daemon that
/// ended before it had sent them.
const READ_EVERY: TimeDelta = TimeDelta::hours(1);
/// Time limit of a change in the lake.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ledger, as it was last read or changed.
#[derive(Debug)]
pub(super) struct LedgerKeeper {
    document: JsonDocument<Ledger>,
    entropy: Arc<Entropy>,
    ledger: Ledger,
    /// Time of the last read. `None` before the first one.
    read_at: Option<DateTime<Utc>>,
    /// Changes that the lake doesn't have.
    offline: Option<Offline>,
    /// `true` if the last change failed, which is logged once.
    is_failing: bool,
}

/// Changes that the lake doesn't have.
#[derive(Debug)]
struct Offline {
    since: DateTime<Utc>,
    /// Ids of messages that were delivered meanwhile.
    delivered: Vec<String>,
}

impl LedgerKeeper {
    pub(super) fn new(lake: &Lake, entropy: Arc<Entropy>) -> Self {
        Self {
            document: Ledger::document(lake),
            entropy,
            ledger: Ledger::default(),
            read_at: None,
            offline: None,
            is_failing: false,
        }
    }

    /// Returns the ledger.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Applies a change, and returns its result. `apply` may be called several times, to different versions of
    /// the ledger; its last call is the one that holds. With `in_lake` unset, the lake isn't asked.
    pub(super) async fn change<T>(
        &mut self,
        in_lake: bool,
        now: DateTime<Utc>,
        mut apply: impl FnMut(&mut Ledger) -> T,
    ) -> T {
        let mut changed = self.ledger.clone();
        let mut result = apply(&mut changed);
        let is_read = self.read_at.is_some_and(|at| (now - at).abs() < READ_EVERY);
        if is_read && self.offline.is_none() && is_same(&self.ledger, &changed) {
            self.ledger = changed;
            return result;
        }
        if in_lake {
            let (known, offline) = (&self.ledger, &self.offline);
            let change = |found: &mut Ledger| {
                if let Some(offline) = offline {
                    found.merge(known, offline.since, &offline.delivered);
                }
                result = apply(found);
            };
            let written = self.document.update(&self.entropy, change);
            match tokio::time::timeout(PATIENCE, written).await {
                Ok(Ok(ledger)) => {
                    self.ledger = ledger;
                    self.read_at = Some(now);
                    self.offline = None;
                    self.is_failing = false;
                    return result;
                }
                Ok(Err(error)) => self.tell(&error.to_string()),
                Err(_) => self.tell("no answer of the lake in time"),
            }
            result = apply(&mut self.ledger);
        } else {
            self.ledger = changed;
        }
        self.offline.get_or_insert_with(|| Offline {
            since: now,
            delivered: Vec::new(),
        });
        result
    }

    /// Notes that messages were delivered, in case that the lake can't be told.
    pub(super) fn delivered(&mut self, ids: &[String]) {
        if let Some(offline) = &mut self.offline {
            offline.delivered.extend_from_slice(ids);
        }
    }

    fn tell(&mut self, error: &str) {
        if !self.is_failing {
            tracing::warn!(error, "alerts not kept");
        }
        self.is_failing = true;
    }
}

/// Returns `true` if two ledgers differ in nothing but the texts of alerts, which name counts that grow.
fn is_same(one: &Ledger, other: &Ledger) -> bool {
    let essence = |entry: &AlertEntry| (entry.state, entry.since, entry.changed_at);
    one.alerts.len() == other.alerts.len()
        && one
            .alerts
            .iter()
            .zip(&other.alerts)
            .all(|(one, other)| one.0 == other.0 && essence(one.1) == essence(other.1))
        && one.outbox == other.outbox
        && one.evidence == other.evidence
        && one.volumes == other.volumes
}
