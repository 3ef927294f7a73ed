//! Rows whose own date is another day, held until it is known where they are stored (promise P2).
//!
//! | their own day | the row |
//! |---|---|
//! | has it | is left to that day |
//! | can't bring it: it is complete, or was read after it had settled, or lies before `earliest` or after tomorrow | is stored here |
//! | may bring it yet | waits: this day is read again, too. With the last reading of this day it is stored here |
//!
//! An API may filter by another clock or field than the record's date that is looked at, so that a
//! record's own day doesn't list it: it would be in no file. And one that is stored here is in its own
//! day as well, if that lists it later: an id is once in a *day* (P1).
//!
//! Memory is bounded: where more rows wait than may be held, the day isn't complete before their days
//! have them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::day::Day;
use crate::ingest::counts::Counts;
use crate::ingest::intake::Delivery;
use crate::ingest::{Context, Order, day_settled_at};
use crate::lake::LakeError;
use crate::mutation::mutated;
use crate::record::{ContentVersion, RecordId};
use crate::source::declaration::{Dataset, Version};
use crate::state::peek::{Peek, peek};

/// So many rows are held at once at most, and as many may wait…
const MOST_ROWS: usize = 1_000;
/// … of so many bytes of JSON.
const MOST_BYTES: usize = 16 << 20;
/// The states of so many other days are kept in memory: the neighbours, as a rule.
const PEEKED_DAYS: usize = 8;

/// A row of another day.
#[derive(Debug)]
pub struct HeldRow {
    /// Its id.
    pub id: RecordId,
    /// The slice that it came with.
    pub slice: Arc<str>,
    /// Of a child: the parent that it came with.
    pub parent: Option<Arc<str>>,
    /// The record.
    pub record: Box<str>,
    /// The day of its date.
    pub own: Day,
    /// How often it came.
    pub times: u64,
}

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Its own day has it.
    There,
    /// Its own day hasn't, and won't.
    Here,
    /// Its own day may bring it yet.
    Open,
}

/// What became of rows that were stored here: for the log.
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// How many.
    pub rows: u64,
    /// One of them.
    pub id: String,
    /// The day of its date.
    pub own: Day,
}

/// The rows of other days that a run has met.
#[derive(Debug, Default)]
pub struct Held {
    undecided: Rows,
    waiting: Rows,
    /// Rows that would wait, beyond what may be held.
    pub beyond: u64,
    /// Those that were stored here.
    pub misplaced: Option<Misplaced>,
    peeked: BTreeMap<Day, Option<Peek>>,
}

#[derive(Debug, Default)]
struct Rows {
    rows: BTreeMap<Box<str>, HeldRow>,
    bytes: usize,
}

impl Rows {
    fn is_full(&self) -> bool {
        self.rows.len() >= MOST_ROWS || self.bytes >= MOST_BYTES
    }

    /// Whether it is there already; then it is counted.
    fn count(&mut self, id: &str) -> bool {
        let row = self.rows.get_mut(id);
        row.map(|row| row.times += 1).is_some()
    }

    fn add(&mut self, row: HeldRow) {
        self.bytes += row.record.len();
        self.rows.insert(row.id.id.as_str().into(), row);
    }
}

impl Held {
    /// Takes in a row of another day. `true`: its day is known to have it, and it isn't held.
    pub fn take(
        &mut self,
        dataset: &Dataset,
        own: Day,
        (id, record): (&RecordId, &str),
        delivery: &Delivery,
    ) -> bool {
        if let Some(Some(peek)) = self.peeked.get(&own)
            && is_there(dataset, peek, id)
        {
            return true;
        }
        if !self.undecided.count(&id.id) && !self.waiting.count(&id.id) {
            self.undecided.add(HeldRow {
                id: id.clone(),
                slice: Arc::clone(&delivery.slice),
                parent: delivery.parent.clone(),
                record: record.into(),
                own,
                times: 1,
            });
        }
        false
    }

    /// Whether it is time to decide.
    pub fn is_full(&self) -> bool {
        self.undecided.is_full()
    }

    /// The rows of which nothing is decided, those of one day together.
    pub fn undecided(&mut self) -> Vec<HeldRow> {
        let rows = std::mem::take(&mut self.undecided).rows;
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|row| row.own);
        rows
    }

    /// Has the row wait for its day, or counts it where no more may wait.
    pub fn wait(&mut self, row: HeldRow, counts: &mut Counts) {
        if self.waiting.is_full() {
            self.beyond += row.times;
            count_left(&row, counts);
        } else {
            self.waiting.add(row);
        }
    }

    /// The rows that wait for their days.
    pub fn waiting(&mut self) -> impl Iterator<Item = HeldRow> + use<> {
        std::mem::take(&mut self.waiting).rows.into_values()
    }

    /// Counts the rows that wait as those of their days.
    pub fn count_waiting(&self, counts: &mut Counts) {
        for row in self.waiting.rows.values() {
            count_left(row, counts);
        }
    }

    /// Where a row belongs, by what the lake says of its day.
    pub async fn place(
        &mut self,
        context: &Context,
        order: &Order,
        row: &HeldRow,
    ) -> Result<Place, LakeError> {
        let (dataset, own) = (&order.dataset, row.own);
        let today = Day::of(context.clock.now(), context.zone);
        if own > today.next() || dataset.days.earliest.is_some_and(|first| own < first) {
            return Ok(Place::Here);
        }
        if !self.peeked.contains_key(&own) {
            if self.peeked.len() >= PEEKED_DAYS {
                self.peeked.clear();
            }
            let found = peek(&context.lake, &dataset.prefix, own, context.zone).await?;
            self.peeked.insert(own, found);
        }
        let settled = day_settled_at(dataset, own, context.zone);
        Ok(match self.peeked.get(&own) {
            _ if mutated!(OffDayIsForgotten) => Place::There,
            Some(Some(peek)) if is_there(dataset, peek, &row.id) => Place::There,
            Some(Some(peek)) if peek.is_complete() || peek.was_read_since(settled) => Place::Here,
            _ => Place::Open,
        })
    }

    /// Notes a row that is stored here.
    pub fn note(&mut self, row: &HeldRow) {
        let misplaced = self.misplaced.get_or_insert_with(|| Misplaced {
            rows: 0,
            id: row.id.id.clone(),
            own: row.own,
        });
        misplaced.rows += 1;
    }
}

/// Counts a row that is left to its own day.
pub fn count_left(row: &HeldRow, counts: &mut Counts) {
    count_fetched(row, counts);
    if !mutated!(OffDayIsForgotten) {
        counts.off_day += row.times;
    }
}

/// Counts how often the row came.
pub fn count_fetched(row: &HeldRow, counts: &mut Counts) {
    counts.fetched += row.times;
    if !row.id.identified {
        counts.unidentified += row.times;
    }
}

/// Whether a day's state has the record in this version: another version of it is another row, and
/// nobody else may ever store it. By content, versions are numbered within their day.
fn is_there(dataset: &Dataset, peek: &Peek, id: &RecordId) -> bool {
    if peek.contains(&id.id) {
        return true;
    }
    let own = id.version().and_then(ContentVersion::parse);
    let Some(own) = own.filter(|_| dataset.version == Version::Content) else {
        return false;
    };
    let mut stored = peek.versions_of(id.key()).filter_map(ContentVersion::parse);
    stored.any(|version| version.hash == own.hash)
}
