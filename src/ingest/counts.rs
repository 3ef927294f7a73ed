//! What a run counts (promise P2): every fetched row is new, a duplicate, or another day's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fate of the rows that a run has settled, and what reading them cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// Rows of all accepted pages, those read a second time included.
    pub fetched: u64,
    /// Rows written to a file.
    pub new: u64,
    /// Rows whose id was stored already, or came twice.
    pub duplicates: u64,
    /// Rows that belong to another day by their own date, and are left to it.
    pub off_day: u64,
    /// Rows among the new ones that belong to another day by their own date, and are stored here
    /// because that day doesn't have them.
    pub misplaced: u64,
    /// Rows among the fetched ones without a usable id, stored under the hash of their content.
    pub unidentified: u64,
    /// Values that went into `_extra`: undeclared, or not what the schema declares.
    pub drift: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests sent again after a failure.
    pub retries: u64,
    /// Rows that came again within a walk over a slice: an order that is undefined, or repeats that
    /// the API lists.
    pub repeats: u64,
    /// Stored ids whose records the API was found to list no more, in a run that verified the day.
    pub withdrawn: u64,
    /// Rows of a snapshot that stand for records which are there no more: found by what wasn't
    /// fetched.
    pub vanished: u64,
    /// Stored ids that were noted as withdrawn, and whose records the API lists again.
    pub returned: u64,
}

impl Counts {
    /// Adds the rows of `more`; requests are counted over the whole run, not by parts.
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

    /// Promise P2: nothing that was fetched, or found to be gone, is unaccounted for.
    pub fn balanced(&self) -> bool {
        self.fetched + self.vanished == self.new + self.duplicates + self.off_day
    }
}
