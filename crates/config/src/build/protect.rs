//! Builds the protection of fields with personal data, and the key of its keyed hash.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::Build;
use super::dataset::DatasetContext;
use super::record::{Steps, column};
use crate::path::KeyPath;
use crate::tables::bronzed::SecretTable;
use crate::tables::dataset::ProtectTable;
use crate::tables::either::Either;
use crate::text::Field;
use bronzed_model::protection::{MIN_KEY_CHARS, Method, Protection, Rule};
use bronzed_model::schema::{ColumnType, Schema};

impl Build<'_> {
    /// Reads the key for a source's protected fields.
    pub fn protect_key(&mut self, path: &KeyPath, table: &SecretTable) -> Arc<SecretString> {
        let key = self.secret_of(path, table);
        let length = key.expose_secret().chars().count();
        // A missing key, which is empty, is already reported.
        if (1..MIN_KEY_CHARS).contains(&length) {
            let what = format!("`{path}` is a key of fewer than {MIN_KEY_CHARS} characters");
            let hint = "all CPFs can be tried against a short key: take 32 random bytes, in base64";
            self.complain(path, what, hint);
        }
        Arc::new(key)
    }

    /// Builds the protection of a dataset's records. `None` if no field is protected.
    pub fn protection(&mut self, context: &DatasetContext<'_>) -> Option<Protection> {
        let key = context.source.protect_key;
        let mut rules = Vec::new();
        for (name, table) in &context.table.protect {
            let path = context.path.key("protect").key(name);
            let Some(field) = self.parse::<Field>(&path, name) else {
                continue;
            };
            if let Some(schema) = context.schema {
                self.declared_as_text(&path, &field, schema);
            }
            self.not_asked_by(&path, name, context);
            let needs_key = table.method == Some(Method::Hmac) && key.is_none();
            if needs_key && !self.meant(&KeyPath::default().key("protect_key")) {
                let what = format!("`{path}` is hashed with a key, and there is none");
                let hint = "name it at the top of the file: protect_key = { env = \"NAME\" }";
                self.complain(&path.key("method"), what, hint);
            }
            rules.extend(self.rule(&path, field, context, table));
        }
        Protection::new(rules, key.cloned())
    }

    fn rule(
        &mut self,
        path: &KeyPath,
        field: Field,
        context: &DatasetContext<'_>,
        table: &ProtectTable,
    ) -> Option<Rule> {
        let dataset = context.table;
        let is_named = |by: &crate::text::Text<Field>| by.0.written == field.written;
        let day_field = dataset.window.as_ref();
        let day_field = day_field.and_then(|window| window.day_field.as_ref());
        if day_field.is_some_and(is_named) {
            let what = format!("`{path}` is the field that says the record's day");
            let hint = "leave it out: a date can't be protected and read";
            self.complain(path, what, hint);
        }
        let keys = dataset.primary_key.iter().flatten();
        let of_id = keys.chain(&dataset.version).any(is_named);
        if of_id && table.method == Some(Method::Mask) {
            let what = format!("`{path}` masks a field that ids are made of");
            let hint = "write method = \"hmac\": different records would have the same id";
            self.complain(&path.key("method"), what, hint);
        }
        self.explain(path);
        let when = table.when.as_ref();
        let when = when.map(|when| (when.field.0.pointer.clone(), when.equals.0.clone()));
        Some(Rule {
            field: field.pointer,
            method: table.method?,
            when,
            of_id,
        })
    }

    /// Says for what the missing keys of a rule are.
    fn explain(&mut self, path: &KeyPath) {
        let why = "it says what becomes of the value";
        let hint = "write method = \"hmac\" or method = \"mask\"";
        self.needs(&path.key("method"), why, hint);
        let when = path.key("when");
        if self.layers.find(&when).is_some_and(Value::is_table) {
            let hint = "write when = { field = \"tipoPessoa\", equals = \"PF\" }";
            self.needs(&when.key("field"), "a condition has two parts", hint);
            self.needs(&when.key("equals"), "a condition has two parts", hint);
        }
    }

    /// Requires a field that is declared as `string`, because a misspelt name would otherwise go unnoticed.
    fn declared_as_text(&mut self, path: &KeyPath, field: &Field, schema: &Schema) {
        let (problem, hint) = match column(schema, &field.pointer, Steps::ThroughLists) {
            Ok(ColumnType::String) => return,
            Ok(_) => (
                "is not declared as text",
                "declare it as \"string\": a protected value is a text".to_owned(),
            ),
            Err(hint) => ("the schema lacks", hint),
        };
        let what = format!("`{path}` names `{}`, which {problem}", field.written);
        self.complain(path, what, hint);
    }

    /// Rejects protected fields from which requests of other datasets are built, because they would ask for a
    /// value that does not exist.
    fn not_asked_by(&mut self, path: &KeyPath, field: &str, context: &DatasetContext<'_>) {
        for (other, table) in &context.source.tables.dataset {
            let parent = table.parent.as_ref();
            let parent = parent.filter(|parent| parent.dataset == context.name);
            let mut bound = parent.iter().flat_map(|parent| parent.bind.values());
            let mut sliced = table.slices.values().filter_map(|values| match values {
                Either::Table(of) if of.dataset == context.name => Some(&of.field),
                _ => None,
            });
            let asks = bound.any(|by| by.0.written == field);
            if asks || sliced.any(|by| by.0.written == field) {
                let what =
                    format!("`{path}` protects a field that requests of `{other}` are made of");
                self.complain(path, what, "leave one of the two out");
            }
        }
    }
}
