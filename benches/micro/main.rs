//! Micro-benchmarks: the steps of a record from the bytes of a page to a file and a state, each by itself.
//!
//! Records are the recorded ones of PNCP with ids of their own and a longer text, so that compression has to work.
//!
//! ```text
//! cargo bench --bench micro                 all, with the median, the spread and items a second
//! cargo bench --bench micro -- state        those whose path contains `state`
//! cargo bench --bench micro -- --test       each once, to see that it runs
//! ```
#![allow(
    clippy::unwrap_used,
    reason = "a bench that can't be set up has to be noticed"
)]

mod days;
mod dedup;
mod file;
mod page;
mod records;
mod state;

fn main() {
    divan::main();
}
