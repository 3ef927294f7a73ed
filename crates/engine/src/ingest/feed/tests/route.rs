//! The route against a model of a feed that grows, shrinks and gets late records while it is read.
//!
//! In every history, covered records were read; once the feed no longer changes, a walk that comes to its
//! end has left nothing out.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::ingest::feed::coverage::FeedCoverage;
use crate::ingest::feed::route::{PageSummary, Route, RouteParams, Step};
use crate::ingest::feed::stretch::CoveredRange;
use bronzed_model::day::Day;

const PAGE: usize = 10;
const OVERLAP: usize = 2;
/// Number of days for which late records may be published.
const SETTLE: i64 = 3;

/// Record: its key and its day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    key: Box<str>,
    day: Day,
}

/// Feed, newest first, and the part of it that a lake has.
struct Model {
    feed: Vec<Record>,
    stored: HashSet<Box<str>>,
    coverage: FeedCoverage,
    today: i64,
    made: usize,
    requests: u64,
}

fn day(number: i64) -> Day {
    let first = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
    Day::new(first + chrono::Days::new(u64::try_from(number).unwrap()))
}

fn instant(number: i64) -> DateTime<Utc> {
    day(number)
        .date()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc()
}

impl Model {
    /// Creates a feed of `records` records, a few a day, the last of them of today.
    fn of(records: usize) -> Self {
        let mut model = Self {
            feed: Vec::new(),
            stored: HashSet::new(),
            coverage: FeedCoverage::default(),
            today: 40 + i64::try_from(records / 4).unwrap(),
            made: 0,
            requests: 0,
        };
        for number in 0..records {
            let age = i64::try_from((records - number) / 4).unwrap();
            let record = model.make(model.today - age);
            model.feed.insert(0, record);
        }
        model
    }

    fn make(&mut self, of: i64) -> Record {
        self.made += 1;
        Record {
            key: format!("k{}", self.made).into(),
            day: day(of),
        }
    }

    /// Adds new records at the head.
    fn grow(&mut self, records: usize) {
        for _ in 0..records {
            let record = self.make(self.today);
            self.feed.insert(0, record);
        }
    }

    /// Adds a record of a day that may still change, in its place.
    fn publish_late(&mut self, age: i64) {
        let of = self.today - age;
        let record = self.make(of);
        let place = self.feed.iter().position(|other| other.day <= day(of));
        let place = place.unwrap_or(self.feed.len());
        self.feed.insert(place, record);
    }

    fn page(&mut self, index: u64) -> PageSummary {
        self.requests += 1;
        let offset = usize::try_from(index).unwrap() * (PAGE - OVERLAP);
        let page = self.feed.iter().skip(offset).take(PAGE);
        let mut sight = PageSummary::default();
        for record in page {
            sight.newest = sight.newest.max(Some(record.day));
            sight.new += u64::from(self.stored.insert(record.key.clone()));
            sight.keys.push(record.key.clone());
        }
        sight
    }

    /// Performs a walk; `between` is called after each request and returns `true` if the walk crashes there.
    /// The coverage is recorded every `at_risk` pages and at the end. Returns the last step, `None` after a
    /// crash.
    fn walk(&mut self, at_risk: u32, mut between: impl FnMut(&mut Self) -> bool) -> Option<Step> {
        let terms = RouteParams {
            step: (PAGE - OVERLAP) as u64,
            page_size: PAGE as u64,
            earliest: None,
            since: instant(self.today),
        };
        let settled = day(self.today - SETTLE - 1);
        let mut route = Route::new(terms, &self.coverage);
        let (mut next, mut pages) = (0, 0);
        loop {
            let sight = self.page(next);
            let step = route.see(next, &sight);
            pages += 1;
            if pages % at_risk == 0 || !matches!(step, Step::Read(_)) {
                self.coverage.take(&route.progress(settled));
                self.check();
            }
            next = match step {
                Step::Read(page) => page,
                end => return Some(end),
            };
            assert!(pages < 5_000, "the walk doesn't end");
            if between(self) {
                return None;
            }
        }
    }

    /// Checks that covered records are stored, except for days that are read again in any case.
    #[track_caller]
    fn check(&self) {
        let reread_after = self.coverage.reread_after;
        for CoveredRange { newest, oldest, .. } in &self.coverage.stretches {
            let place = |key: &str| self.feed.iter().position(|record| &*record.key == key);
            let Some(first) = newest.iter().find_map(|key| place(key)) else {
                continue;
            };
            let Some(last) = oldest.iter().rev().find_map(|key| place(key)) else {
                continue;
            };
            for record in self.feed.iter().take(last + 1).skip(first) {
                let is_read_again = reread_after.is_some_and(|day| record.day > day);
                assert!(
                    is_read_again || self.stored.contains(&record.key),
                    "{record:?} is called covered, and nobody has read it"
                );
            }
        }
    }

