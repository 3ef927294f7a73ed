//! Slices of a day: the pages of one, walked until the counts hold, and all of them at once.
//!
//! - [`reader`]: one slice, in full until its proof holds, or only new records
//! - [`scan`]: one walk over its pages
//! - [`fetcher`]: one page, requested until the answer agrees with what the API stated before
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
