//! Which page of a feed is read next, and what was covered by it: decisions without any requests.
//!
//! ```text
//! offset 0                                                               the end, or the floor
//! ├───────── read ─────────┬─── covered by earlier walks ───┬──── read ────┤
//!   until a page is older     leapt over to where it ends     on from there
//!   than what may still
//!   change
//! ```
//!
//! Pages overlap, and each must share a record with the one before it: so no record can slip
//! through between two of them, however the feed grows or shrinks meanwhile. Where they don't, the walk
//! steps back until they do. A leap goes to where a covered stretch should end by its length, and
//! counts only where a page shows its last records; it is given up, and the stretch is walked through,
//! where they aren't found.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::coverage::{Coverage, Progress};
use super::stretch::{ANCHORS, Floor, Place, Stretch};
use crate::day::Day;

/// How many steps back a walk makes in a row to find its last page again.
const STEPS_BACK: u32 = 16;
/// How many pages a leap looks at before it is given up.
const LOOKS: u32 = 16;
/// How often a walk reads a page, on average over all as far as it has come…
const READS_A_PAGE: u64 = 8;
/// … and how often beyond that: an API whose pages go round would keep it for ever.
const READS_MORE: u64 = 256;

/// What the route goes by, beside the pages.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// By how many records the offset grows from page to page.
    pub step: u64,
    /// How many records a full page has.
    pub page_size: u64,
    /// Records of earlier days aren't asked for.
    pub earliest: Option<Day>,
    /// When the walk began.
    pub since: DateTime<Utc>,
}

/// What a page shows.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The keys of its records, in order.
    pub keys: Vec<Box<str>>,
    /// The latest day of its records; `None` where no day can be read.
    pub newest: Option<Day>,
    /// How many of its records weren't stored before.
    pub new: u64,
    /// The API says that no more follow.
    pub is_last: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read this page, counted from 0.
    Read(u64),
    /// Nothing is left to be read.
    Done,
    /// The walk can't prove that it misses nothing: why.
    Lost(String),
}

/// A walk from the head of a feed, as far as it has come.
#[derive(Debug)]
pub struct Route {
    terms: Terms,
    /// Stretches that the walk hasn't met.
    known: Vec<Stretch>,
    /// Those that it has gone through, or into.
    absorbed: Vec<Stretch>,
    /// Records of this day and earlier ones needn't be read again where they were covered.
    reread_after: Option<Day>,
    /// What was read without a gap.
    part: Part,
    /// The covered stretch that the part has come into.
    inside: Option<Inside>,
    leap: Option<Leap>,
    /// Steps back since something was added.
    steps_back: u32,
    /// How many pages were looked at, and which was the furthest.
    reads: u64,
    furthest: u64,
    ending: Option<Ending>,
    floor: Option<Floor>,
    /// The latest day of the latest page: later ones are behind the walk.
    passed: Option<Day>,
    /// All days that may have changed were read again.
    has_reread: bool,
    /// What was said last time: it makes itself needless.
    said: Option<Stretch>,
}

/// What was read without a gap, from the head on.
#[derive(Debug, Default)]
struct Part {
    newest: Vec<Box<str>>,
    oldest: Vec<Box<str>>,
    records: u64,
    /// The keys of the latest page.
    tail: HashSet<Box<str>>,
    since: Option<DateTime<Utc>>,
}

#[derive(Debug)]
struct Inside {
    stretch: Stretch,
    /// How many records of the part come before it.
    before: u64,
    /// The offset of its last record, as far as is known.
    end: u64,
    /// Its end wasn't found where it should be.
    no_leap: bool,
}

#[derive(Debug)]
struct Leap {
    /// The page from which the walk goes on if the leap fails.
    from: u64,
    looks: u32,
    /// Whether the look before this one went on, or back.
    direction: Option<bool>,
}

/// A page without records was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Once: is what was the last page still the last?
    LookBack,
    /// It is: is there still nothing behind it?
    Confirm,
}

