//! What everything that comes from outside is thrown at: answers, files, texts that people write. Each
//! target takes any bytes, and holds what they become against a property; it must come back, soon, and
//! without a panic.
//!
//! They are driven in two ways. Coverage-guided, by `cargo fuzz` (`fuzz/README.md`): for minutes or
//! days, with a nightly compiler. And by `replay` in each `cargo test`: what was ever found worth
//! keeping (`fuzz/corpus`), and some thousand changes of it from a seed that is printed.
//!
//! Inputs are texts where they can be, so that one can be read, and written by hand:
//!
//! ```text
//! pncp.contratacoes        the dataset
//! 503                      the status
//! Retry-After: 120         headers, up to an empty line
//!
//! {"data":[]}              the body
//! ```
//!
//! A name that there isn't stands for one that there is: no input is in vain.

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
mod input;
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

pub use crate::ingest::fuzz_route as route;
pub use crate::state::fuzz::state;

pub(crate) use input::Input;

/// A target: it panics where a property doesn't hold.
pub type Target = fn(&[u8]);

/// All targets, by the names of their folders in `fuzz/corpus`.
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
