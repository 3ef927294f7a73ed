//! A request for a part of a table: all that is the same for every endpoint that lists one.

use chrono::NaiveDateTime;

use super::SimConfig;
use super::call::{Call, Right};
use super::chance::Chance;
use super::dataset::Dataset;
use super::faults::{Fault, PageKey};
use super::table::{Scope, Selection};

/// A request for the rows from position `start` on, at most `count`.
pub(super) struct ListingCall<E> {
    pub dataset: &'static Dataset,
    /// What the provider's limit of requests a second counts by, where it has one.
    pub module: Option<&'static str>,
    /// The days asked for, as they were sent.
    pub days: String,
    /// `codigoModalidade=5`; empty where there is nothing to slice by.
    pub slice: String,
    pub scope: Scope,
    pub start: u64,
    pub count: u64,
    /// Makes the answer of a selection.
    pub envelope: E,
}

/// The envelope of an API around its rows.
pub(super) trait Envelope {
    /// The answer that carries these rows. `call` is the chance of this call.
    fn wrap(&self, selection: &Selection, call: Chance) -> Right;

    /// How long the answer takes, beside what every one does.
    fn wait(&self, _config: &SimConfig, _start: u64) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

impl<E: Envelope> Call for ListingCall<E> {
    fn key(&self) -> PageKey {
        PageKey {
            dataset: self.dataset.name,
            days: self.days.clone(),
            slice: self.slice.clone(),
            page: 1 + self.start / self.count.max(1),
            offset: self.start,
            size: self.count,
        }
    }

    fn disturb(&self, fault: &Fault, config: &SimConfig, now: NaiveDateTime) -> bool {
        let table = config.tables.of(self.dataset);
        match fault {
            Fault::Shift => table.reveal_before(self.scope, now, self.start),
            Fault::Withdraw => table.withdraw_first(self.scope, now),
            _ => true,
        }
    }

    fn answer(&self, config: &SimConfig, now: NaiveDateTime, _: Chance, call: Chance) -> Right {
        let table = config.tables.of(self.dataset);
        let selection = table.select(self.scope, now, self.start, self.count);
        self.envelope.wrap(&selection, call)
    }

    fn module(&self) -> Option<&'static str> {
        self.module
    }

    fn wait(&self, config: &SimConfig) -> std::time::Duration {
        self.envelope.wait(config, self.start)
    }
}
