//! Fuzz targets for all external input: API responses, files, configuration. Each target accepts any bytes
//! and asserts a property of the result; it must return soon and not panic.
//!
//! They are driven in two ways: coverage-guided by `cargo fuzz` (`fuzz/README.md`), for minutes or days
//! with a nightly compiler; and by `replay` in each `cargo test`, with the corpus (`fuzz/corpus`) and 500
//! mutations of it for each target from a printed seed.
//!
//! Inputs are text where possible, so that they can be read and written by hand:
//!
//! ```text
//! pncp.contratacoes        the dataset
//! 503                      the status
//! Retry-After: 120         headers, up to an empty line
//!
//! {"data":[]}              the body
//! ```
//!
//! An unknown name is mapped to a known one, so that no input is wasted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that doesn't hold has to be noticed"
)]

mod answer;
mod bronze_file;
mod canonical;
mod columns;
mod config;
mod cron;
mod ids;
mod paging;
#[cfg(test)]
mod replay;
mod request;
mod respelled;
mod sources;

pub use answer::answer;
pub use bronze_file::parquet;
pub use canonical::canonical;
pub use columns::columns;
pub use config::config;
pub use cron::cron;
pub use ids::ids;
pub use paging::paging;
pub use request::request;

pub use bronzed_engine::ingest::fuzz_route as route;
pub use bronzed_storage::state::fuzz::state;

pub(crate) use bronzed_model::fuzz_input::Input;

/// A fuzz target; panics if a property doesn't hold.
pub type Target = fn(&[u8]);

/// All targets, by the name of their folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 11] = [
    ("answer", answer),
    ("canonical", canonical),
    ("columns", columns),
    ("config", config),
    ("cron", cron),
    ("ids", ids),
    ("paging", paging),
    ("parquet", parquet),
    ("request", request),
    ("route", route),
    ("state", state),
];
