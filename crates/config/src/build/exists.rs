//! Builds `exists_in`, by which a silver table refers to another one. The other table may be declared in a file that is read
//! later: so names are noted first, and looked up when all sources are there.

use std::sync::Arc;

use super::Build;
use super::expect::ExpectContext;
use super::record::{Steps, column};
use crate::nearest::did_you_mean;
use crate::text::value;
use bronzed_model::declaration::{
    Check, ColumnPath, Dataset, Kind, ReferencedColumn, SilverTable, Source,
};
use bronzed_model::problem::{Location, Problems};
use bronzed_model::schema::ColumnType;

/// Key column of every silver table.
const ID: &str = "_id";
/// Column of the parent's key, of tables made of children.
const PARENT_ID: &str = "_parent_id";

/// A silver table, and the columns that it has by itself.
#[derive(Clone, Copy)]
pub struct OwnColumns<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Name within the source's silver tables.
    pub table: &'a str,
    /// `true` if the table has the keys of parents.
    pub has_parents: bool,
}

/// A column of another table that an expectation names.
pub struct AskedReference {
    source: String,
    table: String,
    expectation: String,
    /// Column whose values are looked for, as written, with its type.
    column: (String, ColumnType),
    other_table: String,
    other_column: Option<String>,
    /// Path of the expectation.
    path: String,
    table_place: Location,
    column_place: Location,
}

/// Returns `true` if a table made of these datasets has the keys of parents.
pub fn has_parents(inputs: &[Arc<Dataset>]) -> bool {
    let mut inputs = inputs.iter();
    inputs.any(|input| matches!(input.kind, Kind::Child(_)))
}

impl Build<'_> {
    /// Builds the check, whose other table is looked up later.
    pub(super) fn exists_in(&mut self, context: &ExpectContext<'_>) -> Option<Check> {
        let path = &context.path;
        let Some(own) = context.silver else {
            let at = path.key("check");
            let what = format!(
                "`{at} = \"exists_in\"` asks another table, which a run of a dataset doesn't read"
            );
            let hint = "declare it of a silver table, under [silver.NAME.expect.…]; or ask by SQL: an anti-join of the two tables";
            self.complain(&at, what, hint);
            return None;
        };
        let named = value(&context.table.column)?;
        let kind = self.referring_column(context, &named, own)?;
        let other_table = context.table.table.clone()?;
        let other = ReferencedColumn {
            table: format!("silver.{other_table}"),
            prefix: String::new(),
            column: context.table.other.clone().unwrap_or_else(|| ID.to_owned()),
        };
        let (at_table, at_other) = (path.key("table"), path.key("other"));
        let column_place = match self.meant(&at_other) {
            true => self.layers.place(&at_other),
            false => self.layers.place(&at_table),
        };
        self.references.push(AskedReference {
            source: own.source.to_owned(),
            table: own.table.to_owned(),
            expectation: context.name.to_owned(),
            column: (named.written.clone(), kind),
            other_table,
            other_column: context.table.other.clone(),
            path: path.to_string(),
            table_place: self.layers.place(&at_table),
            column_place,
        });
        let column = named;
        Some(Check::ExistsIn { column, other })
    }

    /// Returns the type of the column whose values are looked for; `None` if it is none of them, which is reported.
    fn referring_column(
        &mut self,
        context: &ExpectContext<'_>,
        named: &ColumnPath,
        own: OwnColumns<'_>,
    ) -> Option<ColumnType> {
        let is_key = named.written == ID || (named.written == PARENT_ID && own.has_parents);
        if is_key {
            return Some(ColumnType::String);
        }
        let schema = context.schema?;
        match column(schema, &named.pointer, Steps::Plain) {
            Ok(kind) => {
                let wanted = "text, a number, a date or a time";
                self.of_type(context, "column", kind, is_referable, wanted)?;
                Some(kind.clone())
            }
            // It is reported that it is inside another one.
            Err(_) if named.steps().count() > 1 => None,
            Err(_) => {
                let path = context.path.key("column");
                let what = format!("`{path}` names `{}`, which the schema lacks", named.written);
                let names = schema.columns.iter().map(|column| column.name.as_str());
                let names = names
                    .chain([ID])
                    .chain(own.has_parents.then_some(PARENT_ID));
                let hint = did_you_mean(&named.written, names, || {
                    "name a column as it is named in the table".to_owned()
                });
                self.complain(&path, what, hint);
                None
            }
        }
    }
}

