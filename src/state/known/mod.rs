//! The rows that a snapshot knows: what its files say of the table, taken together.
//!
//! A snapshot's files tell events: a record was new, changed, or had vanished. Taken in the order of
//! their days and numbers, they make the table as it was last seen, and that is what the next reading
//! is compared with. Nothing else is: the files decide (promise P5).
//!
//! So that not every file has to be read each time, the rows known after some commit are kept as an
//! object of their own ([`checkpoint`]). Its name has a digest of the files that it is made of: one
//! that isn't made of just the files which are there before it (a run of an earlier day may store
//! something late) isn't used. It is written before any state names it, and may be lost.

mod checkpoint;
mod fold;

use std::collections::HashMap;
use std::sync::Arc;

use crate::bronze::events::{Event, Op};

pub use fold::{Folded, known_at};

/// How many hexadecimal digits of a record's hash tell its versions apart. Two contents of one
/// record would have to agree in 128 bits to be taken for one.
const DIGITS: usize = 32;

/// What the version of a vanished record is called.
pub const VANISHED: &str = "vanished";

/// The content of one record: the first half of its canonical JSON's SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHash(u128);

impl ContentHash {
    /// The hash of a record.
    pub fn of(record: &str) -> Self {
        let hash = crate::json::canonical::hash(record);
        Self(u128::from_str_radix(&hash[..DIGITS], 16).unwrap_or_default())
    }

    /// Of a version: the hash, and perhaps `~n` behind it.
    pub(super) fn parse(version: &str) -> Option<Self> {
        let digits = version
            .split_once('~')
            .map_or(version, |(digits, _)| digits);
        let hash = u128::from_str_radix(digits, 16).ok()?;
        (digits.len() == DIGITS).then_some(Self(hash))
    }

    /// As `_version` has it.
    pub fn version(self) -> String {
        format!("{:0width$x}", self.0, width = DIGITS)
    }
}

/// What is known of one record.
#[derive(Debug, Clone, Copy)]
struct Content {
    hash: ContentHash,
    /// Into `Known::slices`; `u32::MAX` where it isn't known.
    slice: u32,
    /// Not to be missed by this run: it has come, or another run has just stored it.
    seen: bool,
}

/// The rows of a table by their keys. It costs some 100 bytes a row.
#[derive(Debug, Default)]
pub struct Known {
    rows: HashMap<Box<str>, Content>,
    slices: Vec<Arc<str>>,
}

/// What a record is, against what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its content is the known one.
    Same,
    /// There is no such record.
    New,
    /// It had another content.
    Changed {
        /// The record has come in this run before.
        again: bool,
    },
}

impl Known {
    /// How many rows there are.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The keys of the rows.
    pub fn into_keys(self) -> impl Iterator<Item = Box<str>> {
        self.rows.into_keys()
    }

    /// How many rows were last read from each slice, by label.
    pub fn by_slice(&self) -> HashMap<&str, u64> {
        let mut counts = HashMap::new();
        for content in self.rows.values() {
            if let Some(slice) = self.slice(content.slice) {
                *counts.entry(slice).or_default() += 1;
            }
        }
        counts
    }

    /// Compares a record that was read with what is known of it, which stays as it is.
    pub fn see(&mut self, key: &str, hash: ContentHash) -> Seen {
        match self.rows.get_mut(key) {
            None => Seen::New,
            Some(content) => {
                let again = std::mem::replace(&mut content.seen, true);
                if content.hash == hash {
                    Seen::Same
                } else {
                    Seen::Changed { again }
                }
            }
        }
    }

    /// A record was read, and a row of it is on its way.
    pub fn set(&mut self, key: &str, hash: ContentHash, slice: &str) {
        let slice = self.slice_index(Some(slice));
        self.insert(key, hash, slice, true);
    }

    /// Whether there are rows that this run hasn't seen.
    pub fn misses_any(&self) -> bool {
        self.rows.values().any(|content| !content.seen)
    }

    /// Keys of the rows that this run hasn't seen, sorted.
    pub fn unseen(&self) -> Vec<Box<str>> {
        let unseen = self.rows.iter().filter(|(_, content)| !content.seen);
        let mut keys: Vec<_> = unseen.map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// A record is there no more.
    pub fn remove(&mut self, key: &str) {
        self.rows.remove(key);
    }

    /// Takes in what another run stored while this one was under way. A record that this run has
    /// seen itself stays as it saw it, and one that the other run stored isn't missed.
    fn join(&mut self, event: Event<'_>) {
        if self.rows.get(event.key).is_some_and(|content| content.seen) {
            return;
        }
        self.apply(event, true);
    }

    fn apply(&mut self, event: Event<'_>, seen: bool) {
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
        // Rows of one slice come together, and slices are few.
        let known = self.slices.iter().rposition(|known| &**known == slice);
        let index = known.unwrap_or_else(|| {
            self.slices.push(slice.into());
            self.slices.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}
