//! Delta tables over the lake: what bronze holds, as tables that engines open by name.
//!
//! The numbered files of a day stay the log and the authority. A table's Delta log (`{prefix}/_delta_log`) is another index
//! of them, which follows as the state document does: it may be late, lost or damaged, and is healed from the files. A
//! reader of it sees whole commits, each file once.
//!
//! - [`publish`]: the files of a day that the Delta log doesn't have yet, by the kernel library
//! - `log`: the kernel's engine over a lake: its code runs without input and output, on objects that are fetched for it
//! - `columns`, `add`, `statistics`: a table's schema, and what the log says of a file
//! - [`fn@compare`]: the log beside the files; `foreign`: files of other writers
//! - [`silver`]: current state of records, from bronze to tables of their own
//! - [`fn@compact`]: one file instead of the many of a day, for readers
//! - `listing`: listings of days and logs, of which none is a view of one moment
//! - `standing`: which compacted files stand for which numbered ones
//! - `newest`: the newest version of a log; `maintain`: checkpoints, and old objects of the log
//! - `pages`: some columns of a file, without the rest of it

mod add;
mod columns;
pub mod compact;
mod compare;
mod error;
mod foreign;
mod listing;
mod log;
mod maintain;
#[cfg(test)]
mod measure;
mod newest;
mod pages;
pub mod publish;
pub mod silver;
mod standing;
mod statistics;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use compact::{Compacted, CompactionScope, compact};
pub use compare::{Comparison, compare};
pub use error::DeltaError;
pub use publish::{Published, Publisher, has_log};
pub use silver::{SilverBuilder, SilverError};

#[cfg(test)]
mod tests;
