//! Evaluation of a dataset's expectations on batches of rows as they are written: nothing is read again, and memory
//! holds counts, a few examples, and of a `unique` check a hash for each new value.
//!
//! A value that is in `_extra` because its column can't hold it is there, but isn't as expected: it passes `not_null`
//! and fails the checks of values. Rows of a snapshot that mark a deletion have no values, and aren't evaluated.

mod checks;
mod freshness;
mod leaf;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use chrono::{DateTime, Utc};

pub use self::checks::example_value;
pub use self::freshness::judge_newest;

use self::checks::RowSink;
use self::freshness::Newest;
use self::rows::BatchRows;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Check, Dataset, Days, Expectation};
use bronzed_model::quality::{ExpectationResult, Results};

/// Greatest number of values that a `unique` check remembers; beyond it, they are forgotten.
const MAX_VALUES: usize = 1_000_000;

/// Evaluator of expectations: a dataset's on the new rows of a run, or those of a table made of bronze on its rows.
#[derive(Debug)]
pub struct Evaluator {
    expectations: Arc<[Expectation]>,
    /// Days of the dataset; `None` for a table that has no days of its own, and no check of a day.
    days: Option<Days>,
    tallies: Vec<ExpectationTally>,
}

/// Result of an expectation so far, and the values that it remembers.
#[derive(Debug)]
struct ExpectationTally {
    /// Result since results were last taken.
    result: ExpectationResult,
    /// Hashes of the values; only of a `unique` check.
    seen: HashSet<u64>,
    /// Newest value; only of a `freshness` check.
    newest: Option<Newest>,
}

impl Evaluator {
    /// Returns the evaluator of a dataset; `None` if it has no expectation on rows.
    pub fn new(dataset: &Dataset) -> Option<Self> {
        let of_rows = |one: &Expectation| !matches!(one.check, Check::RowCountBetween { .. });
        let expectations = &dataset.expectations;
        expectations.iter().any(of_rows).then(|| Self {
            tallies: expectations.iter().map(ExpectationTally::new).collect(),
            expectations: Arc::clone(expectations),
            days: Some(dataset.days.clone()),
        })
    }

    /// Returns the evaluator of expectations on the rows of a table. Checks that judge a day aren't evaluated.
    pub fn of_table(expectations: &Arc<[Expectation]>) -> Self {
        Self {
            tallies: expectations.iter().map(ExpectationTally::new).collect(),
            expectations: Arc::clone(expectations),
            days: None,
        }
    }

    /// Evaluates the rows of a batch. Its columns are those of the expectations, and `_id`; in a file of bronze, `_op` and
    /// `_extra`, too.
    pub fn see(&mut self, batch: &RecordBatch) {
        let Some(rows) = BatchRows::of(batch) else {
            return;
        };
        for (expectation, tally) in self.expectations.iter().zip(&mut self.tallies) {
            let sink = RowSink::new(&rows, expectation, &mut tally.result);
            match &expectation.check {
                Check::Unique(column) => checks::unique(sink, column, &mut tally.seen),
                Check::Freshness { column, .. } => {
                    if let Some(days) = &self.days {
                        freshness::see(&rows, column, days.zone, &mut tally.newest);
                    }
                }
                check => checks::values(sink, check),
            }
        }
    }

    /// Takes the results since they were last taken. `day` is the day of the rows, `at` the time of writing. An
    /// expectation for which there was nothing to evaluate has no result.
    pub fn take_results(&mut self, day: Day, at: DateTime<Utc>) -> Results {
        if let Some(days) = &self.days {
            let ended = days.period.end(day, days.zone);
            for (expectation, tally) in self.expectations.iter().zip(&mut self.tallies) {
                if let Some(newest) = &mut tally.newest {
                    freshness::judge(expectation, &mut tally.result, newest, at.min(ended));
                }
            }
        }
        self.take_row_results()
    }

    /// Takes the results of the checks of rows since they were last taken.
    pub fn take_row_results(&mut self) -> Results {
        let mut results = Results::new();
        for (expectation, tally) in self.expectations.iter().zip(&mut self.tallies) {
            let empty = ExpectationResult::of(expectation);
            let mut result = std::mem::replace(&mut tally.result, empty);
            result.judge(expectation);
            if result.evaluated > 0 {
                results.insert(expectation.name.clone(), result);
            }
        }
        results
    }
}

impl ExpectationTally {
    fn new(expectation: &Expectation) -> Self {
        Self {
            result: ExpectationResult::of(expectation),
            seen: HashSet::new(),
            newest: None,
        }
    }
}