/// Looks up the columns of other tables, and reports those that aren't there or can't be compared. `declared` are the names of all
/// silver tables: `pncp.contratacoes`.
pub fn resolve(
    references: &[AskedReference],
    declared: &[&str],
    sources: &mut [Source],
    problems: &mut Problems,
) {
    for asked in references {
        if !declared.contains(&asked.other_table.as_str()) {
            asked.is_unknown(declared, problems);
            continue;
        }
        // A table that is declared and isn't there has mistakes of its own, which are reported.
        let Some(other) = found(sources, &asked.other_table) else {
            continue;
        };
        let Some(column) = asked.other_column(&other, problems) else {
            continue;
        };
        let referenced = ReferencedColumn {
            table: other.full_name(),
            prefix: other.prefix.clone(),
            column,
        };
        let source = sources
            .iter_mut()
            .find(|source| source.name == asked.source);
        let table = source.and_then(|source| source.silver.get_mut(&asked.table));
        if let Some(table) = table {
            refer(Arc::make_mut(table), &asked.expectation, &referenced);
        }
    }
}

fn found(sources: &[Source], name: &str) -> Option<Arc<SilverTable>> {
    let (source, table) = name.split_once('.')?;
    let source = sources.iter().find(|one| one.name == source)?;
    source.silver.get(table).map(Arc::clone)
}

/// Sets the other column of an expectation.
fn refer(table: &mut SilverTable, expectation: &str, referenced: &ReferencedColumn) {
    let mut expectations = table.expectations.to_vec();
    for one in &mut expectations {
        if one.name == expectation
            && let Check::ExistsIn { other, .. } = &mut one.check
        {
            other.clone_from(referenced);
        }
    }
    table.expectations = expectations.into();
}

impl AskedReference {
    fn is_unknown(&self, declared: &[&str], problems: &mut Problems) {
        let (path, name) = (format!("{}.table", self.path), &self.other_table);
        let of_source = format!("{}.{name}", self.source);
        let hint = match declared.contains(&of_source.as_str()) {
            true => format!("write SOURCE.NAME: `{of_source}`"),
            false => did_you_mean(name, declared.iter().copied(), || {
                "write SOURCE.NAME of a table that is declared under [silver.NAME]".to_owned()
            }),
        };
        let what = format!("`{path} = \"{name}\"` is no silver table");
        problems.note(self.table_place.clone(), what, hint);
    }

    /// Returns the column of the other table; `None` if it isn't right, which is reported.
    fn other_column(&self, other: &SilverTable, problems: &mut Problems) -> Option<String> {
        let (path, of) = (&self.path, &self.other_table);
        let is_key = |name: &str| [ID, PARENT_ID].contains(&name);
        let key_fields = other.inputs.first();
        let key_fields = key_fields.map_or(1, |input| input.primary_key.len());
        let Some(name) = &self.other_column else {
            if key_fields > 1 && !is_key(&self.column.0) {
                let what = format!(
                    "`{path}.other` is missing: the key of `{of}` is made of {key_fields} fields"
                );
                let hint = "name the column of that table: other = …";
                problems.note(self.column_place.clone(), what, hint);
                return None;
            }
            return self.compared(ID, &ColumnType::String, problems);
        };
        if name == ID || (name == PARENT_ID && has_parents(&other.inputs)) {
            return self.compared(name, &ColumnType::String, problems);
        }
        let columns = || other.columns.iter().map(|one| &one.column);
        match columns().find(|column| column.name == *name) {
            Some(column) => self.compared(name, &column.kind, problems),
            None => {
                let names = columns().map(|column| column.name.as_str()).chain([ID]);
                let hint = did_you_mean(name, names, || {
                    "name a column as it is named in that table".to_owned()
                });
                let what = format!("`{path}.other` names `{name}`, which `{of}` lacks");
                problems.note(self.column_place.clone(), what, hint);
                None
            }
        }
    }

    fn compared(&self, name: &str, kind: &ColumnType, problems: &mut Problems) -> Option<String> {
        let (written, own) = &self.column;
        if are_comparable(own, kind) {
            return Some(name.to_owned());
        }
        let what = format!(
            "`{}`: `{written}` is of type {own}, and `{name}` of `{}` of type {kind}",
            self.path, self.other_table
        );
        let hint = "name columns of one type, or give one of them another type, under [silver.NAME.columns]";
        problems.note(self.column_place.clone(), what, hint);
        None
    }
}

fn is_referable(kind: &ColumnType) -> bool {
    !matches!(
        kind,
        ColumnType::Boolean | ColumnType::Struct(_) | ColumnType::List(_)
    )
}

/// Returns `true` if equal values of these types are the same value.
fn are_comparable(one: &ColumnType, two: &ColumnType) -> bool {
    let scale = |kind: &ColumnType| match kind {
        ColumnType::Decimal { scale, .. } => Some(*scale),
        ColumnType::Int64 => Some(0),
        _ => None,
    };
    match (scale(one), scale(two)) {
        (Some(one), Some(two)) => one == two,
        _ => one == two,
    }
}
