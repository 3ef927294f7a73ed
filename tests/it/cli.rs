//! The program as a black box: arguments and environment in, exit codes, output and a lake out. The judge
//! is a Python script; only the simulated API has a fake clock.

mod alert;
#[cfg(all(feature = "jemalloc", not(target_env = "msvc")))]
mod allocator;
mod bad_day;
mod bad_input;
mod begin;
mod continued;
mod day;
mod demo;
mod killed;
mod look;
mod memory;
mod online;
mod quality;
mod readers;
mod schema;
mod simulate;
mod spellings;
mod state;
mod status;
pub mod takeover;