impl Route {
    /// A walk that knows of what was covered.
    pub fn new(terms: Terms, coverage: &Coverage) -> Self {
        Self {
            terms,
            known: coverage.stretches.clone(),
            absorbed: Vec::new(),
            reread_after: coverage.reread_after,
            part: Part::default(),
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

    /// Takes in what page `index` shows; says what to do next. The first page is page 0.
    pub fn see(&mut self, index: u64, sight: &Sight) -> Step {
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
            // Nothing has moved up: nothing is behind it, if that is said again.
            Some(Ending::LookBack) if added == 0 => {
                self.ending = Some(Ending::Confirm);
                return Step::Read(index + 1);
            }
            _ => {}
        }
        self.go_on(index, sight)
    }

    /// What the walk may say of the feed, once the rows of its pages are stored. `settled` is the
    /// last day whose records, read in this walk, were read late enough.
    pub fn progress(&mut self, settled: Day) -> Progress {
        let mut absorbed = self.absorbed.clone();
        absorbed.extend(self.said.take());
        let stretch = self.covered();
        if let Some(stretch) = &stretch
            && stretch.reaches(self.terms.earliest)
        {
            // It is the whole feed.
            absorbed.extend(self.known.iter().cloned());
        }
        self.said.clone_from(&stretch);
        Progress {
            absorbed: absorbed
                .into_iter()
                .filter(|one| Some(one) != stretch.as_ref())
                .collect(),
            stretch,
            reread_after: self.has_reread.then_some(settled),
        }
    }

    /// Whether the walk is behind all records of a day.
    pub fn has_passed(&self, day: Day) -> bool {
        self.floor.is_some() || self.passed.is_some_and(|newest| newest < day)
    }

    /// When the reading of what is covered began: of its earliest part.
    pub fn since(&self) -> DateTime<Utc> {
        self.part.since.unwrap_or(self.terms.since)
    }

    /// Returns the last day whose records needn't be read again where they were covered, as it was before
    /// this walk.
    pub fn reread_after(&self) -> Option<Day> {
        self.reread_after
    }

    /// Whether anything is known of the feed from before.
    pub fn knows_records(&self) -> bool {
        self.known.iter().any(|stretch| stretch.records > 0)
    }

    /// A page was added to the part, or shows records of it.
    fn go_on(&mut self, index: u64, sight: &Sight) -> Step {
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
                Some(earliest) if !sight.is_last => Floor::Before(earliest),
                _ => Floor::End,
            });
            return Step::Done;
        }
        // Before anything was covered, whatever is read later is read late enough.
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
                self.leap = Some(Leap {
                    from: index,
                    looks: 0,
                    direction: None,
                });
                Step::Read(target)
            }
            _ => Step::Read(index + 1),
        }
    }

    /// Notices stretches that begin or end on the page.
    fn enter(&mut self, index: u64, sight: &Sight) {
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
            // Of two that overlap, the one that leads further.
            if self.inside.as_ref().is_none_or(|inside| end > inside.end) {
                self.inside = Some(Inside {
                    stretch,
                    before,
                    end,
                    no_leap: false,
                });
            }
        }
        // The walk has gone through it to its end, which is on the page, or should have come long ago.
        let (earliest, read) = (self.terms.earliest, self.part.records);
        let room = 2 * self.terms.page_size;
        self.inside.take_if(
            |Inside {
                 stretch, before, ..
             }| {
                let behind = |place: Place| stretch.oldest.len() - place.rank;
                let place = stretch.ends_at(&sight.keys);
                let ends = place.is_some_and(|place| place.position + behind(place) <= length);
                let should_have = read > *before + stretch.records + room;
                (ends || should_have) && !stretch.reaches(earliest)
            },
        );
    }

    /// A page that a leap looks at: it has come down where the stretch's last records are.
    fn land(&mut self, index: u64, sight: &Sight) -> Step {
        if let Some(inside) = &self.inside
            && let Some(place) = inside.stretch.ends_at(&sight.keys)
        {
            let from = self.part.leap(inside, place.position);
            self.part.append(&sight.keys, from);
            (self.inside, self.leap, self.steps_back) = (None, None, 0);
            return self.go_on(index, sight);
        }
        // Records that aren't stored lie behind the end; before it, all are.
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

    /// A page without records: the end, if what was the last page still is the last, and if it is
    /// said twice.
    fn see_nothing(&mut self, index: u64) -> Step {
        if self.leap.is_some() {
            return self.look_on(index, false);
        }
        if self.part.records == 0 {
            self.floor = Some(Floor::End);
            self.has_reread = true;
            return Step::Done;
        }
        match self.ending {
            Some(Ending::Confirm) => {
                self.floor = Some(Floor::End);
                self.has_reread = true;
                Step::Done
            }
            // A page that isn't full shows the end by itself.
            None if (self.part.tail.len() as u64) < self.terms.page_size => {
                self.ending = Some(Ending::Confirm);
                Step::Read(index)
            }
            None => {
                self.ending = Some(Ending::LookBack);
                Step::Read(index.saturating_sub(1))
            }
            // The feed has become shorter than where its end was looked for.
            Some(Ending::LookBack) => self.step_back(index),
        }
    }

    /// The page shares no record with the one before it.
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

    fn covered(&self) -> Option<Stretch> {
        let part = &self.part;
        if part.records == 0 {
            return None;
        }
        let read = Stretch {
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
        Some(Stretch {
            oldest: stretch.oldest.clone(),
            records: part.records.max(inside.before + stretch.records),
            since: read.since.min(stretch.since),
            floor: stretch.floor,
            ..read
        })
    }
}

impl Part {
    /// Where on the page the records begin that the part doesn't have. `None`: nothing shows that
    /// none is missing between.
    fn joins(&self, keys: &[Box<str>]) -> Option<usize> {
        if self.records == 0 {
            return Some(0);
        }
        let last = keys.iter().rposition(|key| self.tail.contains(key))?;
        Some(last + 1)
    }

    /// Adds the page's records from `from` on; says how many these are.
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

    /// Goes on behind a stretch, whose last record is at `position` of the page. Says where the
    /// records behind it begin.
    fn leap(&mut self, inside: &Inside, position: usize) -> usize {
        let stretch = &inside.stretch;
        self.records = self.records.max(inside.before + stretch.records);
        self.oldest.clone_from(&stretch.oldest);
        self.since = self.since.map(|since| since.min(stretch.since));
        position + 1
    }
}
