//! Planner of runs: a pure function of (jobs, knowledge of the lake, now), without a clock, lake access or
//! state of its own.
//!
//! [`jobs`] holds the configuration, [`knowledge`] the state of the lake, and [`plan`] combines both with the
//! time. A plan is made at every wake-up, and is the same for the same input: a lost wake-up costs a moment,
//! never a slot, and a daemon that starts with an empty disk plans the same as its predecessor.
//!
//! ```text
//! jobs, knowledge, now ──► cron: slots ──► which days ──► due: when to read them ──► plan: tasks
//! ```
//!
//! Guarantees, tested in `simulation`: every day that was begun, or named by a job or coverage, becomes
//! complete despite outages (`wanted`); no (dataset, day) has two runs at a time; every slot leads to a run
//! of its own day, or joins an active one; a day that can't be read is retried with back-off, and blocks no
//! other.
//!
//! [`deal`] orders the tasks if there are more than run slots. [`estimate`] and [`shard`] serve a backfill
//! requested by a person.

pub mod backlog;
pub mod calendar;
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
