//! When which day of which dataset is read, and how: plain code over (jobs, what the lake knows,
//! now), with no clock, no lake and no state of its own inside.
//!
//! [`jobs`] is what the configuration asks for, [`knowledge`] what the lake tells, [`plan`] brings
//! both together with the time. A plan is made at every wake-up, whoever caused it, and is the
//! same for the same input: a lost wake-up costs a moment, never a slot, and a daemon that begins
//! on an empty disk plans what its predecessor would have planned.
//!
//! ```text
//! jobs, knowledge, now ──► cron: slots ──► which days ──► due: when to read them ──► plan: tasks
//! ```
//!
//! Promises, tested in `simulation`: every day that was begun, or that a job or coverage has named, becomes
//! complete, whatever happened in between (`wanted`); no
//! (dataset, day) is read twice at a time; every slot leads to a run of its own day, or is joined
//! to one under way; a day that can't be read is tried at a growing distance, and holds up nobody.
//!
//! [`deal`] says whose turn it is where there are more tasks than places. [`estimate`] and [`shard`] serve a backfill that is asked for by hand.

pub mod backlog;
pub mod cron;
pub mod deal;
mod due;
pub mod estimate;
pub mod jobs;
pub mod knowledge;
mod missed;
pub mod plan;
pub mod shard;
mod wanted;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod simulation;