    fn missing(&self) -> usize {
        let missing = self.feed.iter();
        missing
            .filter(|record| !self.stored.contains(&record.key))
            .count()
    }
}

#[test]
fn a_quiet_feed_is_read_once_and_then_only_where_it_may_change() {
    let mut model = Model::of(400);
    assert_eq!(model.walk(20, |_| false), Some(Step::Done));
    assert_eq!(model.missing(), 0);
    // 50 pages, and two more requests that confirm the end.
    assert_eq!(model.requests, 52);
    for _ in 0..3 {
        model.requests = 0;
        assert_eq!(model.walk(20, |_| false), Some(Step::Done));
        // 15 records of days that may change, and a page of older ones.
        assert_eq!(model.requests, 3);
    }
    assert_eq!(model.coverage.stretches.len(), 1);
}

#[test]
fn a_walk_that_dies_leaves_a_gap_that_the_next_ones_fill() {
    let mut model = Model::of(2_000);
    let mut left = 40;
    let dies = move |model: &mut Model| {
        model.grow(1);
        left -= 1;
        left == 0
    };
    assert_eq!(model.walk(10, dies), None);
    model.requests = 0;
    model.grow(100);
    let read = model.stored.len() as u64;
    let all = model.feed.len() as u64;
    assert_eq!(model.walk(10, |_| false), Some(Step::Done));
    assert_eq!(model.missing(), 0);
    // The new head and the days that may change; from the gap to the end; the confirmation of the end.
    let step = (PAGE - OVERLAP) as u64;
    let ideal = (100 + 16 + 40) / step + (all - read - 100) / step + 2;
    assert!(
        model.requests <= ideal + 4,
        "{} requests, {ideal} at best",
        model.requests
    );
    assert_eq!(model.coverage.stretches.len(), 1);
}

#[test]
fn an_empty_page_in_the_middle_is_not_taken_for_the_end() {
    let mut model = Model::of(100);
    let terms = RouteParams {
        step: (PAGE - OVERLAP) as u64,
        page_size: PAGE as u64,
        earliest: None,
        since: instant(model.today),
    };
    let mut route = Route::new(terms, &model.coverage);
    assert_eq!(route.see(0, &model.page(0)), Step::Read(1));
    // The page after the first is empty once, and has records when asked again.
    assert_eq!(route.see(1, &PageSummary::default()), Step::Read(0));
    assert_eq!(route.see(0, &model.page(0)), Step::Read(1));
    assert_eq!(route.see(1, &model.page(1)), Step::Read(2));
    assert_eq!(route.progress(day(0)).stretch.unwrap().records, 18);
}

/// Found by fuzzing: each page shares a record with the one before it, and there is always one more.
#[test]
fn pages_that_go_round_end_the_walk() {
    let terms = RouteParams {
        step: 3,
        page_size: 4,
        earliest: None,
        since: instant(50),
    };
    let mut route = Route::new(terms, &FeedCoverage::default());
    let mut next = 0;
    for page in ["abcd", "defg", "ghij", "jkl"].iter().cycle().take(1_000) {
        let sight = PageSummary {
            keys: page.chars().map(|key| key.to_string().into()).collect(),
            ..PageSummary::default()
        };
        next = match route.see(next, &sight) {
            Step::Read(page) => page,
            Step::Lost(reason) => return assert!(reason.contains("no end"), "{reason}"),
            Step::Done => panic!("there is no end"),
        };
    }
    panic!("the walk doesn't end");
}

#[test]
fn pages_that_are_quietly_capped_are_no_way_through_a_feed() {
    let mut model = Model::of(100);
    let terms = RouteParams {
        step: 50,
        page_size: 52,
        earliest: None,
        since: instant(model.today),
    };
    let mut route = Route::new(terms, &model.coverage);
    let mut next = 0;
    let reason = loop {
        let offset = usize::try_from(next).unwrap() * 50;
        let page = model.feed.iter().skip(offset).take(PAGE);
        let keys = page.map(|record| record.key.clone()).collect();
        let sight = PageSummary {
            keys,
            newest: Some(day(1)),
            ..PageSummary::default()
        };
        match route.see(next, &sight) {
            Step::Read(page) => next = page,
            Step::Lost(reason) => break reason,
            Step::Done => panic!("the walk has left records out"),
        }
    };
    assert!(reason.contains("`page_size`"), "{reason}");
    model.requests = 0;
}

