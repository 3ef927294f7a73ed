//! `bronzed` keeps a bronze lake of Brazil's public procurement data complete, fresh and free of
//! duplicates.
//!
//! Data flows one way, and each stage knows only the next one's input:
//!
//! ```text
//! config ──► (dataset, day, mode) ──► ingest::run
//!                                       │
//!  source: slices ► requests ► pages ► records ──► dedup (state) ──► bronze (Parquet) ──► commit
//! ```
//!
//! The stages are library code with no knowledge of a scheduler: `bronzed run` and a daemon call
//! the same [`bronzed_engine::ingest::run`]. Time, randomness, HTTP and storage come in as parameters.

pub mod alerts;
pub mod backfill;
pub mod cli;
pub mod daemon;
#[cfg(feature = "delta")]
mod delta;
mod outbound;
pub mod schedule;
pub mod server;
pub mod session;
mod silver;
pub mod standing;
#[cfg(feature = "delta")]
mod table_worker;
pub mod telemetry;
