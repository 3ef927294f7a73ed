//! The table of one expectation on the rows of a dataset.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Scalar;
use crate::text::{ColumnName, Pattern, Text};
use bronzed_model::declaration::ExpectationSeverity;
use bronzed_model::text::PositiveSpan;

/// Expectation on the rows of a dataset.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectTable {
    /// Check, named as in Great Expectations: `not_null`, `between`, `in_set`, `matches`, `unique`,
    /// `column_pair_a_ge_b`, `row_count_between`, `freshness`, or of a silver table `exists_in`.
    #[schemars(required)]
    pub check: Option<CheckWord>,
    /// `not_null`, `between`, `in_set`, `matches`, `unique`, `freshness`, `exists_in`: the column. `exists_in` takes `_id`
    /// and `_parent_id`, too.
    pub column: Option<Text<ColumnName>>,
    /// `column_pair_a_ge_b`: the column with the greater value.
    pub column_a: Option<Text<ColumnName>>,
    /// `column_pair_a_ge_b`: the column with the lesser value.
    pub column_b: Option<Text<ColumnName>>,
    /// `column_pair_a_ge_b`: `true` if the values may be equal. Default: `true`.
    pub or_equal: Option<bool>,
    /// `between`, `row_count_between`: lower limit. A date is written `"2021-04-01"`, a time
    /// `"2021-04-01T00:00:00"`, a number with a fraction `"0.01"`. Default: none.
    pub min: Option<Scalar>,
    /// `between`, `row_count_between`: upper limit. Default: none.
    pub max: Option<Scalar>,
    /// `between`: `true` if `min` itself is unexpected. Default: `false`.
    pub strict_min: Option<bool>,
    /// `between`: `true` if `max` itself is unexpected. Default: `false`.
    pub strict_max: Option<bool>,
    /// `in_set`: the values.
    #[schemars(length(min = 1))]
    pub values: Option<Vec<Scalar>>,
    /// `matches`: regular expression. It may match a part of the text; `^` and `$` are its ends.
    pub pattern: Option<Text<Pattern>>,
    /// `freshness`: greatest age of the newest value among a run's new rows, at the end of the run or of the day,
    /// whichever is earlier; of a silver table, of all its rows at the end of a build.
    pub max_age: Option<Text<PositiveSpan>>,
    /// `exists_in`: the silver table that has each value, this one or another: `"pncp.contratacoes"`.
    pub table: Option<String>,
    /// `exists_in`: the column of that table. Default: `_id`, its key; if that is made of several fields, of `_id` and
    /// `_parent_id` alone.
    pub other: Option<String>,
    /// Share of the evaluated rows for which the check must hold, up to 1. Default: 1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub mostly: Option<f64>,
    /// `warn`: a failure is shown and counted. `error`: it is alerted, too, and `bronzed quality` exits with 3; of a
    /// silver table, it holds the partition back. Default: `warn`.
    #[serde(default)]
    pub severity: ExpectationSeverity,
}

/// Check of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckWord {
    /// The value is there.
    NotNull,
    /// The value lies within `min` and `max`.
    Between,
    /// The value is one of `values`.
    InSet,
    /// The text matches `pattern`.
    Matches,
    /// The value occurs once among the new rows of a run in a day.
    Unique,
    /// The number of rows that the day has at the end of a run, or a silver table at the end of a build, lies within `min`
    /// and `max`.
    RowCountBetween,
    /// The value of `column_a` is greater than that of `column_b`.
    #[serde(rename = "column_pair_a_ge_b")]
    ColumnPairAGeB,
    /// The newest value of `column` is no older than `max_age`.
    Freshness,
    /// The value occurs in a column of a silver table. Of silver tables alone.
    ExistsIn,
}

impl CheckWord {
    /// Returns the keys that belong to the check, each with `true` if it is required.
    pub fn keys(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::NotNull | Self::Unique => &[("column", true)],
            Self::Between => &[
                ("column", true),
                ("min", false),
                ("max", false),
                ("strict_min", false),
                ("strict_max", false),
            ],
            Self::InSet => &[("column", true), ("values", true)],
            Self::Matches => &[("column", true), ("pattern", true)],
            Self::RowCountBetween => &[("min", false), ("max", false)],
            Self::ColumnPairAGeB => &[("column_a", true), ("column_b", true), ("or_equal", false)],
            Self::Freshness => &[("column", true), ("max_age", true)],
            Self::ExistsIn => &[("column", true), ("table", true), ("other", false)],
        }
    }

    /// Returns the word for the check in a file.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::Between => "between",
            Self::InSet => "in_set",
            Self::Matches => "matches",
            Self::Unique => "unique",
            Self::RowCountBetween => "row_count_between",
            Self::ColumnPairAGeB => "column_pair_a_ge_b",
            Self::Freshness => "freshness",
            Self::ExistsIn => "exists_in",
        }
    }
}
