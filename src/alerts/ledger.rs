//! The ledger of alerts: a small document in the lake, so that a restart neither repeats nor forgets one, and
//! of several daemons one tells it.
//!
//! ```json
//! {"format": 1,
//!  "alerts": {"down/pncp": {
//!    "key": {"rule": "down", "source": "pncp", "dataset": null},
//!    "state": "active", "since": "2025-10-22T05:07:12Z", "changed_at": "2025-10-22T07:07:12Z", "ended_at": null,
//!    "summary": "…", "detail": "…", "hint": "…"}},
//!  "outbox": [],
//!  "evidence": {"failures": {}, "drift": {}, "overdue": {}},
//!  "volumes": {"pncp.contratacoes": {"2025-10-22": 957}}}
//! ```
//!
//! Its key is `_bronzed/alerts.json`. It is changed only by compare-and-swap. It may be removed: then what is
//! still wrong is told again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::evidence::Evidence;
use crate::alerts::key::AlertKey;
use crate::alerts::outbox::Outbox;
use crate::alerts::volume::VolumeHistory;
use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::{DocumentError, JsonDocument};

/// Key of the document.
pub const KEY: &str = "_bronzed/alerts.json";

/// Format that this version writes, and the highest that it can read.
const FORMAT: u64 = 1;

/// All that is known of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Alerts by their key.
    #[serde(default)]
    pub alerts: BTreeMap<String, AlertEntry>,
    /// Messages that aren't delivered yet.
    #[serde(default)]
    pub outbox: Outbox,
    /// Evidence of runs and overdue days.
    #[serde(default)]
    pub evidence: Evidence,
    /// Numbers of records of days.
    #[serde(default)]
    pub volumes: VolumeHistory,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertEntry {
    /// Identity of the alert.
    pub key: AlertKey,
    /// State of the alert.
    pub state: AlertState,
    /// Time since which its condition holds, or held.
    pub since: DateTime<Utc>,
    /// Time of the last change of its state.
    pub changed_at: DateTime<Utc>,
    /// Time of its last end. `None` if it hasn't ended within a day.
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Statement of what is wrong, in one line.
    pub summary: String,
    /// Reason or consequence.
    pub detail: String,
    /// Commands to type, and what to look for.
    pub hint: String,
}

/// State of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The condition holds, but not for long enough.
    Pending,
    /// It was told that it has started.
    Active,
    /// It was told that it has ended.
    Ended,
}

impl Ledger {
    /// Returns the document in a lake.
    pub fn document(lake: &Lake) -> JsonDocument<Self> {
        JsonDocument::new(lake, KEY, FORMAT)
            .hint("update bronzed, or remove the object, which has active alerts told again")
    }

    /// Loads the ledger of a lake; an empty one if there is none.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read, or the document can't be parsed.
    pub async fn load(lake: &Lake) -> Result<Self, DocumentError> {
        Ok(Self::document(lake).load().await?.unwrap_or_default())
    }

    /// Returns the active alerts, oldest first.
    pub fn active(&self) -> Vec<AlertEntry> {
        let active = self.alerts.values();
        let mut active: Vec<_> = active
            .filter(|entry| entry.state == AlertState::Active)
            .cloned()
            .collect();
        active.sort_by_key(|entry| entry.since);
        active
    }

    /// Adds what a ledger has that was continued without the lake since `since`. Of each alert, the later
    /// change holds. Messages queued meanwhile are added; `delivered` names those that are not to be sent
    /// again.
    pub fn merge(&mut self, other: &Self, since: DateTime<Utc>, delivered: &[String]) {
        for (key, entry) in &other.alerts {
            let own = self.alerts.get(key);
            if own.is_none_or(|own| own.changed_at < entry.changed_at) {
                self.alerts.insert(key.clone(), entry.clone());
            }
        }
        self.outbox.merge(&other.outbox, since, delivered);
        self.evidence.merge(&other.evidence);
        self.volumes.merge(&other.volumes);
    }
}
