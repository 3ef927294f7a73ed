//! Ledger of the records that each endpoint lists over time; the lake is compared with it.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveDateTime};

use super::tables::{Asked, Part, Stamp, TABLES, Table};
use crate::simulation::year::time::At;

/// Version of a record on a day, listed from `from` until before `until`.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Index of the table.
    pub table: usize,
    /// Index of the slice.
    pub slice: usize,
    pub row: u32,
    /// Number of the version, from 0.
    pub revision: u32,
    /// Time of the creation or update, in Brasília's civil time.
    pub stamp: NaiveDateTime,
    /// Day that the record is listed on. `None` if the table has no days.
    pub day: Option<NaiveDate>,
    pub from: At,
    pub until: At,
    /// Number of times that the record is listed at once.
    pub copies: usize,
}

impl Listing {
    pub fn is_at(&self, at: At) -> bool {
        self.from <= at && at < self.until
    }

    pub fn table(&self) -> &'static Table {
        &TABLES[self.table]
    }

    pub fn key(&self) -> String {
        self.table().key_of(self.row)
    }

    pub fn mark(&self) -> String {
        format!("r{}", self.revision)
    }

    /// Returns the time of the creation or update as the API gives it.
    pub fn stamp(&self) -> String {
        self.stamp.format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Appends the record as JSON to `out`.
    pub fn json(&self, out: &mut String) {
        let table = self.table();
        out.push('{');
        for (field, part) in table.key {
            let row = self.row;
            _ = match part {
                Part::Named(text) => write!(out, "\"{field}\":\"{text}{row:06}\","),
                Part::Number => write!(out, "\"{field}\":{row},"),
                Part::Text(text) => write!(out, "\"{field}\":\"{text}\","),
                Part::Fixed(number) => write!(out, "\"{field}\":{number},"),
                Part::False => write!(out, "\"{field}\":false,"),
            };
        }
        if let (Some((field, format)), Some(day)) = (table.day, self.day) {
            // The date is that of the listing, the time of day that of the stamp.
            let time = day.and_time(self.stamp.time());
            _ = write!(out, "\"{field}\":\"{}\",", time.format(format));
        }
        if let Stamp::Field(field) = table.stamp
            && table.day.is_none_or(|(day, _)| day != field)
        {
            _ = write!(out, "\"{field}\":\"{}\",", self.stamp());
        }
        _ = write!(out, "\"{}\":\"{}\"}}", table.mark, self.mark());
    }
}

/// All listings, with an index by request parameters.
#[derive(Debug, Default)]
pub struct Ledger {
    pub all: Vec<Listing>,
    /// Positions in `all` by table, day and slice. The day is `None` for snapshots and the feed.
    places: HashMap<(usize, Option<NaiveDate>, usize), Vec<usize>>,
}

impl Ledger {
    pub fn add(&mut self, listing: Listing) {
        if listing.from >= listing.until {
            return;
        }
        let day = match listing.table().asked {
            Asked::Days { .. } => listing.day,
            Asked::Whole | Asked::NewestFirst => None,
        };
        let place = (listing.table, day, listing.slice);
        self.places.entry(place).or_default().push(self.all.len());
        self.all.push(listing);
    }

    /// Returns the records that are listed at this instant, unsorted.
    pub fn at(
        &self,
        table: usize,
        day: Option<NaiveDate>,
        slice: usize,
        at: At,
    ) -> impl Iterator<Item = &Listing> {
        let here = self.places.get(&(table, day, slice));
        let here = here.into_iter().flatten().map(|number| &self.all[*number]);
        here.filter(move |listing| listing.is_at(at))
    }
}
