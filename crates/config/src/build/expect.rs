//! Builds the expectations on a table's rows: each check has its keys, its columns are declared, and its values can be
//! compared with theirs.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveDateTime};
use indexmap::IndexMap;

use super::Build;
use super::exists::OwnColumns;
use super::record::{Steps, column};
use crate::path::KeyPath;
use crate::tables::Scalar;
use crate::tables::expect::{CheckWord, ExpectTable};
use crate::text::value;
use bronzed_model::declaration::{Check, ColumnPath, Expectation, Share, ValueLimit, ValueSet};
use bronzed_model::json::decimal::Decimal;
use bronzed_model::schema::{ColumnType, Schema};

/// Keys that belong to some checks only.
const KEYS: [&str; 13] = [
    "column",
    "column_a",
    "column_b",
    "or_equal",
    "min",
    "max",
    "strict_min",
    "strict_max",
    "values",
    "pattern",
    "max_age",
    "table",
    "other",
];

/// Table whose rows are expected to be so, dataset or silver table.
pub struct ExpectedTable<'a> {
    /// Path of the table of expectations.
    pub path: KeyPath,
    /// Expectations by name.
    pub tables: &'a IndexMap<String, ExpectTable>,
    /// Columns of the table, if they are right.
    pub schema: Option<&'a Schema>,
    /// The table, if it is a silver one; `None` for a dataset.
    pub silver: Option<OwnColumns<'a>>,
    /// Returns `true` for a column whose values are not to be shown.
    pub is_protected: &'a dyn Fn(&ColumnPath) -> bool,
}

/// A table to be built, with the columns that it may name.
pub(super) struct ExpectContext<'a> {
    pub path: KeyPath,
    pub name: &'a str,
    pub table: &'a ExpectTable,
    pub schema: Option<&'a Schema>,
    pub silver: Option<OwnColumns<'a>>,
}

