//! Indexes of a table's files that follow a run: what a run tells them of, without knowing them.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures::future::BoxFuture;

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;

/// Index of a table's files, by which others find them: such as a Delta log. It follows the files as the states do: it may
/// be late, and follows with a later run then.
pub trait TableIndex: Debug + Send + Sync {
    /// Lets the index follow the files of these days. Returns the number of files that it had missed.
    ///
    /// # Errors
    /// Returns the reason, as text, if the index is late.
    fn follow<'a>(
        &'a self,
        dataset: &'a Dataset,
        days: &'a BTreeSet<Day>,
    ) -> BoxFuture<'a, Result<u64, String>>;
}
