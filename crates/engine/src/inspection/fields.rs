//! Comparison of the fields found in records with the declared columns.

use std::collections::BTreeSet;

use serde::Serialize;

use bronzed_model::day::Day;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_storage::bronze::drift::{Drift, Why};

/// Field coverage of a page. Fields are named by path: `orgaoEntidade.cnpj`. A list is one field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FieldReport {
    /// Number of declared fields.
    pub declared: usize,
    /// Number of declared fields present in at least one record, null or not.
    pub seen: usize,
    /// Declared fields that no record has.
    pub missing: Vec<String>,
    /// Fields that have a value in some record and no column.
    pub undeclared: Vec<String>,
    /// Fields with a value that their column can't hold.
    pub mistyped: Vec<String>,
}

impl FieldReport {
    /// Compares the records of a page with `schema`.
    ///
    /// Each record is passed to drift detection as if all its fields were in `_extra`: drift then reports a
    /// field that a column would hold as declared.
    pub fn of<'a>(schema: &Schema, day: Day, records: impl Iterator<Item = &'a str>) -> Self {
        let mut drift = Drift::default();
        for record in records {
            drift.see(schema, day, record);
        }
        let mut known = BTreeSet::new();
        let (mut undeclared, mut mistyped) = (BTreeSet::new(), BTreeSet::new());
        for finding in drift.findings() {
            match finding.why {
                Why::DeclaredSince => {
                    known.insert(finding.field.as_str());
                }
                Why::Undeclared => {
                    undeclared.insert(finding.field.clone());
                }
                // For a list, drift names the element: `fontes[].valor`.
                Why::Mistyped | Why::Repeated => {
                    let field = finding.field.as_str();
                    known.insert(field.split("[]").next().unwrap_or(field));
                    mistyped.insert(finding.field.clone());
                }
                Why::NotAnObject => {}
            }
            // A field that only one element of a list has is reported by element, too.
            if let Some((list, _)) = finding.field.split_once("[]") {
                known.insert(list);
            }
        }
        let mut declared = Vec::new();
        leaves(&schema.columns, "", &mut declared);
        // A member counts as present if its whole object is null.
        let seen = |path: &str| {
            let mut above = path.match_indices('.').map(|(end, _)| &path[..end]);
            known.contains(path) || above.any(|prefix| known.contains(prefix))
        };
        let missing: Vec<_> = declared
            .iter()
            .filter(|path| !seen(path))
            .cloned()
            .collect();
        Self {
            declared: declared.len(),
            seen: declared.len() - missing.len(),
            missing,
            undeclared: undeclared.into_iter().collect(),
            mistyped: mistyped.into_iter().collect(),
        }
    }
}

fn leaves(columns: &[Column], path: &str, out: &mut Vec<String>) {
    for column in columns {
        let path = match path {
            "" => column.name.clone(),
            path => format!("{path}.{}", column.name),
        };
        match &column.kind {
            ColumnType::Struct(members) => leaves(members, &path, out),
            _ => out.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(records: &[&str]) -> FieldReport {
        let schema = bronzed_config::columns(
            "x.toml",
            "[columns]\na = \"int64\"\nb = \"string\"\nlist = [\"int64\"]\n\
             [columns.o]\nc = \"string\"\nd = \"string\"\n",
        );
        let day = "2025-10-22".parse().unwrap();
        FieldReport::of(&schema.unwrap(), day, records.iter().copied())
    }

    #[test]
    fn what_no_record_has_is_missing_and_a_null_is_not() {
        let found = fields(&[r#"{"a":null,"o":{"c":"x"}}"#, r#"{"list":[]}"#]);
        assert_eq!((found.declared, found.seen), (5, 3));
        assert_eq!(found.missing, ["b", "o.d"]);
        let null = fields(&[r#"{"a":1,"b":"","list":[1],"o":null}"#]);
        assert_eq!((null.seen, null.missing.len()), (5, 0));
        assert_eq!(fields(&[]).seen, 0);
    }

    #[test]
    fn what_no_column_holds_is_named() {
        let found = fields(&[
            r#"{"a":"x","b":"y","list":[1,"z"],"o":{"c":1,"e":2},"new":true,"null":null}"#,
            "7",
        ]);
        assert_eq!(found.undeclared, ["new", "o.e"]);
        assert_eq!(found.mistyped, ["a", "list[]", "o.c"]);
        assert_eq!(found.missing, ["o.d"]);
    }
}
