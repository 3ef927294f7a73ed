//! Slices of a day: the pages of one, walked until the counts hold, and all of them at once.
//!
//! - [`fetcher`]: one page, requested until the answer agrees with what the API stated before
//! - [`scan`]: one walk over the pages of a slice, by the fetcher
//! - [`reader`]: one slice, by scans: in full until its proof holds, or only new records
//! - [`proof`], [`trail`]: what a walk has counted, and if that proves the slice; pages that lead in a circle
//! - [`empty`], [`canary`]: answers without a row, and what confirms them
//! - [`concurrent`]: all slices, concurrently with the intake of their pages

pub mod canary;
pub mod concurrent;
pub mod empty;
pub mod fetcher;
pub mod proof;
pub mod reader;
pub mod scan;
mod trail;

use crate::ingest::{Context, Order};
use bronzed_source::RequestBudget;

/// Context that all requests of one run have in common.
#[derive(Clone, Copy)]
pub struct ReadContext<'a> {
    pub context: &'a Context,
    pub order: &'a Order,
    /// Counter of the run's requests.
    pub usage: &'a RequestBudget,
}
