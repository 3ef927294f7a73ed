//! Off-day rows, held until it is decided which day stores them (promise P2).
//!
//! | own day of the row | decision |
//! |---|---|
//! | has the row | left to that day |
//! | can't bring the row: the day is complete, or was read after it had settled, or lies before `earliest` or after tomorrow | stored here |
//! | may still bring the row | the row waits: this day is read again, too. The last reading of this day stores it here |
//!
//! An API may filter by another clock or field than the record's date that is compared, so that a record's
//! own day doesn't list it: the record would be in no file. A record that is stored here is stored in its
//! own day as well if that day lists it later: an id is unique within a *day* (P1).
//!
//! Memory is bounded: if more rows wait than may be held, the day isn't complete before their own days have
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ingest::frame::day_settled_at;
use crate::ingest::intake::Delivery;
use crate::ingest::{Context, Order};
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Version};
use bronzed_model::record::{ContentVersion, RecordId};
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::peek::{Peek, peek};

/// Maximum number of undecided rows that are held, and also of waiting rows.
const MOST_ROWS: usize = 1_000;
/// Maximum size of the undecided rows in bytes of JSON, and also of the waiting rows.
const MOST_BYTES: usize = 16 << 20;
/// Maximum number of other days whose state is cached; usually the neighbours.
const PEEKED_DAYS: usize = 8;

/// Off-day row.
#[derive(Debug)]
pub struct HeldRow {
    /// Id of the record.
    pub id: RecordId,
    /// Label of the slice that listed the record.
    pub slice: Arc<str>,
    /// Id of the record's parent; only for a child dataset.
    pub parent: Option<Arc<str>>,
    /// JSON text of the record.
    pub record: Box<str>,
    /// Day of the record's own date.
    pub own: Day,
    /// Number of times that the record was listed.
    pub times: u64,
}

/// Day that stores an off-day row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageDay {
    /// The row's own day has it.
    There,
    /// The day that is read, because the row's own day doesn't have it and won't get it.
    Here,
    /// Undecided: the row's own day may still bring it.
    Open,
}

/// Off-day rows that were stored here, for the log.
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// Number of rows.
    pub rows: u64,
    /// Id of one of the rows.
    pub id: String,
    /// Day of that row's own date.
    pub own: Day,
}

/// Off-day rows that a run has met.
#[derive(Debug, Default)]
pub struct HeldRows {
    undecided: Rows,
    waiting: Rows,
    /// Number of rows that would wait, but exceed the limit.
    pub beyond: u64,
    /// Rows that were stored here.
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

    /// Counts another occurrence of the row `id`. Returns `false` if the row isn't held.
    fn count(&mut self, id: &str) -> bool {
        let row = self.rows.get_mut(id);
        row.map(|row| row.times += 1).is_some()
    }

    fn add(&mut self, row: HeldRow) {
        self.bytes += row.record.len();
        self.rows.insert(row.id.id.as_str().into(), row);
    }
}

impl HeldRows {
    /// Takes in an off-day row. Returns `true` if the row's own day is known to have it, so that it isn't
    /// held.
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

    /// Returns `true` if the undecided rows have reached the limit.
    pub fn is_full(&self) -> bool {
        self.undecided.is_full()
    }

    /// Removes and returns the undecided rows, sorted by their own day.
    pub fn undecided(&mut self) -> Vec<HeldRow> {
        let rows = std::mem::take(&mut self.undecided).rows;
        let mut rows: Vec<_> = rows.into_values().collect();
        rows.sort_by_key(|row| row.own);
        rows
    }

    /// Makes the row wait for its own day, or only counts it if the limit is reached.
    pub fn wait(&mut self, row: HeldRow, counts: &mut Counts) {
        if self.waiting.is_full() {
            self.beyond += row.times;
            count_left(&row, counts);
        } else {
            self.waiting.add(row);
        }
    }

    /// Removes and returns the waiting rows.
    pub fn waiting(&mut self) -> impl Iterator<Item = HeldRow> + use<> {
        std::mem::take(&mut self.waiting).rows.into_values()
    }

    /// Counts the waiting rows as left to their own days.
    pub fn count_waiting(&self, counts: &mut Counts) {
        for row in self.waiting.rows.values() {
            count_left(row, counts);
        }
    }

    /// Returns which day stores a row, by the state of the row's own day.
    pub async fn place(
        &mut self,
        context: &Context,
        order: &Order,
        row: &HeldRow,
    ) -> Result<StorageDay, LakeError> {
        let (dataset, own) = (&order.dataset, row.own);
        let today = Day::of(context.clock.now(), context.zone);
        if own > today.next() || dataset.days.earliest.is_some_and(|first| own < first) {
            return Ok(StorageDay::Here);
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
            Some(Some(peek)) if is_there(dataset, peek, &row.id) => StorageDay::There,
            Some(Some(peek)) if peek.is_complete() || peek.was_read_since(settled) => {
                StorageDay::Here
            }
            _ => StorageDay::Open,
        })
    }

    /// Records a row that is stored here.
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
    counts.off_day += row.times;
}

/// Counts the occurrences of the row as fetched.
pub fn count_fetched(row: &HeldRow, counts: &mut Counts) {
    counts.fetched += row.times;
    if !row.id.identified {
        counts.unidentified += row.times;
    }
}

/// Returns `true` if a day's state has the record in this version; another version is another row, which no
/// other run may ever store. Content versions are numbered within their day, so only their hashes are
/// compared.
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