impl Build<'_> {
    /// Builds the expectations on a table's rows.
    pub fn expectations(&mut self, expected: &ExpectedTable<'_>) -> Vec<Expectation> {
        let mut expectations = Vec::new();
        for (name, table) in expected.tables {
            let path = expected.path.key(name);
            self.name(&path, name);
            let mostly = self.mostly(&path.key("mostly"), table.mostly);
            let word = table.check;
            self.keys_of_check(&path, word);
            let context = ExpectContext {
                path,
                name,
                table,
                schema: expected.schema,
                silver: expected.silver,
            };
            let Some(check) = word.and_then(|word| self.check(&context, word)) else {
                continue;
            };
            let mut columns = check.columns().into_iter();
            expectations.push(Expectation {
                name: name.clone(),
                examples: !columns.any(expected.is_protected),
                check,
                severity: table.severity,
                mostly,
            });
        }
        expectations
    }

    fn mostly(&mut self, path: &KeyPath, share: Option<f64>) -> Share {
        let Some(share) = share else {
            return Share::ALL;
        };
        let valid = Share::of(share);
        if valid.is_none() && !self.layers.is_refused(path) {
            let what = format!("`{path} = {share}` is not a share of rows");
            self.complain(
                path,
                what,
                "write a number above 0 and at most 1: mostly = 0.95",
            );
        }
        valid.unwrap_or(Share::ALL)
    }

    /// Requires the keys of a check, and rejects those of others.
    fn keys_of_check(&mut self, path: &KeyPath, word: Option<CheckWord>) {
        let Some(word) = word else {
            return;
        };
        let own = word.keys();
        for (key, _) in own.iter().filter(|(_, required)| *required) {
            let why = format!("`{}` needs it", word.word());
            self.needs(&path.key(key), &why, &format!("write {key} = …"));
        }
        for key in KEYS
            .into_iter()
            .filter(|key| own.iter().all(|(own, _)| own != key))
        {
            let problem = format!("means nothing to `{}`", word.word());
            let names: Vec<_> = own.iter().map(|(key, _)| format!("`{key}`")).collect();
            let hint = format!("leave it out: its keys are {}", names.join(", "));
            self.refuses(&path.key(key), &problem, hint);
        }
        let limited = matches!(word, CheckWord::Between | CheckWord::RowCountBetween);
        if limited && !self.meant(&path.key("min")) && !self.meant(&path.key("max")) {
            let what = format!("`{path}` has neither `min` nor `max`");
            self.complain(path, what, "write one of them or both");
        }
    }

    /// Builds a check; `None` if it is wrong, which is reported.
    fn check(&mut self, context: &ExpectContext<'_>, word: CheckWord) -> Option<Check> {
        let table = context.table;
        if word == CheckWord::RowCountBetween {
            return self.row_count(context);
        }
        if word == CheckWord::ColumnPairAGeB {
            return self.pair(context);
        }
        if word == CheckWord::ExistsIn {
            return self.exists_in(context);
        }
        let (column, kind) = self.expected_column(context, "column", value(&table.column))?;
        Some(match word {
            CheckWord::NotNull => Check::NotNull(column),
            CheckWord::Between => {
                let strict = (table.strict_min, table.strict_max);
                let min = self.limit(context, "min", (&table.min, strict.0), kind);
                let max = self.limit(context, "max", (&table.max, strict.1), kind);
                let (min, max) = (min?, max?);
                self.in_order(
                    context,
                    min.as_ref()
                        .zip(max.as_ref())
                        .map(|(a, b)| a.value > b.value),
                );
                Check::Between { column, min, max }
            }
            CheckWord::InSet => {
                let values = self.value_set(context, table.values.as_deref()?, kind)?;
                Check::InSet { column, values }
            }
            CheckWord::Matches => {
                self.of_type(
                    context,
                    "column",
                    kind,
                    |kind| *kind == ColumnType::String,
                    "text",
                )?;
                let pattern = value(&table.pattern)?;
                Check::Matches { column, pattern }
            }
            CheckWord::Unique => {
                let single = |kind: &ColumnType| {
                    !matches!(kind, ColumnType::Struct(_) | ColumnType::List(_))
                };
                self.of_type(context, "column", kind, single, "a single value")?;
                Check::Unique(column)
            }
            CheckWord::Freshness => {
                self.of_type(context, "column", kind, is_time, "a date or a time")?;
                let max_age = value(&table.max_age)?;
                Check::Freshness { column, max_age }
            }
            CheckWord::RowCountBetween | CheckWord::ColumnPairAGeB | CheckWord::ExistsIn => {
                return None;
            }
        })
    }

    fn row_count(&mut self, context: &ExpectContext<'_>) -> Option<Check> {
        let count = |build: &mut Self, key: &str, written: &Option<Scalar>, otherwise| match written
        {
            None => Some(otherwise),
            Some(Scalar(text)) => {
                let path = context.path.key(key);
                let number = text.parse::<u64>();
                let report = |_| {
                    let what = format!("`{path} = \"{text}\"` is not a number of rows");
                    build.complain(&path, what, "write a whole number");
                };
                number.map_err(report).ok()
            }
        };
        let min = count(self, "min", &context.table.min, 0);
        let max = count(self, "max", &context.table.max, u64::MAX);
        let (min, max) = (min?, max?);
        self.in_order(context, Some(min > max));
        Some(Check::RowCountBetween { min, max })
    }

    fn pair(&mut self, context: &ExpectContext<'_>) -> Option<Check> {
        let table = context.table;
        let a = self.expected_column(context, "column_a", value(&table.column_a));
        let b = self.expected_column(context, "column_b", value(&table.column_b));
        let ((a, of_a), (b, of_b)) = (a?, b?);
        let comparable = self.of_type(context, "column_a", of_a, is_ordered, "comparable");
        comparable?;
        if of_a != of_b {
            let path = context.path.key("column_b");
            let what = format!("`{path}` is of type {of_b}, and `column_a` of type {of_a}");
            self.complain(&path, what, "name two columns of one type");
            return None;
        }
        let schema = context.schema?;
        for (key, path) in [("column_a", &a), ("column_b", &b)] {
            if column(schema, &path.pointer, Steps::Plain).is_err() {
                let at = context.path.key(key);
                let what = format!("`{at}` names `{}`, which is in a list", path.written);
                self.complain(&at, what, "name a column with one value in a row");
                return None;
            }
        }
        let or_equal = table.or_equal.unwrap_or(true);
        Some(Check::PairAGeB { a, b, or_equal })
    }

    /// Returns a column with its type; `None` if it isn't declared, which is reported, or not named.
    fn expected_column<'s>(
        &mut self,
        context: &ExpectContext<'s>,
        key: &str,
        named: Option<ColumnPath>,
    ) -> Option<(ColumnPath, &'s ColumnType)> {
        let (named, schema) = (named?, context.schema?);
        match column(schema, &named.pointer, Steps::ThroughLists) {
            Ok(kind) => Some((named, kind)),
            Err(hint) => {
                let path = context.path.key(key);
                let what = format!("`{path}` names `{}`, which the schema lacks", named.written);
                self.complain(&path, what, hint);
                None
            }
        }
    }

    pub(super) fn of_type(
        &mut self,
        context: &ExpectContext<'_>,
        key: &str,
        kind: &ColumnType,
        fits: impl FnOnce(&ColumnType) -> bool,
        wanted: &str,
    ) -> Option<()> {
        if fits(kind) {
            return Some(());
        }
        let path = context.path.key(key);
        let what = format!("`{path}` names a column of type {kind}, which is not {wanted}");
        self.complain(&path, what, "name another column, or another check");
        None
    }

    /// Returns a limit in the unit of its column. The outer `None`: it is wrong, which is reported.
    fn limit(
        &mut self,
        context: &ExpectContext<'_>,
        key: &str,
        (written, strict): (&Option<Scalar>, Option<bool>),
        kind: &ColumnType,
    ) -> Option<Option<ValueLimit>> {
        if key == "min" {
            self.of_type(
                context,
                "column",
                kind,
                is_ordered,
                "a number, a date or a time",
            )?;
        } else if !is_ordered(kind) {
            return None;
        }
        let Some(Scalar(text)) = written else {
            return Some(None);
        };
        let value = self.unit_value(&context.path.key(key), text, kind)?;
        let strict = strict.unwrap_or(false);
        Some(Some(ValueLimit { value, strict }))
    }

    /// Returns a value in the unit of a column of this type; `None` if it is none, which is reported.
    fn unit_value(&mut self, path: &KeyPath, text: &str, kind: &ColumnType) -> Option<i128> {
        let value = unit_value(text, kind);
        if value.is_none() {
            let what =
                format!("`{path} = \"{text}\"` can't be compared with a column of type {kind}");
            self.complain(path, what, form(kind));
        }
        value
    }

    fn in_order(&mut self, context: &ExpectContext<'_>, wrong: Option<bool>) {
        if wrong == Some(true) {
            let path = context.path.key("max");
            let what = format!("`{path}` is less than `min`");
            self.complain(&path, what, "write the lower limit as `min`");
        }
    }

    fn value_set(
        &mut self,
        context: &ExpectContext<'_>,
        values: &[Scalar],
        kind: &ColumnType,
    ) -> Option<ValueSet> {
        if *kind == ColumnType::String {
            let values = values.iter().map(|Scalar(text)| text.clone());
            return Some(ValueSet::Text(values.collect()));
        }
        let is_number =
            |kind: &ColumnType| matches!(kind, ColumnType::Int64 | ColumnType::Decimal { .. });
        self.of_type(context, "column", kind, is_number, "text or a number")?;
        let path = context.path.key("values");
        let mut numbers = Some(BTreeSet::new());
        for (position, Scalar(text)) in values.iter().enumerate() {
            let value = self.unit_value(&path.index(position), text, kind);
            numbers = numbers.zip(value).map(|(mut all, one)| {
                all.insert(one);
                all
            });
        }
        numbers.map(ValueSet::Number)
    }
}

