//! Promises P1 to P7, each stated once, as a function over a day's objects in the lake, what the API served,
//! and what the runs reported.
//!
//! They are checked by the simulation after every step, by the model in every state, by the tests with real
//! processes and stores at their end, and by the program itself where that is cheap. They don't depend on the
//! commit protocol.
//!
//! ```text
//! P1 exactly once           each id of the day is in one row
//! P2 nothing lost           fetched = new + duplicates + off-day; what was served is stored
//! P3 state behind bronze    an id in the state has its row in a file that exists
//! P4 complete is complete   a day that is called complete holds all that the API has
//! P5 files decide           the state is the index of its files: of 1…commits, and nothing else
//! P6 no file without news   each file has rows
//! P7 audited                one execution for each run, each file in the one of the run that made it
//! ```
//!
//! - `facts`: the facts of a day
//! - `promises`: P1 to P7
//! - `read`: reads the facts of a day from a real lake

mod facts;
mod promises;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use facts::{DayFacts, ExecutionEntry, File, FileName, StateFacts};
pub use promises::IN_NO_FILE;
pub use promises::{
    at_every_step, at_rest, at_rest_in_itself, in_itself, p1_exactly_once, p2_accounted,
    p2_nothing_lost, p2_sums, p2_sums_hold, p3_behind_the_files, p3_counted, p4_complete,
    p4_marked, p5_index_of_the_files, p5_opened, p6_no_empty_file, p7_audited, p7_told,
};
pub use read::name;
pub use read::{LookError, read};
#[cfg(any(test, feature = "test-util"))]
pub use read::{file, state};

/// Promise of the program, with the number used by tests and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// Exactly once.
    P1,
    /// Nothing lost.
    P2,
    /// State is never ahead of bronze.
    P3,
    /// Complete means complete.
    P4,
    /// The files decide.
    P5,
    /// No file without new records.
    P6,
    /// Every run is audited.
    P7,
}

/// Violation of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The violated promise.
    pub promise: Promise,
    /// Description of the violation.
    pub what: String,
}

/// Records of a day that the API has served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served<Id: Ord> {
    /// Ids of all records that it ever listed.
    pub ever: BTreeSet<Id>,
    /// Ids that it lists after the day has ended; `None` before.
    pub finally: Option<BTreeSet<Id>>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}
