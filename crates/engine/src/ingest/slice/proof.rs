//! Conditions under which a slice counts as read in full (promise P4), as a pure function of its walks.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};

use bronzed_model::declaration::Require;
use bronzed_model::record::RecordId;
use bronzed_source::page::Page;

/// Observations of one walk over the pages of a slice.
#[derive(Debug, Clone, Default)]
pub struct WalkRecord {
    /// Total stated by the first page.
    pub first_total: Option<u64>,
    /// Total stated by the last page, which is read after all others.
    pub last_total: Option<u64>,
    /// Rows of all pages.
    pub rows: u64,
    /// Number of pages with rows.
    pub pages: u64,
    /// `true` if rows are elements of nested lists, so that there may be more rows than the API counts.
    pub exploded: bool,
    /// Number of rows on the first page and the requested page size, if the page has fewer rows than
    /// requested although the total is higher.
    pub short: Option<(u64, u64)>,
    /// Number of consecutive pages that have rows, but none that is new to the walk.
    pub stale: u32,
    /// Number of consecutive pages without rows.
    pub idle: u32,
    /// `true` if the walk confirms an earlier one.
    pub confirms: bool,
    /// `true` if the API answered that there are no records.
    pub empty: bool,
    /// `true` if the last page said that no more follow.
    pub ended: bool,
    /// `true` if the end moved towards the start during the walk: rows were removed.
    pub shrunk: bool,
    /// Earliest `Date` header of the responses.
    pub server_time: Option<DateTime<Utc>>,
    /// Hashes of the records' keys. A collision can only lower their number, and a lower number proves
    /// nothing.
    keys: HashSet<u64>,
    /// Hashes of the ids of records that have versions.
    versions: HashSet<u64>,
    /// Keys seen by earlier walks of the same reading.
    earlier: HashSet<u64>,
}

impl WalkRecord {
    /// Counts the rows of a page.
    pub fn count(&mut self, ids: &[RecordId]) {
        self.rows += ids.len() as u64;
        self.pages += u64::from(!ids.is_empty());
        for id in ids {
            self.keys.insert(hash_of(id.key()));
            if id.version().is_some() || id.content().is_some() {
                self.versions.insert(hash_of((&id.id, id.content())));
            }
        }
    }

    /// Records `page` as the last page so far.
    pub fn note_end(&mut self, page: &Page) {
        self.last_total = page.total;
        self.ended = page.has_more == Some(false);
    }

    /// Adds a page that was counted separately.
    pub fn add(&mut self, page: Self) {
        let before = self.keys.len() + self.versions.len();
        self.rows += page.rows;
        self.pages += page.pages;
        self.keys.extend(page.keys);
        self.versions.extend(page.versions);
        self.note_date(page.server_time);
        let brought = self.keys.len() + self.versions.len() > before;
        (self.stale, self.idle) = match page.rows {
            0 => (self.stale, self.idle + 1),
            _ if brought => (0, 0),
            _ => (self.stale + 1, 0),
        };
    }

    /// Makes this the walk after `earlier`, and takes over its server time, because the walk that is
    /// compared with must also have been read after the end of the day.
    pub fn follow(&mut self, earlier: &Self) {
        self.note_date(earlier.server_time);
        self.earlier = &earlier.earlier | &earlier.keys;
    }

    /// Keeps the earliest time at which a response was written, by the server's clock.
    pub fn note_date(&mut self, date: Option<DateTime<Utc>>) {
        self.server_time = match (self.server_time, date) {
            (Some(known), Some(date)) => Some(known.min(date)),
            (known, date) => known.or(date),
        };
    }

