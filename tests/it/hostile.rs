//! Hostile responses: memory is bounded, the run ends with a clear error, and nothing is lost (P2, P8).
//!
//! The API has one slice of two pages, of which the second is hostile, and a second slice. An unreadable
//! page makes the run partial without affecting other pages; a readable one is stored exactly. Afterwards
//! the API is healthy again, and the next run ends with every record stored once.

mod api;

use serde_json::Value;

use self::api::{Api, HEALTHY_IDS, Misdeed};
use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program};
use crate::support::promises;
use crate::support::runtime;
use crate::support::scene::{DAY, STATE};

/// Maximum resident memory, in bytes. A body may have 64 MB (`max_body_bytes`), its growing buffer up to
/// twice that, and the program without hostile responses takes some 35 MB.
const MOST_MEMORY: u64 = 170_000_000;

/// Runs the day; returns the outcome and the peak of resident bytes.
fn read(misdeed: &Misdeed, api: &Api, lake: &TestLake) -> (Outcome, u64) {
    Program::new(&["run", "pncp.contratacoes", "--day", DAY, "--json", "-vv"])
        .on(lake)
        .env("BRONZED__SOURCES__PNCP__BASE_URL", &api.url)
        .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "1ms")
        .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "5ms")
        .env("BRONZED__SOURCES__PNCP__RETRY__MAX_ATTEMPTS", "2")
        .env("BRONZED__SOURCES__PNCP__LIMITS__TIMEOUT", misdeed.timeout)
        .start()
        .wait_and_watch_memory()
}

/// Asserts for every run that nothing panicked, memory was bounded, and no raw bytes of a response reached
/// the log.
#[track_caller]
fn assert_harmless(misdeed: &Misdeed, (outcome, peak): &(Outcome, u64)) {
    let name = misdeed.name;
    println!("{name}: at most {:.0} MB", *peak as f64 / 1e6);
    assert!(*peak < MOST_MEMORY, "{name}: {peak} bytes");
    let said = &outcome.stderr;
    assert!(!said.contains("panicked"), "{name}: {said}");
    for line in said.lines().filter(|line| !line.starts_with("bronzed: ")) {
        assert!(line.len() < 4_000, "{name}: {} bytes in a line", line.len());
        let unlike_a_line = |c: char| c.is_control();
        assert!(!line.contains(unlike_a_line), "{name}: {line:?}");
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "{name}: a line that isn't ours: {line}");
    }
}

/// Returns the ids in the lake's state.
fn stored(lake: &TestLake) -> Vec<String> {
    serde_json::from_value(lake.json(STATE)["processed_ids"].clone()).expect("a list of ids")
}

/// Heals the API and reads again: every record is stored once.
#[track_caller]
fn assert_heals(misdeed: &Misdeed, api: &Api, lake: &TestLake) {
    api.heal();
    let (healed, _) = read(misdeed, api, lake);
    let report = healed.expect(0).json();
    assert_eq!(report["complete"], true, "{}: {report}", misdeed.name);
    let ids = stored(lake);
    let healthy = api.healthy_ids();
    let missing: Vec<_> = healthy.iter().filter(|id| !ids.contains(id)).collect();
    assert!(missing.is_empty(), "{}: {missing:?}", misdeed.name);
    let settings = bronzed_config::load(None, []).expect("the shipped configuration");
    runtime().block_on(promises::assert_kept(&lake.open(), &settings));
}

/// Asserts that the response is rejected: the slice fails with this reason, and nothing else does.
#[track_caller]
fn refused(misdeed: &Misdeed, reason: &str) {
    let api = Api::start(misdeed);
    let lake = TestLake::new(Backend::Folder);
    let read = read(misdeed, &api, &lake);
    assert_harmless(misdeed, &read);
    let report = read.0.expect(3).json();
    let failed = report["failed_slices"]["modalidade=6"]
        .as_str()
        .unwrap_or_default();
    assert!(
        failed.contains(reason),
        "{}: no `{reason}` in {report}",
        misdeed.name
    );
    assert!(report.to_string().len() < 4_000, "{}", misdeed.name);
    let ids = stored(&lake);
    // The first page of the slice, and the other slice.
    assert_eq!(ids.len(), HEALTHY_IDS - 50, "{}", misdeed.name);
    assert_heals(misdeed, &api, &lake);
}

