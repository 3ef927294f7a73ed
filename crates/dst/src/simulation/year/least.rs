//! The least that a reader could ask who goes by the shipped jobs, and by the promises: what is held
//! against the requests of a life.
//!
//! Of a day: each slot of a job of `today` one request a slice, and one for each hour with news; inside
//! the time to settle a reading at a distance of a quarter of the day's age (a day at least, a month at
//! most); then the proof: a reading, once more where rows have no order or a slice is empty. Each
//! comparison of complete days one request a slice, and a reading after the last one. Of a table as it stands: two walks a slot.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use super::model::{Asked, Envelope, Home, Ledger, TABLES};
use super::time::{At, days, end_of, local, start_of};

/// On which day of the week days are compared.
const COMPARES: Weekday = Weekday::Sun;

/// By table.
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
            // The newest page, and the one that shows that nothing is behind it.
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
        // The last comparison is a reading.
        let is_last = |last: &&NaiveDate| **last > day + days(spec.compared - 7);
        let last = compared.last().filter(is_last);
        requests += last.map_or(0, |last| full(start_of(*last)));
    }
    requests
}

/// Requests that a reading of a slice takes.
fn pages(ledger: &Ledger, table: usize, day: Option<NaiveDate>, slice: usize, at: At) -> usize {
    let rows: usize = ledger
        .at(table, day, slice, at)
        .map(|listing| listing.copies)
        .sum();
    rows.div_ceil(TABLES[table].page_size).max(1)
}

/// A table that is listed as it stands: read daily, or on Sundays.
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
