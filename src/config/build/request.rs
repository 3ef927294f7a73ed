//! What requests are made of: path, parameters, and the variables of the slices.

use std::collections::BTreeSet;

use super::Build;
use crate::config::conform::nearest;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::DatasetTable;
use crate::config::raw::{Pairs, Scalar};
use crate::source::declaration::SliceVariable;
use crate::source::template::Template;

impl Build<'_> {
    /// The path that is appended to the base URL.
    pub fn request_path(&mut self, path: &KeyPath, text: Option<&str>) -> Option<Template> {
        let text = text?;
        if !text.starts_with('/') {
            let cure = "begin it with a slash: it is appended to the base URL";
            self.complain(path, format!("`{path} = \"{text}\"` is not a path"), cure);
        } else if text.contains(['?', '#']) {
            let cure = "write parameters under [params] of the dataset";
            self.complain(path, format!("`{path}` has more than a path in it"), cure);
        }
        self.template(path, text)
    }

    /// The parameters that the file states, if all of them are right.
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

    /// The variables of the slices, each with its values.
    pub fn slices(&mut self, path: &KeyPath, table: &Pairs<Vec<Scalar>>) -> Vec<SliceVariable> {
        let mut slices = Vec::new();
        for (name, values) in &table.0 {
            let path = path.key(name);
            self.name(&path, name);
            if values.is_empty() {
                let what = format!("`{path}` has no values: there would be nothing to read");
                self.complain(
                    &path,
                    what,
                    "write the values that it takes, or leave it out",
                );
            }
            let mut seen = BTreeSet::new();
            for (position, value) in values.iter().enumerate() {
                if !seen.insert(&value.0) {
                    let what = format!("`{path}` has `{}` twice", value.0);
                    self.complain(&path.index(position), what, "keep one of the two");
                }
            }
            slices.push(SliceVariable {
                name: name.clone(),
                values: values.iter().map(|value| value.0.clone()).collect(),
            });
        }
        slices
    }

    /// Templates name slice variables only, and each of those is in a template.
    pub fn variables(
        &mut self,
        path: &KeyPath,
        slices: &[SliceVariable],
        request: &Template,
        params: &[(String, Template)],
    ) {
        let names = slices.iter().map(|slice| slice.name.as_str());
        let params = params
            .iter()
            .map(|(name, template)| (path.key("params").key(name), template));
        let mut used = BTreeSet::new();
        for (at, template) in params.chain([(path.key("path"), request)]) {
            for variable in template.variables() {
                used.insert(variable);
                let refused = path.key("slices").key(variable);
                if names.clone().any(|name| name == variable) || self.places.is_refused(&refused) {
                    continue;
                }
                let near = nearest(variable, names.clone());
                // What was meant isn't unused: it is misspelt.
                used.extend(near);
                let instead = match near {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => format!("declare its values under [{path}.slices]"),
                };
                let what = format!("`{at}` names `{{{variable}}}`, which is no slice variable");
                self.complain(&at, what, instead);
            }
        }
        for name in names.filter(|name| !used.contains(name)) {
            let at = path.key("slices").key(name);
            self.complain(
                &at,
                format!("`{at}` is used by no parameter: every slice would be the same request"),
                format!("write `{{{name}}}` into the path or a parameter"),
            );
        }
    }

    /// No parameter is sent twice.
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

/// The parameters that window and paginator send.
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
        add("paginator", "page_size_param", &paginator.page_size_param);
    }
    parameters
}
