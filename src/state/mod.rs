//! The state document of a day, and the commit protocol: each record id is stored in exactly one
//! row (promise P1), and the state never names one that isn't (P3).
//!
//! The numbered files of a day are its log; the state document is the index of that log. A file is
//! only ever *created*, under the next number, and never changed or deleted.
//!
//! ```text
//!  0  load the state (missing, unreadable: rebuild it from the files);
//!     while file commits+1 exists, adopt it
//!  1  PUT file number commits+1 with the new records, if absent    the commit: it has happened
//!  2  CAS state: commits+1, ids ∪= ids(file), executions …         the index follows
//! ```
//!
//! Why this is enough: number n+1 can be taken only once, and who takes it has deduplicated against
//! exactly the files 1…n. A zombie that wakes up late finds its number taken, or makes a commit
//! that is still right. A state that is lost, or overwritten by a stray older writer, loses
//! nothing: the files 1…n are found again, in order. There is no intent record, no lease, no clock.
//!
//! An outcome that isn't known (a lost reply) is never guessed at: what was written is read back
//! and recognised by its bytes. What arrives later still is adopted by the next run.
//!
//! - `store`: what a run calls: open a day, commit a file, record how it ended
//! - `commit`: steps 1 and 2
//! - `coverage`, `listing`: which days are complete; `marks`: the markers that say so
//! - `ruling`: what a person decides of a day
//! - `glance`, `peek`: what a state says, as it stands
//! - `recover`, `rebuild`: step 0
//! - `inspect`: whether files, state and marker agree; `sound`: what of it is asserted in debug builds
//! - `document`, `entry`, `seal`, `packing`: the document's format

mod commit;
mod coverage;
mod document;
mod entry;
mod error;
pub mod execution;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod glance;
mod inspect;
pub mod known;
mod listing;
mod marks;
mod packing;
pub mod peek;
mod rebuild;
mod recover;
mod ruling;
mod seal;
mod sound;
mod store;
#[cfg(test)]
pub(crate) use tests::{faulty as testing, support};
#[cfg(test)]
mod tests;

pub use coverage::{complete_days, is_complete};
pub use document::{Accepted, SliceProgress};
pub use error::StateError;
pub use glance::{Glance, glance, slice_progress};
pub use inspect::{Inspection, Table, inspect};
pub use listing::{Listing, listing};
pub(crate) use packing::unpack;
pub use recover::{Cause, FilesChanged, Recovery};
pub use store::{Committed, DayState, DayStore, LastCommit, Verdict};
