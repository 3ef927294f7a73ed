//! Expectations on the rows of a dataset, under the names of Great Expectations. They are evaluated while rows are
//! written, and hold nothing back.

use std::collections::BTreeSet;
use std::time::Duration;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An expectation on the rows of a dataset.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Name within the dataset.
    pub name: String,
    /// Condition that is expected to hold.
    pub check: Check,
    /// Weight of a failure.
    pub severity: ExpectationSeverity,
    /// Share of the evaluated rows for which the condition must hold.
    pub mostly: Share,
    /// `true` if values of its columns may be shown: no protection rule touches them.
    pub examples: bool,
}

/// Condition of an expectation, of values in the unit in which their column stores them.
#[derive(Debug, Clone)]
pub enum Check {
    /// The value is there.
    NotNull(ColumnPath),
    /// The value lies within limits.
    Between {
        /// Column with the value.
        column: ColumnPath,
        /// Lower limit.
        min: Option<ValueLimit>,
        /// Upper limit.
        max: Option<ValueLimit>,
    },
    /// The value is one of a set.
    InSet {
        /// Column with the value.
        column: ColumnPath,
        /// The set.
        values: ValueSet,
    },
    /// The text matches a regular expression.
    Matches {
        /// Column with the text.
        column: ColumnPath,
        /// The expression; it may match a part of the text.
        pattern: Regex,
    },
    /// The value occurs once among the new rows of a run.
    Unique(ColumnPath),
    /// The value of one column is greater than that of another one.
    PairAGeB {
        /// Column with the greater value.
        a: ColumnPath,
        /// Column with the lesser value.
        b: ColumnPath,
        /// `true` if the values may be equal.
        or_equal: bool,
    },
    /// The number of stored rows of the day, or of a silver table, lies within limits, both included.
    RowCountBetween {
        /// Least number of rows.
        min: u64,
        /// Greatest number of rows.
        max: u64,
    },
    /// The newest value of a run's new rows isn't older than this, at the end of the run or of the day, whichever
    /// is earlier; of a silver table, the newest value of all rows at the end of a build.
    Freshness {
        /// Column with a date or a time.
        column: ColumnPath,
        /// Greatest age.
        max_age: Duration,
    },
    /// The value occurs in a column of a silver table. It is judged on a silver table as a whole, at the end of a build.
    ExistsIn {
        /// Column with the value.
        column: ColumnPath,
        /// Column that has each value.
        other: ReferencedColumn,
    },
}

impl Check {
    /// Word of [`Check::RowCountBetween`].
    pub const ROW_COUNT_BETWEEN: &str = "row_count_between";
    /// Word of [`Check::Freshness`].
    pub const FRESHNESS: &str = "freshness";
    /// Word of [`Check::ExistsIn`].
    pub const EXISTS_IN: &str = "exists_in";

    /// Returns the word for the check in a file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotNull(_) => "not_null",
            Self::Between { .. } => "between",
            Self::InSet { .. } => "in_set",
            Self::Matches { .. } => "matches",
            Self::Unique(_) => "unique",
            Self::PairAGeB { .. } => "column_pair_a_ge_b",
            Self::RowCountBetween { .. } => Self::ROW_COUNT_BETWEEN,
            Self::Freshness { .. } => Self::FRESHNESS,
            Self::ExistsIn { .. } => Self::EXISTS_IN,
        }
    }

    /// Returns the columns that the check reads of the table itself.
    pub fn columns(&self) -> Vec<&ColumnPath> {
        match self {
            Self::NotNull(column)
            | Self::Unique(column)
            | Self::Between { column, .. }
            | Self::InSet { column, .. }
            | Self::Matches { column, .. }
            | Self::Freshness { column, .. }
            | Self::ExistsIn { column, .. } => vec![column],
            Self::PairAGeB { a, b, .. } => vec![a, b],
            Self::RowCountBetween { .. } => Vec::new(),
        }
    }
}

/// Column of a silver table to which another column refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencedColumn {
    /// Full name of the table: `silver.pncp.contratacoes`.
    pub table: String,
    /// Folder of the table in the lake.
    pub prefix: String,
    /// Name of the column in the table.
    pub column: String,
}

/// Path of a column: names joined with dots, through structs and the elements of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnPath {
    /// The path as written.
    pub written: String,
    /// The path as a JSON pointer.
    pub pointer: String,
}

impl ColumnPath {
    /// Returns the names on the path.
    pub fn steps(&self) -> impl Iterator<Item = String> {
        let steps = self.pointer.split('/').skip(1);
        steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
    }
}

/// ValueLimit of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueLimit {
    /// The limit in the unit of the column: scaled digits, days or microseconds since the epoch.
    pub value: i128,
    /// `true` if the limit itself is outside.
    pub strict: bool,
}

/// Values of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueSet {
    /// Texts.
    Text(BTreeSet<String>),
    /// Numbers, in the unit of the column.
    Number(BTreeSet<i128>),
}

/// Weight of an expectation that fails.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ExpectationSeverity {
    /// It is shown and counted.
    #[default]
    Warn,
    /// It is alerted, too, and `bronzed quality` exits with 3.
    Error,
}

impl ExpectationSeverity {
    /// Returns the word for the severity.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Share of rows, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

/// A whole, in the unit of a share.
const WHOLE: u32 = 1_000_000;

impl Share {
    /// Share of all rows.
    pub const ALL: Self = Self(WHOLE);

    /// Returns a share; `None` unless it is above 0 and at most 1.
    pub fn of(share: f64) -> Option<Self> {
        let millionths = (share * f64::from(WHOLE)).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is at most a million, and not negative"
        )]
        let share = (millionths >= 1.0 && millionths <= f64::from(WHOLE))
            .then_some(Self(millionths as u32));
        share
    }

    /// Returns `true` if enough of the evaluated rows are as expected.
    pub fn holds(self, evaluated: u64, unexpected: u64) -> bool {
        let allowed = u128::from(evaluated) * u128::from(WHOLE - self.0);
        u128::from(unexpected) * u128::from(WHOLE) <= allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_to_the_row() {
        let most = Share::of(0.95).unwrap();
        assert!(most.holds(100, 5) && !most.holds(100, 6));
        assert!(!most.holds(99, 5));
        assert!(Share::ALL.holds(0, 0) && Share::ALL.holds(7, 0) && !Share::ALL.holds(u64::MAX, 1));
    }

    #[test]
    fn a_share_is_above_nothing_and_at_most_all() {
        for share in [0.0, -0.5, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::of(share), None, "{share}");
        }
        assert_eq!(Share::of(1.0), Some(Share::ALL));
    }
}
