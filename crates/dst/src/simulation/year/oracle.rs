//! Finds the faults of a simulation from the ledger of the providers, the injected faults and the lake alone.
//!
//! | finding | meaning |
//! |---|---|
//! | falsely complete | a day whose marker was written while a missing record had been listed for eight hours, or before the day had settled |
//! | lost | a missing record (or version) that was readable for long enough: before the day was complete for two days and 0.4 times the day's age when the record appeared (31 days at most); or, if complete days are compared, for nine days afterwards |
//! | unseen | a missing record that is listed at the end and isn't lost, of a day that settled three days before. Not counted as a fault, because it typically appeared after the day was complete, when its dataset reads it no more |
//! | stuck | a day that is neither complete nor accepted three days after it settled |
//! | doubled | an id that is in two rows of a day |
//!
//! Readable time leaves out the faults of the endpoint, the lake, the daemon and its clock.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{NaiveDate, TimeDelta};

use super::bronze::Bronze;
use super::model::{Home, Kept, Ledger, Listing, NEW_SLICE, TABLES, Weather};
use super::store::Marked;
use super::time::{At, days, end_of, start_of};

/// Upper bound of the time from the start of a run to its marker: a record that was listed for all of it was
/// seen.
const PROOF: TimeDelta = TimeDelta::hours(8);

/// Findings of the oracle.
#[derive(Debug, Default)]
pub struct Verdict {
    pub falsely_complete: Vec<String>,
    pub lost: Vec<String>,
    /// Table and day of each entry in `lost`.
    pub lost_days: Vec<(usize, NaiveDate)>,
    pub stuck: Vec<String>,
    /// Table and day of each entry in `stuck`.
    pub stuck_days: Vec<(usize, NaiveDate)>,
    pub doubled: Vec<String>,
    /// Rows of snapshots that are missing, left over, or stored as vanished while they were listed.
    pub snapshots: Vec<String>,
    /// Alerts that were wrong or missing.
    pub alerts: Vec<String>,
    pub unseen: Vec<String>,
    pub listings: usize,
}

impl Verdict {
    pub fn faults(&self) -> usize {
        let all = [
            &self.falsely_complete,
            &self.lost,
            &self.stuck,
            &self.doubled,
            &self.snapshots,
            &self.alerts,
        ];
        all.iter().map(|one| one.len()).sum()
    }
}

/// Input of the oracle at the end of a simulation.
pub struct Case<'a> {
    pub ledger: &'a Ledger,
    pub weather: &'a Weather,
    pub bronze: &'a Bronze,
    pub markers: &'a BTreeMap<String, Vec<Marked>>,
    pub first: NaiveDate,
    pub end: At,
    pub new_slice_at: Option<At>,
    /// The tables that were read.
    pub tables: &'a BTreeSet<usize>,
}

