//! A request for a part of a table: all that is the same for every endpoint that lists one.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::call::{Call, Right};
use super::chance::Chance;
use super::dataset::Dataset;
use super::faults::{Fault, PageKey};
use super::scope::Scope;
use super::table::Selection;

/// A request for the rows from position `start` on, at most `count`.
pub(super) struct ListingCall<E> {
    /// The endpoint's name: that of its dataset, unless there are several that list it.
    pub name: &'static str,
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

/// What an answer may draw from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    /// The chance of the slice.
    pub slice: Chance,
    /// The chance of this call.
    pub call: Chance,
}

/// The envelope of an API around its rows.
pub(super) trait Envelope {
    /// The answer that carries these rows.
    fn wrap(&self, selection: &Selection, draws: Draws) -> Right;

    /// How long the answer takes, beside what every one does.
    fn wait(&self, _config: &SimConfig, _start: u64) -> Duration {
        Duration::ZERO
    }
}

impl<E: Envelope> Call for ListingCall<E> {
    fn key(&self) -> PageKey {
        PageKey {
            dataset: self.name,
            days: self.days.clone(),
            slice: self.slice.clone(),
            page: 1 + self.start / self.count.max(1),
            offset: self.start,
            size: self.count,
        }
    }

    fn disturb(&self, fault: &Fault, config: &SimConfig, now: NaiveDateTime) -> bool {
        let table = config.table(self.dataset);
        match fault {
            Fault::Shift => table.reveal_before(self.scope, now, self.start),
            Fault::Withdraw => table.withdraw_first(self.scope, now),
            _ => true,
        }
    }

    fn answer(&self, config: &SimConfig, now: NaiveDateTime, slice: Chance, call: Chance) -> Right {
        let table = config.table(self.dataset);
        let selection = table.select(self.scope, now, self.start, self.count);
        self.envelope.wrap(&selection, Draws { slice, call })
    }

    fn module(&self) -> Option<&'static str> {
        self.module
    }

    fn wait(&self, config: &SimConfig) -> Duration {
        self.envelope.wait(config, self.start)
    }
}