/// Asserts that a page of strange records is stored, and read back unchanged.
#[track_caller]
fn stored_as_it_is(misdeed: &Misdeed, records: &[&str]) {
    let api = Api::start(misdeed);
    let lake = TestLake::new(Backend::Folder);
    let read = read(misdeed, &api, &lake);
    assert_harmless(misdeed, &read);
    let report = read.0.expect(0).json();
    assert_eq!(report["new"].as_u64(), Some(51 + records.len() as u64));
    let mut rows = Vec::new();
    for key in lake.keys().iter().filter(|key| key.ends_with(".parquet")) {
        let file = bronzed_storage::bronze::reader::records(lake.get(key).into());
        rows.extend(file.expect("a file of ours"));
    }
    let same = |text: &str| bronzed_model::json::canonical::hash(text);
    let rows: Vec<_> = rows.iter().map(|row| same(row)).collect();
    for record in records {
        let known = rows.contains(&same(record));
        let start: String = record.chars().take(200).collect();
        assert!(known, "{}: {start}", misdeed.name);
    }
}

#[test]
fn bodies_without_end_are_cut_off() {
    for misdeed in [
        &api::ENDLESS_STREAM,
        &api::GIGABYTE,
        &api::GZIP_BOMB,
        &api::WHITE_SPACE_WITHOUT_END,
    ] {
        refused(misdeed, "more than 64000000 bytes: raise `max_body_bytes`");
    }
}

#[test]
fn bodies_and_heads_that_drip_end_with_their_time() {
    for misdeed in [
        &api::DRIPPING_BODY,
        &api::DRIPPING_HEAD,
        &api::CONTINUES_WITHOUT_END,
    ] {
        refused(misdeed, "no whole answer within 2s");
    }
}

#[test]
fn heads_without_end_are_cut_off() {
    for misdeed in [&api::HEADERS_WITHOUT_END, &api::ONE_HUGE_HEADER] {
        refused(misdeed, "gave up on ");
    }
}

#[test]
fn bodies_that_are_not_what_their_head_says_are_failures() {
    refused(&api::SHORTER_THAN_SAID, "the answer broke off");
    refused(&api::BROKEN_GZIP, "the answer broke off");
    refused(&api::BROKEN_CHUNK, "the answer broke off");
    refused(&api::REDIRECT_TO_ITSELF, "which is not followed");
}

#[test]
fn what_is_not_json_is_a_failure() {
    refused(&api::OPEN_BRACKETS, "more than 4000000 values in one text");
    refused(&api::NAN, "the body is not whole JSON");
    refused(&api::RAW_NUL, "the body is not whole JSON");
    refused(
        &api::INVALID_UTF8,
        "the body isn't UTF-8 from its byte 12 on",
    );
    refused(
        &api::SURROGATE_IN_THE_ENVELOPE,
        "the body is not whole JSON",
    );
}

#[test]
fn ten_million_elements_are_not_held() {
    refused(
        &api::MILLIONS_OF_ELEMENTS,
        "more than 4000000 values in one text; ask for smaller pages",
    );
}

#[test]
fn totals_that_lie_prove_nothing() {
    refused(
        &api::TOTAL_NEGATIVE,
        "no usable count or flag at `/totalRegistros`, but -1",
    );
    refused(
        &api::TOTAL_FRACTION,
        "no usable count or flag at `/totalRegistros`, but 12.5",
    );
    refused(
        &api::TOTAL_BEYOND_FLOATS,
        "no usable count or flag at `/totalRegistros`, but 1e999999999",
    );
    refused(
        &api::TOTAL_ESCAPES,
        "no usable count or flag at `/totalRegistros`",
    );
    refused(
        &api::PAGES_BEYOND_COUNTING,
        "18446744073709551615 pages in one slice, more than the 20000",
    );
}

#[test]
fn an_end_that_runs_away_is_followed_a_few_times_only() {
    let misdeed = &api::GROWING_WITH_EVERY_PAGE;
    let api = Api::start(misdeed);
    let lake = TestLake::new(Backend::Folder);
    let read = read(misdeed, &api, &lake);
    assert_harmless(misdeed, &read);
    let report = read.0.expect(3).json();
    assert!(report["requests"].as_u64().unwrap() < 200, "{report}");
    assert_heals(misdeed, &api, &lake);
}

#[test]
fn a_page_that_comes_again_and_again_proves_nothing() {
    refused(
        &api::THE_FIRST_PAGE_AGAIN,
        "50 different ids read where the API states 100",
    );
}

#[test]
fn terminal_escapes_and_forged_lines_reach_no_log() {
    refused(&api::ESCAPES_IN_AN_ERROR_PAGE, "answered status 500: [2J {");
    refused(&api::ESCAPES_IN_A_HEADER, "the answer broke off");
}

#[test]
fn strange_records_are_stored_to_the_letter() {
    let records = api::strange_records();
    let texts: Vec<_> = records.iter().map(String::as_str).collect();
    stored_as_it_is(&api::STRANGE_RECORDS, &texts);
}
