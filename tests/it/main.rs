//! Black-box tests of the program, and tests of their own harness.
//!
//! All are in one binary, because each binary links the whole program.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, and what it is made of, fails by panicking"
)]

mod support;
mod together;
mod traces;

mod backends;
mod backfill;
mod claims;
mod cli;
#[cfg(debug_assertions)]
mod crashed;
mod daemon;
mod datasets;
mod docs;
mod export;
#[cfg(debug_assertions)]
mod failpoints;
mod faults;
mod hostile;
mod kept;
mod logs;
mod means;
mod names;
mod network;
mod pages;
mod protection;
mod regressions;
mod requests;
mod scenario;
mod secrets;
mod shapes;
mod silver;
mod snapshots;
mod tables;
mod verify;
