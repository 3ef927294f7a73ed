//! Deterministic simulation of `bronzed`, and properties of what it reads.
//!
//! - `simulation`: runs, commits and whole years of a daemon's life, over stores, APIs and clocks that fail, each by
//!   a seed
//! - [`fuzz`]: a target for each input that comes from outside

pub mod fuzz;
#[cfg(test)]
mod simulation;
