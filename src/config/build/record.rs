//! The fields of a record that the program itself goes by: they must be among the columns.

use super::Build;
use crate::bronze::schema::{ColumnType, Schema};
use crate::config::conform::nearest;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::DatasetTable;
use crate::source::declaration::Version;

impl Build<'_> {
    /// JSON pointers to the fields that make up the id.
    pub fn primary_key(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        schema: Option<&Schema>,
    ) -> Vec<String> {
        let mut pointers = Vec::new();
        for (position, field) in table.primary_key.iter().flatten().enumerate() {
            pointers.push(self.declared_field(&path.index(position), field, schema));
        }
        pointers
    }

    /// How a newer version of a record is told from a repeat.
    pub fn version(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        schema: Option<&Schema>,
    ) -> Version {
        match table.version.as_deref() {
            None | Some("none") => Version::None,
            Some("content") => {
                let what = format!("`{path} = \"content\"` is not supported by this version");
                self.complain(path, what, "supported: `none`, or the field that changes");
                Version::None
            }
            Some(field) => Version::Field(self.declared_field(path, field, schema)),
        }
    }

    /// A field, by name or JSON pointer, that is declared as a single value.
    pub fn declared_field(
        &mut self,
        path: &KeyPath,
        field: &str,
        schema: Option<&Schema>,
    ) -> String {
        let pointer = self.field(path, field);
        let wrong = schema.and_then(|schema| undeclared(schema, field, &pointer));
        if let Some((what, instead)) = wrong {
            self.complain(path, format!("`{path}` names `{field}`, {what}"), instead);
        }
        pointer
    }
}

/// What is wrong with a field that isn't declared as a single value, and what would be right.
fn undeclared(schema: &Schema, field: &str, pointer: &str) -> Option<(&'static str, String)> {
    let mut columns = schema.columns.as_slice();
    let mut kind = None;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Some(column) = columns.iter().find(|column| column.name == step) else {
            let near = nearest(&step, columns.iter().map(|column| column.name.as_str()));
            let instead = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare `{step}` among the columns"),
            };
            return Some(("which the schema lacks", instead));
        };
        kind = Some(&column.kind);
        columns = match &column.kind {
            ColumnType::Struct(members) => members,
            _ => &[],
        };
    }
    match kind {
        Some(ColumnType::Struct(_) | ColumnType::List(_)) => {
            let instead = format!("name a field inside it: \"/{field}/…\"");
            Some(("which is not a single value", instead))
        }
        _ => None,
    }
}
