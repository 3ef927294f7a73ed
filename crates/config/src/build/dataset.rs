//! Builds a dataset: its place in the lake, and everything needed to read it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::Build;
use super::expect::ExpectedTable;
use super::source::SourceContext;
use crate::nearest::did_you_mean;
use crate::path::KeyPath;
use crate::tables::dataset::{DatasetTable, KindWord, RequestLimitsTable, RetryTable};
use crate::text::{Text, value};
use bronzed_model::declaration::{Dataset, Limits, RequestLimits, Retry};
use bronzed_model::schema::Schema;
use bronzed_model::text::PositiveSpan;

/// A dataset to be built.
#[derive(Clone, Copy)]
pub struct DatasetContext<'a> {
    /// Name of the dataset.
    pub name: &'a str,
    /// Path of the dataset's table.
    pub path: &'a KeyPath,
    /// The dataset's table.
    pub table: &'a DatasetTable,
    /// Columns of the dataset, if they are right.
    pub schema: Option<&'a Schema>,
    /// The dataset's source.
    pub source: &'a SourceContext<'a>,
}

impl DatasetTable {
    /// Returns the table's folder in the lake.
    pub fn folder(&self, source: &str, name: &str) -> String {
        value(&self.prefix).unwrap_or_else(|| format!("{source}_{name}"))
    }
}

/// Returns the path of a dataset's table.
pub fn path_of(name: &str) -> KeyPath {
    KeyPath::default().key("dataset").key(name)
}

