//! Fields of a record that the program itself uses: they must be declared columns.

use super::Build;
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::dataset::{DatasetTable, KindWord};
use bronzed_model::declaration::Version;
use bronzed_model::record::PARENT_ID;
use bronzed_model::schema::{ColumnType, Schema};

impl Build<'_> {
    /// Returns JSON pointers to the fields of the primary key.
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

    /// Returns the pointer to the list that is exploded. The schema must declare it as one element, because
    /// each record has a single one.
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
            let hint = "declare it as one element: each record has a single one there";
            self.complain(path, what, hint);
        }
        Some(pointer)
    }

    /// Returns the version rule of a dataset.
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

    /// Returns the pointer to a field, which must be declared as a single value.
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

/// Returns the problem and the hint for a field that is not declared as a single value.
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

/// Returns the declared type of a field, or a hint if it is not declared.
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
