//! Comparison of the API's current counts with those in the lake, as pure functions.
//!
//! The comparison depends on the counts that the API reports:
//!
//! - **A total**, of ids or of rows including repeats: compared with the total recorded when the slice was
//!   last proven. If equal, nothing was published or withdrawn.
//! - **No total, and the whole slice on one page**: its number of rows is compared with the recorded one.
//! - **No total, and more pages**: checks only that the lake holds the records of the outer pages
//!   ([`SliceFinding::Sampled`]); more requires a full read of the day.
//!
//! If no slice has recorded counts (the state was rebuilt, or the lake taken over), the sum of the totals is
//! compared with the number of ids of the day, provided that totals count ids. In each case, a record of the
//! first or the last page that is not in the lake is a difference, regardless of the counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use bronzed_model::declaration::{Dataset, Require, Version};
use bronzed_storage::state::SliceProgress;

/// Counts from the first and the last page of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedCounts {
    /// Number of records of the slice; `None` if the API doesn't report it.
    pub total: Option<u64>,
    /// Number of records on the first page.
    pub rows: u64,
    /// `true` if the first page is the whole slice.
    pub whole: bool,
    /// Number of records on both pages that the lake doesn't hold, without off-day rows.
    pub missing: u64,
}

/// Counts of the day from its state.
#[derive(Debug, Clone, Copy)]
pub struct StoredCounts<'a> {
    /// Progress of each slice, with the counts recorded when it was last proven.
    pub slices: &'a BTreeMap<String, SliceProgress>,
    /// Number of stored ids, without withdrawn ones.
    pub records: u64,
}

/// Comparison of one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceComparison {
    /// `modalidade=6`
    pub slice: String,
    /// Number of records that the API reports now, if it does.
    pub stated: Option<u64>,
    /// Number recorded when the slice was last proven, if any.
    pub held: Option<u64>,
    /// Number of records on the first and the last page that the lake doesn't hold.
    pub missing: u64,
    /// Result of the comparison.
    pub finding: SliceFinding,
}

/// Result of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceFinding {
    /// The counts agree, and the lake holds the records of the outer pages.
    Same,
    /// The API reports no total; the lake holds the records of the outer pages.
    Sampled,
    /// Records were published late or withdrawn, or the slice was never proven.
    Differs,
    /// The API gave no usable response; the reason.
    Unasked(String),
}

impl ReportedCounts {
    /// Returns the counts of an empty slice.
    pub fn nothing() -> Self {
        Self {
            total: Some(0),
            rows: 0,
            whole: true,
            missing: 0,
        }
    }

    fn records(&self) -> Option<u64> {
        self.total.or_else(|| self.whole.then_some(self.rows))
    }
}

impl SliceComparison {
    /// `true` if the day should be read again.
    pub fn differs(&self) -> bool {
        self.finding == SliceFinding::Differs
    }

    /// Returns the reason that the request failed. `None` if it succeeded.
    pub fn obstacle(&self) -> Option<&str> {
        match &self.finding {
            SliceFinding::Unasked(reason) => Some(reason),
            SliceFinding::Same | SliceFinding::Sampled | SliceFinding::Differs => None,
        }
    }

    /// Returns the number of records that the API reports minus the recorded one. `None` if either is
    /// unknown.
    pub fn difference(&self) -> Option<i128> {
        Some(i128::from(self.stated?) - i128::from(self.held?))
    }

    /// Serializes the comparison as a JSON object.
    pub fn to_json(&self) -> Value {
        let (finding, reason) = match &self.finding {
            SliceFinding::Same => ("same", None),
            SliceFinding::Sampled => ("sampled", None),
            SliceFinding::Differs => ("differs", None),
            SliceFinding::Unasked(reason) => ("unasked", Some(reason)),
        };
        json!({
            "slice": self.slice,
            "finding": finding,
            "stated": self.stated,
            "held": self.held,
            "missing_on_pages": self.missing,
            "reason": reason,
        })
    }
}

/// Compares the counts of each slice, by label, with those in the lake.
pub fn compare(
    dataset: &Dataset,
    stated: BTreeMap<String, Result<ReportedCounts, String>>,
    held: &StoredCounts<'_>,
) -> Vec<SliceComparison> {
    let unproven = match held.slices.is_empty() {
        true if sums_up(dataset, &stated, held) => SliceFinding::Same,
        _ => SliceFinding::Differs,
    };
    stated
        .into_iter()
        .map(|(slice, stated)| {
            let noted = held.slices.get(&slice).copied();
            let compared = |stated: Option<u64>, held, missing, finding| SliceComparison {
                slice,
                stated,
                held,
                missing,
                finding,
            };
            let stated = match stated {
                Ok(stated) => stated,
                Err(reason) => {
                    let held = noted.map(|noted| noted.total);
                    return compared(None, held, 0, SliceFinding::Unasked(reason));
                }
            };
            let held = noted.map(|noted| match stated.total {
                Some(_) => noted.total,
                None => noted.seen,
            });
            let finding = match (stated.records(), held) {
                _ if stated.missing > 0 => SliceFinding::Differs,
                (Some(now), Some(then)) if now == then => SliceFinding::Same,
                (Some(_), Some(_)) => SliceFinding::Differs,
                // An empty slice that was never proven.
                (Some(0), None) => SliceFinding::Same,
                (_, None) => unproven.clone(),
                (None, Some(_)) => SliceFinding::Sampled,
            };
            compared(stated.records(), held, stated.missing, finding)
        })
        .collect()
}

