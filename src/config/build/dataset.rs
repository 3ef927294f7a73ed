//! A dataset: its place in the lake, its requests and slices, and the id of its records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Build;
use crate::bronze::schema::{ColumnType, Schema};
use crate::config::conform::nearest;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::{DatasetTable, RetryTable};
use crate::config::raw::source::SourceFile;
use crate::config::raw::{Pairs, Scalar};
use crate::source::declaration::{Dataset, Kind, Retry, SliceVariable, Version};
use crate::source::template::Template;

impl Build<'_> {
    /// The datasets of a source.
    pub fn datasets(&mut self, source: &str, tables: &SourceFile) -> Vec<Dataset> {
        let path = KeyPath::default().key("dataset");
        let datasets = tables.dataset.iter().flat_map(|datasets| &datasets.0);
        datasets
            .filter_map(|(name, table)| self.dataset(&path.key(name), source, name, table, tables))
            .collect()
    }

    fn dataset(
        &mut self,
        path: &KeyPath,
        source: &str,
        name: &str,
        table: &DatasetTable,
        defaults: &SourceFile,
    ) -> Option<Dataset> {
        self.name(path, name);
        let prefix = table.prefix.clone();
        let prefix = prefix.unwrap_or_else(|| format!("{source}_{name}"));
        self.prefix(&path.key("prefix"), &prefix);
        let slices = self.slices(&path.key("slices"), &table.slices);
        let request = self.request_path(&path.key("path"), table.path.as_deref());
        let params = self.params(&path.key("params"), &table.params);
        self.variables(path, &slices, &request, &params);
        let schema = self.schema(path, table);
        let primary_key = self.primary_key(&path.key("primary_key"), table, schema.as_ref());
        let version = self.version(&path.key("version"), table, schema.as_ref());
        let window = self.window(&path.key("window"), table.window.as_ref(), schema.as_ref());
        let paginator = self.paginator(&path.key("paginator"), table.paginator.as_ref());
        self.parameters_once(path, table);
        let completeness = self.completeness(&path.key("completeness"), table);
        let own = self.responses(&path.key("response"), &table.response);
        let shared = self.responses(&KeyPath::default().key("response"), &defaults.response);
        let retry = self.retry(&path.key("retry"), &table.retry, &defaults.retry);
        Some(Dataset {
            source: source.to_owned(),
            name: name.to_owned(),
            prefix,
            path: request,
            params,
            data_selector: self.pointer(&path.key("data_selector"), &table.data_selector),
            primary_key,
            version,
            kind: table.kind.unwrap_or(Kind::Dated),
            window: window?,
            slices,
            paginator: paginator?,
            completeness,
            responses: own.into_iter().chain(shared).collect(),
            retry,
            schema: Arc::new(schema?),
        })
    }

    /// A folder of the lake that can't be taken for anything of the program's own.
    fn prefix(&mut self, path: &KeyPath, prefix: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let folder = |step: &str| {
            step.starts_with(|c: char| c.is_ascii_alphanumeric()) && step.chars().all(plain)
        };
        if !prefix.split('/').all(folder) {
            self.complain(
                path,
                format!("`{path} = \"{prefix}\"` can't be a folder of the lake"),
                "write letters, digits, `_`, `-` and `.`, a letter or digit first: \"pncp_itens\"",
            );
        }
    }

    fn request_path(&mut self, path: &KeyPath, text: Option<&str>) -> Template {
        let Some(text) = text else {
            return Template::default();
        };
        if !text.starts_with('/') || text.ends_with('/') && text.len() == 1 {
            let cure = "begin it with a slash: it is appended to the base URL";
            self.complain(path, format!("`{path} = \"{text}\"` is not a path"), cure);
        } else if text.contains(['?', '#']) {
            let cure = "write parameters under [params] of the dataset";
            self.complain(path, format!("`{path}` has more than a path"), cure);
        }
        self.template(path, text)
    }

    fn params(&mut self, path: &KeyPath, table: &Pairs<Scalar>) -> Vec<(String, Template)> {
        let param = |(name, value): &(String, Scalar)| {
            (name.clone(), self.template(&path.key(name), &value.0))
        };
        table.0.iter().map(param).collect()
    }

    fn slices(&mut self, path: &KeyPath, table: &Pairs<Vec<Scalar>>) -> Vec<SliceVariable> {
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
    fn variables(
        &mut self,
        path: &KeyPath,
        slices: &[SliceVariable],
        request: &Template,
        params: &[(String, Template)],
    ) {
        let params_path = path.key("params");
        let params = params
            .iter()
            .map(|(name, text)| (params_path.key(name), text));
        let mut used = BTreeSet::new();
        for (at, template) in params.chain([(path.key("path"), request)]) {
            for variable in template.variables() {
                used.insert(variable);
                let names = slices.iter().map(|slice| slice.name.as_str());
                if names.clone().any(|name| name == variable) {
                    continue;
                }
                let instead = match nearest(variable, names) {
                    Some(near) => format!("did you mean `{{{near}}}`?"),
                    None => format!("declare its values: [{path}.slices] {variable} = [\"…\"]"),
                };
                self.complain(
                    &at,
                    format!("`{at}` names `{{{variable}}}`, which is no slice variable"),
                    instead,
                );
            }
        }
        for slice in slices.iter().filter(|slice| !used.contains(&*slice.name)) {
            let at = path.key("slices").key(&slice.name);
            self.complain(
                &at,
                format!("`{at}` is used by no parameter: every slice would be the same request"),
                format!("write `{{{}}}` into the path or a parameter", slice.name),
            );
        }
    }

    /// No parameter is sent twice.
    fn parameters_once(&mut self, path: &KeyPath, table: &DatasetTable) {
        let mut taken = Vec::new();
        for (name, _) in &table.params.0 {
            taken.push((path.key("params").key(name), name.as_str()));
        }
        let window = table.window.iter().flat_map(|window| {
            [
                ("start_param", &window.start_param),
                ("end_param", &window.end_param),
            ]
        });
        let paging = table.paginator.iter().flat_map(|paging| {
            [
                ("page_param", &paging.page_param),
                ("offset_param", &paging.offset_param),
                ("page_size_param", &paging.page_size_param),
            ]
        });
        let window = window.map(|(key, value)| (path.key("window").key(key), value));
        let paging = paging.map(|(key, value)| (path.key("paginator").key(key), value));
        for (at, value) in window.chain(paging) {
            let Some(name) = value else { continue };
            if let Some((first, _)) = taken.iter().find(|(_, other)| other == name) {
                let what =
                    format!("`{at}` sends the parameter `{name}`, which `{first}` sends, too");
                self.complain(&at, what, "give each parameter one meaning");
            }
            taken.push((at, name));
        }
    }

    fn primary_key(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        schema: Option<&Schema>,
    ) -> Vec<String> {
        let mut pointers = Vec::new();
        let fields = table.primary_key.iter().flatten();
        for (position, field) in fields.enumerate() {
            pointers.push(self.declared_field(&path.index(position), field, schema));
        }
        pointers
    }

    fn version(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        schema: Option<&Schema>,
    ) -> Version {
        match table.version.as_deref() {
            None | Some("none") => Version::None,
            Some(field) => Version::Field(self.declared_field(path, field, schema)),
        }
    }

    /// A field that ids or days are read from: the schema must have it, as a plain value.
    pub fn declared_field(
        &mut self,
        path: &KeyPath,
        field: &str,
        schema: Option<&Schema>,
    ) -> String {
        let pointer = self.field(path, field);
        let Some(schema) = schema else { return pointer };
        let mut columns = schema.columns.as_slice();
        let mut found = None;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            found = columns.iter().find(|column| column.name == step);
            let Some(column) = found else {
                let instead = match nearest(&step, columns.iter().map(|column| &*column.name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("declare `{step}` among the columns"),
                };
                self.complain(
                    path,
                    format!("`{path}` names `{field}`, which the schema lacks"),
                    instead,
                );
                return pointer;
            };
            columns = match &column.kind {
                ColumnType::Struct(members) => members,
                _ => &[],
            };
        }
        if found.is_some_and(|column| {
            matches!(column.kind, ColumnType::Struct(_) | ColumnType::List(_))
        }) {
            let what = format!("`{path}` names `{field}`, which is not a single value");
            self.complain(path, what, "name a field inside it: \"/outer/inner\"");
        }
        pointer
    }

    fn retry(&mut self, path: &KeyPath, own: &RetryTable, shared: &RetryTable) -> Retry {
        let source = KeyPath::default().key("retry");
        let mut wait = |key: &str, own: &Option<String>, shared: &Option<String>, seconds| {
            let fallback = Duration::from_secs(seconds);
            let shared = self.wait(&source.key(key), shared.as_deref(), fallback);
            (
                path.key(key),
                self.wait(&path.key(key), own.as_deref(), shared),
            )
        };
        let (_, max_elapsed) = wait("max_elapsed", &own.max_elapsed, &shared.max_elapsed, 600);
        let (_, initial) = wait("initial", &own.initial, &shared.initial, 1);
        let (at, max) = wait("max", &own.max, &shared.max, 60);
        if max < initial {
            let at = if own.max.is_some() || own.initial.is_some() {
                at
            } else {
                source.key("max")
            };
            let what = format!("`{at}` is less than `initial`");
            self.complain(
                &at,
                what,
                "write the longest wait as `max`, the first as `initial`",
            );
        }
        Retry {
            max_attempts: own.max_attempts.or(shared.max_attempts).unwrap_or(5),
            max_elapsed,
            initial,
            max,
        }
    }
}