impl Build<'_> {
    /// Returns the columns of the datasets whose files are right; none for the dataset that is to be drafted.
    pub fn schemas<'t>(
        &mut self,
        source: &str,
        tables: &'t IndexMap<String, DatasetTable>,
    ) -> BTreeMap<&'t str, Arc<Schema>> {
        let mut schemas = BTreeMap::new();
        for (name, table) in tables {
            let path = path_of(name).key("schema");
            let schema = table.schema.as_deref();
            let schema = match self.is_drafted(source, name) {
                true => None,
                false => schema.and_then(|named| self.schema(&path, named)),
            };
            schemas.extend(schema.map(|schema| (name.as_str(), Arc::new(schema))));
        }
        schemas
    }

    fn is_drafted(&self, source: &str, name: &str) -> bool {
        self.drafted == Some(format!("{source}.{name}").as_str())
    }

    /// Builds the datasets of a source.
    pub fn datasets(&mut self, source: &SourceContext<'_>) -> BTreeMap<String, Arc<Dataset>> {
        let path = KeyPath::default().key("response");
        let of_source = self.responses(&path, &source.tables.response, false);
        let mut datasets = BTreeMap::new();
        for (name, table) in &source.tables.dataset {
            let context = DatasetContext {
                name,
                path: &path_of(name),
                table,
                schema: source.schemas.get(name.as_str()).map(Arc::as_ref),
                source,
            };
            if let Some(mut dataset) = self.dataset(&context) {
                dataset.responses.extend(of_source.iter().cloned());
                datasets.insert(name.clone(), Arc::new(dataset));
            }
        }
        datasets
    }

    fn dataset(&mut self, context: &DatasetContext<'_>) -> Option<Dataset> {
        let DatasetContext {
            name,
            path,
            table,
            source,
            ..
        } = *context;
        self.name(path, name);
        let prefix = table.folder(source.name, name);
        self.parse::<crate::text::Prefix>(&path.key("prefix"), &prefix);
        let slices = self.slices(context);
        let request = value(&table.path);
        let params = self.params(&path.key("params"), &table.params);
        let mut templates = Vec::new();
        for (name, template) in params.iter().flatten() {
            templates.push((path.key("params").key(name), template.clone()));
        }
        let body = table.body.as_ref();
        let body = body.map(|body| self.body(context, body, &mut templates));
        templates.extend(request.iter().map(|one| (path.key("path"), one.clone())));
        let used = templates.iter().flat_map(|(_, one)| one.variables());
        let kind = self.kind(context, &used.collect());
        if request.is_some() && params.is_some() {
            self.variables(context, &templates);
        }
        self.parameters_once(context);
        let csv = table.csv.as_ref().map(|csv| self.csv(context, csv));
        let explode = self.explode(context);
        let primary_key = self.primary_key(context);
        let version = self.version(context);
        let days = self.days(context);
        let paginator = self.paginator(context);
        self.completeness(context);
        let of_child = table.kind == KindWord::Child;
        let responses = self.responses(&path.key("response"), &table.response, of_child);
        let retry = self.retry(path, &table.retry, &source.tables.retry);
        let protection = self.protection(context);
        let expectations = self.expectations(&ExpectedTable {
            path: path.key("expect"),
            tables: &table.expect,
            schema: context.schema,
            silver: None,
            is_protected: &|column| {
                let protection = protection.as_ref();
                protection.is_some_and(|protection| protection.touches(&column.pointer))
            },
        });
        self.pool(context);
        Some(Dataset {
            source: source.name.to_owned(),
            name: name.to_owned(),
            prefix,
            enabled: table.enabled.unwrap_or(true),
            delta: table.delta.unwrap_or(true),
            base_url: value(&table.base_url),
            path: request?,
            params: params?,
            body,
            csv,
            data_selector: value(&table.data_selector).unwrap_or_default(),
            explode,
            primary_key,
            version,
            kind: kind?,
            days,
            slices,
            paginator: paginator?,
            completeness: table.completeness,
            verify: table.verify.unwrap_or(true),
            rows_leave: table.rows_leave,
            responses,
            retry,
            limits: request_limits(&table.limits, &source.tables.limits),
            pool: table.pool.clone(),
            cost: table.cost,
            protection,
            expectations: expectations.into(),
            schema: match self.is_drafted(source.name, name) {
                true => Arc::default(),
                false => Arc::clone(source.schemas.get(name)?),
            },
        })
    }

    fn pool(&mut self, context: &DatasetContext<'_>) {
        let Some(name) = &context.table.pool else {
            return;
        };
        let pools = &context.source.tables.pool;
        if !pools.contains_key(name) {
            let path = context.path.key("pool");
            let what = format!("`{path}` names `{name}`, which is no pool");
            let hint = did_you_mean(name, pools.keys().map(String::as_str), || {
                format!("declare what it bears under [pool.{name}]")
            });
            self.complain(&path, what, hint);
        }
    }

    /// Merges the dataset's own keys with the source's as defaults.
    fn retry(&mut self, path: &KeyPath, own: &RetryTable, shared: &RetryTable) -> Retry {
        let wait = |own: &Option<Text<PositiveSpan>>, shared: &Option<Text<_>>, seconds| {
            let wait = value(own).or_else(|| value(shared));
            wait.unwrap_or(Duration::from_secs(seconds))
        };
        let retry = Retry {
            max_attempts: own.max_attempts.or(shared.max_attempts).unwrap_or(5),
            max_elapsed: wait(&own.max_elapsed, &shared.max_elapsed, 600),
            initial: wait(&own.initial, &shared.initial, 1),
            max: wait(&own.max, &shared.max, 60),
        };
        if retry.max < retry.initial {
            let table = match own.max.is_some() || own.initial.is_some() {
                true => path.key("retry"),
                false => KeyPath::default().key("retry"),
            };
            self.complain(
                &table.key("max"),
                format!("`{table}.max` is less than `initial`"),
                "write the first wait as `initial`, the longest as `max`",
            );
        }
        retry
    }
}

/// Merges the dataset's own keys with the source's as defaults.
fn request_limits(own: &RequestLimitsTable, shared: &Limits) -> RequestLimits {
    RequestLimits {
        timeout: value(&own.timeout).unwrap_or(shared.timeout),
        max_body_bytes: value(&own.max_body_bytes).unwrap_or(shared.max_body_bytes),
        max_requests_per_run: own.max_requests_per_run.or(shared.max_requests_per_run),
    }
}
