//! The fields of a record that the program itself goes by: they must be among the columns.

use super::Build;
use crate::bronze::schema::{ColumnType, Schema};
use crate::config::conform::nearest;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::{DatasetTable, KindWord};
use crate::record::PARENT_ID;
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
            let path = path.index(position);
            let of_parent = PARENT_ID.strip_prefix('/') == Some(field.as_str());
            if of_parent && table.kind() == KindWord::Child {
                pointers.push(PARENT_ID.to_owned());
            } else {
                pointers.push(self.declared_field(&path, field, schema));
            }
        }
        pointers
    }

    /// A list inside each element of an answer, declared as the struct that one of its elements is.
    pub fn explode(
        &mut self,
        path: &KeyPath,
        field: Option<&str>,
        schema: Option<&Schema>,
    ) -> Option<String> {
        let field = field?;
        let pointer = self.field(path, field);
        let declared = schema.map(|schema| declared(schema, &pointer));
        if let Some(Ok(ColumnType::List(_))) = declared {
            let what = format!("`{path}` names `{field}`, which the schema declares as a list");
            let cure = "declare it as one element: each record has a single one there";
            self.complain(path, what, cure);
        }
        Some(pointer)
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
            Some("content") => Version::Content,
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
    match declared(schema, pointer) {
        Ok(ColumnType::Struct(_) | ColumnType::List(_)) => {
            let instead = format!("name a field inside it: \"/{field}/…\"");
            Some(("which is not a single value", instead))
        }
        Ok(_) => None,
        Err(instead) => Some(("which the schema lacks", instead)),
    }
}

/// The type that a field is declared with, or what to do where it isn't.
fn declared<'s>(schema: &'s Schema, pointer: &str) -> Result<&'s ColumnType, String> {
    let mut columns = schema.columns.as_slice();
    let mut kind = Err("declare it among the columns".to_owned());
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Some(column) = columns.iter().find(|column| column.name == step) else {
            let near = nearest(&step, columns.iter().map(|column| column.name.as_str()));
            return Err(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare `{step}` among the columns"),
            });
        };
        kind = Ok(&column.kind);
        columns = match &column.kind {
            ColumnType::Struct(members) => members,
            _ => &[],
        };
    }
    kind
}
