//! Results of a dataset's expectations: counts of rows, and a few examples.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::declaration::{Check, Expectation, ExpectationSeverity};

/// Greatest number of examples of an expectation.
pub const MAX_EXAMPLES: usize = 3;
/// Greatest length of an example's value, in characters.
pub const MAX_VALUE_CHARS: usize = 80;

/// Results of the expectations of a dataset, by name.
pub type Results = BTreeMap<String, ExpectationResult>;

/// Result of one expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationResult {
    /// Word of the check: `between`.
    pub check: String,
    /// Weight of a failure.
    pub severity: ExpectationSeverity,
    /// Number of rows that were evaluated; of a check that judges a day, number of judgements.
    pub evaluated: u64,
    /// Number of those that aren't as expected.
    pub unexpected: u64,
    /// `true` if enough rows are as expected.
    pub success: bool,
    /// Some of the unexpected rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// An unexpected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// Id of the row; empty if the day as a whole is meant.
    pub id: String,
    /// Value, cut to a length; `None` if it is null, or not to be shown.
    pub value: Option<String>,
}

impl ExpectationResult {
    /// Returns the result of an expectation before any row.
    pub fn of(expectation: &Expectation) -> Self {
        Self {
            check: expectation.check.word().to_owned(),
            severity: expectation.severity,
            evaluated: 0,
            unexpected: 0,
            success: true,
            examples: Vec::new(),
        }
    }

    /// Returns `true` if the check judges a day, or a silver table, as a whole: its last result replaces those before.
    pub fn is_of_day(&self) -> bool {
        let of_whole = [Check::ROW_COUNT_BETWEEN, Check::FRESHNESS, Check::EXISTS_IN];
        of_whole.contains(&self.check.as_str())
    }

    /// Sets the success by the share that the expectation asks for.
    pub fn judge(&mut self, expectation: &Expectation) {
        self.success = expectation.mostly.holds(self.evaluated, self.unexpected);
    }

    fn add_rows(&mut self, more: &Self) {
        self.evaluated += more.evaluated;
        self.unexpected += more.unexpected;
        self.success &= more.success;
        let room = MAX_EXAMPLES.saturating_sub(self.examples.len());
        let more = more.examples.iter().take(room).cloned();
        self.examples.extend(more);
    }
}

/// Adds the results on further rows, of a commit or a run, to those on the rows before; a check of the day as a whole
/// has its last result. `expectations` say how much of the sum must hold; a result of one that isn't declared any more
/// fails if a part of it has failed.
pub fn add(results: &mut Results, more: &Results, expectations: &[Expectation]) {
    for (name, result) in more {
        let expectation = expectations.iter().find(|one| one.name == *name);
        match results.get_mut(name) {
            Some(sum) if !result.is_of_day() => {
                sum.add_rows(result);
                expectation.into_iter().for_each(|one| sum.judge(one));
            }
            _ => drop(results.insert(name.clone(), result.clone())),
        }
    }
}

/// Returns a value as an example shows it: cut to a length.
pub fn cut(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::{ColumnPath, Share};

    fn expectation(mostly: f64) -> Expectation {
        let path = ColumnPath {
            written: "a".to_owned(),
            pointer: "/a".to_owned(),
        };
        Expectation {
            name: "there".to_owned(),
            check: Check::NotNull(path),
            severity: ExpectationSeverity::Error,
            mostly: Share::of(mostly).unwrap(),
            examples: true,
        }
    }

    fn results(expectation: &Expectation, evaluated: u64, unexpected: u64) -> Results {
        let mut result = ExpectationResult::of(expectation);
        (result.evaluated, result.unexpected) = (evaluated, unexpected);
        let example = |id: u64| Example {
            id: id.to_string(),
            value: None,
        };
        result.examples = (0..unexpected.min(2)).map(example).collect();
        result.judge(expectation);
        [(expectation.name.clone(), result)].into()
    }

    #[test]
    fn commits_of_a_run_are_summed_and_judged_as_one() {
        let most = expectation(0.9);
        let mut sum = Results::new();
        add(&mut sum, &results(&most, 2, 2), std::slice::from_ref(&most));
        assert!(!sum["there"].success);
        add(
            &mut sum,
            &results(&most, 98, 8),
            std::slice::from_ref(&most),
        );
        let sum = &sum["there"];
        assert_eq!(
            (sum.evaluated, sum.unexpected, sum.success),
            (100, 10, true)
        );
        assert_eq!(sum.examples.len(), MAX_EXAMPLES);
    }

    #[test]
    fn a_result_of_an_expectation_that_is_gone_fails_if_a_part_failed() {
        let all = expectation(1.0);
        let mut sum = results(&all, 5, 1);
        add(&mut sum, &results(&all, 5, 0), &[]);
        assert_eq!((sum["there"].evaluated, sum["there"].success), (10, false));
    }

    #[test]
    fn the_last_judgement_of_a_day_replaces_those_before() {
        let count = Expectation {
            check: Check::RowCountBetween { min: 1, max: 9 },
            ..expectation(1.0)
        };
        let mut day = results(&count, 1, 1);
        add(
            &mut day,
            &results(&count, 1, 0),
            std::slice::from_ref(&count),
        );
        assert_eq!((day["there"].evaluated, day["there"].unexpected), (1, 0));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = "ç".repeat(200);
        assert_eq!(cut(&long).chars().count(), MAX_VALUE_CHARS + 1);
        assert_eq!(cut("ç"), "ç");
    }
}
