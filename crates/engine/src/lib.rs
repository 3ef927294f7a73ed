//! Runs: reading a day of a dataset and committing it, comparing it with the API, and checking a declaration.
//!
//! ```text
//! slices ► requests ► pages ► records ──► dedup (state) ──► bronze (Parquet) ──► commit
//! ```
//!
//! Nothing here knows of a schedule: commands and the daemon call the same [`ingest::run`].

pub mod ingest;
pub mod inspection;
pub mod requests;
pub mod table_index;
pub mod verify;
