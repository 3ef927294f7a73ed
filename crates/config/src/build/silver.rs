//! Builds silver tables: their datasets hold versions of one kind of record, and what they name is declared.

mod columns;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Build;
use super::exists::{OwnColumns, has_parents};
use super::expect::ExpectedTable;
use super::record::{Steps, column};
use super::source::SourceContext;
use crate::nearest::did_you_mean;
use crate::path::KeyPath;
use crate::tables::expect::CheckWord;
use crate::tables::silver::SilverKeys;
use crate::text::value;
use bronzed_model::declaration::{
    ColumnPath, Dataset, ExpectationSeverity, Kind, SilverColumn, SilverTable,
};
use bronzed_model::schema::{ColumnType, Schema};

/// A silver table to be built, with the datasets that it is made of.
struct SilverContext<'a> {
    path: KeyPath,
    keys: &'a SilverKeys,
    inputs: Vec<Arc<Dataset>>,
}

impl SilverKeys {
    /// Returns the table's folder in the lake.
    pub fn folder(&self, source: &str, name: &str) -> String {
        value(&self.prefix).unwrap_or_else(|| format!("silver/{source}_{name}"))
    }
}

impl Build<'_> {
    /// Builds the silver tables of a source. One whose datasets are wrong themselves is left out: they are reported.
    pub fn silver_tables(
        &mut self,
        source: &SourceContext<'_>,
        datasets: &BTreeMap<String, Arc<Dataset>>,
    ) -> BTreeMap<String, Arc<SilverTable>> {
        let mut tables = BTreeMap::new();
        for (name, keys) in &source.tables.silver {
            let path = KeyPath::default().key("silver").key(name);
            self.name(&path, name);
            let Some(inputs) = self.inputs(&path.key("from"), keys, source, datasets) else {
                continue;
            };
            let context = SilverContext { path, keys, inputs };
            if let Some(table) = self.silver_table(&context, source.name, name) {
                tables.insert(name.clone(), Arc::new(table));
            }
        }
        tables
    }

    /// Returns the datasets that a table is made of. `None` if there is none that is right.
    fn inputs(
        &mut self,
        path: &KeyPath,
        keys: &SilverKeys,
        source: &SourceContext<'_>,
        datasets: &BTreeMap<String, Arc<Dataset>>,
    ) -> Option<Vec<Arc<Dataset>>> {
        let declared = &source.tables.dataset;
        let mut inputs = Some(Vec::new());
        let mut named: Vec<&str> = Vec::new();
        for (position, name) in keys.from.iter().flatten().enumerate() {
            let path = path.index(position);
            if named.contains(&name.as_str()) {
                let what = format!("`{path}` names `{name}` once more");
                self.complain(&path, what, "name each dataset once");
                continue;
            }
            named.push(name);
            let dataset = datasets.get(name).map(Arc::clone);
            if !declared.contains_key(name) {
                let what = format!("`{path}` names `{name}`, which is no dataset of this source");
                let hint = did_you_mean(name, declared.keys().map(String::as_str), || {
                    format!("declare it under [dataset.{name}]")
                });
                self.complain(&path, what, hint);
            }
            inputs = inputs.zip(dataset).map(|(mut all, one)| {
                all.push(one);
                all
            });
        }
        let inputs = inputs.filter(|inputs| !inputs.is_empty())?;
        // A dataset that is to be drafted has no columns yet.
        let drafted = inputs.iter().any(|input| input.schema.columns.is_empty());
        (!drafted).then_some(inputs)
    }

    fn silver_table(
        &mut self,
        context: &SilverContext<'_>,
        source: &str,
        name: &str,
    ) -> Option<SilverTable> {
        let SilverContext { path, keys, inputs } = context;
        self.one_record(context);
        self.history(context);
        let order_by = self.order_by(context);
        let columns = self.silver_columns(path, keys, inputs)?;
        let schema = Schema {
            columns: columns.iter().map(|one| one.column.clone()).collect(),
            description: inputs[0].schema.description.clone(),
        };
        self.partition(context, &schema);
        self.whole_checks(context);
        let expectations = self.expectations(&ExpectedTable {
            path: path.key("expect"),
            tables: &keys.expect,
            schema: Some(&schema),
            silver: Some(OwnColumns {
                source,
                table: name,
                has_parents: has_parents(inputs),
            }),
            is_protected: &|column| is_protected(inputs, &columns, column),
        });
        let enabled = inputs.iter().any(|input| input.enabled);
        Some(SilverTable {
            source: source.to_owned(),
            name: name.to_owned(),
            prefix: keys.folder(source, name),
            enabled: keys.enabled.unwrap_or(enabled),
            inputs: inputs.clone(),
            order_by,
            deleted: keys.deleted,
            history: keys.history,
            columns,
            partition_by: keys.partition_by.clone(),
            expectations: expectations.into(),
        })
    }

    /// Requires that the datasets hold versions of one kind of record.
    fn one_record(&mut self, context: &SilverContext<'_>) {
        let Some((first, others)) = context.inputs.split_first() else {
            return;
        };
        for (position, other) in others.iter().enumerate() {
            let path = context.path.key("from").index(position + 1);
            let (one, two) = (&first.name, &other.name);
            if first.primary_key != other.primary_key {
                let what = format!(
                    "`{path}` names `{two}`, whose primary key is {}; that of `{one}` is {}",
                    key_words(other),
                    key_words(first)
                );
                let hint = "a table is made of datasets of one record: name those with the same primary key";
                self.complain(&path, what, hint);
            }
            if let Some(snapshot) = [first, other].into_iter().find(|input| is_snapshot(input)) {
                let what = format!(
                    "`{path}` is beside `{}`, which is a snapshot",
                    snapshot.name
                );
                let hint = "name the snapshot alone: its rows vanish by what it serves itself";
                self.complain(&path, what, hint);
            }
        }
    }

    fn history(&mut self, context: &SilverContext<'_>) {
        let path = context.path.key("history");
        if !context.keys.history {
            return;
        }
        if let Some(other) = context.inputs.iter().find(|input| !is_snapshot(input)) {
            let what = format!("`{path} = true`, but `{}` is no snapshot", other.name);
            let hint =
                "leave it out: other datasets' versions have no days in force; bronze has them all";
            self.complain(&path, what, hint);
        }
        let hint = "leave it out: a row of a history ends when it vanishes, in `valid_to`";
        let deleted = context.path.key("deleted");
        self.refuses(&deleted, "means nothing beside `history`", hint);
    }

    /// Returns the pointer to the field by which the latest version is found: a single value in one of the datasets.
    fn order_by(&mut self, context: &SilverContext<'_>) -> Option<String> {
        let named = value(&context.keys.order_by)?;
        let path = context.path.key("order_by");
        let found = context.inputs.iter().map(|input| {
            let kind = column(&input.schema, &named.pointer, Steps::Plain);
            kind.cloned()
        });
        let found: Vec<_> = found.collect();
        let kinds = || found.iter().filter_map(|kind| kind.as_ref().ok());
        let wrong = match (kinds().next(), found.first()) {
            (None, Some(Err(hint))) => Some(("which the schema lacks", hint.clone())),
            _ if kinds().any(|kind| !is_single(kind)) => Some((
                "which is not a single value",
                "name a field inside it, or another one".to_owned(),
            )),
            _ => None,
        };
        if let Some((problem, hint)) = wrong {
            let what = format!("`{path}` names `{}`, {problem}", named.written);
            self.complain(&path, what, hint);
        }
        Some(named.pointer)
    }

    fn partition(&mut self, context: &SilverContext<'_>, schema: &Schema) {
        let path = context.path.key("partition_by");
        let Some(named) = &context.keys.partition_by else {
            return;
        };
        let found = schema.columns.iter().find(|column| column.name == *named);
        let wrong = match found.map(|column| &column.kind) {
            None => {
                let names = schema.columns.iter().map(|column| column.name.as_str());
                let hint = did_you_mean(named, names, || {
                    "name a column as it is named in the table".to_owned()
                });
                Some(("which is no column of the table".to_owned(), hint))
            }
            Some(ColumnType::Date | ColumnType::Timestamp | ColumnType::Instant) => None,
            Some(kind) => Some((
                format!("a column of type {kind}, which is not a date or a time"),
                "name another column, or leave it out: the table is one partition then".to_owned(),
            )),
        };
        if let Some((problem, hint)) = wrong {
            self.complain(&path, format!("`{path}` names `{named}`, {problem}"), hint);
        }
    }

    /// Rejects the severity `error` for checks of the table as a whole, of which nothing can be held back, and a column that is
    /// inside another one.
    fn whole_checks(&mut self, context: &SilverContext<'_>) {
        for (name, table) in &context.keys.expect {
            let path = context.path.key("expect").key(name);
            let of_whole = |word: &CheckWord| {
                use CheckWord::{ExistsIn, Freshness, RowCountBetween};
                matches!(word, RowCountBetween | Freshness | ExistsIn)
            };
            let Some(word) = table.check.filter(of_whole) else {
                continue;
            };
            if table.severity == ExpectationSeverity::Error {
                let path = path.key("severity");
                let what = format!(
                    "`{path} = \"error\"` holds a partition back, but `{}` judges the table as a whole",
                    word.word()
                );
                let hint = "write severity = \"warn\", or leave it out: it is told, and nothing is held back";
                self.complain(&path, what, hint);
            }
            let column = value(&table.column).filter(|column| column.steps().count() > 1);
            if let Some(column) = column {
                let path = path.key("column");
                let what = format!("`{path} = \"{}\"` is inside another column", column.written);
                let hint = match word {
                    CheckWord::Freshness => "name a column of its own with a date or a time",
                    _ => "name a column of its own: a list can't be compared with another table",
                };
                self.complain(&path, what, hint);
            }
        }
    }
}

fn is_snapshot(dataset: &Dataset) -> bool {
    matches!(dataset.kind, Kind::Snapshot)
}

fn is_single(kind: &ColumnType) -> bool {
    !matches!(kind, ColumnType::Struct(_) | ColumnType::List(_))
}

/// Returns a primary key for messages.
fn key_words(dataset: &Dataset) -> String {
    let fields = dataset.primary_key.iter();
    let fields: Vec<_> = fields.map(|field| format!("`{field}`")).collect();
    fields.join(", ")
}

/// Returns `true` if a dataset masks or hashes what goes into a column.
fn is_protected(inputs: &[Arc<Dataset>], columns: &[SilverColumn], named: &ColumnPath) -> bool {
    let first = named.steps().next();
    let mut columns = columns.iter();
    let found = columns.find(|column| Some(&column.column.name) == first.as_ref());
    let pointers = found.into_iter().flat_map(|column| &column.pointers);
    let touched = |pointer: &String| {
        let mut protections = inputs.iter().filter_map(|input| input.protection.as_ref());
        protections.any(|protection| protection.touches(pointer))
    };
    pointers.into_iter().any(touched)
}
