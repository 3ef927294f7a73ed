//! Drift of a dataset: values that the declared columns lack, found in the `_extra` of its rows.
//!
//! ```text
//! {"valor":"a lot","orgao":{"novo":1}}      with valor = "decimal(18,4)" and orgao a struct
//!
//!   valor        mistyped (decimal(18,4))    text
//!   orgao.novo   undeclared                  number
//! ```
//!
//! A list goes to `_extra` as a whole if one element doesn't fit; then the members of that element are
//! reported, as `fontes[].novo`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::columns::fits;
use bronzed_model::day::Day;
use bronzed_model::json::{self, Kind};
use bronzed_model::schema::{Column, ColumnType, Schema};

/// Maximum number of distinct fields; further ones are counted together, because an API may generate
/// unlimited names.
const MOST_FIELDS: usize = 10_000;
/// Maximum length of an example, in characters.
const EXAMPLE: usize = 80;

/// Reason that a value is in `_extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// No column is declared for the field.
    Undeclared,
    /// The column can't represent the value exactly.
    Mistyped,
    /// The column can represent the value: the row is older than the column's declaration.
    DeclaredSince,
    /// The key occurs more than once in one object.
    Repeated,
    /// The record is not an object.
    NotAnObject,
}

impl Why {
    /// Human-readable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Mistyped => "mistyped",
            Self::DeclaredSince => "declared since",
            Self::Repeated => "repeated key",
            Self::NotAnObject => "not an object",
        }
    }
}

/// Drift of one field, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DriftFinding {
    /// Path of the field: `orgaoEntidade.novo`, `fontes[].novo`; empty for the record itself.
    pub field: String,
    /// Reason that the values are in `_extra`.
    pub why: Why,
    /// Declared type of the column; `None` if the field is undeclared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// Number of values by JSON type.
    pub seen: BTreeMap<&'static str, u64>,
    /// Total number of values.
    pub values: u64,
    /// First day with such a value.
    pub first_day: Day,
    /// Last day with such a value.
    pub last_day: Day,
    /// An example value as JSON text, truncated to 80 characters.
    pub example: String,
}

/// The drift of one dataset.
#[derive(Debug, Default)]
pub struct Drift {
    found: BTreeMap<(String, Why), DriftFinding>,
    further: u64,
}

impl Drift {
    /// Records the `_extra` of one row of `day`.
    pub fn see(&mut self, schema: &Schema, day: Day, extra: &str) {
        let mut walk = DriftSearch { drift: self, day };
        match json::members(extra) {
            Ok(members) => walk.members(&schema.columns, &members, ""),
            Err(_) => walk.found("", Why::NotAnObject, None, extra),
        }
    }

    /// Returns the findings, most frequent first.
    pub fn findings(&self) -> Vec<&DriftFinding> {
        let mut found: Vec<_> = self.found.values().collect();
        found.sort_by_key(|one| (std::cmp::Reverse(one.values), &one.field, one.why));
        found
    }

    /// Number of values of fields beyond the limit, which are not reported by field.
    pub fn further(&self) -> u64 {
        self.further
    }
}

struct DriftSearch<'a> {
    drift: &'a mut Drift,
    day: Day,
}