    /// Number of distinct records, regardless of their versions; this is what totals count.
    pub fn unique(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Number of rows that repeat an id, version included, within the walk.
    pub fn repeats(&self) -> u64 {
        let different = self.keys.len().max(self.versions.len());
        self.rows.saturating_sub(different as u64)
    }
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Checks that `walk`, after `previous`, proves that the slice was read in full.
///
/// # Errors
/// Returns the reason why it doesn't, as text for people.
pub fn prove(
    require: Require,
    walk: &WalkRecord,
    previous: Option<&WalkRecord>,
) -> Result<(), String> {
    if walk.empty {
        return match previous {
            Some(previous) if previous.empty => Ok(()),
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
        Require::RowTotal => {
            meets_total(walk, walk.rows, "rows")?;
            brings_nothing_new(walk, previous)
        }
        Require::TwoWalks => {
            contradicts_no_total(walk)?;
            agree(walk, previous)
        }
        Require::HasMore => {
            contradicts_no_total(walk)?;
            match walk.ended {
                true => Ok(()),
                false => Err("the last page doesn't say that no more follow".to_owned()),
            }
        }
        Require::None => contradicts_no_total(walk),
    }
}

fn meets_total(walk: &WalkRecord, counted: u64, what: &str) -> Result<(), String> {
    match (walk.first_total, walk.last_total) {
        (Some(first), Some(last)) if first != last => Err(moved(first, last)),
        (Some(total), Some(_)) if total == counted => Ok(()),
        (Some(total), _) => Err(unmet(walk, &format!("{counted} {what}"), total)),
        (None, _) => Err("the API stated no total".to_owned()),
    }
}

/// Compares a stated total with the rows read, whichever proof is required. Rows and distinct records are
/// both accepted, because it isn't known here which of them the total counts.
fn contradicts_no_total(walk: &WalkRecord) -> Result<(), String> {
    let (Some(first), last) = (walk.first_total, walk.last_total) else {
        return Ok(());
    };
    if let Some(last) = last.filter(|last| *last != first) {
        return Err(moved(first, last));
    }
    let met = walk.rows == first || walk.unique() == first;
    if met || (walk.exploded && walk.rows > first) {
        return Ok(());
    }
    let read = format!("{} rows with {} different ids", walk.rows, walk.unique());
    Err(unmet(walk, &read, first))
}

fn moved(first: u64, last: u64) -> String {
    format!("the API's total went from {first} to {last} while reading")
}

fn unmet(walk: &WalkRecord, read: &str, total: u64) -> String {
    let pages = walk.short.map(|(rows, asked)| {
        format!("; its first page has {rows} rows where `page_size` is {asked}")
    });
    let pages = pages.unwrap_or_default();
    format!("{read} read where the API states {total}{pages}")
}

fn agree(walk: &WalkRecord, previous: Option<&WalkRecord>) -> Result<(), String> {
    match previous {
        Some(previous) if previous.keys == walk.keys => Ok(()),
        Some(previous) => Err(format!(
            "two walks found {} and {} different ids, not the same ones",
            previous.unique(),
            walk.unique()
        )),
        None => Err("one walk, not yet confirmed by a second one".to_owned()),
    }
}

/// Requires a second walk without new ids if the slice has more than one page: where the order of rows is
/// undefined, repeated rows can make up for missing ones, so that the total is met. A single page is read at
/// one instant.
fn brings_nothing_new(walk: &WalkRecord, previous: Option<&WalkRecord>) -> Result<(), String> {
    if walk.pages <= 1 {
        return Ok(());
    }
    if previous.is_none() {
        return Err("the total is met, and not yet confirmed by a second walk".to_owned());
    }
    let new = walk.keys.difference(&walk.earlier).count();
    match new {
        0 => Ok(()),
        new => Err(format!(
            "the total is met, and a second walk brought {new} other ids"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(total: u64, ids: &[&str]) -> WalkRecord {
        let mut walk = WalkRecord {
            first_total: Some(total),
            last_total: Some(total),
            ..WalkRecord::default()
        };
        let ids: Vec<_> = ids.iter().map(|id| RecordId::plain(id)).collect();
        walk.count(&ids);
        walk
    }

    fn empty() -> WalkRecord {
        WalkRecord {
            empty: true,
            ..WalkRecord::default()
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

    /// Pages `a b` and `b c` of a slice with four rows: `d` is missing.
    #[test]
    fn p4_a_row_total_met_by_rows_that_came_twice_takes_a_second_walk_without_a_new_id() {
        let two_pages = |ids: &[&str]| {
            let mut whole = walk(ids.len() as u64, &[]);
            for page in ids.chunks(2) {
                whole.add(walk(0, page));
            }
            whole
        };
        let after = |first: &WalkRecord, ids: &[&str]| {
            let mut second = two_pages(ids);
            second.follow(first);
            second
        };
        let row_total = |walk: &WalkRecord, previous| prove(Require::RowTotal, walk, previous);
        let first = two_pages(&["a", "b", "b", "c"]);
        assert!(row_total(&first, None).is_err());
        let second = after(&first, &["a", "b", "c", "d"]);
        assert!(row_total(&second, Some(&first)).is_err(), "`d` is new");
        let third = after(&second, &["a", "a", "b", "c"]);
        assert!(row_total(&third, Some(&second)).is_ok(), "all came before");
        let moved = after(&third, &["a", "b", "c"]);
        assert!(row_total(&moved, Some(&third)).is_ok());
    }

    #[test]
    fn p4_a_stated_total_is_compared_whatever_is_asked_for() {
        for require in [Require::TwoWalks, Require::HasMore, Require::None] {
            let proves = |total, ids: &[&str]| {
                let mut walk = walk(total, ids);
                walk.ended = true;
                prove(require, &walk, Some(&walk)).is_ok()
            };
            assert!(proves(2, &["a", "b"]), "{require:?}");
            assert!(proves(3, &["a", "b", "a"]), "it counts rows: {require:?}");
            assert!(
                proves(2, &["a", "b", "a"]),
                "it counts records: {require:?}"
            );
            assert!(!proves(1_200, &["a", "b"]), "{require:?}");
            assert!(!proves(1, &["a", "b"]), "{require:?}");
        }
    }

    #[test]
    fn p4_one_record_in_two_versions_does_not_stand_for_two() {
        let mut walk = walk(2, &[]);
        walk.count(&[
            RecordId::of_version("a", "1"),
            RecordId::of_version("a", "2"),
        ]);
        assert!(prove(Require::UniqueTotal, &walk, None).is_err());
        assert_eq!((walk.unique(), walk.repeats()), (1, 0));
    }

    #[test]
    fn a_first_page_that_is_too_short_is_told_where_the_total_is_not_met() {
        let mut walk = walk(1_200, &["a"]);
        walk.short = Some((100, 500));
        let reason = prove(Require::TwoWalks, &walk, None).unwrap_err();
        let told = "its first page has 100 rows where `page_size` is 500";
        assert!(reason.contains(told), "{reason}");
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
        let mut more = walk(2, &["a", "b"]);
        assert!(prove(Require::HasMore, &more, None).is_err());
        more.ended = true;
        assert!(prove(Require::HasMore, &more, None).is_ok());
        more.shrunk = true;
        assert!(prove(Require::HasMore, &more, None).is_err());
    }

    #[test]
    fn p4_without_totals_two_walks_must_agree() {
        let two = Require::TwoWalks;
        let walk = |ids: &[&str]| walk(2, ids);
        assert!(prove(two, &walk(&["a", "b"]), None).is_err());
        assert!(prove(two, &walk(&["a", "b"]), Some(&walk(&["b", "a"]))).is_ok());
        assert!(prove(two, &walk(&["a", "b"]), Some(&walk(&["a", "c"]))).is_err());
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
        let mut whole = WalkRecord::default();
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
        let mut walk = WalkRecord::default();
        walk.note_date(None);
        walk.note_date(at("2025-10-23T06:00:01Z"));
        walk.note_date(at("2025-10-23T06:00:00Z"));
        walk.note_date(None);
        assert_eq!(walk.server_time, at("2025-10-23T06:00:00Z"));
    }
}
