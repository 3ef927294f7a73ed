//! Comparable form of a dataset's declaration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use bronzed_model::declaration::{Dataset, Kind, Period, SliceValues, Version};
use bronzed_model::schema::{Column, ColumnType};
use bronzed_model::slices::slices;

/// Settings that determine the ids and the days of a table's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableIdentity {
    kind: String,
    primary_key: Vec<String>,
    version: String,
    explode: Option<String>,
    zone: String,
    day_field: Option<String>,
    /// Period of a partition; absent in documents of tables by the day.
    #[serde(default, skip_serializing_if = "is_day")]
    period: String,
}

fn is_day(period: &str) -> bool {
    period.is_empty()
}

/// Declaration of a table, in comparable form.
#[derive(Debug)]
pub(super) struct DeclaredTable {
    pub(super) identity: TableIdentity,
    /// Type by JSON pointer.
    pub(super) columns: BTreeMap<String, String>,
    /// Slice labels. `None` if they come from another dataset, or if days can't be read again.
    pub(super) slices: Option<BTreeSet<String>>,
}

impl DeclaredTable {
    pub(super) fn of(dataset: &Dataset) -> Self {
        let mut columns = BTreeMap::new();
        add(&mut columns, "", &dataset.schema.columns);
        Self {
            identity: TableIdentity {
                kind: dataset.kind.word().to_owned(),
                primary_key: dataset.primary_key.clone(),
                version: match &dataset.version {
                    Version::None => "none".to_owned(),
                    Version::Field(field) => field.clone(),
                    Version::Content => "content".to_owned(),
                },
                explode: dataset.explode.clone(),
                zone: dataset.days.zone.name().to_owned(),
                day_field: dataset.days.day_field.clone(),
                period: match dataset.days.period {
                    Period::Day => String::new(),
                    period => period.word().to_owned(),
                },
            },
            columns,
            slices: labels(dataset),
        }
    }
}

impl TableIdentity {
    /// Returns the first setting that differs, with its value here and its value in `said`. `None` if all are
    /// equal.
    pub(super) fn differs(&self, said: &Self) -> Option<(String, String)> {
        let list = |fields: &[String]| format!("{fields:?}");
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        let or_day = |period: &str| match is_day(period) {
            true => Period::Day.word().to_owned(),
            false => period.to_owned(),
        };
        let members = [
            ("kind", self.kind.clone(), said.kind.clone()),
            (
                "primary_key",
                list(&self.primary_key),
                list(&said.primary_key),
            ),
            ("version", self.version.clone(), said.version.clone()),
            ("explode", or_none(&self.explode), or_none(&said.explode)),
            ("timezone", self.zone.clone(), said.zone.clone()),
            (
                "window.day_field",
                or_none(&self.day_field),
                or_none(&said.day_field),
            ),
            ("window.period", or_day(&self.period), or_day(&said.period)),
        ];
        let differs = |(name, written, said): &(&str, String, String)| {
            (written != said).then(|| (format!("{name} = {written}"), format!("{name} = {said}")))
        };
        members.iter().find_map(differs)
    }
}

fn labels(dataset: &Dataset) -> Option<BTreeSet<String>> {
    let listed = |values: &SliceValues| matches!(values, SliceValues::Listed(_));
    let all_listed = dataset.slices.iter().all(|one| listed(&one.values));
    let read_again = matches!(dataset.kind, Kind::Dated(_) | Kind::Child(_));
    let labels = || {
        slices(dataset)
            .into_iter()
            .map(|slice| slice.label.to_string())
    };
    (all_listed && read_again).then(|| labels().collect())
}

fn add(columns: &mut BTreeMap<String, String>, above: &str, declared: &[Column]) {
    for Column { name, kind, .. } in declared {
        let name = name.replace('~', "~0").replace('/', "~1");
        add_one(columns, format!("{above}/{name}"), kind);
    }
}

fn add_one(columns: &mut BTreeMap<String, String>, path: String, kind: &ColumnType) {
    match kind {
        ColumnType::Struct(members) => add(columns, &path, members),
        ColumnType::List(item) if matches!(**item, ColumnType::Struct(_) | ColumnType::List(_)) => {
            add_one(columns, format!("{path}/*"), item);
        }
        _ => {}
    }
    columns.insert(path, kind.to_string());
}