#[test]
fn a_floor_is_a_floor_until_it_is_lowered() {
    let mut model = Model::of(400);
    let walk = |model: &mut Model, earliest: i64| {
        model.requests = 0;
        let terms = RouteParams {
            step: (PAGE - OVERLAP) as u64,
            page_size: PAGE as u64,
            earliest: Some(day(earliest)),
            since: instant(model.today),
        };
        let settled = day(model.today - SETTLE - 1);
        let mut route = Route::new(terms, &model.coverage);
        let mut next = 0;
        loop {
            match route.see(next, &model.page(next)) {
                Step::Read(page) => next = page,
                Step::Done => break,
                Step::Lost(reason) => panic!("{reason}"),
            }
        }
        model.coverage.take(&route.progress(settled));
        model.requests
    };
    let today = model.today;
    // 20 days of 4 records are 10 pages, and one more page is wholly older.
    assert_eq!(walk(&mut model, today - 20), 12);
    assert_eq!(walk(&mut model, today - 20), 3);
    // The days that may change, and 20 more days from the old floor on.
    assert_eq!(walk(&mut model, today - 40), 3 + 10);
    let missing = model
        .feed
        .iter()
        .filter(|record| record.day >= day(today - 40) && !model.stored.contains(&record.key));
    assert_eq!(missing.count(), 0);
}

/// A day can be marked complete once it is passed, even if the walk crashes on the next page.
#[test]
fn p4_a_day_that_may_go_on_on_the_next_page_is_not_passed() {
    let terms = RouteParams {
        step: (PAGE - OVERLAP) as u64,
        page_size: PAGE as u64,
        earliest: None,
        since: instant(9),
    };
    let mut route = Route::new(terms, &FeedCoverage::default());
    let mut passed = |index: u64, newest: i64| {
        let first = index * terms.step;
        let keys = first..first + terms.page_size;
        let sight = PageSummary {
            keys: keys.map(|key| key.to_string().into()).collect(),
            newest: Some(day(newest)),
            new: terms.step,
            is_last: false,
        };
        assert_eq!(route.see(index, &sight), Step::Read(index + 1));
        [5, 4].map(|number| route.has_passed(day(number)))
    };
    assert_eq!(passed(0, 5), [false, false]);
    assert_eq!(passed(1, 5), [false, false]);
    assert_eq!(passed(2, 4), [true, false]);
}

/// Random feeds and histories.
#[test]
fn p2_whatever_happens_nothing_is_called_covered_that_was_not_read() {
    let seeds: Vec<u64> = match std::env::var("BRONZED_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..400).collect(),
    };
    let (mut walks, mut done) = (0, 0);
    for seed in seeds {
        println!("BRONZED_SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut model = Model::of(rng.random_range(0..300));
        let what = |model: &mut Model, rng: &mut SmallRng, wild: bool| {
            if rng.random_bool(0.3) {
                model.grow(rng.random_range(0..4));
            }
            if rng.random_bool(0.1) {
                model.publish_late(rng.random_range(0..SETTLE));
            }
            // Occasionally, more records are deleted than pages overlap.
            let gone = if wild && rng.random_bool(0.05) { 6 } else { 1 };
            for _ in 0..gone {
                if rng.random_bool(0.05) && !model.feed.is_empty() {
                    let place = rng.random_range(0..model.feed.len());
                    model.feed.remove(place);
                }
            }
        };
        for _ in 0..8 {
            let (die, wild) = (rng.random_range(0.0..0.1), rng.random_bool(0.5));
            let mut chance = SmallRng::seed_from_u64(rng.random());
            let ended = model.walk(rng.random_range(1..8), |model| {
                what(model, &mut chance, wild);
                chance.random_bool(die)
            });
            walks += 1;
            done += u32::from(ended == Some(Step::Done));
            let days = rng.random_range(0..3);
            model.today += days;
            for _ in 0..days {
                model.grow(rng.random_range(0..20));
            }
            for _ in 0..rng.random_range(0..3) {
                model.publish_late(rng.random_range(0..SETTLE));
            }
        }
        // The feed no longer changes: two walks, because the days of the last changes must have settled.
        model.walk(5, |_| false);
        let end = model.walk(5, |_| false);
        assert_eq!(end, Some(Step::Done), "BRONZED_SEED={seed}");
        assert_eq!(model.missing(), 0, "BRONZED_SEED={seed}");
    }
    assert!(
        done * 3 > walks,
        "{done} of {walks} walks came to their end"
    );
}
