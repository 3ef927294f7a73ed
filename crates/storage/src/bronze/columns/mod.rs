//! Conversion of JSON records to Arrow columns, by the rule of `_extra` (see [`crate::bronze`]).
//!
//! A record is read from its tape ([`bronzed_model::json::tape`]), and deeper only where the schema has a
//! struct or a list: no tree of values is built, and no nesting depth can exhaust the stack.
//!
//! - A list goes to `_extra` whole if one element doesn't fit, or if it has more than 100,000 elements.
//! - A repeated key goes to `_extra` with all its occurrences; its column is null.
//! - An undeclared null is left out, and doesn't count as drift.
//! - If the record is not an object, or has keys that are not valid Unicode, `_extra` is its whole text.

mod column;
mod extra;
mod members;
mod scalar;

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};

pub(super) use self::column::{ColumnBuilder, constant_instant};
pub(super) use self::extra::Extra;
pub(super) use self::members::MemberColumns;
use super::BronzeError;
use super::metadata;
use bronzed_model::json::tape::{Tape, Value};
use bronzed_model::schema::{self, ColumnType, METADATA_COLUMNS, Schema};

/// Builder of a table's declared columns.
#[derive(Debug)]
pub(super) struct Columns {
    members: MemberColumns,
    extra: Extra,
}

impl Columns {
    /// Creates empty columns as declared.
    pub(super) fn new(schema: &Schema) -> Result<Self, BronzeError> {
        let mut names = schema.columns.iter().map(|column| column.name.as_str());
        if let Some(name) = names.find(|name| METADATA_COLUMNS.contains(name)) {
            return Err(BronzeError::Schema(format!(
                "`{name}` is the name of a metadata column"
            )));
        }
        Ok(Self {
            members: MemberColumns::new(&schema.columns)?,
            extra: Extra::default(),
        })
    }

    /// Appends one record, and returns its `_extra`.
    pub(super) fn append(&mut self, record: Value<'_>) -> &Extra {
        match record.object() {
            Some(object) => {
                self.extra.begin();
                self.members.append(object, &mut self.extra);
                self.extra.end();
            }
            None => self.replace(record.text()),
        }
        &self.extra
    }

    /// Appends one record given as text, and returns its `_extra`.
    pub(super) fn append_text(&mut self, record: &str) -> &Extra {
        let record = record.trim();
        match Tape::parse(record) {
            Ok(tape) => {
                self.append(tape.root(record));
            }
            Err(_) => self.replace(record),
        }
        &self.extra
    }

    fn replace(&mut self, record: &str) {
        self.members.append_null();
        self.extra.replace(record);
    }

    /// Takes the rows as Arrow arrays with their fields, and leaves the columns empty.
    pub(super) fn take(
        &mut self,
    ) -> Result<(Fields, Vec<arrow_array::ArrayRef>), arrow_schema::ArrowError> {
        self.members.take()
    }
}

/// `true` if a column of this type holds the whole value, leaving nothing for `_extra`.
pub(super) fn fits(kind: &ColumnType, value: &str) -> bool {
    let mut extra = Extra::default();
    extra.begin();
    let (Ok(mut column), Ok(tape)) = (ColumnBuilder::new(kind), Tape::parse(value)) else {
        return false;
    };
    column.append(tape.root(value), &mut extra) && extra.drifted() == 0
}

/// The Arrow fields of declared columns.
pub(super) fn fields(declared: &[schema::Column]) -> Result<Fields, BronzeError> {
    let mut names = HashSet::new();
    if let Some(twice) = declared.iter().find(|column| !names.insert(&column.name)) {
        return Err(BronzeError::Schema(format!(
            "`{}` is declared twice",
            twice.name
        )));
    }
    declared
        .iter()
        .map(|column| Ok(Field::new(&column.name, arrow_type(&column.kind)?, true)))
        .collect()
}

/// The Arrow field of a list's elements.
fn list_item(item: &ColumnType) -> Result<FieldRef, BronzeError> {
    Ok(Arc::new(Field::new("element", arrow_type(item)?, true)))
}

