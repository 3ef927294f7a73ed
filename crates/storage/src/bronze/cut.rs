//! Columns cut out of records by JSON pointers, for tables made of bronze. Unlike in bronze, a value that its column can't hold
//! is null, and counted; and a value that has the column's form after a plain conversion is converted:
//!
//! | column | value | in the column |
//! |---|---|---|
//! | string | number, boolean | its text |
//! | int64, decimal | text that is a number | the number |
//! | date | text that begins with a date and a time | the date |
//! | timestamp | date; time with a fraction | midnight; the time cut to seconds |

use std::collections::BTreeMap;

use arrow_array::ArrayRef;
use arrow_schema::{ArrowError, Fields};

use super::BronzeError;
use super::columns::{self, ColumnBuilder, Extra};
use bronzed_model::declaration::SilverColumn;
use bronzed_model::json::tape::{Tape, Value};
use bronzed_model::json::{self, Kind};
use bronzed_model::schema::{Column, ColumnType};

/// Builder of columns that are cut out of records.
#[derive(Debug)]
pub struct CutColumns {
    declared: Vec<SilverColumn>,
    builders: Vec<ColumnBuilder>,
    unfit: Vec<u64>,
    extra: Extra,
    rows: usize,
}

/// Returns the Arrow fields of columns that are cut out of records.
///
/// # Errors
/// Returns an error if the declared columns don't make a table.
pub fn cut_fields(declared: &[SilverColumn]) -> Result<Fields, BronzeError> {
    let declared: Vec<Column> = declared
        .iter()
        .map(|column| column.column.clone())
        .collect();
    columns::fields(&declared)
}

impl CutColumns {
    /// Creates empty columns as declared.
    ///
    /// # Errors
    /// Returns an error if the declared columns don't make a table.
    pub fn new(declared: &[SilverColumn]) -> Result<Self, BronzeError> {
        let builders = declared
            .iter()
            .map(|column| ColumnBuilder::new(&column.column.kind));
        Ok(Self {
            builders: builders.collect::<Result<_, _>>()?,
            unfit: vec![0; declared.len()],
            declared: declared.to_vec(),
            extra: Extra::default(),
            rows: 0,
        })
    }

    /// Appends one row: of each column, the value at the first of its pointers that leads to one.
    pub fn append(&mut self, record: Value<'_>) {
        self.rows += 1;
        let columns = self.declared.iter().zip(&mut self.builders);
        for ((declared, builder), unfit) in columns.zip(&mut self.unfit) {
            let mut pointers = declared.pointers.iter();
            let found = pointers.find_map(|pointer| {
                let value = record.pointer(pointer)?;
                (!value.is_null()).then_some(value)
            });
            let Some(value) = found else {
                builder.append_null();
                continue;
            };
            let fits = match converted(&declared.column.kind, value) {
                None => append(builder, value, &mut self.extra),
                Some(text) => match Tape::parse(&text) {
                    Ok(tape) => append(builder, tape.root(&text), &mut self.extra),
                    Err(_) => append(builder, value, &mut self.extra),
                },
            };
            *unfit += u64::from(!fits);
        }
    }

    /// Appends one row without values.
    pub fn append_null(&mut self) {
        self.rows += 1;
        for builder in &mut self.builders {
            builder.append_null();
        }
    }

    /// Number of rows since they were last taken.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes the rows as Arrow arrays, and leaves the columns empty.
    ///
    /// # Errors
    /// Returns an error if the rows make no arrays.
    pub fn take(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.rows = 0;
        self.builders.iter_mut().map(ColumnBuilder::take).collect()
    }

