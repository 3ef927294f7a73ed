//! When a slice counts as read in full (promise P4), as a pure function of what its walks saw.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};

use crate::mutation::mutated;
use crate::record::RecordId;
use crate::source::declaration::Require;
use crate::source::page::Page;

/// What one walk over the pages of a slice saw.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    /// The total that the first page stated.
    pub first_total: Option<u64>,
    /// The total that the last page stated, read after all others.
    pub last_total: Option<u64>,
    /// Rows of all pages.
    pub rows: u64,
    /// The API answered that there is nothing.
    pub empty: bool,
    /// The last page said that no more follow.
    pub ended: bool,
    /// The end moved towards the start while reading: rows were taken away.
    pub shrunk: bool,
    /// The earliest `Date` among the responses.
    pub server_time: Option<DateTime<Utc>>,
    /// Hashes of the ids. A collision could only make them fewer, and fewer prove nothing.
    ids: HashSet<u64>,
}

impl Walk {
    /// Counts the rows of a page.
    pub fn count(&mut self, ids: &[RecordId]) {
        self.rows += ids.len() as u64;
        for id in ids {
            let mut hasher = DefaultHasher::new();
            id.id.hash(&mut hasher);
            self.ids.insert(hasher.finish());
        }
    }

    /// Takes `page` for the last one so far.
    pub fn note_end(&mut self, page: &Page) {
        self.last_total = page.total;
        self.ended = page.has_more == Some(false);
    }

    /// Adds the rows of a page that was counted by itself.
    pub fn add(&mut self, page: Self) {
        self.rows += page.rows;
        self.ids.extend(page.ids);
        self.note_date(page.server_time);
    }

    /// Remembers when a response was written, by the server's own clock.
    pub fn note_date(&mut self, date: Option<DateTime<Utc>>) {
        self.server_time = match (self.server_time, date) {
            (Some(known), Some(date)) => Some(known.min(date)),
            (known, date) => known.or(date),
        };
    }

    /// How many different ids were seen.
    pub fn unique(&self) -> u64 {
        self.ids.len() as u64
    }
}

/// Whether `walk`, after `previous`, proves that the slice was read in full.
///
/// # Errors
/// The reason why it doesn't, for people.
pub fn prove(require: Require, walk: &Walk, previous: Option<&Walk>) -> Result<(), String> {
    if walk.empty {
        return match previous {
            Some(previous) if previous.empty => Ok(()),
            None if mutated!(OneEmptyAnswerIsProof) => Ok(()),
            Some(_) => Err("empty now, after rows were read a moment ago".to_owned()),
            None => Err("one empty answer, not yet confirmed by a second one".to_owned()),
        };
    }
    if walk.shrunk {
        return Err("rows were taken away while reading".to_owned());
    }
    match require {
        Require::UniqueTotal => {
            meets_total(walk, walk.unique(), "different ids").map_err(|reason| {
                if walk.rows > walk.unique() {
                    format!("{reason} ({} rows)", walk.rows)
                } else {
                    reason
                }
            })
        }
        Require::RowTotal => meets_total(walk, walk.rows, "rows"),
        Require::TwoWalks => match previous {
            Some(previous) if previous.ids == walk.ids => Ok(()),
            Some(previous) => Err(format!(
                "two walks found {} and {} different ids, not the same ones",
                previous.unique(),
                walk.unique()
            )),
            None => Err("one walk, not yet confirmed by a second one".to_owned()),
        },
        Require::HasMore if walk.ended => Ok(()),
        Require::HasMore => Err("the last page doesn't say that no more follow".to_owned()),
        Require::None => Ok(()),
    }
}

