//! Drafts a column file from records: field names, and the narrowest type that holds every value.
//!
//! ```toml
//! # A draft of the columns of `pncp.contratos`, made of 519 records …
//! [columns]
//! numeroControlePNCP = "string"
//! # emendaParlamentar: null in every record
//! valorInicial = "decimal(18,4)"
//! [columns.tipoContrato]
//! id = "int64"
//! ```
//!
//! A draft is incomplete, because fifty records don't determine the next one. That costs no data, because a
//! value that doesn't fit goes into `_extra`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

use super::columns::fits;
use bronzed_model::json::{self, Kind};
use bronzed_model::schema::{ColumnType, METADATA_COLUMNS, PARTITION_COLUMNS};

/// Precision and scale of the drafted decimals, narrowest first: (18, 4) for amounts and quantities, (24, 8)
/// because some APIs write further digits, and (38, 18) as the most that a column holds.
const DECIMALS: [(u8, u8); 3] = [(18, 4), (24, 8), (38, 18)];

/// Statistics of the sampled records.
#[derive(Debug, Default)]
pub struct Draft {
    records: u64,
    not_objects: u64,
    fields: InferredFields,
}

/// The members of an object, in the order in which they were first seen.
#[derive(Debug, Default)]
struct InferredFields {
    seen: Vec<(String, ObservedValues)>,
    index: HashMap<String, usize>,
}

/// Statistics of the sampled values of one field.
#[derive(Debug, Default)]
struct ObservedValues {
    nulls: u64,
    booleans: u64,
    strings: u64,
    numbers: u64,
    objects: u64,
    arrays: u64,
    /// Time types that hold every string so far.
    times: Narrowing<3>,
    /// Decimal types that hold every number so far.
    decimals: Narrowing<3>,
    /// Number of numbers that are not written as 64-bit integers.
    fractions: u64,
    members: InferredFields,
    item: Option<Box<Self>>,
}

/// Candidate types that have held every value so far.
#[derive(Debug)]
struct Narrowing<const N: usize>([bool; N]);

impl<const N: usize> Default for Narrowing<N> {
    fn default() -> Self {
        Self([true; N])
    }
}

impl<const N: usize> Narrowing<N> {
    fn narrow(&mut self, types: [ColumnType; N], value: &str) {
        for (holds, kind) in self.0.iter_mut().zip(types) {
            *holds = *holds && fits(&kind, value);
        }
    }

    fn first(&self, types: [ColumnType; N]) -> Option<ColumnType> {
        let held = self.0.iter().zip(types).find(|(holds, _)| **holds);
        held.map(|(_, kind)| kind)
    }
}

const TIMES: [ColumnType; 3] = [ColumnType::Date, ColumnType::Timestamp, ColumnType::Instant];

fn decimals() -> [ColumnType; 3] {
    DECIMALS.map(|(precision, scale)| ColumnType::Decimal { precision, scale })
}

impl Draft {
    /// Samples one record. A record that is not an object, or whose keys can't be decoded, is only counted.
    pub fn see(&mut self, record: &str) {
        self.records += 1;
        match json::members(record) {
            Ok(members) => self.fields.see(&members),
            Err(_) => self.not_objects += 1,
        }
    }

    /// Number of sampled records.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns the draft as the text of a column file. `None` if no field can be declared.
    pub fn text(&self, dataset: &str) -> Option<String> {
        let mut body = String::new();
        self.fields.declare("columns", "[columns]", &mut body);
        let declares = body.lines().any(|line| line.contains(" = "));
        let records = self.records;
        let mut text = format!(
            "# A draft of the columns of `{dataset}`, made of {records} records: look it through, \
             for the next\n# record may differ. What doesn't fit its column goes into `_extra`, so \
             that nothing is lost.\n#\n# Names are the API's own. Columns are added over time, never \
             retyped.\n"
        );
        if self.not_objects > 0 {
            let _ = writeln!(text, "#\n# {} records were no objects.", self.not_objects);
        }
        text.push_str(&body);
        declares.then_some(text)
    }
}

