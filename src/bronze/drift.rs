//! What the declared columns lack, told from the `_extra` that rows carry.
//!
//! ```text
//! {"valor":"a lot","orgao":{"novo":1}}      with valor = "decimal(18,4)" and orgao a struct
//!
//!   valor        mistyped (decimal(18,4))    text
//!   orgao.novo   undeclared                  number
//! ```
//!
//! A list is in `_extra` as a whole where one element doesn't fit; then it is that element's
//! members that are told, as `fontes[].novo`.

use std::collections::{BTreeMap, HashMap};

use super::columns::fits;
use super::schema::{Column, ColumnType, Schema};
use crate::day::Day;
use crate::json::{self, Kind, Object};

/// Fields beyond these are counted together: an API may make up names without end.
const MOST_FIELDS: usize = 10_000;
/// An example is cut after so many characters.
const EXAMPLE: usize = 80;

/// Why a value is in `_extra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is no such column.
    Undeclared,
    /// Its column can't hold it exactly.
    Mistyped,
    /// Its column holds it: the row is older than the column's declaration.
    DeclaredSince,
    /// Its key stands in one object more than once.
    Repeated,
    /// The record isn't an object.
    NotAnObject,
}

impl Why {
    /// For people.
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

/// What was found of one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// `orgaoEntidade.novo`, `fontes[].novo`; empty: the record itself.
    pub field: String,
    /// Why its values are in `_extra`.
    pub why: Why,
    /// Its column's type, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
    /// How many values there are of each JSON type.
    pub seen: BTreeMap<&'static str, u64>,
    /// How many values there are in all.
    pub values: u64,
    /// The first day that has one.
    pub first_day: Day,
    /// The last day that has one.
    pub last_day: Day,
    /// One of them, as JSON text, cut after 80 characters.
    pub example: String,
}

/// The drift of one dataset.
#[derive(Debug, Default)]
pub struct Drift {
    found: BTreeMap<(String, Why), Finding>,
    further: u64,
}

impl Drift {
    /// Looks at the `_extra` of one row of `day`.
    pub fn see(&mut self, schema: &Schema, day: Day, extra: &str) {
        let object = match json::kind(extra) {
            Kind::Object => Object::parse(extra).ok(),
            _ => None,
        };
        let mut walk = Walk { drift: self, day };
        match object {
            Some(object) => walk.members(&schema.columns, &object, ""),
            None => walk.found("", Why::NotAnObject, None, extra),
        }
    }

    /// What was found, the most frequent first.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut found: Vec<_> = self.found.values().collect();
        found.sort_by_key(|one| (std::cmp::Reverse(one.values), &one.field, one.why));
        found
    }

    /// Values of fields that weren't told apart any more, for there are too many.
    pub fn further(&self) -> u64 {
        self.further
    }
}

struct Walk<'a> {
    drift: &'a mut Drift,
    day: Day,
}

impl Walk<'_> {
    fn members(&mut self, columns: &[Column], object: &Object<'_>, path: &str) {
        let mut occurrences: HashMap<&str, u32> = HashMap::new();
        for (key, _) in &object.members {
            *occurrences.entry(key).or_default() += 1;
        }
        for (key, value) in &object.members {
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
                    // A null says nothing; it comes along with the list that it is in.
                    None if *value == "null" => {}
                    None => self.found(&path, Why::Undeclared, None, value),
                }
            }
        }
    }

    /// A value that has a column.
    fn value(&mut self, kind: &ColumnType, value: &str, path: &str) {
        match (kind, json::kind(value)) {
            // Of a struct, `_extra` has the members that didn't fit, and they alone.
            (ColumnType::Struct(members), Kind::Object) => match Object::parse(value) {
                Ok(object) => self.members(members, &object, path),
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

    /// An element of a list that doesn't fit. Its members that do are told of nobody.
    fn element(&mut self, kind: &ColumnType, element: &str, path: &str) {
        let object = match (kind, json::kind(element)) {
            (ColumnType::Struct(members), Kind::Object) => {
                Object::parse(element).ok().map(|object| (members, object))
            }
            _ => None,
        };
        let Some((members, mut object)) = object else {
            return self.value(kind, element, path);
        };
        object.members.retain(|(key, value)| {
            let column = members.iter().find(|column| column.name == *key);
            !column.is_some_and(|column| fits(&column.kind, value))
        });
        self.members(members, &object, path);
    }

    fn found(&mut self, path: &str, why: Why, declared: Option<&ColumnType>, value: &str) {
        let key = (path.to_owned(), why);
        let full = self.drift.found.len() >= MOST_FIELDS;
        if full && !self.drift.found.contains_key(&key) {
            self.drift.further += 1;
            return;
        }
        let finding = self.drift.found.entry(key).or_insert_with(|| Finding {
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

    /// What is found of records that were stored, as `field why declared seen`.
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
