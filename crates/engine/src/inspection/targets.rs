//! Selection of the requests for a dataset: its day, its slices, and for a child dataset, its parents.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Read, Reads};
use crate::ingest::{parents, with_values};
use bronzed_model::day::Day;
use bronzed_model::declaration::{
    Dataset, Kind, Parent, Slice, SliceValues, SliceVariable, Source,
};
use bronzed_model::json::tape::Value;
use bronzed_model::record::RecordId;
use bronzed_model::slices::slices;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;

/// Inputs for the choice of slices.
pub(super) struct CheckTargets<'a> {
    pub source: &'a Source,
    pub lake: Option<&'a Lake>,
    pub reads: &'a Reads,
}

/// Returns the datasets with their parents added; each parent precedes its children.
pub(super) fn with_parents(source: &Source, datasets: &[Arc<Dataset>]) -> Vec<Arc<Dataset>> {
    let (mut ordered, mut taken) = (Vec::new(), BTreeSet::new());
    for dataset in datasets {
        let parent = |of: &Arc<Dataset>| match &of.kind {
            Kind::Child(parent) => source.datasets.get(&parent.dataset).cloned(),
            _ => None,
        };
        let mut line: Vec<_> = std::iter::successors(Some(dataset.clone()), parent).collect();
        line.reverse();
        ordered.extend(
            line.into_iter()
                .filter(|one| taken.insert(one.name.clone())),
        );
    }
    ordered
}

/// Returns the newest day up to `today` of which the lake has rows, by one LIST of the table. `None` if it has
/// none, or can't be listed: any day may be requested then.
pub(super) async fn newest_day(lake: &Lake, dataset: &Dataset, today: Day) -> Option<Day> {
    let files = lake.list(&dataset.prefix).await.ok()?;
    let days = files
        .iter()
        .filter_map(|file| layout::file_day(&dataset.prefix, &file.key));
    days.filter(|day| *day <= today).max()
}

impl CheckTargets<'_> {
    /// Returns one or two slices to request: the first, and the middle one as a fallback if the first is
    /// empty.
    ///
    /// # Errors
    /// Returns the reason if no slice can be requested.
    pub(super) async fn slices(&self, dataset: &Arc<Dataset>) -> Result<Vec<Slice>, String> {
        let mut all = match &dataset.kind {
            Kind::Child(parent) => self.of_parents(parent)?,
            _ => self.of_variables(dataset).await?,
        };
        let middle = all.len() / 2;
        if middle > 0 {
            all.swap(1, middle);
        }
        all.truncate(2);
        Ok(all)
    }

    /// Returns a slice for each parent on the page just read that may have children.
    fn of_parents(&self, parent: &Parent) -> Result<Vec<Slice>, String> {
        let name = format!("{}.{}", self.source.name, parent.dataset);
        let declared = self.source.datasets.get(&parent.dataset);
        let (Some(declared), Some(read)) = (declared, self.reads.get(&parent.dataset)) else {
            return Err(format!(
                "it is asked for with a record of `{name}`, and there was none to be read"
            ));
        };
        let records = read.page.values();
        let slices: Vec<_> = records
            .filter_map(|record| of_parent(declared, parent, read, record))
            .collect();
        match slices.is_empty() {
            true => Err(format!(
                "of the {} records just read of `{name}`, none has what it is asked for with",
                read.page.len()
            )),
            false => Ok(slices),
        }
    }

    /// Returns the dataset's slices; values that come from another dataset are read from the lake.
    async fn of_variables(&self, dataset: &Arc<Dataset>) -> Result<Vec<Slice>, String> {
        let listed = |variable: &SliceVariable| matches!(variable.values, SliceValues::Listed(_));
        if dataset.slices.iter().all(listed) {
            return Ok(slices(dataset));
        }
        let Some(lake) = self.lake else {
            return Err("its slices come out of the lake, which can't be read".to_owned());
        };
        match with_values(lake, dataset).await {
            Ok(bound) => Ok(slices(&bound)),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Returns the slice that requests the children of one parent; `None` if it can have none.
fn of_parent(declared: &Dataset, parent: &Parent, read: &Read, record: Value<'_>) -> Option<Slice> {
    if !parents::meets(parent, record) {
        return None;
    }
    let id = match &read.slice.parent {
        Some(grandparent) => RecordId::of_child_value(declared, grandparent, record),
        None => RecordId::of_value(declared, record),
    };
    parents::bind(parent, Some(&read.slice.label), record, &id.key().into()).ok()
}