impl InferredFields {
    fn see(&mut self, members: &[(Cow<'_, str>, &str)]) {
        for (key, value) in members {
            let position = match self.index.get(key.as_ref()) {
                Some(position) => *position,
                None => {
                    self.index.insert(key.to_string(), self.seen.len());
                    self.seen.push((key.to_string(), ObservedValues::default()));
                    self.seen.len() - 1
                }
            };
            self.seen[position].1.see(value);
        }
    }

    /// Writes these fields as a TOML table; fields that are tables themselves come last, as TOML requires.
    fn declare(&self, path: &str, head: &str, out: &mut String) {
        let _ = write!(out, "\n{head}\n");
        let top = path == "columns";
        let mut tables = Vec::new();
        let twins = self.twins();
        for (name, seen) in &self.seen {
            if let Some(twin) = twins.get(name.as_str()) {
                let why = "in case only, so that it stays in `_extra`";
                let _ = writeln!(
                    out,
                    "# {}: differs from {} {why}",
                    comment(name),
                    comment(twin)
                );
                continue;
            }
            if top && is_reserved(name) {
                let why = "every table has a column of this name, so that it stays in `_extra`";
                let _ = writeln!(out, "# {name}: {why}");
                continue;
            }
            let step = format!("{path}.{}", key(name));
            match seen.shape() {
                InferredType::Unknown(why) => {
                    let _ = writeln!(out, "# {}: {why}", comment(name));
                }
                InferredType::Inline(kind) => {
                    seen.remark(name, out);
                    let _ = writeln!(out, "{} = {kind}", key(name));
                }
                InferredType::Table(members) => {
                    tables.push((name, seen, members, format!("[{step}]"), step))
                }
                InferredType::Tables(members) => {
                    tables.push((name, seen, members, format!("[[{step}]]"), step));
                }
            }
        }
        for (name, seen, members, head, step) in tables {
            seen.remark(name, out);
            members.declare(&step, &head, out);
        }
    }

    /// Fields that are not declared because their name differs only in case from a declared field, and
    /// readers treat the two as equal. Maps each to the declared one.
    fn twins(&self) -> HashMap<&str, &str> {
        let mut declared: HashMap<String, &str> = HashMap::new();
        let mut twins = HashMap::new();
        for (name, seen) in &self.seen {
            if matches!(seen.shape(), InferredType::Unknown(_)) {
                continue;
            }
            match declared.get(&name.to_lowercase()) {
                Some(twin) => _ = twins.insert(name.as_str(), *twin),
                None => _ = declared.insert(name.to_lowercase(), name),
            }
        }
        twins
    }

    /// `true` if a table of these fields would have a column.
    fn declares(&self) -> bool {
        let mut shapes = self.seen.iter().map(|(_, seen)| seen.shape());
        shapes.any(|shape| !matches!(shape, InferredType::Unknown(_)))
    }

    /// Returns an inline table, `{ id = "int64" }`, for places where TOML allows no separate table.
    fn inline(&self) -> String {
        let twins = self.twins();
        let members = self.seen.iter().filter_map(|(name, seen)| {
            if twins.contains_key(name.as_str()) {
                return None;
            }
            let kind = match seen.shape() {
                InferredType::Unknown(_) => return None,
                InferredType::Inline(kind) => kind,
                InferredType::Table(members) => members.inline(),
                InferredType::Tables(members) => format!("[{}]", members.inline()),
            };
            Some(format!("{} = {kind}", key(name)))
        });
        format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
    }
}

/// Form of a field's declaration.
enum InferredType<'a> {
    /// Not declared, with the reason.
    Unknown(&'static str),
    /// Inline, after the field's name.
    Inline(String),
    /// As a separate table.
    Table(&'a InferredFields),
    /// As a list of tables.
    Tables(&'a InferredFields),
}

impl ObservedValues {
    fn see(&mut self, value: &str) {
        match json::kind(value) {
            Kind::Null => self.nulls += 1,
            Kind::Boolean => self.booleans += 1,
            Kind::String => {
                self.strings += 1;
                self.times.narrow(TIMES, value);
            }
            Kind::Number => {
                self.numbers += 1;
                let whole = value.parse::<i64>().is_ok();
                self.fractions += u64::from(!whole);
                self.decimals.narrow(decimals(), value);
            }
            Kind::Object => {
                self.objects += 1;
                if let Ok(members) = json::members(value) {
                    self.members.see(&members);
                }
            }
            Kind::Array => {
                self.arrays += 1;
                for element in json::elements(value).unwrap_or_default() {
                    self.item.get_or_insert_default().see(element);
                }
            }
        }
    }

    /// Returns the most frequent kind of value and its count. On a tie, the first in the list below.
    fn most(&self) -> (&'static str, u64) {
        let counts = [
            ("text", self.strings),
            ("a number", self.numbers),
            ("a boolean", self.booleans),
            ("an object", self.objects),
            ("a list", self.arrays),
        ];
        let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
        most.unwrap_or_default()
    }

    fn values(&self) -> u64 {
        self.strings + self.numbers + self.booleans + self.objects + self.arrays
    }

    fn shape(&self) -> InferredType<'_> {
        let inline = |kind: ColumnType| InferredType::Inline(format!("\"{kind}\""));
        match self.most() {
            (_, 0) => InferredType::Unknown("null in every record"),
            ("text", _) => inline(self.times.first(TIMES).unwrap_or(ColumnType::String)),
            ("a number", _) if self.fractions == 0 => inline(ColumnType::Int64),
            ("a number", _) => match self.decimals.first(decimals()) {
                Some(kind) => inline(kind),
                None => InferredType::Unknown("numbers that no column holds exactly"),
            },
            ("a boolean", _) => inline(ColumnType::Boolean),
            ("an object", _) if self.members.declares() => InferredType::Table(&self.members),
            ("an object", _) => InferredType::Unknown("objects without a member that has a value"),
            _ => match self.item.as_ref().map(|item| item.shape()) {
                None => InferredType::Unknown("an empty list in every record"),
                Some(InferredType::Unknown(why)) => InferredType::Unknown(why),
                Some(InferredType::Inline(kind)) => InferredType::Inline(format!("[{kind}]")),
                Some(InferredType::Table(members)) => InferredType::Tables(members),
                Some(InferredType::Tables(members)) => {
                    InferredType::Inline(format!("[[{}]]", members.inline()))
                }
            },
        }
    }

    /// Writes a comment line on values that are not of the most frequent kind.
    fn remark(&self, name: &str, out: &mut String) {
        let (most, count) = self.most();
        let others = self.values() - count;
        if others > 0 {
            let values = self.values();
            let name = comment(name);
            let _ = writeln!(out, "# {name}: {most}, but for {others} of {values} values");
        }
    }
}

/// `true` if the name is that of a metadata or partition column.
fn is_reserved(name: &str) -> bool {
    let mut taken = METADATA_COLUMNS.iter().chain(&PARTITION_COLUMNS);
    taken.any(|taken| taken.eq_ignore_ascii_case(name))
}

/// A name as a TOML key.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        // TOML accepts JSON's escapes, and additionally requires DEL to be escaped.
        json::quote(name).replace('\u{7f}', "\\u007f")
    }
}

/// Removes control characters from a name within a comment, because it must not end the line.
fn comment(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bronze::tests::{file, recorded};
    use bronzed_model::schema::Schema;

    fn draft(records: &[impl AsRef<str>]) -> String {
        let mut draft = Draft::default();
        records.iter().for_each(|record| draft.see(record.as_ref()));
        draft.text("x.y").unwrap_or_default()
    }

    /// The draft without its opening comment.
    fn body(records: &[&str]) -> String {
        let text = draft(records);
        let start = text.find("\n[columns]").unwrap();
        text[start + 1..].to_owned()
    }

    fn parsed(text: &str) -> Schema {
        bronzed_config::columns("draft.toml", text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    #[test]
    fn the_narrowest_type_that_holds_every_value_is_taken() {
        let records = [
            r#"{"a":1,"b":1.5,"c":"2025-10-22","d":"2025-10-22T08:00:00","e":"2025-02-01T03:00:00Z",
                "f":true,"g":"x","h":1e-7,"i":3694.50000000,"j":0E-8,"k":null,"l":12345678901234567890}"#,
            r#"{"a":-2,"b":2,"c":"2025-10-23","d":"2025-10-22","e":null,"f":false,"g":"","h":1,"i":1,
                "j":200.00000000,"k":null,"l":1}"#,
        ];
        assert_eq!(
            body(&records),
            r#"[columns]
a = "int64"
b = "decimal(18,4)"
c = "date"
d = "string"
e = "instant"
f = "boolean"
g = "string"
h = "decimal(24,8)"
i = "decimal(18,4)"
j = "decimal(18,4)"
# k: null in every record
l = "decimal(38,18)"
"#
        );
    }

    /// Both names were drafted, and DuckDB read the wrong column.
    #[test]
    fn of_names_that_differ_in_case_only_one_is_drafted() {
        let records = [
            r#"{"urlPDF":null,"urlPdf":"a","URLPDF":"b","Year":1,"o":{"a":1,"A":2},"l":[[{"n":1,"N":2}]]}"#,
        ];
        assert_eq!(
            body(&records),
            r#"[columns]
# urlPDF: null in every record
urlPdf = "string"
# URLPDF: differs from urlPdf in case only, so that it stays in `_extra`
# Year: every table has a column of this name, so that it stays in `_extra`
l = [[{ n = "int64" }]]

[columns.o]
a = "int64"
# A: differs from a in case only, so that it stays in `_extra`
"#
        );
        parsed(&draft(&records));
    }

    #[test]
    fn objects_and_lists_become_tables() {
        let records = [
            r#"{"o":{"b":1,"p":{"c":"x"}},"tags":["x"],"rows":[{"v":1.5,"o":{"w":1}},{"v":2}],"last":1,
                "empty":[],"hollow":{},"deep":[[{"z":1,"y":[{"x":1}]}]]}"#,
        ];
        assert_eq!(
            body(&records),
            r#"[columns]
tags = ["string"]
last = "int64"
# empty: an empty list in every record
# hollow: objects without a member that has a value
deep = [[{ z = "int64", y = [{ x = "int64" }] }]]

[columns.o]
b = "int64"

[columns.o.p]
c = "string"

[[columns.rows]]
v = "decimal(18,4)"

[columns.rows.o]
w = "int64"
"#
        );
        // The two fields without a value that shows their type.
        let (_, drifted) = file(&parsed(&draft(&records)), &records);
        assert_eq!(drifted, 2);
    }

