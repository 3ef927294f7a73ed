//! Counts of a run (promise P2): every fetched row is new, a duplicate, or left to another day.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts of the rows that a run has settled, and of its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// Rows of all accepted pages, including pages that were read a second time.
    pub fetched: u64,
    /// Rows written to a file.
    pub new: u64,
    /// Rows whose id was stored already, or was listed twice.
    pub duplicates: u64,
    /// Rows that belong to another day by their own date and are left to that day.
    pub off_day: u64,
    /// New rows that belong to another day by their own date, and are stored here because that day doesn't
    /// have them.
    pub misplaced: u64,
    /// Fetched rows without a usable id, stored under the hash of their content.
    pub unidentified: u64,
    /// Values stored in `_extra`: undeclared fields, or values of another type than declared.
    pub drift: u64,
    /// Requests sent, including retries.
    pub requests: u64,
    /// Requests sent again after a failure.
    pub retries: u64,
    /// Rows repeated within a walk over a slice, because the order is undefined or the API lists records
    /// twice.
    pub repeats: u64,
    /// Stored ids whose records the API no longer lists.
    pub withdrawn: u64,
    /// Rows of a snapshot that mark a record as deleted. They aren't fetched: a deletion is found by a
    /// missing record.
    pub vanished: u64,
    /// Stored ids that were noted as withdrawn and whose records the API lists again.
    pub returned: u64,
}

impl Counts {
    /// Adds the row counts of `more`. Requests are counted over the whole run, not by parts.
    pub fn add(&mut self, more: &Self) {
        self.fetched += more.fetched;
        self.new += more.new;
        self.duplicates += more.duplicates;
        self.off_day += more.off_day;
        self.misplaced += more.misplaced;
        self.unidentified += more.unidentified;
        self.drift += more.drift;
        self.vanished += more.vanished;
        self.returned += more.returned;
    }

    /// Returns `true` if every row that was fetched or found to be deleted is accounted for (promise P2).
    pub fn balanced(&self) -> bool {
        self.fetched + self.vanished == self.new + self.duplicates + self.off_day
    }
}
