//! Decides which page of a feed is read next and what is covered by it, without sending requests.
//!
//! ```text
//! offset 0                                                               the end, or the floor
//! ├───────── read ─────────┬─── covered by earlier walks ───┬──── read ────┤
//!   until a page is older     skipped by a leap to its end   on from there
//!   than what may still
//!   change
//! ```
//!
//! Pages overlap, and each must share a record with the one before it: so no record can slip through between
//! two of them, however the feed grows or shrinks meanwhile. If two pages don't overlap, the walk steps back
//! until they do. A leap goes to where a covered stretch should end by its length, and counts only if a page
//! shows the stretch's last records; otherwise the leap is given up, and the stretch is walked through.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::coverage::{CoverageChange, FeedCoverage};
use super::stretch::{ANCHORS, AnchorMatch, CoveredRange, LowerBound};
use bronzed_model::day::Day;

/// Maximum number of consecutive steps back to find the last page again.
const STEPS_BACK: u32 = 16;
/// Maximum number of pages that a leap looks at before it is given up.
const LOOKS: u32 = 16;
/// Maximum number of reads of a page, on average over all pages up to the furthest one…
const READS_A_PAGE: u64 = 8;
/// … and of reads beyond that: an API whose pages go round in a circle would keep the walk forever.
const READS_MORE: u64 = 256;

/// Parameters of a route.
#[derive(Debug, Clone, Copy)]
pub struct RouteParams {
    /// Number of records by which the offset grows from page to page.
    pub step: u64,
    /// Number of records on a full page.
    pub page_size: u64,
    /// First day whose records are requested.
    pub earliest: Option<Day>,
    /// Start of the walk.
    pub since: DateTime<Utc>,
}

/// Summary of a page.
#[derive(Debug, Clone, Default)]
pub struct PageSummary {
    /// Keys of the records, in order.
    pub keys: Vec<Box<str>>,
    /// Latest day of the records; `None` if no day can be parsed.
    pub newest: Option<Day>,
    /// Number of records that weren't stored before.
    pub new: u64,
    /// `true` if no more pages follow.
    pub is_last: bool,
}

/// Next step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read this page, counted from 0.
    Read(u64),
    /// Nothing is left to be read.
    Done,
    /// The walk can't prove that it misses nothing, for this reason.
    Lost(String),
}

/// State of a walk from the head of a feed.
#[derive(Debug)]
pub struct Route {
    terms: RouteParams,
    /// Covered stretches that the walk hasn't met.
    known: Vec<CoveredRange>,
    /// Covered stretches that the walk has entered or gone through.
    absorbed: Vec<CoveredRange>,
    /// Last day whose records needn't be read again where they were covered.
    reread_after: Option<Day>,
    /// Part that was read without a gap.
    part: ReadPart,
    /// Covered stretch that the part has entered.
    inside: Option<RangePosition>,
    leap: Option<RangeSkip>,
    /// Number of steps back since a record was added.
    steps_back: u32,
    /// Number of pages read; `furthest` is the highest index among them.
    reads: u64,
    furthest: u64,
    ending: Option<Ending>,
    floor: Option<LowerBound>,
    /// Latest day on the latest page: the walk has passed all later days.
    passed: Option<Day>,
    /// `true` if all days that may have changed were read again.
    has_reread: bool,
    /// Stretch reported last, which the next report replaces.
    said: Option<CoveredRange>,
}

/// Part of the feed that was read without a gap, from the head on.
#[derive(Debug, Default)]
struct ReadPart {
    newest: Vec<Box<str>>,
    oldest: Vec<Box<str>>,
    records: u64,
    /// Keys of the latest page.
    tail: HashSet<Box<str>>,
    since: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct RangePosition {
    stretch: CoveredRange,
    /// Number of records of the part before the stretch.
    before: u64,
    /// Offset of the stretch's last record, as far as is known.
    end: u64,
    /// `true` if a leap didn't find the end of the stretch.
    no_leap: bool,
}

#[derive(Debug)]
struct RangeSkip {
    /// Page after which the walk goes on if the leap fails.
    from: u64,
    looks: u32,
    /// Direction of the previous look: `true` if forward, `false` if back.
    direction: Option<bool>,
}

/// Confirmation of the end, after a page without records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// After the first empty page: checks that the last page still is the last.
    LookBack,
    /// After that: checks that still nothing follows.
    Confirm,
}

