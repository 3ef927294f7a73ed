//! Minimum number of requests for a reader that follows the shipped jobs and keeps the promises. The requests
//! of a simulation are compared with it.
//!
//! - A day, by an hourly job of `today`: one request a slice and slot, and one more for each slice and hour
//!   with new records.
//! - A day, until it has settled: a walk of each slice at intervals of a quarter of the day's age, from one
//!   day to 30 days.
//! - Its proof: a walk of each slice; a second one if rows have no order or are listed twice, or if the slice
//!   is empty.
//! - Each comparison of a complete day: one request a slice; a walk of each at the last one.
//! - A snapshot: two walks of each slice and slot.
//! - The feed: two requests a day.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use super::model::{Asked, Envelope, Home, Ledger, TABLES};
use super::time::{At, days, end_of, local, start_of};

/// Weekday on which complete days are compared, and on which the snapshots of Compras.gov.br are read.
const COMPARES: Weekday = Weekday::Sun;

/// Returns the minimum number of requests by index of the table.
pub fn least(
    ledger: &Ledger,
    tables: &BTreeSet<usize>,
    first: NaiveDate,
    end: At,
    new_slice_at: Option<At>,
) -> BTreeMap<usize, u64> {
    let mut news: HashSet<(usize, NaiveDate, usize, u32)> = HashSet::new();
    for listing in &ledger.all {
        if let Some(day) = listing.day
            && listing.from < end_of(day)
        {
            let hour = chrono::Timelike::hour(&local(listing.from));
            news.insert((listing.table, day, listing.slice, hour));
        }
    }
    let mut hourly = BTreeMap::<usize, u64>::new();
    for (table, day, _, _) in news.iter().filter(|(table, ..)| is_hourly(*table)) {
        if *day >= first && end_of(*day) <= end {
            *hourly.entry(*table).or_default() += 1;
        }
    }
    let mut least = BTreeMap::new();
    for &table in tables {
        let spec = &TABLES[table];
        let all = first.iter_days().take_while(|day| end_of(*day) <= end);
        let counted: usize = match (spec.home, spec.asked) {
            (Home::Nowhere, _) => all.map(|day| standing(ledger, table, day)).sum(),
            // Each day the newest page, and a second one that shows that nothing follows.
            (_, Asked::NewestFirst) => all.count() * 2,
            _ => all
                .map(|day| of_day(ledger, table, day, end, new_slice_at))
                .sum(),
        };
        let news = hourly.get(&table).copied().unwrap_or_default();
        least.insert(table, counted as u64 + news);
    }
    least
}

fn is_hourly(table: usize) -> bool {
    let spec = &TABLES[table];
    spec.source == "pncp" && ["contratacoes", "contratos"].contains(&spec.dataset)
}

fn of_day(
    ledger: &Ledger,
    table: usize,
    day: NaiveDate,
    end: At,
    new_slice_at: Option<At>,
) -> usize {
    let spec = &TABLES[table];
    let mut requests = 0;
    let asked = |at: At| {
        let all = 0..spec.slices.len();
        let new = new_slice_at.is_some_and(|from| from <= at);
        all.filter(move |slice| spec.slices.len() != 15 || *slice < 14 || new)
    };
    let full = |at: At| -> usize {
        asked(at)
            .map(|slice| pages(ledger, table, Some(day), slice, at))
            .sum()
    };
    let ended = end_of(day);
    if is_hourly(table) {
        requests += 24 * asked(start_of(day)).count();
    }
    let settled = ended + TimeDelta::hours(spec.settle_hours);
    let mut at = ended + TimeDelta::hours(5);
    while at < settled.min(end) {
        requests += full(at);
        at += ((at - ended) / 4).clamp(days(1), days(30));
    }
    if settled + TimeDelta::hours(3) > end {
        return requests;
    }
    let (once, empty) = (
        full(settled),
        asked(settled).filter(|slice| {
            ledger
                .at(table, Some(day), *slice, settled)
                .next()
                .is_none()
        }),
    );
    let walks = match spec.envelope == Envelope::Compras || spec.twice > 0 {
        true => 2 * once,
        false => once + empty.count(),
    };
    requests += walks;
    if spec.compared > 0 {
        let compared = (1..=spec.compared).map(|after| day + days(after));
        let compared = compared.filter(|day| day.weekday() == COMPARES && start_of(*day) < end);
        let compared: Vec<_> = compared.collect();
        let slices = compared.iter().map(|day| asked(start_of(*day)).count());
        requests += slices.sum::<usize>();
        // The last comparison walks all slices.
        let is_last = |last: &&NaiveDate| **last > day + days(spec.compared - 7);
        let last = compared.last().filter(is_last);
        requests += last.map_or(0, |last| full(start_of(*last)));
    }
    requests
}

/// Returns the number of requests for a walk of a slice.
fn pages(ledger: &Ledger, table: usize, day: Option<NaiveDate>, slice: usize, at: At) -> usize {
    let rows: usize = ledger
        .at(table, day, slice, at)
        .map(|listing| listing.copies)
        .sum();
    rows.div_ceil(TABLES[table].page_size).max(1)
}

/// Returns the number of requests for a snapshot on `day`: read daily, those of Compras.gov.br on Sundays.
fn standing(ledger: &Ledger, table: usize, day: NaiveDate) -> usize {
    let spec = &TABLES[table];
    if spec.source == "comprasnet" && day.weekday() != COMPARES {
        return 0;
    }
    let at = start_of(day) + TimeDelta::hours(6);
    let slices = 0..spec.slices.len();
    slices
        .map(|slice| 2 * pages(ledger, table, None, slice, at))
        .sum()
}