fn is_time(kind: &ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Instant
    )
}

fn is_ordered(kind: &ColumnType) -> bool {
    is_time(kind) || matches!(kind, ColumnType::Int64 | ColumnType::Decimal { .. })
}

/// Returns a value in the unit of a column of this type.
fn unit_value(text: &str, kind: &ColumnType) -> Option<i128> {
    let micros = |text: &str| {
        let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok()?;
        Some(i128::from(at.and_utc().timestamp_micros()))
    };
    match kind {
        ColumnType::Int64 => Some(i128::from(text.parse::<i64>().ok()?)),
        ColumnType::Decimal { precision, scale } => {
            Decimal::parse(text)?.to_scaled(*precision, *scale)
        }
        ColumnType::Date => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(i128::from(day.to_epoch_days()))
        }
        ColumnType::Timestamp => micros(text),
        ColumnType::Instant => micros(text.strip_suffix('Z')?),
        ColumnType::String | ColumnType::Boolean => None,
        ColumnType::Struct(_) | ColumnType::List(_) => None,
    }
}

/// Returns a hint for the form of a value of this type.
fn form(kind: &ColumnType) -> &'static str {
    match kind {
        ColumnType::Date => "write a date: \"2021-04-01\"",
        ColumnType::Timestamp => "write a time without an offset: \"2021-04-01T00:00:00\"",
        ColumnType::Instant => "write an instant in UTC: \"2021-04-01T00:00:00Z\"",
        ColumnType::Decimal { .. } => {
            "write a number with no more digits than the column has: \"0.01\""
        }
        _ => "write a whole number",
    }
}
