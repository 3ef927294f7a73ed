//! The program as its users meet it: arguments and environment in, exit codes, output and a lake
//! out. The judge is Python; what time it is, only the simulated API is told.

mod bad_day;
mod bad_input;
mod day;
mod demo;
mod killed;
mod memory;
mod online;
mod readers;
mod schema;
mod simulate;
mod spellings;
mod state;
mod status;
pub mod takeover;