fn arrow_type(kind: &ColumnType) -> Result<DataType, BronzeError> {
    Ok(match kind {
        ColumnType::String => DataType::Utf8,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Decimal { precision, scale } => {
            if !(1..=38).contains(precision) || scale > precision {
                let problem = format!("decimal({precision},{scale}) has no such digits");
                return Err(BronzeError::Schema(problem));
            }
            DataType::Decimal128(*precision, arrow_scale(*scale))
        }
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Instant => metadata::instant(),
        ColumnType::Struct(columns) if columns.is_empty() => {
            let problem = "a struct without a declared member can't be a column";
            return Err(BronzeError::Schema(problem.to_owned()));
        }
        ColumnType::Struct(columns) => DataType::Struct(fields(columns)?),
        ColumnType::List(item) => DataType::List(list_item(item)?),
    })
}

/// Converts a scale, which is at most 38.
fn arrow_scale(scale: u8) -> i8 {
    i8::try_from(scale).unwrap_or(i8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bronze::tests::schema;

    /// Asserts the `_extra` of `record` and its number of drifted values.
    fn assert_extra(record: &str, expected: impl Into<Option<&'static str>>, drifted: u64) {
        let mut columns = Columns::new(&schema()).unwrap();
        let extra = columns.append_text(record);
        assert_eq!(extra.text(), expected.into(), "{record}");
        assert_eq!(extra.drifted(), drifted, "{record}");
        // In every case, each column has exactly one row.
        let (_, arrays) = columns.take().unwrap();
        assert!(arrays.iter().all(|array| array.len() == 1), "{record}");
    }

    #[test]
    fn what_fits_leaves_no_extra() {
        assert_extra("{}", None, 0);
        assert_extra(r#"{"numero":5.0,"valor":1e3,"texto":"\u00e7"}"#, None, 0);
        assert_extra(r#"{"orgao":{"sede":{"uf":"SP"}},"lista":[]}"#, None, 0);
        assert_extra(r#"{"numero":null,"orgao":null,"fontes":null}"#, None, 0);
    }

    #[test]
    fn what_does_not_fit_keeps_its_own_text() {
        assert_extra(r#"{"numero":12.50}"#, r#"{"numero":12.50}"#, 1);
        assert_extra(r#"{"numero":"5"}"#, r#"{"numero":"5"}"#, 1);
        assert_extra(r#"{"texto":5}"#, r#"{"texto":5}"#, 1);
        assert_extra(r#"{"certo":"true"}"#, r#"{"certo":"true"}"#, 1);
        assert_extra(r#"{"valor":1.23456}"#, r#"{"valor":1.23456}"#, 1);
        assert_extra(r#"{"valor":1e15}"#, r#"{"valor":1e15}"#, 1);
        assert_extra(r#"{"dia":"22/10/2025"}"#, r#"{"dia":"22/10/2025"}"#, 1);
        assert_extra(r#"{"texto":"\ud800"}"#, r#"{"texto":"\ud800"}"#, 1);
        assert_extra(r#"{"orgao":"x"}"#, r#"{"orgao":"x"}"#, 1);
        assert_extra(r#"{"lista":{}}"#, r#"{"lista":{}}"#, 1);
    }

    #[test]
    fn undeclared_fields_go_to_extra_but_nulls_do_not_count() {
        assert_extra(r#"{"novo":[1, 2]}"#, r#"{"novo":[1, 2]}"#, 1);
        assert_extra(r#"{"novo":null}"#, None, 0);
        assert_extra(r#"{"novo":null,"a\"b":""}"#, r#"{"a\"b":""}"#, 1);
    }

    #[test]
    fn extra_mirrors_the_record() {
        assert_extra(
            r#"{"orgao":{"cnpj":1,"sede":{"uf":2,"x":3},"codigo":4},"novo":5}"#,
            r#"{"orgao":{"cnpj":1,"sede":{"uf":2,"x":3}},"novo":5}"#,
            4,
        );
    }

    #[test]
    fn a_list_goes_to_extra_whole() {
        assert_extra(r#"{"lista":["a",1]}"#, r#"{"lista":["a",1]}"#, 1);
        assert_extra(
            r#"{"fontes":[{"codigo":1},{"codigo":2,"novo":3}]}"#,
            r#"{"fontes":[{"codigo":1},{"codigo":2,"novo":3}]}"#,
            1,
        );
        assert_extra(
            r#"{"orgao":{"cnpj":"1","tags":[1,"2"]}}"#,
            r#"{"orgao":{"tags":[1,"2"]}}"#,
            1,
        );
        assert_extra(r#"{"fontes":[{"codigo":1,"novo":null}]}"#, None, 0);
    }

    #[test]
    fn a_repeated_key_goes_to_extra_with_all_its_values() {
        let twice = r#"{"numero":1,"numero":1}"#;
        assert_extra(twice, twice, 2);
        let undeclared = r#"{"novo":1,"novo":null}"#;
        assert_extra(undeclared, undeclared, 2);
        assert_extra(
            r#"{"orgao":{"cnpj":"1","cnpj":"2","codigo":3}}"#,
            r#"{"orgao":{"cnpj":"1","cnpj":"2"}}"#,
            2,
        );
    }

    #[test]
    fn an_element_that_can_not_be_opened_is_the_extra_itself() {
        for element in [
            "5",
            "null",
            r#""text""#,
            "[{}]",
            r#"{"\ud800":1,"numero":2}"#,
        ] {
            assert_extra(element, Some(element), 1);
        }
        assert_extra(
            r#"{"orgao":{"\udfff":1},"numero":2}"#,
            r#"{"orgao":{"\udfff":1}}"#,
            1,
        );
    }

    #[test]
    fn nesting_of_any_depth_is_borne() {
        let deep =
            |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let mut columns = Columns::new(&schema()).unwrap();
        for value in [deep("[", "]"), deep(r#"{"orgao":"#, "}")] {
            for name in ["numero", "orgao", "fontes", "novo"] {
                let extra = columns.append_text(&format!(r#"{{"{name}":{value}}}"#));
                assert!(extra.drifted() > 0);
                assert!(extra.text().unwrap().contains(&deep("", "")));
            }
            columns.append_text(&value);
        }
    }

    #[test]
    fn a_list_of_more_elements_than_a_column_takes_is_kept_as_text() {
        let list = |count: usize| format!(r#"{{"fontes":[{}{{}}]}}"#, "{},".repeat(count - 1));
        let mut columns = Columns::new(&schema()).unwrap();
        assert_eq!(columns.append_text(&list(100_000)).text(), None);
        let longer = list(100_001);
        assert_eq!(columns.append_text(&longer).text(), Some(&*longer));
    }

    #[test]
    fn a_list_that_does_not_fit_leaves_its_neighbours_alone() {
        use arrow_array::Array;
        use arrow_array::cast::AsArray;

        let mut columns = Columns::new(&schema()).unwrap();
        for record in [
            r#"{"lista":["a","b"]}"#,
            r#"{"lista":["c","d",5]}"#,
            r#"{"lista":["e"]}"#,
        ] {
            columns.append_text(record);
        }
        let (_, arrays) = columns.take().unwrap();
        let lists = arrays[8].as_list::<i32>();
        let row = |row| {
            let list = lists.value(row);
            let list = list.as_string::<i32>().iter().flatten().map(str::to_owned);
            list.collect::<Vec<_>>()
        };
        assert_eq!(row(0), ["a", "b"]);
        assert!(lists.is_null(1));
        assert_eq!(row(2), ["e"]);
    }

    #[test]
    fn a_declaration_that_makes_no_table_is_refused() {
        use crate::bronze::tests::column;

        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        for (declared, problem) in [
            (vec![column("_id", ColumnType::String)], "metadata column"),
            (vec![column("a", ColumnType::Date); 2], "declared twice"),
            (vec![column("a", ColumnType::Struct(Vec::new()))], "without"),
            (vec![column("a", decimal(39, 2))], "decimal(39,2)"),
            (vec![column("a", decimal(4, 5))], "decimal(4,5)"),
        ] {
            let error = Columns::new(&Schema {
                columns: declared,
                ..Schema::default()
            })
            .unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
