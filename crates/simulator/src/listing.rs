//! A request for a part of a table: everything that all listing endpoints have in common.

use std::time::Duration;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::call::{Call, Right};
use super::chance::Chance;
use super::dataset::Dataset;
use super::faults::{Fault, PageKey};
use super::scope::Scope;
use super::table::Selection;

/// A request for at most `count` rows from position `start` on.
pub(super) struct ListingCall<E> {
    /// Name of the endpoint: that of its dataset, unless several endpoints list it.
    pub name: &'static str,
    pub dataset: &'static Dataset,
    /// Module whose rate limit applies, if the provider has rate limits.
    pub module: Option<&'static str>,
    /// Requested days, as they were sent.
    pub days: String,
    /// `codigoModalidade=5`; empty if the listing has no slices.
    pub slice: String,
    pub scope: Scope,
    pub start: u64,
    pub count: u64,
    /// Builds the response from a selection.
    pub envelope: E,
}

/// Chances from which a response may draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    /// The chance of the slice.
    pub slice: Chance,
    /// The chance of this call.
    pub call: Chance,
}

/// The envelope of an API around its rows.
pub(super) trait Envelope {
    /// Returns the response with these rows.
    fn wrap(&self, selection: &Selection, draws: Draws) -> Right;

    /// Returns the latency in addition to the common one.
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