/// `true` if totals count ids, and the totals of all slices add up to the records in the lake.
fn sums_up(
    dataset: &Dataset,
    stated: &BTreeMap<String, Result<ReportedCounts, String>>,
    held: &StoredCounts<'_>,
) -> bool {
    let counts_ids = dataset.completeness.require == Require::UniqueTotal;
    let totals = stated.values().map(|stated| stated.as_ref().ok()?.total);
    let sum: Option<u64> = totals.sum();
    counts_ids && dataset.version == Version::None && sum == Some(held.records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_source::testing;

    fn total(total: u64) -> ReportedCounts {
        ReportedCounts {
            total: Some(total),
            rows: total.min(50),
            whole: total <= 50,
            missing: 0,
        }
    }

    fn rows(rows: u64, whole: bool) -> ReportedCounts {
        ReportedCounts {
            total: None,
            rows,
            whole,
            missing: 0,
        }
    }

    /// Compares slices, each given as its current counts and its recorded total and ids.
    fn findings(
        dataset: &Dataset,
        slices: &[(ReportedCounts, Option<(u64, u64)>)],
        records: u64,
    ) -> Vec<SliceFinding> {
        let label = |position: usize| format!("s={position}");
        let stated = slices.iter().enumerate();
        let stated = stated.map(|(position, (stated, _))| (label(position), Ok(*stated)));
        let noted = slices.iter().enumerate();
        let noted = noted.filter_map(|(position, (_, noted))| {
            let (total, seen) = (*noted)?;
            Some((label(position), SliceProgress::of(total, seen)))
        });
        let noted = noted.collect();
        let held = StoredCounts {
            slices: &noted,
            records,
        };
        let compared = compare(dataset, stated.collect(), &held);
        compared.into_iter().map(|slice| slice.finding).collect()
    }

    #[test]
    fn a_total_is_compared_with_the_one_that_was_proven_whatever_it_counts() {
        use SliceFinding::{Differs, Same};
        let mut dataset = testing::dataset();
        for require in [Require::UniqueTotal, Require::RowTotal, Require::TwoWalks] {
            dataset.completeness.require = require;
            // The 120 rows have 100 distinct ids: the total includes repeats.
            let slices = [
                (total(120), Some((120, 100))),
                (total(121), Some((120, 100))),
                (total(119), Some((120, 100))),
                (total(0), Some((5, 5))),
                (total(5), None),
                (total(0), None),
            ];
            assert_eq!(
                findings(&dataset, &slices, 100),
                [Same, Differs, Differs, Differs, Differs, Same]
            );
        }
    }

    #[test]
    fn without_totals_a_slice_on_one_page_is_compared_by_its_rows_and_others_are_sampled() {
        use SliceFinding::{Differs, Same, Sampled};
        let dataset = testing::dataset();
        let slices = [
            (rows(7, true), Some((7, 7))),
            (rows(8, true), Some((7, 7))),
            (rows(50, false), Some((130, 130))),
            (rows(50, false), None),
        ];
        assert_eq!(
            findings(&dataset, &slices, 137),
            [Same, Differs, Sampled, Differs]
        );
    }

    #[test]
    fn a_record_of_the_first_page_that_is_not_stored_differs_whatever_the_total() {
        let dataset = testing::dataset();
        let swapped = ReportedCounts {
            missing: 1,
            ..total(7)
        };
        let found = findings(&dataset, &[(swapped, Some((7, 7)))], 7);
        assert_eq!(found, [SliceFinding::Differs]);
    }

    #[test]
    fn where_nothing_is_noted_the_sum_is_compared_if_it_counts_ids() {
        let mut dataset = testing::dataset();
        let slices = [(total(3), None), (total(4), None), (total(0), None)];
        let same =
            |found: &[SliceFinding]| found.iter().all(|finding| *finding == SliceFinding::Same);
        assert!(same(&findings(&dataset, &slices, 7)));
        assert!(!same(&findings(&dataset, &slices, 8)));
        dataset.completeness.require = Require::RowTotal;
        assert!(!same(&findings(&dataset, &slices, 7)));
        dataset.completeness.require = Require::UniqueTotal;
        dataset.version = Version::Field("/v".to_owned());
        assert!(!same(&findings(&dataset, &slices, 7)));
    }

    #[test]
    fn a_slice_that_was_not_asked_is_neither_the_same_nor_different() {
        let dataset = testing::dataset();
        let stated = BTreeMap::from([("all".to_owned(), Err("status 500".to_owned()))]);
        let noted = BTreeMap::new();
        let held = StoredCounts {
            slices: &noted,
            records: 0,
        };
        let found = compare(&dataset, stated, &held);
        assert_eq!(
            found[0].finding,
            SliceFinding::Unasked("status 500".to_owned())
        );
    }
}
