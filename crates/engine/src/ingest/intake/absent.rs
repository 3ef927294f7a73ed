//! Stored ids of a day that a run hasn't seen. If the run has read the whole day with its proof, the API has
//! withdrawn their records.
//!
//! An older version of a record isn't missing if any version of the record is listed. Ids that other runs
//! store meanwhile aren't looked for.

use std::collections::{BTreeSet, HashSet};

use crate::ingest::Order;
use bronzed_model::declaration::{Dataset, Kind, Mode, Version};
use bronzed_model::record::RecordId;
use bronzed_storage::state::{DayState, SliceProgress};

/// Stored ids that weren't seen yet.
#[derive(Debug)]
pub struct Absent {
    stored: BTreeSet<Box<str>>,
    /// Keys that were seen; `None` if ids have no versions.
    keys: Option<HashSet<Box<str>>>,
}

impl Absent {
    /// Returns `true` if a run must look for missing ids: if it may prove the day by reading all of it, or if slices
    /// that had rows may turn out to be empty for good. Records leave some datasets by design; of these, only
    /// verification looks.
    pub fn is_asked_for(order: &Order, state: &DayState) -> bool {
        let (dataset, has_ids) = (&order.dataset, !state.is_empty());
        if !matches!(dataset.kind, Kind::Dated(_)) {
            return false;
        }
        let slices = state.slices();
        let empty = |slice: &SliceProgress| slice.empty_since.is_some();
        let emptied = slices.values().any(|slice| slice.total > 0 && empty(slice))
            || (!slices.is_empty() && slices.values().all(empty));
        match order.mode {
            Mode::Verify => true,
            Mode::Full => has_ids && !dataset.rows_leave && (dataset.verify || emptied),
            Mode::New => has_ids && !dataset.rows_leave && emptied,
        }
    }

    /// Returns all ids that are stored when the run begins.
    pub fn of(dataset: &Dataset, state: &DayState) -> Self {
        Self {
            stored: state.ids().map(Into::into).collect(),
            keys: (dataset.version != Version::None).then(HashSet::new),
        }
    }

    /// Marks a record as seen.
    pub fn saw(&mut self, id: &RecordId) {
        self.stored.remove(id.id.as_str());
        if let Some(keys) = &mut self.keys
            && !keys.contains(id.key())
        {
            keys.insert(id.key().into());
        }
    }

    /// Returns the ids that weren't seen.
    pub fn ids(self) -> impl Iterator<Item = Box<str>> {
        let Self { stored, keys } = self;
        stored.into_iter().filter(move |id| {
            let keys = keys.as_ref();
            // The id alone doesn't show where its version begins: key and version may both contain an `@`.
            let came = |keys: &HashSet<Box<str>>| {
                let mut ends = id.match_indices('@');
                ends.any(|(end, _)| keys.contains(&id[..end]))
            };
            !keys.is_some_and(came)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent(stored: &[&str], versioned: bool, came: &[RecordId]) -> Vec<Box<str>> {
        let mut absent = Absent {
            stored: stored.iter().map(|id| (*id).into()).collect(),
            keys: versioned.then(HashSet::new),
        };
        for id in came {
            absent.saw(id);
        }
        absent.ids().collect()
    }

    #[test]
    fn what_did_not_come_is_absent() {
        let came = [
            RecordId::plain("a"),
            RecordId::plain("a"),
            RecordId::plain("d"),
        ];
        assert_eq!(
            absent(&["a", "b", "c@1"], false, &came),
            ["b".into(), "c@1".into()]
        );
    }

    #[test]
    fn an_older_version_is_not_absent_where_a_newer_one_came() {
        let mut dataset = bronzed_source::testing::dataset();
        dataset.version = Version::Field("/v".to_owned());
        let record = r#"{"numeroControlePNCP": "x@y", "v": "3@z"}"#;
        let came = RecordId::of(&dataset, record);
        assert_eq!(came.id, "x@y@3@z");
        let stored = ["x@y@1", "x@y@2@z", "x@y", "x@1", "w@y@1"];
        // `x@y` without a version is no version of the seen key `x@y`.
        assert_eq!(
            absent(&stored, true, &[came]),
            ["w@y@1".into(), "x@1".into(), "x@y".into()]
        );
    }
}