impl Route {
    /// Starts a walk with the coverage by earlier ones.
    pub fn new(terms: RouteParams, coverage: &FeedCoverage) -> Self {
        Self {
            terms,
            known: coverage.stretches.clone(),
            absorbed: Vec::new(),
            reread_after: coverage.reread_after,
            part: ReadPart::default(),
            inside: None,
            leap: None,
            steps_back: 0,
            reads: 0,
            furthest: 0,
            ending: None,
            floor: None,
            passed: None,
            has_reread: false,
            said: None,
        }
    }

    /// Takes in the summary of page `index`; returns the next step. The first page is page 0.
    pub fn see(&mut self, index: u64, sight: &PageSummary) -> Step {
        self.reads += 1;
        self.furthest = self.furthest.max(index);
        let pages = self.furthest.saturating_add(1);
        if self.reads
            > pages
                .saturating_mul(READS_A_PAGE)
                .saturating_add(READS_MORE)
        {
            return Step::Lost(format!(
                "{} reads of {pages} pages led to no end: the API gives another order each time",
                self.reads
            ));
        }
        if sight.keys.is_empty() {
            return self.see_nothing(index);
        }
        if self.leap.is_some() {
            return self.land(index, sight);
        }
        let Some(from) = self.part.joins(&sight.keys) else {
            return self.step_back(index);
        };
        let added = self.part.append(&sight.keys, from);
        if added > 0 {
            self.steps_back = 0;
        }
        self.part.since.get_or_insert(self.terms.since);
        match self.ending.take() {
            // No record has moved: the end is confirmed if the next page is empty again.
            Some(Ending::LookBack) if added == 0 => {
                self.ending = Some(Ending::Confirm);
                return Step::Read(index + 1);
            }
            _ => {}
        }
        self.go_on(index, sight)
    }

    /// Returns the change of the coverage, to be recorded once the rows of the pages are stored. `settled`
    /// is the last day that had settled before its records were read in this walk.
    pub fn progress(&mut self, settled: Day) -> CoverageChange {
        let mut absorbed = self.absorbed.clone();
        absorbed.extend(self.said.take());
        let stretch = self.covered();
        if let Some(stretch) = &stretch
            && stretch.reaches(self.terms.earliest)
        {
            // The stretch is the whole feed.
            absorbed.extend(self.known.iter().cloned());
        }
        self.said.clone_from(&stretch);
        CoverageChange {
            absorbed: absorbed
                .into_iter()
                .filter(|one| Some(one) != stretch.as_ref())
                .collect(),
            stretch,
            reread_after: self.has_reread.then_some(settled),
        }
    }

    /// Returns `true` if the walk has passed all records of a day.
    pub fn has_passed(&self, day: Day) -> bool {
        self.floor.is_some() || self.passed.is_some_and(|newest| newest < day)
    }

    /// Returns the time at which the reading of the earliest covered part began.
    pub fn since(&self) -> DateTime<Utc> {
        self.part.since.unwrap_or(self.terms.since)
    }

    /// Returns the last day whose records needn't be read again where they were covered, as it was before
    /// this walk.
    pub fn reread_after(&self) -> Option<Day> {
        self.reread_after
    }

    /// Returns `true` if earlier walks found records.
    pub fn knows_records(&self) -> bool {
        self.known.iter().any(|stretch| stretch.records > 0)
    }

