//! State document of a day, and the commit protocol: each record id is stored in exactly one row (promise
//! P1), and the state never names an id without a row (P3).
//!
//! The numbered files of a day are its log; the state document is the index of that log. A file is
//! only ever *created*, under the next number, and never changed or deleted.
//!
//! ```text
//!  0  load the state (missing, unreadable: rebuild it from the files);
//!     while file commits+1 exists, adopt it
//!  1  PUT file number commits+1 with the new records, if absent    the commit: it has happened
//!  2  CAS state: commits+1, ids ∪= ids(file), executions …         the index follows, with this commit or a later one
//! ```
//!
//! Number n+1 can be taken only once, and the run that takes it has deduplicated against exactly the files
//! 1…n; this is why the protocol is sufficient. A zombie run that continues late finds its number taken, or
//! makes a commit that is still right. A state that is lost, or overwritten by a stale writer, loses nothing:
//! the files 1…n are found again, in order. There is no intent record, no lease, no clock.
//!
//! An unknown outcome (a lost reply) is never guessed: the object is read back and compared by its bytes. A
//! write that arrives even later is adopted by the next run.
//!
//! - `store`: the interface for runs: open a day, commit a file, record the outcome
//! - `commit`: steps 1 and 2; `lag`: the commits that step 2 is left out for
//! - `coverage`, `listing`: complete and accepted days; `marks`: their markers; `sizes`: of their files
//! - `ruling`: a person's decisions about a day
//! - `summary`, `peek`, `report`: read-only views of a state, without recovery
//! - `recover`, `rebuild`: step 0
//! - `inspect`: consistency check of files, state and marker; `debug_checks`: the part asserted in debug builds
//! - `document`, `entry`, `digest`: the document's format; `ids`: its ids in memory

mod commit;
mod coverage;
mod debug_checks;
mod digest;
mod document;
mod entry;
mod error;
#[cfg(feature = "test-util")]
pub mod fuzz;
mod ids;
mod inspect;
pub mod known;
mod lag;
mod listing;
mod marks;
pub mod peek;
mod rebuild;
mod recover;
mod report;
mod ruling;
mod sizes;
mod store;
mod summary;
#[cfg(test)]
mod tests;
mod top_level;

pub use coverage::{complete_days, is_complete};
pub use document::{Accepted, SliceProgress};
pub use error::StateError;
pub use inspect::{InspectedTable, Inspection, inspect};
pub use listing::{Listing, listing, listing_with_files};
pub use summary::{StateSummary, glance, slice_progress};

pub use recover::{Cause, FilesChanged, Recovery};
pub use report::{DayReport, ReportedExecution, ReportedFile, report};
pub use store::{Committed, DayState, DayStore, LastCommit, RunOutcome};