    #[test]
    fn what_differs_from_most_values_is_remarked() {
        let records = [r#"{"a":"x"}"#, r#"{"a":"y"}"#, r#"{"a":5}"#, "7"];
        let text = draft(&records);
        assert!(
            text.contains("# a: text, but for 1 of 3 values\na = \"string\"\n"),
            "{text}"
        );
        assert!(text.contains("# 1 records were no objects."), "{text}");
    }

    #[test]
    fn names_that_a_table_has_by_itself_are_left_out() {
        let text = draft(&[r#"{"year":2025,"_ID":1,"a b":1,"c\nd":null,"o":{"year":1}}"#]);
        assert!(text.contains("# year: every table"), "{text}");
        assert!(text.contains("# _ID: every table"), "{text}");
        let names: Vec<_> = parsed(&text)
            .columns
            .into_iter()
            .map(|column| column.name)
            .collect();
        assert_eq!(names, ["a b", "o"]);
    }

    #[test]
    fn records_without_a_field_make_no_draft() {
        assert_eq!(draft(&["{}", "5", r#"{"a":null}"#]), "");
    }

    #[test]
    fn a_draft_of_recorded_records_holds_them_all() {
        let records = recorded();
        let schema = parsed(&draft(&records));
        let (_, drifted) = file(&schema, &records);
        assert_eq!(drifted, 0);
        let declared = |name: &str| {
            let column = schema.columns.iter().find(|column| column.name == name);
            column.map(|column| column.kind.to_string())
        };
        assert_eq!(
            declared("valorTotalEstimado").as_deref(),
            Some("decimal(18,4)")
        );
        assert_eq!(declared("dataPublicacaoPncp").as_deref(), Some("timestamp"));
        assert_eq!(
            declared("fontesOrcamentarias").as_deref(),
            Some("list of struct")
        );
        assert_eq!(declared("emendaParlamentar"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// For any records, the draft is a valid column file.
        #[test]
        fn any_records_make_a_draft_that_can_be_read(
            records in proptest::collection::vec(crate::bronze::tests::any_record(), 1..4)
        ) {
            let text = draft(&records);
            if !text.is_empty() {
                parsed(&text);
            }
        }
    }
}