    /// Takes the number of values that their column can't hold, by column.
    pub fn take_unfit(&mut self) -> BTreeMap<String, u64> {
        let counts = self.declared.iter().zip(&mut self.unfit);
        counts
            .map(|(column, count)| (column.column.name.clone(), std::mem::take(count)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

/// Appends a value; returns `false` if the column can't hold it and is null.
fn append(builder: &mut ColumnBuilder, value: Value<'_>, extra: &mut Extra) -> bool {
    extra.begin();
    builder.append(value, extra)
}

/// Returns the value in the form of the column, as JSON; `None` if it needs no conversion, or there is none.
fn converted(kind: &ColumnType, value: Value<'_>) -> Option<String> {
    match (kind, value.kind()) {
        (ColumnType::String, Kind::Number | Kind::Boolean) => Some(json::quote(value.text())),
        (ColumnType::Int64 | ColumnType::Decimal { .. }, Kind::String) => {
            let text = value.string()?;
            let text = text.trim();
            let is_number = json::kind(text) == Kind::Number && Tape::parse(text).is_ok();
            is_number.then(|| text.to_owned())
        }
        (ColumnType::Date, Kind::String) => {
            let text = value.string()?;
            let (date, rest) = text.split_at_checked(10)?;
            rest.starts_with(['T', ' ']).then(|| json::quote(date))
        }
        (ColumnType::Timestamp, Kind::String) => {
            let text = value.string()?;
            if text.len() == 10 {
                return Some(json::quote(&format!("{text}T00:00:00")));
            }
            let (seconds, fraction) = text.split_at_checked(19)?;
            let digits = fraction.strip_prefix('.')?;
            let is_fraction = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            is_fraction.then(|| json::quote(seconds))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Date32Type, Int64Type, TimestampMicrosecondType};

    use super::*;

    fn column(name: &str, kind: ColumnType, pointers: &[&str]) -> SilverColumn {
        SilverColumn {
            column: Column::new(name, kind),
            pointers: pointers.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    /// Cuts records; returns the arrays, and the counts of values that don't fit.
    fn cut(columns: &[SilverColumn], records: &[&str]) -> (Vec<ArrayRef>, BTreeMap<String, u64>) {
        let mut cut = CutColumns::new(columns).unwrap();
        for record in records {
            cut.append(Tape::parse(record).unwrap().root(record));
        }
        (cut.take().unwrap(), cut.take_unfit())
    }

    #[test]
    fn the_first_pointer_that_leads_to_a_value_gives_it() {
        let columns = [column("nome", ColumnType::String, &["/a/nome", "/nome"])];
        let records = [
            r#"{"a":{"nome":"x"},"nome":"y"}"#,
            r#"{"nome":"y"}"#,
            r#"{"a":{"nome":null},"nome":"z"}"#,
            r#"{"a":5}"#,
        ];
        let (arrays, unfit) = cut(&columns, &records);
        let texts: Vec<_> = arrays[0].as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("x"), Some("y"), Some("z"), None]);
        assert!(unfit.is_empty());
    }

    #[test]
    fn a_value_that_does_not_fit_is_null_and_counted() {
        let columns = [column("ano", ColumnType::Int64, &["/ano"])];
        let records = [r#"{"ano":1.5}"#, r#"{"ano":"x"}"#, r#"{"ano":2025}"#, "{}"];
        let (arrays, unfit) = cut(&columns, &records);
        let numbers: Vec<_> = arrays[0].as_primitive::<Int64Type>().iter().collect();
        assert_eq!(numbers, [None, None, Some(2025), None]);
        assert_eq!(unfit, BTreeMap::from([("ano".to_owned(), 2)]));
    }

    #[test]
    fn plain_conversions_are_made_and_no_others() {
        let columns = [
            column("texto", ColumnType::String, &["/v"]),
            column("numero", ColumnType::Int64, &["/v"]),
            column("dia", ColumnType::Date, &["/v"]),
            column("hora", ColumnType::Timestamp, &["/v"]),
        ];
        let records = [
            r#"{"v":7.0}"#,
            r#"{"v":" 12 "}"#,
            r#"{"v":"2025-10-22T08:41:33.123"}"#,
            r#"{"v":"2025-10-22"}"#,
            r#"{"v":"007"}"#,
            r#"{"v":"2025-10-22T08:41:33Z"}"#,
        ];
        let (arrays, _) = cut(&columns, &records);
        assert_eq!(arrays[0].as_string::<i32>().value(0), "7.0");
        let numbers: Vec<_> = arrays[1].as_primitive::<Int64Type>().iter().collect();
        assert_eq!(numbers, [Some(7), Some(12), None, None, None, None]);
        let days = arrays[2].as_primitive::<Date32Type>();
        assert_eq!(
            (days.value(2), days.value(3), days.value(5)),
            (20_383, 20_383, 20_383)
        );
        let times = arrays[3].as_primitive::<TimestampMicrosecondType>();
        assert_eq!(times.value(2), 1_761_122_493_000_000);
        assert_eq!(times.value(3), 20_383 * 86_400_000_000);
        assert!(times.is_null(5), "an instant isn't a local time");
    }
}
