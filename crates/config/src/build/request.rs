//! Builds requests: parameters, and the values of slices.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use toml::Value;

use super::Build;
use super::dataset::DatasetContext;
use super::variables::WINDOW_VARIABLES;
use crate::path::KeyPath;
use crate::tables::Scalar;
use crate::tables::dataset::{DatasetFieldTable, KindWord};
use crate::tables::either::Either;
use crate::text::TemplateText;
use bronzed_model::declaration::{SliceValues, SliceVariable};
use bronzed_model::template::Template;

impl Build<'_> {
    /// Parses the declared parameters. `None` unless all of them are valid.
    pub fn params(
        &mut self,
        path: &KeyPath,
        table: &IndexMap<String, Scalar>,
    ) -> Option<Vec<(String, Template)>> {
        let params = table.iter().map(|(name, value)| {
            let template = self.parse::<TemplateText>(&path.key(name), &value.0);
            template.map(|template| (name.clone(), template))
        });
        // All of them are parsed before one that is wrong makes an end.
        params.collect::<Vec<_>>().into_iter().collect()
    }

    /// Builds the variables of the slices, each with its values.
    pub fn slices(&mut self, context: &DatasetContext<'_>) -> Vec<SliceVariable> {
        let mut slices = Vec::new();
        for (name, values) in &context.table.slices {
            let path = context.path.key("slices").key(name);
            self.variable_name(&path, name);
            let values = match values {
                Either::Plain(values) => Some(self.listed(&path, values)),
                Either::Table(table) => self.values_of_dataset(&path, table, context),
            };
            let name = String::clone(name);
            slices.extend(values.map(|values| SliceVariable { name, values }));
        }
        slices
    }

    fn listed(&mut self, path: &KeyPath, values: &[Scalar]) -> SliceValues {
        if values.is_empty() {
            let what = format!("`{path}` has no values: there would be nothing to read");
            let hint = "write the values that it takes, or leave it out";
            self.complain(path, what, hint);
        }
        let mut seen = BTreeSet::new();
        for (position, value) in values.iter().enumerate() {
            if !seen.insert(&value.0) {
                let what = format!("`{path}` has `{}` twice", value.0);
                self.complain(&path.index(position), what, "keep one of the two");
            }
        }
        SliceValues::Listed(values.iter().map(|value| value.0.clone()).collect())
    }

    fn values_of_dataset(
        &mut self,
        path: &KeyPath,
        table: &DatasetFieldTable,
        context: &DatasetContext<'_>,
    ) -> Option<SliceValues> {
        let (at, name, source) = (path.key("dataset"), table.dataset.as_str(), context.source);
        let hint = "name a dataset of this file";
        let other = self.dataset_named(&at, name, hint, source.tables)?;
        if other.kind != KindWord::Snapshot {
            let what = format!("`{at} = \"{name}\"` is no snapshot");
            let hint = "name a dataset of kind `snapshot`: its newest rows are the values";
            self.complain(&at, what, hint);
        }
        let schema = source.schemas.get(name).map(AsRef::as_ref);
        Some(SliceValues::OfDataset {
            dataset: name.to_owned(),
            prefix: other.folder(source.name, name),
            field: self.declared_field(&path.key("field"), &table.field.0, schema),
        })
    }

    /// Checks the name of a variable, which must differ from those of the window.
    pub fn variable_name(&mut self, path: &KeyPath, name: &str) {
        self.name(path, name);
        if WINDOW_VARIABLES.contains(&name) {
            let what = format!("`{{{name}}}` is a variable of the window already");
            self.complain(path, what, "give it another name");
        }
    }

    /// Reports parameters that are sent twice.
    pub fn parameters_once(&mut self, context: &DatasetContext<'_>) {
        let params = context.table.params.keys();
        let path = context.path.key("params");
        let mut sent: Vec<_> = params.map(|name| (path.key(name), name.clone())).collect();
        if let Some(param) = &context.source.tables.auth.param {
            let at = KeyPath::default().key("auth").key("param");
            if let Some((first, _)) = sent.iter().find(|(_, name)| name == param) {
                let what = format!("`{first}` sends the parameter `{param}`, as `{at}` does");
                let hint = "leave it out: the key is added to every request";
                self.complain(first, what, hint);
            }
            sent.retain(|(_, name)| name != param);
            sent.push((at, param.clone()));
        }
        for (table, key) in [
            ("window", "start_param"),
            ("window", "end_param"),
            ("paginator", "page_param"),
            ("paginator", "offset_param"),
            ("paginator", "cursor_param"),
            ("paginator", "page_size_param"),
        ] {
            let at = context.path.key(table).key(key);
            let Some(Value::String(name)) = self.layers.find(&at) else {
                continue;
            };
            if let Some((first, _)) = sent.iter().find(|(_, other)| other == name) {
                let what = format!("`{at}` sends the parameter `{name}`, as `{first}` does");
                self.complain(&at, what, "give each parameter one meaning");
            }
            sent.push((at, name.clone()));
        }
    }
}