impl Case<'_> {
    pub fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        for table in self.tables {
            self.doubled(*table, &mut verdict);
            match TABLES[*table].home {
                Home::Nowhere => self.snapshot(*table, &mut verdict),
                _ => self.days(*table, &mut verdict),
            }
        }
        verdict
    }

    fn doubled(&self, table: usize, verdict: &mut Verdict) {
        for (day, rows) in &self.bronze.rows[table] {
            let mut seen = HashSet::new();
            for row in rows
                .iter()
                .filter(|row| row.op.is_empty() && !seen.insert(&row.id))
            {
                verdict
                    .doubled
                    .push(format!("{} {day} {}", TABLES[table].name(), row.id));
            }
        }
    }

    /// Returns the time at which the day was marked complete: the earliest write of a marker since the last
    /// deletion of its key. With `new_slice`, markers from before the new slice don't count. `None` if there
    /// is none.
    fn proven(&self, table: usize, day: NaiveDate, new_slice: bool) -> Option<At> {
        let folder = format!(
            "{}/_state/complete/{}",
            TABLES[table].prefix,
            day.format("%Y%m%d")
        );
        let mut proofs = Vec::new();
        let later = self.markers.range(folder.clone()..);
        for (_, marked) in later.take_while(|(key, _)| key.starts_with(&folder)) {
            let taken = marked
                .iter()
                .rposition(|one| matches!(one, Marked::Taken(_)));
            let since = taken.map_or(0, |at| at + 1);
            proofs.extend(marked[since..].iter().filter_map(|one| match one {
                Marked::Put(at) => Some(*at),
                Marked::Taken(_) => None,
            }));
        }
        let from = self.new_slice_at.filter(|_| new_slice);
        proofs.retain(|at| from.is_none_or(|from| *at >= from));
        proofs.into_iter().min()
    }

    fn days(&self, table: usize, verdict: &mut Verdict) {
        let spec = &TABLES[table];
        let stored: HashMap<NaiveDate, HashSet<(&str, &str)>> = self.bronze.rows[table]
            .iter()
            .map(|(day, rows)| {
                let rows = rows.iter().map(|row| match spec.kept {
                    Kept::Records => (row.key.as_str(), ""),
                    _ => (row.key.as_str(), row.version.as_str()),
                });
                (*day, rows.collect())
            })
            .collect();
        let mut broken = BTreeSet::new();
        for listing in self
            .ledger
            .all
            .iter()
            .filter(|listing| listing.table == table)
        {
            let Some(day) = listing.day.filter(|day| *day >= self.first) else {
                continue;
            };
            if end_of(day) > self.end || listing.from >= self.end {
                continue;
            }
            let Some(seen_from) = self.wanted_from(listing) else {
                continue;
            };
            verdict.listings += 1;
            let version = match spec.kept {
                Kept::Records => String::new(),
                Kept::Stamps => listing.stamp(),
                Kept::Marks => listing.mark(),
            };
            let key = listing.key();
            let is_stored = stored
                .get(&day)
                .is_some_and(|rows| rows.contains(&(key.as_str(), version.as_str())));
            if is_stored {
                continue;
            }
            let what = format!(
                "{} {day} {key}{}{version} ({} listed {} to {})",
                spec.name(),
                if version.is_empty() { "" } else { "@" },
                spec.slices[listing.slice],
                listing.from.format("%m-%dT%H:%M"),
                listing.until.min(self.end).format("%m-%dT%H:%M"),
            );
            match self.missing(listing, day, seen_from) {
                Missing::FalselyComplete(at) => {
                    broken.insert((day, at));
                    verdict.lost_days.push((table, day));
                    verdict.lost.push(format!("{what}: complete since {at}"));
                }
                Missing::Lost(why) => {
                    verdict.lost.push(format!("{what}: {why}"));
                    verdict.lost_days.push((table, day));
                }
                Missing::Unseen => verdict.unseen.push(what),
                Missing::Excused => {}
            }
        }
        for (day, at) in broken {
            let what = format!("{} {day}: marked at {at}", spec.name());
            verdict.falsely_complete.push(what);
        }
        self.ends(table, verdict);
    }

    /// Returns the time from which the reader had to read the listing's day and slice. `None` if it never had
    /// to.
    fn wanted_from(&self, listing: &Listing) -> Option<At> {
        let day = end_of(listing.day?);
        match is_new_slice(listing) {
            true => Some(self.new_slice_at?.max(day)),
            false => Some(day),
        }
    }

    fn missing(&self, listing: &Listing, day: NaiveDate, wanted: At) -> Missing {
        let table = listing.table;
        let proven = self.proven(table, day, is_new_slice(listing));
        if let Some(at) = proven
            && listing.from <= at - PROOF
            && listing.until > at
        {
            return Missing::FalselyComplete(at);
        }
        let from = listing.from.max(wanted);
        let until = listing.until.min(proven.unwrap_or(self.end)).min(self.end);
        let age = from - end_of(day);
        let due = days(2) + (age * 4 / 10).min(days(31));
        if self.weather.readable(table, from, until) >= due {
            return Missing::Lost("readable long enough, and the day was open");
        }
        if let Some(at) = proven.filter(|_| TABLES[table].compared > 0) {
            let from = listing.from.max(at);
            let until = listing
                .until
                .min(end_of(day) + days(TABLES[table].compared - 2))
                .min(self.end);
            if self.weather.readable(table, from, until) >= days(9) {
                return Missing::Lost("readable for nine days in which days are compared");
            }
        }
        let settled = end_of(day) + TimeDelta::hours(TABLES[table].settle_hours);
        match listing.until > self.end && settled + days(3) <= self.end {
            true => Missing::Unseen,
            false => Missing::Excused,
        }
    }

    /// Finds the days that were complete before they had settled, and the stuck ones.
    fn ends(&self, table: usize, verdict: &mut Verdict) {
        let spec = &TABLES[table];
        let last = self.end - TimeDelta::hours(spec.settle_hours) - days(3);
        for day in self
            .first
            .iter_days()
            .take_while(|day| end_of(*day) <= self.end)
        {
            let settled = end_of(day) + TimeDelta::hours(spec.settle_hours);
            let proven = self.proven(table, day, false);
            if let Some(at) = proven.filter(|at| *at < settled) {
                let what = format!(
                    "{} {day}: marked at {at}, before it had settled",
                    spec.name()
                );
                verdict.falsely_complete.push(what);
            }
            if end_of(day) > last || self.bronze.accepted[table].contains(&day) {
                continue;
            }
            let sliced = spec.slices.len() == 15 && self.new_slice_at.is_some();
            if proven.is_none() {
                verdict.stuck.push(format!("{} {day}", spec.name()));
                verdict.stuck_days.push((table, day));
            } else if sliced && self.proven(table, day, true).is_none() {
                verdict
                    .stuck
                    .push(format!("{} {day}: without slice {NEW_SLICE}", spec.name()));
                verdict.stuck_days.push((table, day));
            }
        }
    }

    /// Checks that the stored changes of a snapshot, replayed, give the rows that the API lists at the end.
    fn snapshot(&self, table: usize, verdict: &mut Verdict) {
        let spec = &TABLES[table];
        let name = spec.name();
        let mut span: HashMap<String, (At, At)> = HashMap::new();
        let mut latest: HashMap<String, &Listing> = HashMap::new();
        for listing in self
            .ledger
            .all
            .iter()
            .filter(|listing| listing.table == table)
        {
            let key = listing.key();
            let span = span
                .entry(key.clone())
                .or_insert((listing.from, listing.until));
            *span = (span.0.min(listing.from), span.1.max(listing.until));
            let known = latest.entry(key).or_insert(listing);
            if listing.revision > known.revision && listing.from < self.end {
                *known = listing;
            }
        }
        let mut folded: BTreeMap<&str, &str> = BTreeMap::new();
        for (day, rows) in &self.bronze.rows[table] {
            for row in rows {
                if row.op != "vanished" {
                    folded.insert(&row.key, &row.version);
                    continue;
                }
                folded.remove(row.key.as_str());
                let here = span.get(&row.key).copied();
                let (from, until) = (start_of(*day) - days(1), end_of(*day) + days(1));
                if here.is_some_and(|here| here.0 <= from && until <= here.1) {
                    let what = format!(
                        "{name} {day} {}: said to have vanished, and listed",
                        row.key
                    );
                    verdict.snapshots.push(what);
                }
            }
        }
        let still = self.end - days(9);
        for (key, listing) in &latest {
            verdict.listings += 1;
            let has = folded.get(key.as_str()).copied();
            if listing.from <= still && listing.until > self.end {
                if has != Some(listing.mark().as_str()) {
                    let what = format!(
                        "{name} {key}: {} is listed, and {has:?} held",
                        listing.mark()
                    );
                    verdict.snapshots.push(what);
                }
            } else if listing.until <= still && has.is_some() {
                verdict.snapshots.push(format!(
                    "{name} {key}: held, and gone since {}",
                    listing.until
                ));
            }
        }
    }
}

/// Reason for which the lake lacks a listing.
enum Missing {
    /// The day was marked complete at this time, while the record was listed.
    FalselyComplete(At),
    Lost(&'static str),
    /// Still listed at the end, of a settled day, but not readable for long enough before it was complete.
    Unseen,
    /// Listed for too short a time, or may still be read.
    Excused,
}

fn is_new_slice(listing: &Listing) -> bool {
    let slices = listing.table().slices;
    slices.len() == 15 && slices[listing.slice] == NEW_SLICE
}
