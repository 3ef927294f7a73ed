//! Document of a lease: the share of each holder.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use bronzed_storage::lake::Lake;
use bronzed_storage::lake::document::JsonDocument;

/// Format written by this version, and the highest that it can read.
const FORMAT: u64 = 1;

/// Returns the document of a source's lease.
pub(super) fn at(lake: &Lake, key: &str) -> JsonDocument<LeaseDocument> {
    JsonDocument::new(lake, key, FORMAT)
        .hint("update bronzed, or remove the object, which is made anew")
}

/// Content of the document, see [`crate::lease`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaseDocument {
    pub(super) holders: BTreeMap<String, Holder>,
}

/// Entry of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) host: String,
    pub(super) pid: u32,
    pub(super) command: String,
    /// Start of the lease: the oldest holders get the remainder if shares can't be equal.
    pub(super) since: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
    /// Number of renewals: shows other processes that this one is alive, independently of clocks.
    pub(super) renewed: u64,
    /// Shares by the name of the limit: `limits`, `pool.contratos`.
    pub(super) limits: BTreeMap<String, HeldShare>,
}

/// Demand and share of a process in a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldShare {
    /// Number of concurrent requests that it could use now.
    pub(super) wants: usize,
    /// Number of concurrent requests that it may use now.
    pub(super) share: usize,
}

impl Holder {
    pub(super) fn of(&self, limit: &str) -> HeldShare {
        self.limits.get(limit).copied().unwrap_or_default()
    }
}
