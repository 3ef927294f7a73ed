//! The comparison itself: plain code over what the API states now and what the lake knows.
//!
//! What can be compared depends on what the API states:
//!
//! - A **total**, whatever it counts (ids or rows, repeats included): with the total that was noted
//!   when the slice was last proven. Equal to that, nothing was published or taken away.
//! - **No total, and the whole slice on one page**: its rows, with those that were noted.
//! - **No total, and more pages**: only whether the lake holds the records of the first one
//!   ([`Finding::Sampled`]); to know more takes a reading of the day.
//!
//! Where nothing is noted of any slice (the state was rebuilt, or the lake taken over), the sum of
//! the totals is compared with the ids of the day, where totals count ids. In each case a record of
//! the first or the last page that isn't in the lake is a difference, whatever the counts say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::source::declaration::{Dataset, Require, Version};
use crate::state::SliceProgress;

/// What the first and the last page of a slice say now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// How many records the slice has, where that is stated.
    pub total: Option<u64>,
    /// Records on the first page.
    pub rows: u64,
    /// The first page is the whole slice.
    pub whole: bool,
    /// Records of both pages that the lake doesn't hold, rows of other days left out.
    pub missing: u64,
}

/// What the lake knows of the day.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// What was noted when each slice was last proven.
    pub slices: &'a BTreeMap<String, SliceProgress>,
    /// Stored ids, without those that are noted as withdrawn.
    pub records: u64,
}

/// One slice, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// `modalidade=6`
    pub slice: String,
    /// How many records the API states now, where it does.
    pub stated: Option<u64>,
    /// How many were noted when the slice was last proven, where they were.
    pub held: Option<u64>,
    /// Records of the first and the last page that the lake doesn't hold.
    pub missing: u64,
    /// What that means.
    pub finding: Finding,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The lake holds what the API states, as far as its outer pages tell.
    Same,
    /// The API states no total, and the first page of several is in the lake.
    Sampled,
    /// Records were published late, or taken away, or the slice was never proven.
    Differs,
    /// The API gave no usable answer: the reason.
    Unasked(String),
}

impl Stated {
    /// A slice without any record.
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

impl Compared {
    /// Whether the lake should read the day again.
    pub fn differs(&self) -> bool {
        self.finding == Finding::Differs
    }

    /// Why the API couldn't be asked.
    pub fn obstacle(&self) -> Option<&str> {
        match &self.finding {
            Finding::Unasked(reason) => Some(reason),
            Finding::Same | Finding::Sampled | Finding::Differs => None,
        }
    }

    /// How many records more (or fewer) the API states than were noted, where both are known.
    pub fn difference(&self) -> Option<i128> {
        Some(i128::from(self.stated?) - i128::from(self.held?))
    }

    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        let (finding, reason) = match &self.finding {
            Finding::Same => ("same", None),
            Finding::Sampled => ("sampled", None),
            Finding::Differs => ("differs", None),
            Finding::Unasked(reason) => ("unasked", Some(reason)),
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

/// Compares what each slice states, by label, with what the lake knows.
pub fn compare(
    dataset: &Dataset,
    stated: BTreeMap<String, Result<Stated, String>>,
    held: &Held<'_>,
) -> Vec<Compared> {
    let unproven = match held.slices.is_empty() {
        true if sums_up(dataset, &stated, held) => Finding::Same,
        _ => Finding::Differs,
    };
    stated
        .into_iter()
        .map(|(slice, stated)| {
            let noted = held.slices.get(&slice).copied();
            let compared = |stated: Option<u64>, held, missing, finding| Compared {
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
                    return compared(None, held, 0, Finding::Unasked(reason));
                }
            };
            let held = noted.map(|noted| match stated.total {
                Some(_) => noted.total,
                None => noted.seen,
            });
            let finding = match (stated.records(), held) {
                _ if stated.missing > 0 => Finding::Differs,
                (Some(now), Some(then)) if now == then => Finding::Same,
                (Some(_), Some(_)) => Finding::Differs,
                // A slice of which nothing was ever proven, and that has nothing.
                (Some(0), None) => Finding::Same,
                (_, None) => unproven.clone(),
                (None, Some(_)) => Finding::Sampled,
            };
            compared(stated.records(), held, stated.missing, finding)
        })
        .collect()
}

/// Whether the totals of all slices add up to the records that the lake holds, where both count the
/// same.
fn sums_up(
    dataset: &Dataset,
    stated: &BTreeMap<String, Result<Stated, String>>,
    held: &Held<'_>,
) -> bool {
    let counts_ids = dataset.completeness.require == Require::UniqueTotal;
    let totals = stated.values().map(|stated| stated.as_ref().ok()?.total);
    let sum: Option<u64> = totals.sum();
    counts_ids && dataset.version == Version::None && sum == Some(held.records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing;

    fn total(total: u64) -> Stated {
        Stated {
            total: Some(total),
            rows: total.min(50),
            whole: total <= 50,
            missing: 0,
        }
    }

    fn rows(rows: u64, whole: bool) -> Stated {
        Stated {
            total: None,
            rows,
            whole,
            missing: 0,
        }
    }

    /// What is found of slices, each with what it states and what is noted of it.
    fn findings(
        dataset: &Dataset,
        slices: &[(Stated, Option<(u64, u64)>)],
        records: u64,
    ) -> Vec<Finding> {
        let label = |position: usize| format!("s={position}");
        let stated = slices.iter().enumerate();
        let stated = stated.map(|(position, (stated, _))| (label(position), Ok(*stated)));
        let noted = slices.iter().enumerate();
        let noted = noted.filter_map(|(position, (_, noted))| {
            let (total, seen) = (*noted)?;
            Some((label(position), SliceProgress::of(total, seen)))
        });
        let noted = noted.collect();
        let held = Held {
            slices: &noted,
            records,
        };
        let compared = compare(dataset, stated.collect(), &held);
        compared.into_iter().map(|slice| slice.finding).collect()
    }

    #[test]
    fn a_total_is_compared_with_the_one_that_was_proven_whatever_it_counts() {
        use Finding::{Differs, Same};
        let mut dataset = testing::dataset();
        for require in [Require::UniqueTotal, Require::RowTotal, Require::TwoWalks] {
            dataset.completeness.require = require;
            // Of 120 rows 100 were different: the total counts the repeats.
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
        use Finding::{Differs, Same, Sampled};
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
        let swapped = Stated {
            missing: 1,
            ..total(7)
        };
        let found = findings(&dataset, &[(swapped, Some((7, 7)))], 7);
        assert_eq!(found, [Finding::Differs]);
    }

    #[test]
    fn where_nothing_is_noted_the_sum_is_compared_if_it_counts_ids() {
        let mut dataset = testing::dataset();
        let slices = [(total(3), None), (total(4), None), (total(0), None)];
        let same = |found: &[Finding]| found.iter().all(|finding| *finding == Finding::Same);
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
        let held = Held {
            slices: &noted,
            records: 0,
        };
        let found = compare(&dataset, stated, &held);
        assert_eq!(found[0].finding, Finding::Unasked("status 500".to_owned()));
    }
}
