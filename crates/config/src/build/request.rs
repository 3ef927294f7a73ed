//! Builds requests: parameters, and the values of slices.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use toml::Value;

use super::Build;
use super::dataset::DatasetContext;
use super::variables::WINDOW_VARIABLES;
use crate::path::KeyPath;
use crate::tables::dataset::{DatasetFieldTable, KindWord, PaginatorType};
use crate::tables::either::Either;
use crate::tables::{JsonPart, Scalar};
use crate::text::TemplateText;
use bronzed_model::declaration::{BodyPart, SliceValues, SliceVariable, body};
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

    /// Builds the JSON body of a request, and adds its templates to the others. What is wrong with a text is
    /// reported.
    pub fn body(
        &mut self,
        context: &DatasetContext<'_>,
        table: &IndexMap<String, JsonPart>,
        templates: &mut Vec<(KeyPath, Template)>,
    ) -> BodyPart {
        let path = context.path.key("body");
        let paginator = context.table.paginator.as_ref();
        if paginator.is_some_and(|table| table.style == PaginatorType::NextLink) {
            let at = context.path.key("paginator").key("type");
            let what =
                format!("`{at} = \"next_link\"` has no request to follow a link with a body");
            self.complain(
                &at,
                what,
                "write \"cursor\", if the body takes what says where to go on",
            );
        }
        let mut numbers = Vec::new();
        for name in context.table.slices.keys() {
            let listed = self.layers.find(&context.path.key("slices").key(name));
            let bare = |value: &Value| matches!(value, Value::Integer(_) | Value::Boolean(_));
            if matches!(listed, Some(Value::Array(values)) if values.iter().all(bare)) {
                numbers.push(name.as_str());
            }
        }
        let members = table.iter().map(|(name, part)| {
            let part = self.body_part(&path.key(name), part, &numbers, templates);
            (name.clone(), part)
        });
        BodyPart::Table(members.collect())
    }

    fn body_part(
        &mut self,
        path: &KeyPath,
        part: &JsonPart,
        numbers: &[&str],
        templates: &mut Vec<(KeyPath, Template)>,
    ) -> BodyPart {
        match part {
            JsonPart::Integer(number) => BodyPart::Fixed((*number).into()),
            JsonPart::Boolean(truth) => BodyPart::Fixed((*truth).into()),
            JsonPart::List(parts) => {
                let parts = parts.iter().enumerate();
                let parts = parts.map(|(position, part)| {
                    self.body_part(&path.index(position), part, numbers, templates)
                });
                BodyPart::List(parts.collect())
            }
            JsonPart::Table(members) => {
                let members = members.iter().map(|(name, part)| {
                    let part = self.body_part(&path.key(name), part, numbers, templates);
                    (name.clone(), part)
                });
                BodyPart::Table(members.collect())
            }
            JsonPart::Text(text) => {
                let Some(template) = self.parse::<TemplateText>(path, text) else {
                    return BodyPart::Fixed(text.as_str().into());
                };
                templates.push((path.clone(), template.clone()));
                // A number stays one where it is the whole value.
                let alone = text
                    .strip_prefix('{')
                    .and_then(|text| text.strip_suffix('}'));
                match alone.filter(|name| numbers.contains(name)) {
                    Some(name) => BodyPart::Bare(name.to_owned()),
                    None => BodyPart::Text(template),
                }
            }
        }
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

    /// Returns the path of the member of the body that `named` would replace, or whose place it would take.
    fn declared_member(&self, context: &DatasetContext<'_>, named: &str) -> Option<KeyPath> {
        context.table.body.as_ref()?;
        let mut path = context.path.key("body");
        for step in body::steps(named) {
            path = path.key(&step);
            match self.layers.find(&path) {
                Some(Value::Table(_)) => {}
                found => return found.map(|_| path),
            }
        }
        Some(path)
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
            let first = sent.iter().find(|(_, other)| other == name);
            let in_body = || self.declared_member(context, name);
            if let Some(first) = first.map(|(first, _)| first.clone()).or_else(in_body) {
                let what = format!("`{at}` sends the parameter `{name}`, as `{first}` does");
                self.complain(&at, what, "give each parameter one meaning");
            }
            sent.push((at, name.clone()));
        }
    }
}
