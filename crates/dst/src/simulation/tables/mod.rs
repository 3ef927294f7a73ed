//! Simulation of what follows bronze: Delta logs, their compaction, and silver tables.
//!
//! Actors commit rows, note withdrawn records, publish, compact, compare and build, each the program's own code over the lake in
//! memory: the kernel runs on objects that were fetched for it, so that each operation on the lake is a step of the schedule, and
//! no thread adds an order of its own. Any of them may die before, after or with any operation, and meet any fault of `Fault`.
//! The actors of a lane belong to a process, which keeps its publisher and its builder until it is killed.
//!
//! - `scenario`: actors and possible faults; `actors`: what they do
//! - `world`: datasets, days, and the table; `bronze`: its rows, read from the files
//! - `log`: a Delta log, replayed by a reader that shares no code with the kernel
//! - `playing`: executes one schedule; `playing/undisturbed`: its end; `judge`: checks it
//!
//! After each write, a log shows a prefix of the commits of each day, each file once, and the silver table is the fold of the commits
//! that its log says went in. When all actors have ended, one undisturbed publication and one build make both whole. A log that loses
//! an object then, while no process is alive, is made whole by a rebuild. An actor that met no fault doesn't fail.

mod actors;
mod bronze;
mod judge;
mod log;
mod playing;
mod scenario;
mod world;

use super::choices::Choices;
use super::scheduler::Outcome;
use scenario::TableScenario;

/// Plays a random schedule, or replays one.
pub async fn by_chance(mut choices: Choices, verbose: bool) -> Outcome {
    let scenario = TableScenario::random(&mut choices);
    let mut outcome = playing::play(&scenario, choices, verbose).await;
    if verbose {
        outcome.log.insert(0, format!("{scenario:?}"));
    }
    outcome
}
