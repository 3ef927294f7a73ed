//! Fuzzes the route of a feed's walk with arbitrary responses and arbitrary coverage by earlier walks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a property that doesn't hold has to be noticed"
)]

use std::collections::HashSet;

use chrono::{DateTime, Days, NaiveDate};

use super::coverage::FeedCoverage;
use super::route::{PageSummary, Route, RouteParams, Step};
use bronzed_model::day::Day;
use bronzed_model::fuzz_input::Input;

/// Number of pages (`max_pages`) beyond which none is requested.
const MOST_PAGES: u64 = 40;
/// Maximum number of steps: a walk may go back, but not forever.
const MOST_STEPS: u64 = 8 * MOST_PAGES + 300;

/// Fuzz target. The input is the page size and the overlap of two pages, one a line; the coverage, a JSON
/// document in one line; then the responses, repeated in a cycle: each line is a page, each letter a record,
/// whose day is the earlier the later the letter is in the alphabet. A line that ends with `.` is the last
/// page.
pub fn route(input: &[u8]) {
    let mut input = Input::new(input);
    let page_size = 2 + input.number() % 30;
    let overlap = 1 + input.number() % (page_size - 1);
    let known: FeedCoverage = serde_json::from_slice(input.line()).unwrap_or_default();
    let mut answers = Vec::new();
    while !input.is_empty() && answers.len() < 64 {
        answers.push(input.words().into_owned());
    }
    let terms = RouteParams {
        step: page_size - overlap,
        page_size,
        earliest: None,
        since: DateTime::from_timestamp(1_761_134_400, 0).unwrap(),
    };
    let mut route = Route::new(terms, &known);
    let (mut stored, mut next, mut coverage) = (HashSet::new(), 0, known);
    for answer in (0..MOST_STEPS).map(|step| step as usize % answers.len().max(1)) {
        let answer = answers.get(answer).map(String::as_str).unwrap_or_default();
        let sight = sight(answer, &mut stored);
        let step = route.see(next, &sight);
        let progress = route.progress(day('M'));
        if let Some(stretch) = &progress.stretch {
            assert!(stretch.newest.len() as u64 <= stretch.records);
        }
        coverage.take(&progress);
        assert!(
            !coverage.take(&progress),
            "what is noted twice is noted once"
        );
        next = match step {
            Step::Read(page) => page,
            Step::Done => return,
            Step::Lost(reason) => return assert!(!reason.is_empty()),
        };
        if next >= MOST_PAGES {
            return;
        }
    }
    panic!("no end after {MOST_STEPS} pages");
}

fn sight(answer: &str, stored: &mut HashSet<char>) -> PageSummary {
    let records = answer.chars().filter(|record| *record != '.');
    let mut sight = PageSummary {
        is_last: answer.ends_with('.'),
        ..PageSummary::default()
    };
    for record in records {
        sight.newest = sight.newest.max(Some(day(record)));
        sight.new += u64::from(stored.insert(record));
        sight.keys.push(record.to_string().into());
    }
    sight
}

fn day(record: char) -> Day {
    let first = NaiveDate::from_ymd_opt(2025, 12, 31).unwrap();
    Day::new(first - Days::new(u64::from(record) % 128))
}
