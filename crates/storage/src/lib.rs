//! The lake: objects under numbered keys, bronze files, state documents, and the commit protocol over them.
//!
//! - [`lake`]: an object store with compare-and-swap, its identity, and small JSON documents
//! - [`bronze`]: Parquet files of declared columns
//! - [`state`]: the document of a day, and the protocol that keeps it equal to its files
//! - [`invariants`]: checks of both against each other
//! - [`table`], [`protection_lock`], [`named`]: documents of a whole table
//! - [`requests`]: requests of runs, for people; nothing relies on them
//! - [`mod@failpoint`]: named points at which tests stop the program; empty without the feature `failpoints`

pub mod bronze;
pub mod compression;
pub mod failpoint;
pub mod invariants;
pub mod lake;
pub mod named;
pub mod protection_lock;
pub mod requests;
pub mod state;
pub mod table;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
