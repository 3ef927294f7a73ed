//! A dataset: its place in the lake, and everything that reading it goes by.

use std::sync::Arc;
use std::time::Duration;

use super::Build;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::{DatasetTable, RetryTable};
use crate::config::raw::source::SourceFile;
use crate::source::declaration::{Dataset, Kind, Retry};

impl Build<'_> {
    /// The datasets of a source.
    pub fn datasets(&mut self, source: &str, tables: &SourceFile) -> Vec<Dataset> {
        let top = KeyPath::default();
        let shared = self.responses(&top.key("response"), &tables.response);
        let mut datasets = Vec::new();
        for (name, table) in tables.datasets() {
            let path = top.key("dataset").key(name);
            let dataset = self.dataset(&path, source, name, table, &tables.retry);
            datasets.extend(dataset.map(|mut dataset| {
                dataset.responses.extend(shared.iter().cloned());
                dataset
            }));
        }
        datasets
    }

    fn dataset(
        &mut self,
        path: &KeyPath,
        source: &str,
        name: &str,
        table: &DatasetTable,
        shared_retry: &RetryTable,
    ) -> Option<Dataset> {
        self.name(path, name);
        let prefix = table.prefix(source, name);
        self.prefix(&path.key("prefix"), &prefix);
        let slices = self.slices(&path.key("slices"), &table.slices);
        let request = self.request_path(&path.key("path"), table.path.as_deref());
        let params = self.params(&path.key("params"), &table.params);
        if let (Some(request), Some(params)) = (&request, &params) {
            self.variables(path, &slices, request, params);
        }
        self.parameters_once(path, table);
        let data_selector = self.pointer(&path.key("data_selector"), &table.data_selector);
        let schema = self.schema(path, table);
        let primary_key = self.primary_key(&path.key("primary_key"), table, schema.as_ref());
        let version = self.version(&path.key("version"), table, schema.as_ref());
        let window = self.window(&path.key("window"), table.window.as_ref(), schema.as_ref());
        let paginator = self.paginator(&path.key("paginator"), table.paginator.as_ref());
        let completeness = self.completeness(&path.key("completeness"), table);
        let responses = self.responses(&path.key("response"), &table.response);
        let retry = self.retry(&path.key("retry"), &table.retry, shared_retry);
        Some(Dataset {
            source: source.to_owned(),
            name: name.to_owned(),
            prefix,
            path: request?,
            params: params?,
            data_selector,
            primary_key,
            version,
            kind: table.kind.unwrap_or(Kind::Dated),
            window: window?,
            slices,
            paginator: paginator?,
            completeness,
            verify: table.verify.unwrap_or(true),
            responses,
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

    /// The dataset's own keys, or else the source's.
    fn retry(&mut self, path: &KeyPath, own: &RetryTable, shared: &RetryTable) -> Retry {
        let source = KeyPath::default().key("retry");
        let mut wait = |key: &str, own: &Option<String>, shared: &Option<String>, seconds| {
            let fallback = Duration::from_secs(seconds);
            let shared = self.wait(&source.key(key), shared.as_deref(), fallback);
            self.wait(&path.key(key), own.as_deref(), shared)
        };
        let max_elapsed = wait("max_elapsed", &own.max_elapsed, &shared.max_elapsed, 600);
        let initial = wait("initial", &own.initial, &shared.initial, 1);
        let max = wait("max", &own.max, &shared.max, 60);
        if max < initial {
            let own = own.max.is_some() || own.initial.is_some();
            let table = if own { path } else { &source };
            self.complain(
                &table.key("max"),
                format!("`{table}.max` is less than `initial`"),
                "write the first wait as `initial`, the longest as `max`",
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