impl DriftSearch<'_> {
    fn members(&mut self, columns: &[Column], members: &[(Cow<'_, str>, &str)], path: &str) {
        let mut occurrences: HashMap<&str, u32> = HashMap::new();
        for (key, _) in members {
            *occurrences.entry(key).or_default() += 1;
        }
        for (key, value) in members {
            let path = match path {
                "" => key.to_string(),
                path => format!("{path}.{key}"),
            };
            let column = columns.iter().find(|column| column.name == *key);
            let declared = column.map(|column| &column.kind);
            if occurrences.get(&**key).is_some_and(|count| *count > 1) {
                self.found(&path, Why::Repeated, declared, value);
            } else {
                match declared {
                    Some(kind) => self.value(kind, value, &path),
                    // A null is not drift: it is in `_extra` only because its whole list is.
                    None if *value == "null" => {}
                    None => self.found(&path, Why::Undeclared, None, value),
                }
            }
        }
    }

    /// Records a value that has a declared column.
    fn value(&mut self, kind: &ColumnType, value: &str, path: &str) {
        match (kind, json::kind(value)) {
            // Of a struct, `_extra` has only the members that didn't fit.
            (ColumnType::Struct(columns), Kind::Object) => match json::members(value) {
                Ok(members) => self.members(columns, &members, path),
                Err(_) => self.found(path, Why::Mistyped, Some(kind), value),
            },
            _ if fits(kind, value) => self.found(path, Why::DeclaredSince, Some(kind), value),
            (ColumnType::List(item), Kind::Array) => {
                let elements = json::elements(value).unwrap_or_default();
                for element in elements {
                    if !fits(item, element) {
                        self.element(item, element, &format!("{path}[]"));
                    }
                }
            }
            _ => self.found(path, Why::Mistyped, Some(kind), value),
        }
    }

    /// Records a list element that doesn't fit. Members that do fit are not reported.
    fn element(&mut self, kind: &ColumnType, element: &str, path: &str) {
        let (ColumnType::Struct(columns), Ok(mut members)) = (kind, json::members(element)) else {
            return self.value(kind, element, path);
        };
        members.retain(|(key, value)| {
            let column = columns.iter().find(|column| column.name == *key);
            !column.is_some_and(|column| fits(&column.kind, value))
        });
        self.members(columns, &members, path);
    }

    fn found(&mut self, path: &str, why: Why, declared: Option<&ColumnType>, value: &str) {
        let key = (path.to_owned(), why);
        let full = self.drift.found.len() >= MOST_FIELDS;
        if full && !self.drift.found.contains_key(&key) {
            self.drift.further += 1;
            return;
        }
        let finding = self.drift.found.entry(key).or_insert_with(|| DriftFinding {
            field: path.to_owned(),
            why,
            declared: declared.map(ToString::to_string),
            seen: BTreeMap::new(),
            values: 0,
            first_day: self.day,
            last_day: self.day,
            example: example(value),
        });
        finding.values += 1;
        *finding.seen.entry(word(value)).or_default() += 1;
        finding.first_day = finding.first_day.min(self.day);
        finding.last_day = finding.last_day.max(self.day);
    }
}

fn word(value: &str) -> &'static str {
    match json::kind(value) {
        Kind::Null => "null",
        Kind::Boolean => "boolean",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

fn example(value: &str) -> String {
    match value.char_indices().nth(EXAMPLE) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bronze::reader;
    use crate::bronze::tests::{file, schema};

    fn day() -> Day {
        "2025-10-22".parse().unwrap()
    }

    /// Stores `records` and returns their findings, as `field why declared seen`.
    fn found(records: &[&str]) -> Vec<String> {
        let (file, drifted) = file(&schema(), records);
        let mut drift = Drift::default();
        for extra in reader::extras(file.bytes).unwrap().unwrap() {
            drift.see(&schema(), day(), &extra);
        }
        assert_eq!(drift.findings().is_empty(), drifted == 0);
        let shown = drift.findings().into_iter().map(|one| {
            let seen: Vec<_> = one.seen.iter().map(|(k, n)| format!("{n} {k}")).collect();
            let declared = one.declared.clone().unwrap_or_default();
            let shown = format!("{} {:?} {declared} {}", one.field, one.why, seen.join(", "));
            shown.replace("  ", " ")
        });
        shown.collect()
    }

    #[test]
    fn fields_are_told_apart_with_their_counts() {
        let records = [
            r#"{"novo":1,"valor":"a lot","texto":"x"}"#,
            r#"{"novo":"one","valor":1.5}"#,
            r#"{"novo":null}"#,
        ];
        assert_eq!(
            found(&records),
            [
                "novo Undeclared 1 number, 1 string",
                "valor Mistyped decimal(18,4) 1 string"
            ]
        );
    }

    #[test]
    fn members_of_structs_and_lists_are_named_by_their_path() {
        let records = [
            r#"{"orgao":{"cnpj":"1","novo":{"a":1},"sede":{"uf":2}}}"#,
            r#"{"orgao":"none","lista":["a",1,2]}"#,
            r#"{"fontes":[{"codigo":1},{"codigo":2,"novo":3,"outro":null},{"codigo":"x"},7]}"#,
        ];
        assert_eq!(
            found(&records),
            [
                "lista[] Mistyped string 2 number",
                "fontes[] Mistyped struct 1 number",
                "fontes[].codigo Mistyped int64 1 string",
                "fontes[].novo Undeclared 1 number",
                "orgao Mistyped struct 1 string",
                "orgao.novo Undeclared 1 object",
                "orgao.sede.uf Mistyped string 1 number"
            ]
        );
    }

    #[test]
    fn repeated_keys_and_records_that_are_none_are_told() {
        let records = [r#"{"numero":1,"numero":2}"#, "5", r#"{"\ud800":1}"#];
        assert_eq!(
            found(&records),
            [
                " NotAnObject 1 number, 1 object",
                "numero Repeated int64 2 number"
            ]
        );
    }

    #[test]
    fn what_fits_now_was_stored_before_its_column_was_declared() {
        let mut drift = Drift::default();
        let later: Day = "2025-11-03".parse().unwrap();
        drift.see(&schema(), later, r#"{"numero":5,"orgao":{"cnpj":"1"}}"#);
        drift.see(&schema(), day(), r#"{"numero":6}"#);
        let findings = drift.findings();
        let shown: Vec<_> = findings
            .iter()
            .map(|one| (one.field.as_str(), one.why))
            .collect();
        let since = Why::DeclaredSince;
        assert_eq!(shown, [("numero", since), ("orgao.cnpj", since)]);
        assert_eq!(
            (findings[0].first_day, findings[0].last_day),
            (day(), later)
        );
    }

    #[test]
    fn names_without_end_are_counted_and_no_more() {
        let mut drift = Drift::default();
        for number in 0..MOST_FIELDS + 5 {
            drift.see(&schema(), day(), &format!(r#"{{"n{number}":1}}"#));
        }
        assert_eq!((drift.findings().len(), drift.further()), (MOST_FIELDS, 5));
    }

    #[test]
    fn an_example_is_cut() {
        let mut drift = Drift::default();
        drift.see(
            &schema(),
            day(),
            &format!(r#"{{"novo":"{}"}}"#, "ç".repeat(200)),
        );
        assert_eq!(drift.findings()[0].example.chars().count(), EXAMPLE + 1);
    }
}
