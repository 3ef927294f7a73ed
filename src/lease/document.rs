//! The document of a lease: who holds which share.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::Lake;
use crate::lake::document::JsonDocument;

/// The format that this version writes, and the highest that it knows.
const FORMAT: u64 = 1;

/// The document of a source's lease.
pub(super) fn at(lake: &Lake, key: &str) -> JsonDocument<Document> {
    JsonDocument::new(lake, key, FORMAT)
        .cure("update bronzed, or remove the object, which is made anew")
}

/// See [`crate::lease`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) holders: BTreeMap<String, Holder>,
}

/// The entry of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) host: String,
    pub(super) pid: u32,
    pub(super) command: String,
    /// Who came first has the greater share, where shares can't be equal.
    pub(super) since: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
    /// Counts renewals: others see by it that the process lives, whatever the clocks say.
    pub(super) renewed: u64,
    /// By the name of a limit: `limits`, `pool.contratos`.
    pub(super) limits: BTreeMap<String, Held>,
}

/// What a process has of a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// The most that it could use now.
    pub(super) wants: usize,
    /// The most that it may use now.
    pub(super) share: usize,
}

impl Holder {
    pub(super) fn of(&self, limit: &str) -> Held {
        self.limits.get(limit).copied().unwrap_or_default()
    }
}
