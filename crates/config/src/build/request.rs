//! Builds requests: path, parameters, and the variables of slices.

use std::collections::BTreeSet;

use super::Build;
use super::kind::{WINDOW_VARIABLES, variables_of};
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::dataset::{DatasetFieldTable, DatasetTable, KindWord, SliceValuesTable};
use crate::raw::source::SourceFile;
use crate::raw::{Pairs, Scalar};
use bronzed_model::declaration::{SliceValues, SliceVariable};
use bronzed_model::template::Template;

impl Build<'_> {
    /// Parses the path that is appended to the base URL.
    pub fn request_path(&mut self, path: &KeyPath, text: Option<&str>) -> Option<Template> {
        let text = text?;
        if !text.starts_with('/') {
            let hint = "begin it with a slash: it is appended to the base URL";
            self.complain(path, format!("`{path} = \"{text}\"` is not a path"), hint);
        } else if text.contains(['?', '#']) {
            let hint = "write parameters under [params] of the dataset";
            self.complain(path, format!("`{path}` has more than a path in it"), hint);
        }
        self.template(path, text)
    }

    /// Parses the declared parameters. `None` unless all of them are valid.
    pub fn params(
        &mut self,
        path: &KeyPath,
        table: &Pairs<Scalar>,
    ) -> Option<Vec<(String, Template)>> {
        let mut params = Vec::new();
        for (name, value) in &table.0 {
            let template = self.template(&path.key(name), &value.0);
            params.push(template.map(|template| (name.clone(), template)));
        }
        params.into_iter().collect()
    }

    /// Builds the variables of the slices, each with its values.
    pub fn slices(
        &mut self,
        path: &KeyPath,
        table: &Pairs<SliceValuesTable>,
        source: &str,
        tables: &SourceFile,
    ) -> Vec<SliceVariable> {
        let mut slices = Vec::new();
        for (name, values) in &table.0 {
            let path = path.key(name);
            self.variable_name(&path, name);
            let values = match values {
                SliceValuesTable::Listed(values) => self.listed(&path, values),
                SliceValuesTable::OfDataset(table) => {
                    match self.values_of_dataset(&path, table, source, tables) {
                        Some(values) => values,
                        None => continue,
                    }
                }
            };
            slices.push(SliceVariable {
                name: name.clone(),
                values,
            });
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
        source: &str,
        tables: &SourceFile,
    ) -> Option<SliceValues> {
        let (name, field) = (table.dataset.as_deref()?, table.field.as_deref()?);
        let at = path.key("dataset");
        let other = self.dataset_named(&at, name, tables)?;
        if other.kind() != KindWord::Snapshot {
            let what = format!("`{at} = \"{name}\"` is no snapshot");
            let hint = "name a dataset of kind `snapshot`: its newest rows are the values";
            self.complain(&at, what, hint);
        }
        let others_path = KeyPath::default().key("dataset").key(name);
        let schema = self.schema(&others_path, other);
        Some(SliceValues::OfDataset {
            dataset: name.to_owned(),
            prefix: other.prefix(source, name),
            field: self.declared_field(&path.key("field"), field, schema.as_ref()),
        })
    }

    /// Checks the name of a variable, which must differ from those of the window.
    fn variable_name(&mut self, path: &KeyPath, name: &str) {
        self.name(path, name);
        if WINDOW_VARIABLES.contains(&name) {
            let what = format!("`{{{name}}}` is a variable of the window already");
            self.complain(path, what, "give it another name");
        }
    }

    /// Checks that templates use only known variables, and that every declared variable is used.
    pub fn variables(
        &mut self,
        path: &KeyPath,
        dataset: &str,
        tables: &SourceFile,
        request: &Template,
        params: &[(String, Template)],
    ) {
        let Some((_, table)) = tables.datasets().find(|(name, _)| *name == dataset) else {
            return;
        };
        if table.kind() == KindWord::Child && table.parent.is_none() {
            // The missing `parent` is already reported.
            return;
        }
        let mut declared: Vec<(KeyPath, &str)> = Vec::new();
        for (name, _) in &table.slices.0 {
            declared.push((path.key("slices").key(name), name));
        }
        for (name, _) in table.parent.iter().flat_map(|parent| &parent.bind.0) {
            let at = path.key("parent").key("bind").key(name);
            self.variable_name(&at, name);
            declared.push((at, name));
        }
        let mut known = variables_of(dataset, tables);
        let (kind, where_declared) = match table.kind() {
            KindWord::Child => (KindWord::Child, format!("[{path}.parent.bind]")),
            kind => (kind, format!("[{path}.slices]")),
        };
        if kind == KindWord::Dated {
            known.extend(WINDOW_VARIABLES.map(str::to_owned));
        }
        let params = params
            .iter()
            .map(|(name, template)| (path.key("params").key(name), template));
        let mut used = BTreeSet::new();
        for (at, template) in params.chain([(path.key("path"), request)]) {
            for variable in template.variables() {
                used.insert(variable);
                let refused = path.key("slices").key(variable);
                if known.contains(variable) || self.places.is_refused(&refused) {
                    continue;
                }
                let near = nearest(variable, known.iter().map(String::as_str));
                // The intended variable is misspelt, so it is not reported as unused too.
                used.extend(near);
                let instead = match near {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => format!("declare it under {where_declared}"),
                };
                let what = format!("`{at}` names `{{{variable}}}`, which nothing gives a value");
                self.complain(&at, what, instead);
            }
        }
        for (at, name) in declared.iter().filter(|(_, name)| !used.contains(name)) {
            self.complain(
                at,
                format!("`{at}` is used by no parameter: every request would be the same"),
                format!("write `{{{name}}}` into the path or a parameter"),
            );
        }
    }

    /// Reports parameters that are sent twice.
    pub fn parameters_once(&mut self, path: &KeyPath, table: &DatasetTable) {
        let mut sent: Vec<(KeyPath, &str)> = Vec::new();
        for (name, _) in &table.params.0 {
            sent.push((path.key("params").key(name), name));
        }
        for (at, name) in special_parameters(path, table) {
            if let Some((first, _)) = sent.iter().find(|(_, other)| *other == name) {
                let what = format!("`{at}` sends the parameter `{name}`, as `{first}` does");
                self.complain(&at, what, "give each parameter one meaning");
            }
            sent.push((at, name));
        }
    }
}

/// Returns the parameters that window and paginator send.
fn special_parameters<'t>(path: &KeyPath, table: &'t DatasetTable) -> Vec<(KeyPath, &'t str)> {
    let mut parameters = Vec::new();
    let mut add = |table: &str, key: &str, name: &'t Option<String>| {
        let name = name.as_deref();
        parameters.extend(name.map(|name| (path.key(table).key(key), name)));
    };
    if let Some(window) = &table.window {
        add("window", "start_param", &window.start_param);
        add("window", "end_param", &window.end_param);
    }
    if let Some(paginator) = &table.paginator {
        add("paginator", "page_param", &paginator.page_param);
        add("paginator", "offset_param", &paginator.offset_param);
        add("paginator", "cursor_param", &paginator.cursor_param);
        add("paginator", "page_size_param", &paginator.page_size_param);
    }
    parameters
}
