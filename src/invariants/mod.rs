//! The promises P1 to P7, each stated once, as a function over what a day of the lake holds, what
//! the API served, and what the runs said.
//!
//! Whoever looks at a day calls these: the simulation after every step, the model in every state,
//! the tests with real processes and stores at the end, and the program itself where it is cheap.
//! None of them knows how the commit protocol works.
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
//! - `facts`: a day as it is looked at
//! - `promises`: P1 to P7
//! - `read`: the facts of a day in a real lake

mod facts;
mod promises;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

pub use facts::{Day, Execution, File, FileName, State};
pub(crate) use promises::IN_NO_FILE;
pub use promises::{
    at_every_step, at_rest, at_rest_in_itself, in_itself, p1_exactly_once, p2_accounted,
    p2_nothing_lost, p2_sums, p2_sums_hold, p3_behind_the_files, p3_counted, p4_complete,
    p4_marked, p5_index_of_the_files, p5_opened, p6_no_empty_file, p7_audited, p7_told,
};
pub use read::name;
pub use read::{LookError, read};
#[cfg(test)]
pub(crate) use read::{file, state};

/// A promise of the program; its number is the one that tests and documents use.
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

/// How a promise is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub promise: Promise,
    /// By what.
    pub what: String,
}

/// What the API has of a day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served<Id: Ord> {
    /// All that it ever listed.
    pub ever: BTreeSet<Id>,
    /// What it lists now that the day is over. `None`: the day isn't over yet.
    pub finally: Option<BTreeSet<Id>>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.what)
    }
}
