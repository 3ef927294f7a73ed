//! Fields of a record that the program itself uses: they must be declared columns.

use super::Build;
use super::dataset::DatasetContext;
use crate::nearest::did_you_mean;
use crate::path::KeyPath;
use crate::tables::dataset::KindWord;
use crate::text::Field;
use bronzed_model::declaration::Version;
use bronzed_model::record::PARENT_ID;
use bronzed_model::schema::{ColumnType, Schema};

impl Build<'_> {
    /// Returns JSON pointers to the fields of the primary key.
    pub fn primary_key(&mut self, context: &DatasetContext<'_>) -> Vec<String> {
        let fields = context.table.primary_key.iter().flatten().enumerate();
        let pointers = fields.map(|(position, field)| {
            let path = context.path.key("primary_key").index(position);
            let of_parent = PARENT_ID.strip_prefix('/') == Some(&field.0.written);
            match of_parent && context.table.kind == KindWord::Child {
                true => PARENT_ID.to_owned(),
                false => self.declared_field(&path, &field.0, context.schema),
            }
        });
        pointers.collect()
    }

    /// Returns the pointer to the list that is exploded. The schema must declare it as one element, because
    /// each record has a single one.
    pub fn explode(&mut self, context: &DatasetContext<'_>) -> Option<String> {
        let field = &context.table.explode.as_ref()?.0;
        let declared = context
            .schema
            .map(|schema| column(schema, &field.pointer, Steps::Plain));
        if let Some(Ok(ColumnType::List(_))) = declared {
            let (path, name) = (context.path.key("explode"), &field.written);
            let what = format!("`{path}` names `{name}`, which the schema declares as a list");
            let hint = "declare it as one element: each record has a single one there";
            self.complain(&path, what, hint);
        }
        Some(field.pointer.clone())
    }

    /// Returns the version rule of a dataset.
    pub fn version(&mut self, context: &DatasetContext<'_>) -> Version {
        let Some(field) = &context.table.version else {
            return Version::None;
        };
        match field.0.written.as_str() {
            "none" => Version::None,
            "content" => Version::Content,
            _ => {
                let path = context.path.key("version");
                Version::Field(self.declared_field(&path, &field.0, context.schema))
            }
        }
    }

    /// Returns the pointer to a field, which must be declared as a single value.
    pub fn declared_field(
        &mut self,
        path: &KeyPath,
        field: &Field,
        schema: Option<&Schema>,
    ) -> String {
        let name = &field.written;
        let wrong = match schema.map(|schema| column(schema, &field.pointer, Steps::Plain)) {
            Some(Ok(ColumnType::Struct(_) | ColumnType::List(_))) => Some((
                "which is not a single value",
                format!("name a field inside it: \"/{name}/…\""),
            )),
            Some(Err(hint)) => Some(("which the schema lacks", hint)),
            Some(Ok(_)) | None => None,
        };
        if let Some((problem, hint)) = wrong {
            self.complain(path, format!("`{path}` names `{name}`, {problem}"), hint);
        }
        field.pointer.clone()
    }
}

/// Way from a column to its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Members of structs.
    Plain,
    /// Members of structs, also of those in lists; the type of a list is that of its elements.
    ThroughLists,
}

/// Returns the declared type of a field, or a hint if it is not declared.
pub fn column<'s>(
    schema: &'s Schema,
    pointer: &str,
    steps: Steps,
) -> Result<&'s ColumnType, String> {
    let mut columns = schema.columns.as_slice();
    let mut kind = Err("declare it among the columns".to_owned());
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Some(column) = columns.iter().find(|column| column.name == step) else {
            let known = columns.iter().map(|column| column.name.as_str());
            return Err(did_you_mean(&step, known, || {
                format!("declare `{step}` among the columns")
            }));
        };
        let mut inner = &column.kind;
        while let (ColumnType::List(element), Steps::ThroughLists) = (inner, steps) {
            inner = element;
        }
        columns = match inner {
            ColumnType::Struct(members) => members,
            _ => &[],
        };
        kind = Ok(inner);
    }
    kind
}