    /// Goes on after a page that was added to the part, or that shows records of the part.
    fn go_on(&mut self, index: u64, sight: &PageSummary) -> Step {
        self.passed = match (self.passed, sight.newest) {
            (Some(passed), Some(newest)) => Some(passed.min(newest)),
            (passed, newest) => newest.or(passed),
        };
        self.enter(index, sight);
        let is_older = |day: Option<Day>| {
            let newest = sight.newest.zip(day);
            newest.is_some_and(|(newest, day)| newest <= day)
        };
        let below_floor = self.terms.earliest.map(Day::previous);
        if sight.is_last || is_older(below_floor) {
            self.has_reread = true;
            self.floor = Some(match self.terms.earliest {
                Some(earliest) if !sight.is_last => LowerBound::Before(earliest),
                _ => LowerBound::End,
            });
            return Step::Done;
        }
        // If nothing was covered before, no day has to be read again.
        self.has_reread |= is_older(self.reread_after) || self.reread_after.is_none();
        match &self.inside {
            Some(inside) if self.has_reread && self.reread_after.is_some() => {
                if inside.stretch.reaches(self.terms.earliest) {
                    return Step::Done;
                }
                let target = inside.end / self.terms.step;
                if inside.no_leap || target <= index + 1 {
                    return Step::Read(index + 1);
                }
                self.leap = Some(RangeSkip {
                    from: index,
                    looks: 0,
                    direction: None,
                });
                Step::Read(target)
            }
            _ => Step::Read(index + 1),
        }
    }

    /// Detects stretches that begin or end on the page.
    fn enter(&mut self, index: u64, sight: &PageSummary) {
        let length = sight.keys.len();
        let mut met = Vec::new();
        self.known.retain(|stretch| {
            let place = stretch.begins_at(&sight.keys);
            met.extend(place.map(|place| (stretch.clone(), place)));
            place.is_none()
        });
        for (stretch, place) in met {
            self.absorbed.push(stretch.clone());
            let (position, rank) = (place.position as u64, place.rank as u64);
            let behind = length as u64 - position;
            let before = self.part.records.saturating_sub(behind + rank);
            let begins = (index * self.terms.step + position).saturating_sub(rank);
            let end = begins + stretch.records.saturating_sub(1);
            // Of two overlapping stretches, keeps the one that leads further.
            if self.inside.as_ref().is_none_or(|inside| end > inside.end) {
                self.inside = Some(RangePosition {
                    stretch,
                    before,
                    end,
                    no_leap: false,
                });
            }
        }
        // Leaves the stretch if its end is on the page, or should have come long ago.
        let (earliest, read) = (self.terms.earliest, self.part.records);
        let room = 2 * self.terms.page_size;
        self.inside.take_if(
            |RangePosition {
                 stretch, before, ..
             }| {
                let behind = |place: AnchorMatch| stretch.oldest.len() - place.rank;
                let place = stretch.ends_at(&sight.keys);
                let ends = place.is_some_and(|place| place.position + behind(place) <= length);
                let should_have = read > *before + stretch.records + room;
                (ends || should_have) && !stretch.reaches(earliest)
            },
        );
    }

    /// Takes in a page that a leap looks at: the leap succeeds if the page has the stretch's last records.
    fn land(&mut self, index: u64, sight: &PageSummary) -> Step {
        if let Some(inside) = &self.inside
            && let Some(place) = inside.stretch.ends_at(&sight.keys)
        {
            let from = self.part.leap(inside, place.position);
            self.part.append(&sight.keys, from);
            (self.inside, self.leap, self.steps_back) = (None, None, 0);
            return self.go_on(index, sight);
        }
        // New records lie behind the end of the stretch; before it, all are stored.
        self.look_on(index, sight.new == 0)
    }

    fn look_on(&mut self, index: u64, onward: bool) -> Step {
        let Some(leap) = &mut self.leap else {
            return Step::Read(index + 1);
        };
        leap.looks += 1;
        let turned = leap.direction.is_some_and(|before| before != onward);
        leap.direction = Some(onward);
        let next = if onward {
            index + 1
        } else {
            index.saturating_sub(1)
        };
        if turned || leap.looks > LOOKS || next <= leap.from {
            let from = leap.from;
            self.leap = None;
            if let Some(inside) = &mut self.inside {
                inside.no_leap = true;
            }
            return Step::Read(from + 1);
        }
        Step::Read(next)
    }

