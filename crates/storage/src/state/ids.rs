//! Sorted set of ids in little memory: blocks of text, each with the ends of its ids.
//!
//! A day may have a million ids of some 30 bytes, each of which a set of strings would give a pointer, a length,
//! an allocation, and its share of a tree. Here an id takes its bytes and four more, and about a tenth of that
//! for blocks that aren't full.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// Maximum number of ids in a block. An insertion moves half a block, and a split half of the list of blocks.
const MOST: usize = 256;
/// Size of a block's text in bytes from which it is split with fewer ids.
const LARGE: usize = 1 << 20;
/// Free bytes of text with which a block grows.
const SPARE: usize = 512;

/// Set of ids, in their order.
#[derive(Clone, Default)]
pub(super) struct IdSet {
    /// Blocks in order, none of them empty.
    blocks: Vec<Block>,
    len: usize,
}

/// Some ids in order, one after the other.
#[derive(Clone, Default)]
struct Block {
    text: String,
    /// End of each id in `text`. An id has at most 1 GiB, as its record has.
    ends: Vec<u32>,
}

impl IdSet {
    /// Adds an id; returns `false` if it was there.
    pub(super) fn insert(&mut self, id: &str) -> bool {
        let at = self.block_of(id);
        let last = self.blocks.len().saturating_sub(1);
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(Block::of(id));
            self.len += 1;
            return true;
        };
        let place = block.place_of(id);
        if block.get(place) == Some(id) {
            return false;
        }
        self.len += 1;
        if block.is_full() {
            if at == last && place == block.len() {
                // Ids that come in order fill their blocks.
                block.trim();
                self.blocks.push(Block::of(id));
                return true;
            }
            let rest = block.split();
            let middle = block.len();
            self.blocks.insert(at + 1, rest);
            let half = &mut self.blocks[at + usize::from(place > middle)];
            half.insert(half.place_of(id), id);
            return true;
        }
        block.insert(place, id);
        true
    }

    /// Returns `true` if the id is there.
    pub(super) fn contains(&self, id: &str) -> bool {
        let block = self.blocks.get(self.block_of(id));
        block.is_some_and(|block| block.get(block.place_of(id)) == Some(id))
    }

    /// Returns the number of ids.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there is no id.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the ids, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|block| block.ids(0))
    }

    /// Returns the rest of the ids that begin with `key@`, in order.
    pub(super) fn versions_of(&self, key: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{key}@");
        let first = self.block_of(&prefix);
        let begin = self.blocks.get(first);
        let begin = begin.map_or(0, |block| block.place_of(&prefix));
        let blocks = self.blocks.iter().skip(first).enumerate();
        let ids =
            blocks.flat_map(move |(number, block)| block.ids(if number == 0 { begin } else { 0 }));
        ids.map_while(move |id| id.strip_prefix(&*prefix))
    }

    /// Returns `true` if each id of `other` is here.
    pub(super) fn is_superset(&self, other: &Self) -> bool {
        let mut ours = self.iter();
        self.len >= other.len && other.iter().all(|id| ours.any(|own| own == id))
    }

    /// Removes all ids.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Number of the block that has the id, or that it belongs into.
    fn block_of(&self, id: &str) -> usize {
        let after = self.blocks.partition_point(|block| block.first() <= id);
        after.saturating_sub(1)
    }
}

impl Block {
    fn of(id: &str) -> Self {
        let mut block = Self::default();
        block.insert(0, id);
        block
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn is_full(&self) -> bool {
        self.len() >= MOST || (self.len() > 1 && self.text.len() >= LARGE)
    }

    fn first(&self) -> &str {
        self.get(0).unwrap_or_default()
    }

    /// Returns the id at a place.
    fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)? as usize;
        self.text.get(self.start(place)..end)
    }

    fn start(&self, place: usize) -> usize {
        place
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize)
    }

    /// Returns the ids from a place on.
    fn ids(&self, from: usize) -> impl Iterator<Item = &str> {
        (from..self.len()).filter_map(|place| self.get(place))
    }

    /// Returns the place of the first id that isn't less.
    fn place_of(&self, id: &str) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.get(middle).is_some_and(|found| found < id) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }

    fn insert(&mut self, place: usize, id: &str) {
        let start = self.start(place);
        if self.text.capacity() - self.text.len() < id.len() {
            self.text.reserve_exact(id.len() + SPARE);
        }
        if self.ends.len() == self.ends.capacity() {
            self.ends.reserve_exact(MOST / 8);
        }
        self.text.insert_str(start, id);
        let length = offset(id.len());
        self.ends.insert(place, offset(start));
        for end in &mut self.ends[place..] {
            *end += length;
        }
    }

    /// Splits off the second half.
    fn split(&mut self) -> Self {
        let half = self.len() / 2;
        let start = self.start(half);
        let text = self.text.split_off(start);
        let ends = self.ends.split_off(half);
        self.trim();
        let moved = offset(start);
        Self {
            text,
            ends: ends.into_iter().map(|end| end - moved).collect(),
        }
    }

    fn trim(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Position in a block's text, which is far below 4 GiB.
fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl PartialEq for IdSet {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for IdSet {}

impl fmt::Debug for IdSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: AsRef<str>> Extend<T> for IdSet {
    fn extend<I: IntoIterator<Item = T>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id.as_ref());
        }
    }
}