fn meets_total(walk: &Walk, counted: u64, what: &str) -> Result<(), String> {
    match (walk.first_total, walk.last_total) {
        (_, Some(total)) if total == counted && mutated!(OnlyTheEndCounts) => Ok(()),
        (Some(first), Some(last)) if first != last => Err(format!(
            "the API's total went from {first} to {last} while reading"
        )),
        (Some(total), Some(_)) if total == counted => Ok(()),
        (Some(total), _) => Err(format!(
            "{counted} {what} read where the API states {total}"
        )),
        (None, _) => Err("the API stated no total".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(total: u64, ids: &[&str]) -> Walk {
        let mut walk = Walk {
            first_total: Some(total),
            last_total: Some(total),
            ..Walk::default()
        };
        let ids: Vec<_> = ids.iter().map(|id| RecordId::plain(id)).collect();
        walk.count(&ids);
        walk
    }

    fn empty() -> Walk {
        Walk {
            empty: true,
            ..Walk::default()
        }
    }

    #[test]
    fn p4_unique_ids_meet_the_total_or_nothing_is_proven() {
        let unique = Require::UniqueTotal;
        assert!(prove(unique, &walk(2, &["a", "b"]), None).is_ok());
        assert!(prove(unique, &walk(3, &["a", "b", "a"]), None).is_err());
        assert!(prove(unique, &walk(3, &["a", "b"]), None).is_err());
        assert!(prove(unique, &walk(1, &["a", "b"]), None).is_err());
    }

    #[test]
    fn p4_totals_that_count_repeats_are_met_by_rows() {
        assert!(prove(Require::RowTotal, &walk(3, &["a", "b", "a"]), None).is_ok());
        assert!(prove(Require::RowTotal, &walk(2, &["a", "b", "a"]), None).is_err());
    }

    #[test]
    fn p4_a_total_that_moves_proves_nothing() {
        let mut moving = walk(2, &["a", "b"]);
        moving.last_total = Some(3);
        assert!(prove(Require::UniqueTotal, &moving, None).is_err());
        assert!(prove(Require::RowTotal, &moving, None).is_err());
        let mut shrunk = walk(2, &["a", "b"]);
        shrunk.shrunk = true;
        assert!(prove(Require::UniqueTotal, &shrunk, None).is_err());
        let mut without = walk(2, &["a", "b"]);
        (without.first_total, without.last_total) = (None, None);
        assert!(prove(Require::UniqueTotal, &without, None).is_err());
    }

    #[test]
    fn p4_a_walk_ends_where_the_last_page_says_so() {
        let mut more = walk(0, &["a", "b"]);
        assert!(prove(Require::HasMore, &more, None).is_err());
        more.ended = true;
        assert!(prove(Require::HasMore, &more, None).is_ok());
        more.shrunk = true;
        assert!(prove(Require::HasMore, &more, None).is_err());
    }

    #[test]
    fn p4_without_totals_two_walks_must_agree() {
        let two = Require::TwoWalks;
        assert!(prove(two, &walk(0, &["a", "b"]), None).is_err());
        assert!(prove(two, &walk(0, &["a", "b"]), Some(&walk(0, &["b", "a"]))).is_ok());
        assert!(prove(two, &walk(0, &["a", "b"]), Some(&walk(0, &["a", "c"]))).is_err());
    }

    #[test]
    fn what_lacks_is_told_with_the_rows_where_some_came_again() {
        let why = |ids: &[&str]| prove(Require::UniqueTotal, &walk(4, ids), None).unwrap_err();
        let ids = "2 different ids read where the API states 4";
        assert_eq!(why(&["a", "b"]), ids);
        assert_eq!(why(&["a", "b", "a"]), format!("{ids} (3 rows)"));
    }

    #[test]
    fn pages_add_up_to_a_walk() {
        let mut whole = Walk::default();
        for ids in [["a", "b"], ["b", "c"]] {
            whole.add(walk(0, &ids));
        }
        assert_eq!((whole.rows, whole.unique()), (4, 3));
    }

    #[test]
    fn p4_an_empty_answer_needs_a_second_one() {
        for require in [Require::UniqueTotal, Require::TwoWalks, Require::None] {
            assert!(prove(require, &empty(), None).is_err());
            assert!(prove(require, &empty(), Some(&walk(1, &["a"]))).is_err());
            assert!(prove(require, &empty(), Some(&empty())).is_ok());
        }
    }

    #[test]
    fn the_earliest_date_counts() {
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        let mut walk = Walk::default();
        walk.note_date(None);
        walk.note_date(at("2025-10-23T06:00:01Z"));
        walk.note_date(at("2025-10-23T06:00:00Z"));
        walk.note_date(None);
        assert_eq!(walk.server_time, at("2025-10-23T06:00:00Z"));
    }
}
