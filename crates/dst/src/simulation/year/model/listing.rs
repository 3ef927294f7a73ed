//! What each endpoint lists, from when until when: the ledger that the lake is compared with.

use std::collections::HashMap;
use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveDateTime};

use super::tables::{Asked, Part, Stamp, TABLES, Table};
use crate::simulation::year::time::At;

/// A version of a record on a day: listed from `from` until before `until`.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Its table's number.
    pub table: usize,
    /// The number of its slice.
    pub slice: usize,
    pub row: u32,
    /// From 0.
    pub revision: u32,
    /// When it was made, in civil time.
    pub stamp: NaiveDateTime,
    /// The day that it is listed on. `None`: of a table without days.
    pub day: Option<NaiveDate>,
    pub from: At,
    pub until: At,
    /// It is listed so many times over.
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

    /// The time of the update, as the API gives it.
    pub fn stamp(&self) -> String {
        self.stamp.format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// The record.
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
            // The day is the table's own; the time of day is that of the stamp.
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

/// All of it, by what is asked for.
#[derive(Debug, Default)]
pub struct Ledger {
    pub all: Vec<Listing>,
    /// By table, day and slice; tables without days, and the feed, have none here.
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

    /// What is listed there at this instant, in no order.
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