impl<'de> Deserialize<'de> for IdSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdsVisitor;
        impl<'de> Visitor<'de> for IdsVisitor {
            type Value = IdSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<IdSet, A::Error> {
                let mut ids = IdSet::default();
                while seq.next_element_seed(Next(&mut ids))?.is_some() {}
                Ok(ids)
            }
        }
        deserializer.deserialize_seq(IdsVisitor)
    }
}

/// Receiver of one id of an array, which isn't copied before it is in the set.
struct Next<'s>(&'s mut IdSet);

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Next<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<(), E> {
        self.0.insert(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Ids with much in common, some of which begin with others, or are empty, or aren't ASCII.
    fn some_ids(random: &mut StdRng, count: usize) -> Vec<String> {
        let letters = ['a', 'b', '@', 'é', '\u{10ffff}'];
        (0..count)
            .map(|_| {
                let length = random.random_range(0..12);
                (0..length)
                    .map(|_| letters[random.random_range(0..letters.len())])
                    .collect()
            })
            .collect()
    }

    fn hold(set: &IdSet, expected: &BTreeSet<String>, asked: &[String]) {
        assert_eq!(set.len(), expected.len());
        assert_eq!(set.is_empty(), expected.is_empty());
        assert!(set.iter().eq(expected.iter().map(String::as_str)));
        for id in asked {
            assert_eq!(set.contains(id), expected.contains(id), "{id:?}");
            let key: String = id.chars().take(2).collect();
            let prefix = format!("{key}@");
            let rest = expected.iter().filter_map(|id| id.strip_prefix(&prefix));
            assert!(set.versions_of(&key).eq(rest), "{key:?}");
        }
    }

    #[test]
    fn a_set_has_what_a_set_of_strings_has() {
        let mut random = StdRng::seed_from_u64(7);
        let asked = some_ids(&mut random, 50);
        for count in [0, 1, 2, MOST, MOST + 1, 5_000] {
            let ids = some_ids(&mut random, count);
            let mut sorted = ids.clone();
            sorted.sort();
            for order in [&ids, &sorted] {
                let (mut set, mut expected) = (IdSet::default(), BTreeSet::new());
                for id in order {
                    assert_eq!(set.insert(id), expected.insert(id.clone()), "{id:?}");
                }
                hold(&set, &expected, &asked);
                let text = serde_json::to_string(order).unwrap();
                let read: IdSet = serde_json::from_str(&text).unwrap();
                assert_eq!(read, set);
            }
        }
    }

    #[test]
    fn a_superset_has_each_id() {
        let mut random = StdRng::seed_from_u64(8);
        let mut ids = some_ids(&mut random, 2_000);
        ids.sort();
        ids.dedup();
        let mut all = IdSet::default();
        all.extend(&ids);
        for _ in 0..50 {
            ids.shuffle(&mut random);
            let mut some = IdSet::default();
            some.extend(&ids[..random.random_range(0..ids.len())]);
            assert!(all.is_superset(&some));
            assert_eq!(some.is_superset(&all), some == all);
            some.insert("elsewhere");
            assert!(!all.is_superset(&some));
        }
    }

    #[test]
    fn ids_that_are_no_strings_are_refused() {
        for text in ["7", "[7]", "[null]", "{}", "[\"a\""] {
            assert!(serde_json::from_str::<IdSet>(text).is_err(), "{text}");
        }
        let escaped: IdSet = serde_json::from_str(r#"["a\"\u00e9"]"#).unwrap();
        assert!(escaped.contains("a\"é"));
    }

    /// P8: memory grows by at most 40 bytes an id of 28, in whatever order they come.
    #[test]
    fn an_id_takes_little_more_than_its_bytes() {
        let mut random = StdRng::seed_from_u64(9);
        let mut ids: Vec<_> = (0..50_000)
            .map(|number| {
                let buyer = random.random_range(0..100_000_000_000_000_u64);
                format!("{buyer:014}-1-{number:06}/2025")
            })
            .collect();
        for _ in 0..2 {
            let mut set = IdSet::default();
            set.extend(&ids);
            let blocks = set.blocks.iter();
            // Two allocations of a block have 16 bytes each of the allocator's own.
            let taken = blocks.map(|block| block.text.capacity() + block.ends.capacity() * 4 + 32);
            let bytes = taken.sum::<usize>() + set.blocks.capacity() * size_of::<Block>();
            assert!(bytes <= 40 * ids.len(), "{} an id", bytes / ids.len());
            ids.sort();
        }
    }
}
