//! Builds a dataset: its prefix in the lake, and everything needed to read it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use secrecy::SecretString;

use super::Build;
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::dataset::{CostTable, DatasetTable, KindWord, RequestLimitsTable, RetryTable};
use crate::raw::source::SourceFile;
use bronzed_model::declaration::{Cost, Dataset, RequestLimits, Retry};
use bronzed_model::schema::Schema;
use bronzed_model::template::Template;

/// Settings that the datasets of a source share.
#[derive(Debug, Clone, Copy)]
pub struct SourceDefaults<'a> {
    /// Name of the source.
    pub source: &'a str,
    /// Tables of the source's whole file.
    pub tables: &'a SourceFile,
    /// Time zone of the source.
    pub zone: Tz,
    /// Default limits of requests, for datasets that don't override them.
    pub limits: RequestLimits,
    /// Key of the keyed hash of protected fields.
    pub protect_key: Option<&'a Arc<SecretString>>,
}

/// Maximum length of a prefix, because keys contain it twice, after the lake's own path (see
/// `bronzed_storage::lake`), and stores allow 1,024 bytes.
const MAX_PREFIX: usize = 100;

impl Build<'_> {
    /// Builds the datasets of a source.
    pub fn datasets(&mut self, shared: &SourceDefaults<'_>) -> Vec<Dataset> {
        let top = KeyPath::default();
        let of_source = self.responses(&top.key("response"), &shared.tables.response, false);
        let mut datasets = Vec::new();
        for (name, table) in shared.tables.datasets() {
            let path = top.key("dataset").key(name);
            let dataset = self.dataset(&path, name, table, shared);
            datasets.extend(dataset.map(|mut dataset| {
                dataset.responses.extend(of_source.iter().cloned());
                dataset
            }));
        }
        datasets
    }

    fn dataset(
        &mut self,
        path: &KeyPath,
        name: &str,
        table: &DatasetTable,
        shared: &SourceDefaults<'_>,
    ) -> Option<Dataset> {
        self.name(path, name);
        let prefix = table.prefix(shared.source, name);
        self.prefix(&path.key("prefix"), &prefix);
        let base_url = table.base_url.as_deref();
        let base_url = base_url.and_then(|text| self.address(&path.key("base_url"), text));
        let slices = self.slices(
            &path.key("slices"),
            &table.slices,
            shared.source,
            shared.tables,
        );
        let request = self.request_path(&path.key("path"), table.path.as_deref());
        let params = self.params(&path.key("params"), &table.params);
        let used = used(request.as_ref(), params.as_deref());
        let kind = self.kind(path, table, &used, shared);
        if let (Some(request), Some(params)) = (&request, &params) {
            self.variables(path, name, shared.tables, request, params);
        }
        self.parameters_once(path, table);
        let data_selector = self.pointer(&path.key("data_selector"), &table.data_selector);
        let full_name = format!("{}.{name}", shared.source);
        let is_drafted = self.drafted == Some(full_name.as_str());
        let schema = match is_drafted {
            true => None,
            false => self.schema(path, table),
        };
        let explode = self.explode(
            &path.key("explode"),
            table.explode.as_deref(),
            schema.as_ref(),
        );
        let primary_key = self.primary_key(&path.key("primary_key"), table, schema.as_ref());
        let version = self.version(&path.key("version"), table, schema.as_ref());
        let days = self.days(path, table, schema.as_ref(), shared);
        let paginator = self.paginator(&path.key("paginator"), table.paginator.as_ref());
        let completeness = self.completeness(&path.key("completeness"), table);
        let of_child = table.kind() == KindWord::Child;
        let responses = self.responses(&path.key("response"), &table.response, of_child);
        let retry = self.retry(&path.key("retry"), &table.retry, &shared.tables.retry);
        let limits = self.request_limits(&path.key("limits"), &table.limits, shared.limits);
        let protection = self.protection(
            &path.key("protect"),
            name,
            table,
            schema.as_ref(),
            (shared.tables, shared.protect_key),
        );
        if let Some(pool) = &table.pool {
            self.pool(&path.key("pool"), pool, shared.tables);
        }
        Some(Dataset {
            source: shared.source.to_owned(),
            name: name.to_owned(),
            prefix,
            enabled: table.enabled.unwrap_or(true),
            base_url,
            path: request?,
            params: params?,
            data_selector,
            explode,
            primary_key,
            version,
            kind: kind?,
            days,
            slices,
            paginator: paginator?,
            completeness,
            verify: table.verify.unwrap_or(true),
            rows_leave: table.rows_leave.unwrap_or(false),
            responses,
            retry,
            limits,
            pool: table.pool.clone(),
            cost: table.cost.as_ref().and_then(cost),
            protection,
            schema: Arc::new(schema.or_else(|| is_drafted.then(Schema::default))?),
        })
    }

    /// Merges the dataset's own keys with the source's as defaults.
    fn request_limits(
        &mut self,
        path: &KeyPath,
        own: &RequestLimitsTable,
        shared: RequestLimits,
    ) -> RequestLimits {
        let timeout = own.timeout.as_deref();
        let max_body = own.max_body_bytes.as_deref();
        let max_requests = own.max_requests_per_run;
        RequestLimits {
            timeout: self.wait(&path.key("timeout"), timeout, shared.timeout),
            max_body_bytes: self.size(&path.key("max_body_bytes"), max_body, shared.max_body_bytes),
            max_requests_per_run: max_requests.or(shared.max_requests_per_run),
        }
    }

    fn pool(&mut self, path: &KeyPath, name: &str, tables: &SourceFile) {
        let known = tables.pool.0.iter().map(|(known, _)| known.as_str());
        if known.clone().any(|known| known == name) {
            return;
        }
        let instead = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare what it bears under [pool.{name}]"),
        };
        self.complain(
            path,
            format!("`{path}` names `{name}`, which is no pool"),
            instead,
        );
    }

    /// Checks that a prefix is a valid folder and can't be confused with the program's own folders.
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
        } else if prefix.len() > MAX_PREFIX {
            self.complain(
                path,
                format!("`{path}` is longer than {MAX_PREFIX} characters"),
                "write a shorter one: names of files begin with it, and have bounds of their own",
            );
        }
    }

    /// Merges the dataset's own keys with the source's as defaults.
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

fn cost(table: &CostTable) -> Option<Cost> {
    Some(Cost {
        requests_per_day: table.requests_per_day?,
        seconds_per_request: table.seconds_per_request?,
    })
}

/// Returns the variables that occur in a dataset's templates.
fn used<'t>(
    request: Option<&'t Template>,
    params: Option<&'t [(String, Template)]>,
) -> BTreeSet<&'t str> {
    let params = params.unwrap_or_default().iter();
    let templates = params.map(|(_, template)| template).chain(request);
    templates.flat_map(Template::variables).collect()
}
