//! Columns of an export: the union of those of the files, and those of them that are wanted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use super::adapt::{adapted, member};
use super::{ExportError, ExportFormat};

/// Union of the columns of files. Members of nested columns are united, too.
#[derive(Debug, Default)]
pub struct ColumnUnion {
    /// Top-level columns that count. `None`: all.
    wanted: Option<HashSet<String>>,
    fields: Vec<FieldRef>,
    /// First file that has the top-level column.
    seen_in: HashMap<String, String>,
}

/// Columns of an export.
#[derive(Debug)]
pub struct ExportColumns {
    /// Columns that are read.
    read: Fields,
    /// Columns that are written.
    schema: SchemaRef,
    /// Place of each of these in those that are read.
    places: Vec<Vec<usize>>,
}

/// Column that has two types.
struct TypeConflict {
    column: String,
    one: DataType,
    other: DataType,
}

impl ColumnUnion {
    /// Returns the union of no files yet: of the columns that these paths lead into; without paths, of all.
    pub fn of_paths(paths: &[String]) -> Self {
        let roots = paths.iter().filter_map(|path| path.split('.').next());
        Self {
            wanted: (!paths.is_empty()).then(|| roots.map(str::to_owned).collect()),
            ..Self::default()
        }
    }

    /// Adds the columns of a file.
    ///
    /// # Errors
    /// Returns an error if a column has another type than in a file before.
    pub fn add(&mut self, key: &str, schema: &Schema) -> Result<(), ExportError> {
        for field in schema.fields() {
            let name = field.name();
            let wanted = |wanted: &HashSet<String>| wanted.contains(name);
            // pandas writes an index of a filtered table.
            if !self.wanted.as_ref().is_none_or(wanted) || name.starts_with("__index_level_") {
                continue;
            }
            let Some(known) = self.fields.iter_mut().find(|known| known.name() == name) else {
                self.fields.push(plain(field));
                self.seen_in.insert(name.clone(), key.to_owned());
                continue;
            };
            *known =
                united(known, &plain(field), name).map_err(|conflict| ExportError::TwoTypes {
                    column: conflict.column,
                    one: conflict.one.to_string(),
                    one_file: self.seen_in.get(name).cloned().unwrap_or_default(),
                    other: conflict.other.to_string(),
                    other_file: key.to_owned(),
                })?;
        }
        Ok(())
    }

    /// Returns the columns that these paths name, or all; in CSV, each member of a nested column is one.
    ///
    /// # Errors
    /// Returns an error if no file has a column of these.
    pub fn select(
        self,
        paths: &[String],
        format: ExportFormat,
    ) -> Result<ExportColumns, ExportError> {
        let all: Vec<_> = self
            .fields
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let paths = match paths {
            [] => &all,
            paths => paths,
        };
        let mut found = Vec::new();
        for path in paths {
            let (place, field) =
                find(&self.fields, path).ok_or_else(|| ExportError::NoColumn(path.clone()))?;
            let field = Field::new(path, field.data_type().clone(), true);
            match format {
                ExportFormat::Csv => push_leaves(place, &field, &mut found),
                ExportFormat::Parquet => found.push((place, field)),
            }
        }
        let mut names = HashSet::new();
        found.retain(|(_, field)| names.insert(field.name().clone()));
        let (places, fields): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        Ok(ExportColumns {
            read: self.fields.into(),
            schema: Arc::new(Schema::new(fields)),
            places,
        })
    }
}

impl ExportColumns {
    /// Columns that are written.
    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Names of the top-level columns that are read.
    pub(super) fn roots(&self) -> HashSet<String> {
        self.read.iter().map(|field| field.name().clone()).collect()
    }

    /// Returns the rows of a file's batch as they are written.
    pub(super) fn of(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let read = self.read.iter().map(|field| {
            let array = batch.column_by_name(field.name());
            adapted(array, field.data_type(), rows)
        });
        let read: Vec<_> = read.collect::<Result<_, _>>()?;
        let written = self.places.iter().map(|place| member(&read, place));
        let written = written.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), written, &options)
    }
}

/// Returns the field without properties, nullable, and so are its members.
fn plain(field: &Field) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Struct(members) => {
            DataType::Struct(members.iter().map(|member| plain(member)).collect())
        }
        DataType::List(item) => DataType::List(plain(item)),
        kind => kind.clone(),
    };
    Arc::new(Field::new(field.name(), kind, true))
}

fn united(one: &FieldRef, other: &FieldRef, path: &str) -> Result<FieldRef, TypeConflict> {
    let kind = match (one.data_type(), other.data_type()) {
        (DataType::Null, kind) | (kind, DataType::Null) => kind.clone(),
        (DataType::Struct(members), DataType::Struct(others)) => {
            let mut members = members.to_vec();
            for other in others {
                let known = members
                    .iter_mut()
                    .find(|known| known.name() == other.name());
                match known {
                    Some(known) => {
                        *known = united(known, other, &format!("{path}.{}", other.name()))?;
                    }
                    None => members.push(other.clone()),
                }
            }
            DataType::Struct(members.into())
        }
        (DataType::List(item), DataType::List(other)) => DataType::List(united(item, other, path)?),
        (one, other) if one == other => one.clone(),
        (one, other) => {
            return Err(TypeConflict {
                column: path.to_owned(),
                one: one.clone(),
                other: other.clone(),
            });
        }
    };
    Ok(Arc::new(Field::new(one.name(), kind, true)))
}

/// Returns the place and the field that a path of names, joined by dots, leads to.
fn find<'f>(fields: &'f [FieldRef], path: &str) -> Option<(Vec<usize>, &'f FieldRef)> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let at = fields.iter().position(|field| field.name() == name)?;
    let field = fields.get(at)?;
    let Some(rest) = rest else {
        return Some((vec![at], field));
    };
    let DataType::Struct(members) = field.data_type() else {
        return None;
    };
    let (place, field) = find(members, rest)?;
    Some(([vec![at], place].concat(), field))
}

fn push_leaves(place: Vec<usize>, field: &Field, leaves: &mut Vec<(Vec<usize>, Field)>) {
    let DataType::Struct(members) = field.data_type() else {
        leaves.push((place, field.clone()));
        return;
    };
    for (at, member) in members.iter().enumerate() {
        let name = format!("{}.{}", field.name(), member.name());
        let member = Field::new(name, member.data_type().clone(), true);
        push_leaves([place.clone(), vec![at]].concat(), &member, leaves);
    }
}
