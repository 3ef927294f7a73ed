//! The weekly job of mode `verify`, as shipped, in a real daemon.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_storage::bronze::layout;
use chrono::{Datelike, Days};
use chrono_tz::America::Sao_Paulo;
use serde_json::Value;

use crate::support::lake::{Backend, TestLake};
use crate::support::only;
use crate::support::program::{Program, Running};
use crate::support::stage::Stage;

const TARGET: &str = "pncp.contratacoes";
const MARKS: &str = "_bronzed/verified/pncp.json";
const SLICES: usize = 14;
const RECORDS: u32 = 8;

/// Returns the 90 days before the last Sunday at 05:00, by the machine's clock, which the daemon uses.
fn ninety_days() -> Vec<Day> {
    let now = SystemClock.now().with_timezone(&Sao_Paulo);
    let slot = now - chrono::TimeDelta::hours(5);
    let back = slot.weekday().num_days_from_sunday();
    let sunday = slot.date_naive() - Days::new(back.into());
    let first = Day::new(sunday - Days::new(90));
    first.through(Day::new(sunday).previous()).collect()
}

fn program(stage: &Stage, args: &[&str]) -> Program {
    only("pncp.contratacoes")
        .iter()
        .fold(Program::new(args), |program, (name, value)| {
            program.env(name, value)
        })
        .on(&stage.lake)
        .env(
            "BRONZED__SOURCES__PNCP__BASE_URL",
            stage.simulator.base_url(),
        )
        .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "1ms")
        .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "20ms")
        .env("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "6")
        .env("BRONZED__SERVER__LISTEN", "127.0.0.1:0")
}

fn marks(stage: &Stage) -> BTreeMap<String, Value> {
    match stage.lake.keys().contains(&MARKS.to_owned()) {
        true => serde_json::from_value(stage.lake.json(MARKS)).unwrap(),
        false => BTreeMap::new(),
    }
}

/// Waits until this number of days is marked as verified.
fn until_marked(stage: &Stage, daemon: &mut Running, days: usize) {
    let mut waited = Duration::ZERO;
    while marks(stage).len() < days {
        assert!(!daemon.has_ended(), "the daemon has ended");
        assert!(
            waited < Duration::from_mins(5),
            "{} days",
            marks(stage).len()
        );
        thread::sleep(Duration::from_millis(5));
        waited += Duration::from_millis(5);
    }
}

/// Returns the number of requests of the dataset since `from`, by day.
fn asked(stage: &Stage, from: usize) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    let ledger = stage.simulator.ledger();
    let mine = ledger[from..]
        .iter()
        .filter(|request| request.dataset == Some(TARGET));
    for request in mine {
        let days = request.days.clone().expect("a listing's days");
        *asked.entry(days).or_insert(0) += 1;
    }
    asked
}

#[test]
fn a_weekly_job_verifies_ninety_days_goes_on_after_a_kill_and_is_quiet_then() {
    let days = ninety_days();
    assert_eq!(days.len(), 90);
    let catalog = Catalog::new();
    for day in &days {
        catalog.extend(GeneratedDay::new(3, *day, RECORDS).records());
    }
    let lake = TestLake::new(Backend::Folder);
    let stage = Stage::new(lake, catalog, Faults::default(), 3);
    stage.at(&SystemClock.now().to_rfc3339());
    let (first, last) = (days[0].to_string(), days[89].to_string());
    program(
        &stage,
        &["backfill", TARGET, "--from", &first, "--to", &last],
    )
    .run()
    .expect(0);

    // Since then, one day got five records, and another one lost one.
    let (late, lost) = (days[40], days[60]);
    let more = GeneratedDay::new(4, late, 5).records();
    stage.simulator.catalog().extend(more);
    let now = stage.simulator.clock().brasilia();
    let ids = stage.simulator.catalog().ids(lost, now);
    let gone = ids.first().unwrap();
    assert!(stage.simulator.catalog().withdraw(gone));

    let from = stage.simulator.ledger().len();
    let mut daemon = program(&stage, &["daemon"]).start();
    until_marked(&stage, &mut daemon, 20);
    daemon.kill();
    let before = marks(&stage);
    let mut daemon = program(&stage, &["daemon"]).start();
    until_marked(&stage, &mut daemon, 90);
    daemon.interrupt();
    daemon.wait().expect(0);

    let marked = marks(&stage);
    assert!(
        marked.values().all(|mark| mark["failures"] == 0),
        "{marked:?}"
    );
    for (day, mark) in &before {
        assert_eq!(
            &marked[day], mark,
            "a day that was compared isn't compared again"
        );
    }
    let state = |day| stage.lake.json(&layout::state_key("pncp", day));
    assert_eq!(state(late)["total_processed"], RECORDS + 5);
    assert!(state(lost)["withdrawn_ids"].get(gone).is_some());
    let audited = state(late)["executions"].as_array().unwrap().clone();
    assert_eq!(audited[audited.len() - 1]["job"], "verify");
    // One request per slice; two if interrupted by the kill; more only if a day differs, or if no later
    // slot names it, so that it is read.
    let mut asked = asked(&stage, from);
    let mine = days.iter().filter_map(|day| {
        let compact = day.compact();
        asked.remove(&format!("{compact}..{compact}"))
    });
    let mine: Vec<_> = mine.collect();
    assert_eq!(mine.len(), 90);
    let is_dear = |requests: &&usize| **requests > SLICES;
    let (last_time, again) = mine.split_at(7);
    assert_eq!(last_time.iter().filter(is_dear).count(), 7, "{mine:?}");
    assert!(again.iter().filter(is_dear).count() <= 2 + 4, "{mine:?}");

    // Until the next slot, nothing is left to do.
    let from = stage.simulator.ledger().len();
    let told = program(&stage, &["verify", TARGET, "--from", &first, "--to", &last]);
    assert_eq!(
        told.run().expect(0).stdout,
        "90 of 90 days are as the API states\n"
    );
    assert_eq!(stage.simulator.ledger().len() - from, 90 * SLICES);
}
