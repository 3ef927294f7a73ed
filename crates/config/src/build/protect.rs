//! Builds the protection of fields with personal data, and the key of its keyed hash.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::Build;
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::bronzed::SecretTable;
use crate::raw::dataset::{DatasetTable, ProtectTable, SliceValuesTable};
use crate::raw::source::SourceFile;
use bronzed_model::protection::{MIN_KEY_CHARS, Method, Protection, Rule};
use bronzed_model::schema::{ColumnType, Schema};

impl Build<'_> {
    /// Reads the key for a source's protected fields.
    pub fn protect_key(
        &mut self,
        path: &KeyPath,
        table: Option<&SecretTable>,
    ) -> Option<Arc<SecretString>> {
        let table = table?;
        let before = self.problems.iter().len();
        let key = self.secret(
            (&path.key("env"), table.env.as_deref()),
            (&path.key("file"), table.file.as_deref()),
        );
        // A missing key is already reported.
        let fine = self.problems.iter().len() == before && !key.expose_secret().is_empty();
        if fine && key.expose_secret().chars().count() < MIN_KEY_CHARS {
            let what = format!("`{path}` is a key of fewer than {MIN_KEY_CHARS} characters");
            let hint = "all CPFs can be tried against a short key: take 32 random bytes, in base64";
            self.complain(path, what, hint);
        }
        Some(Arc::new(key))
    }

    /// Builds the protection of a dataset's records. `None` if no field is protected.
    pub fn protection(
        &mut self,
        path: &KeyPath,
        name: &str,
        table: &DatasetTable,
        schema: Option<&Schema>,
        (source, key): (&SourceFile, Option<&Arc<SecretString>>),
    ) -> Option<Protection> {
        let mut rules = Vec::new();
        for (field, said) in &table.protect.0 {
            let path = path.key(field);
            let pointer = self.field(&path, field);
            if let Some(schema) = schema {
                self.text_of_schema(&path, field, &pointer, schema);
            }
            rules.extend(self.rule(&path, field, pointer, table, said));
            self.not_asked_by(&path, name, field, source);
            if said.method == Some(Method::Hmac)
                && key.is_none()
                && !self
                    .places
                    .is_refused(&KeyPath::default().key("protect_key"))
            {
                let what = format!("`{path}` is hashed with a key, and there is none");
                let hint = "name it at the top of the file: protect_key = { env = \"NAME\" }";
                self.complain(&path.key("method"), what, hint);
            }
        }
        Protection::new(rules, key.cloned())
    }

    fn rule(
        &mut self,
        path: &KeyPath,
        field: &str,
        pointer: String,
        table: &DatasetTable,
        said: &ProtectTable,
    ) -> Option<Rule> {
        let keys = table.primary_key.iter().flatten();
        let of_id = keys.chain(&table.version).any(|known| known == field);
        let days = table
            .window
            .as_ref()
            .and_then(|days| days.day_field.as_deref());
        if days == Some(field) {
            let what = format!("`{path}` is the field that says the record's day");
            self.complain(
                path,
                what,
                "leave it out: a date can't be protected and read",
            );
        }
        if of_id && said.method == Some(Method::Mask) {
            let what = format!("`{path}` masks a field that ids are made of");
            let hint = "write method = \"hmac\": different records would have the same id";
            self.complain(&path.key("method"), what, hint);
        }
        let when = said.when.as_ref().and_then(|when| {
            let path = path.key("when");
            let field = self.field(&path.key("field"), when.field.as_deref()?);
            Some((field, when.equals.as_ref()?.0.clone()))
        });
        if said.when.is_some() && when.is_none() {
            let hint = "write when = { field = \"tipoPessoa\", equals = \"PF\" }";
            self.lacks(
                &path.key("when").key("field"),
                "a condition has two parts",
                hint,
            );
        }
        if said.method.is_none() {
            let hint = "write method = \"hmac\" or method = \"mask\"";
            self.lacks(
                &path.key("method"),
                "it says what becomes of the value",
                hint,
            );
        }
        Some(Rule {
            field: pointer,
            method: said.method?,
            when,
            of_id,
        })
    }

    /// Requires a field that is declared as `string`, because a misspelt name would otherwise go unnoticed.
    fn text_of_schema(&mut self, path: &KeyPath, field: &str, pointer: &str, schema: &Schema) {
        let mut columns = schema.columns.as_slice();
        let mut kind = None;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let Some(column) = columns.iter().find(|column| column.name == step) else {
                let near = nearest(&step, columns.iter().map(|column| column.name.as_str()));
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare `{step}` among the columns"),
                };
                let what = format!("`{path}` names `{field}`, which the schema lacks");
                return self.complain(path, what, hint);
            };
            let mut inner = &column.kind;
            while let ColumnType::List(element) = inner {
                inner = element;
            }
            columns = match inner {
                ColumnType::Struct(members) => members,
                _ => &[],
            };
            kind = Some(inner);
        }
        if kind != Some(&ColumnType::String) {
            let what = format!("`{path}` names `{field}`, which is not declared as text");
            let hint = "declare it as \"string\": a protected value is a text";
            self.complain(path, what, hint);
        }
    }

    /// Rejects protected fields from which requests of other datasets are built, because they would ask for a
    /// value that does not exist.
    fn not_asked_by(&mut self, path: &KeyPath, name: &str, field: &str, source: &SourceFile) {
        for (other, table) in source.datasets() {
            let parent = table.parent.as_ref();
            let parent = parent.filter(|parent| parent.dataset.as_deref() == Some(name));
            let mut bound = parent.into_iter().flat_map(|parent| &parent.bind.0);
            let mut sliced = table
                .slices
                .0
                .iter()
                .filter_map(|(_, values)| match values {
                    SliceValuesTable::OfDataset(of) if of.dataset.as_deref() == Some(name) => {
                        of.field.as_deref()
                    }
                    _ => None,
                });
            if bound.any(|(_, known)| known == field) || sliced.any(|known| known == field) {
                let what =
                    format!("`{path}` protects a field that requests of `{other}` are made of");
                self.complain(path, what, "leave one of the two out");
            }
        }
    }
}
