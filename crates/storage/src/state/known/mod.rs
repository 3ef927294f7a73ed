//! Current rows of a snapshot, replayed from its files.
//!
//! A snapshot's files contain events: a record was new, changed, or had vanished. Replayed in the order of
//! their days and numbers, they give the table as last seen, with which the next reading is compared. No
//! other source is used: the files decide (promise P5).
//!
//! To avoid replaying all files each time, the rows known after some commit are stored as an object of their
//! own ([`checkpoint`]). Its name contains a digest of the list of files it was made from: if that isn't
//! exactly the list of files up to its commit (a run of an earlier day may store something late), the
//! checkpoint isn't used. It is written before any state names it, and may be lost.

mod checkpoint;
mod fold;

use std::collections::HashMap;
use std::sync::Arc;

use bronzed_model::json::canonical;
use bronzed_model::json::tape::Value;

use crate::bronze::events::{JsonEvent, Op};

pub use fold::{Folded, known_at};

/// Hexadecimal digits of a record's hash that identify its content: 128 bits, so collisions are negligible.
const DIGITS: usize = 32;

/// Version of a vanished record.
pub const VANISHED: &str = "vanished";

/// Content hash of one record: the first half of the SHA-256 of its canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHash(u128);

impl ContentHash {
    /// Returns the hash of a record.
    pub fn of(record: &str) -> Self {
        Self::of_hash(&canonical::hash(record))
    }

    /// Returns the hash of a record on its tape.
    pub fn of_value(record: Value<'_>) -> Self {
        Self::of_hash(&canonical::hash_value(record))
    }

    fn of_hash(hash: &str) -> Self {
        Self(u128::from_str_radix(&hash[..DIGITS], 16).unwrap_or_default())
    }

    /// Parses a version: the hash, optionally followed by `~n`.
    pub(super) fn parse(version: &str) -> Option<Self> {
        let digits = version
            .split_once('~')
            .map_or(version, |(digits, _)| digits);
        let hash = u128::from_str_radix(digits, 16).ok()?;
        (digits.len() == DIGITS).then_some(Self(hash))
    }

    /// Returns the hash as written to `_version`.
    pub fn version(self) -> String {
        format!("{:0width$x}", self.0, width = DIGITS)
    }
}

/// Known content of one record.
#[derive(Debug, Clone, Copy)]
struct Content {
    hash: ContentHash,
    /// Index into `Known::slices`; `u32::MAX` if the slice is unknown.
    slice: u32,
    /// `true` if the record isn't missing in this run: it was read, or another run has just stored it.
    seen: bool,
}

/// Rows of a table by key. Takes about 100 bytes of memory per row.
#[derive(Debug, Default)]
pub struct Known {
    rows: HashMap<Box<str>, Content>,
    slices: Vec<Arc<str>>,
}

/// Result of comparing a record with the known rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownRecord {
    /// The content is unchanged.
    Same,
    /// The key is unknown.
    New,
    /// The content has changed.
    Changed {
        /// `true` if this run has read the record before.
        again: bool,
    },
}

impl Known {
    /// Returns the number of rows.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns the keys of the rows.
    pub fn into_keys(self) -> impl Iterator<Item = Box<str>> {
        self.rows.into_keys()
    }

    /// Returns the number of rows last read from each slice, by label.
    pub fn by_slice(&self) -> HashMap<&str, u64> {
        let mut counts = HashMap::new();
        for content in self.rows.values() {
            if let Some(slice) = self.slice(content.slice) {
                *counts.entry(slice).or_default() += 1;
            }
        }
        counts
    }

    /// Compares a record with the known content, and marks it as seen; the content isn't updated.
    pub fn see(&mut self, key: &str, hash: ContentHash) -> KnownRecord {
        match self.rows.get_mut(key) {
            None => KnownRecord::New,
            Some(content) => {
                let again = std::mem::replace(&mut content.seen, true);
                if content.hash == hash {
                    KnownRecord::Same
                } else {
                    KnownRecord::Changed { again }
                }
            }
        }
    }

    /// Sets the known content of a record whose new row is about to be stored.
    pub fn set(&mut self, key: &str, hash: ContentHash, slice: &str) {
        let slice = self.slice_index(Some(slice));
        self.insert(key, hash, slice, true);
    }

    /// Returns `true` if there are rows that this run hasn't seen.
    pub fn misses_any(&self) -> bool {
        self.rows.values().any(|content| !content.seen)
    }

    /// Returns the keys of the rows that this run hasn't seen, sorted.
    pub fn unseen(&self) -> Vec<Box<str>> {
        let unseen = self.rows.iter().filter(|(_, content)| !content.seen);
        let mut keys: Vec<_> = unseen.map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// Removes a record that has vanished.
    pub fn remove(&mut self, key: &str) {
        self.rows.remove(key);
    }

    /// Applies an event that another run stored during this run. A record that this run has seen itself keeps
    /// its content; one that the other run stored counts as seen.
    fn join(&mut self, event: JsonEvent<'_>) {
        if self.rows.get(event.key).is_some_and(|content| content.seen) {
            return;
        }
        self.apply(event, true);
    }

    fn apply(&mut self, event: JsonEvent<'_>, seen: bool) {
        if event.op == Op::Vanished {
            self.rows.remove(event.key);
        } else if let Some(hash) = ContentHash::parse(event.version) {
            let slice = self.slice_index(event.slice);
            self.insert(event.key, hash, slice, seen);
        }
    }

    fn insert(&mut self, key: &str, hash: ContentHash, slice: u32, seen: bool) {
        let content = Content { hash, slice, seen };
        match self.rows.get_mut(key) {
            Some(known) => *known = content,
            None => {
                self.rows.insert(key.into(), content);
            }
        }
    }

    fn slice(&self, index: u32) -> Option<&str> {
        self.slices.get(index as usize).map(|slice| &**slice)
    }

    fn slice_index(&mut self, slice: Option<&str>) -> u32 {
        let Some(slice) = slice else {
            return u32::MAX;
        };
        // Rows of one slice come together, and slices are few, so a search from the end is fast.
        let known = self.slices.iter().rposition(|known| &**known == slice);
        let index = known.unwrap_or_else(|| {
            self.slices.push(slice.into());
            self.slices.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}
