//! Stores that fail, and days of a lake, for the tests of this crate and of those above it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "only tests use it"
)]

pub mod faulty;
pub mod support;
