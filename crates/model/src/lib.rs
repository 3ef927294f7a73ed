//! Vocabulary of `bronzed`: the types that all its crates share, and pure functions over them. Nothing here does
//! any input or output.
//!
//! - [`day`], [`clock`], [`entropy`], [`cron`]: time and chance as parameters
//! - [`json`], [`record`], [`schema`], [`names`], [`template`], [`protection`]: records, their ids, columns and masking
//! - [`declaration`], [`settings`], [`alerts`], [`problem`]: the validated configuration, and what is wrong with one
//! - [`slices`], [`paginator`]: slices of a day, and arithmetic of their pages
//! - [`counts`], [`execution`], [`verified`]: what runs leave in the audit; [`requests`]: and beside it
//! - [`redact`]: secrets out of texts

pub mod alerts;
pub mod clock;
pub mod counts;
pub mod cron;
pub mod day;
pub mod declaration;
pub mod entropy;
pub mod execution;
#[cfg(feature = "test-util")]
pub mod fuzz_input;
pub mod json;
pub mod names;
pub mod paginator;
pub mod problem;
pub mod protection;
pub mod quality;
pub mod record;
pub mod redact;
pub mod requests;
pub mod schema;
pub mod settings;
pub mod slices;
pub mod template;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
pub mod text;
pub mod verified;
