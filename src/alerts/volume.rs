//! Numbers of records of complete days, read once from their states.
//!
//! Of each dataset that is read by day, only the newest complete day and the same weekday of the weeks before
//! are needed: nine small documents at first, and one a day after a week.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Days;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::alerts::evidence::full_name;
use crate::alerts::facts::AlertFacts;
use crate::alerts::rules::weeks_before;
use bronzed_model::day::Day;
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::state::glance;

/// Number of earlier weeks that tell the usual number of records.
pub(super) const WEEKS: u64 = 8;

/// Maximum number of states that are read for one snapshot.
const MAX_READS: usize = 12;

/// Numbers of records by full name of the dataset and day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VolumeHistory(BTreeMap<String, BTreeMap<Day, u64>>);

impl VolumeHistory {
    /// Returns the number of records of a day. `None` if it isn't known.
    pub fn of(&self, name: &str, day: Day) -> Option<u64> {
        self.0.get(name)?.get(&day).copied()
    }

    /// Adds numbers of records.
    pub fn extend(&mut self, read: &[(String, Day, u64)]) {
        for (name, day, records) in read {
            let of_dataset = self.0.entry(name.clone()).or_default();
            of_dataset.insert(*day, *records);
        }
    }

    /// Removes the days that are too old to be compared with.
    pub fn forget(&mut self, facts: &AlertFacts) {
        for source in &facts.sources {
            for dataset in &source.datasets {
                let newest = dataset.days.as_ref().and_then(|days| days.complete.last());
                let oldest = newest.and_then(|day| {
                    let weeks = Days::new(7 * (WEEKS + 1));
                    Some(Day::new(day.date().checked_sub_days(weeks)?))
                });
                let known = self.0.get_mut(&full_name(&source.name, &dataset.name));
                if let (Some(oldest), Some(known)) = (oldest, known) {
                    known.retain(|day, _| *day >= oldest);
                }
            }
        }
    }

    /// Adds the days that another collection has and this lacks.
    pub fn merge(&mut self, other: &Self) {
        for (name, days) in &other.0 {
            let own = self.0.entry(name.clone()).or_default();
            for (day, records) in days {
                own.entry(*day).or_insert(*records);
            }
        }
    }
}

/// A day whose number of records is needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    name: String,
    prefix: String,
    day: Day,
}

/// Reader of the states of days.
#[derive(Debug)]
pub(super) struct VolumeReader {
    lake: Lake,
    /// Days whose state has no number: they aren't asked for again by this process.
    unreadable: BTreeSet<Wanted>,
}

impl VolumeReader {
    pub(super) fn new(lake: Lake) -> Self {
        Self {
            lake,
            unreadable: BTreeSet::new(),
        }
    }

    /// Reads some of the numbers that are needed and not known. Stops at the first error, because the next
    /// snapshot tries again.
    pub(super) async fn read(
        &mut self,
        facts: &AlertFacts,
        known: &VolumeHistory,
    ) -> Vec<(String, Day, u64)> {
        let wanted: Vec<_> = wanted(facts)
            .filter(|(wanted, _)| known.of(&wanted.name, wanted.day).is_none())
            .filter(|(wanted, _)| !self.unreadable.contains(wanted))
            .take(MAX_READS)
            .collect();
        let mut read = Vec::new();
        for (wanted, zone) in wanted {
            match self.records(&wanted, zone).await {
                Ok(Some(records)) => read.push((wanted.name, wanted.day, records)),
                Ok(None) => drop(self.unreadable.insert(wanted)),
                Err(_) => break,
            }
        }
        read
    }

    async fn records(&self, wanted: &Wanted, zone: Tz) -> Result<Option<u64>, LakeError> {
        let found = glance(&self.lake, &wanted.prefix, wanted.day, zone).await?;
        Ok(found.map(|state| state.runs.iter().map(|run| run.counts.new).sum()))
    }
}

/// Returns the newest complete day of each dataset, and the same weekday of the weeks before.
fn wanted(facts: &AlertFacts) -> impl Iterator<Item = (Wanted, Tz)> + '_ {
    facts.sources.iter().flat_map(|source| {
        let datasets = source.datasets.iter();
        datasets.flat_map(move |dataset| {
            let complete = dataset.days.iter().flat_map(|days| &days.complete);
            let complete: BTreeSet<_> = complete.copied().collect();
            let newest = complete.last().copied();
            let days: Vec<_> = newest
                .into_iter()
                .flat_map(|newest| std::iter::once(newest).chain(weeks_before(newest)))
                .filter(|day| complete.contains(day))
                .collect();
            days.into_iter().map(move |day| {
                let wanted = Wanted {
                    name: full_name(&source.name, &dataset.name),
                    prefix: dataset.prefix.clone(),
                    day,
                };
                (wanted, source.zone)
            })
        })
    })
}