    /// Takes in a page without records: the end, if the last page still is the last, and a second empty page
    /// confirms it.
    fn see_nothing(&mut self, index: u64) -> Step {
        if self.leap.is_some() {
            return self.look_on(index, false);
        }
        if self.part.records == 0 {
            self.floor = Some(LowerBound::End);
            self.has_reread = true;
            return Step::Done;
        }
        match self.ending {
            Some(Ending::Confirm) => {
                self.floor = Some(LowerBound::End);
                self.has_reread = true;
                Step::Done
            }
            // A last page that isn't full shows the end by itself.
            None if (self.part.tail.len() as u64) < self.terms.page_size => {
                self.ending = Some(Ending::Confirm);
                Step::Read(index)
            }
            None => {
                self.ending = Some(Ending::LookBack);
                Step::Read(index.saturating_sub(1))
            }
            // The feed has become shorter: its former last page is empty, too.
            Some(Ending::LookBack) => self.step_back(index),
        }
    }

    /// Steps back from a page that shares no record with the one before it.
    fn step_back(&mut self, index: u64) -> Step {
        self.steps_back += 1;
        if index == 0 || self.steps_back > STEPS_BACK {
            return Step::Lost(format!(
                "page {} shares no record with what was read before it: more records were taken \
                 away meanwhile than pages overlap, or the API gives fewer than `page_size` a page",
                index + 1
            ));
        }
        Step::Read(index - 1)
    }

    fn covered(&self) -> Option<CoveredRange> {
        let part = &self.part;
        if part.records == 0 {
            return None;
        }
        let read = CoveredRange {
            newest: part.newest.clone(),
            oldest: part.oldest.clone(),
            records: part.records,
            since: self.since(),
            floor: self.floor,
        };
        let Some(inside) = self.inside.as_ref().filter(|_| self.floor.is_none()) else {
            return Some(read);
        };
        let stretch = &inside.stretch;
        Some(CoveredRange {
            oldest: stretch.oldest.clone(),
            records: part.records.max(inside.before + stretch.records),
            since: read.since.min(stretch.since),
            floor: stretch.floor,
            ..read
        })
    }
}

impl ReadPart {
    /// Returns the index of the first record on the page that the part doesn't have. `None` if the page
    /// shares no record with the latest one, so that records may be missing between them.
    fn joins(&self, keys: &[Box<str>]) -> Option<usize> {
        if self.records == 0 {
            return Some(0);
        }
        let last = keys.iter().rposition(|key| self.tail.contains(key))?;
        Some(last + 1)
    }

    /// Adds the page's records from index `from` on; returns their number.
    fn append(&mut self, keys: &[Box<str>], from: usize) -> usize {
        let added = keys.get(from..).unwrap_or_default();
        let missing = ANCHORS.saturating_sub(self.newest.len());
        if self.newest.len() as u64 == self.records {
            self.newest.extend(added.iter().take(missing).cloned());
        }
        self.records += added.len() as u64;
        self.oldest.extend(added.iter().cloned());
        let surplus = self.oldest.len().saturating_sub(ANCHORS);
        self.oldest.drain(..surplus);
        self.tail = keys.iter().cloned().collect();
        added.len()
    }

    /// Goes on behind a stretch, whose last record is at `position` of the page. Returns the index of the
    /// first record behind it.
    fn leap(&mut self, inside: &RangePosition, position: usize) -> usize {
        let stretch = &inside.stretch;
        self.records = self.records.max(inside.before + stretch.records);
        self.oldest.clone_from(&stretch.oldest);
        self.since = self.since.map(|since| since.min(stretch.since));
        position + 1
    }
}
