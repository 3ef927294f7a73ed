//! `bronzed verify` as a command.

use std::collections::BTreeMap;

use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_storage::bronze::layout;
use serde_json::Value;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program};
use crate::support::stage::Stage;

const SLICES: usize = 14;

fn days(from: &str, to: &str) -> Vec<Day> {
    let to = to.parse().unwrap();
    from.parse::<Day>().unwrap().through(to).collect()
}

/// Returns an API with records of these days, long after they have ended, and a complete lake.
fn complete(days: &[Day], records: u32) -> Stage {
    let catalog = Catalog::new();
    for day in days {
        catalog.extend(GeneratedDay::new(3, *day, records).records());
    }
    let lake = TestLake::new(Backend::Folder);
    let stage = Stage::new(lake, catalog, Faults::default(), 3);
    stage.at("2025-12-01T09:00:00-03:00");
    call(&stage, "backfill", days, &[]).run().expect(0);
    stage
}

fn call(stage: &Stage, command: &str, days: &[Day], more: &[&str]) -> Program {
    let (from, to) = (days[0].to_string(), days[days.len() - 1].to_string());
    let mut args = vec![command, "pncp.contratacoes", "--from", &from, "--to", &to];
    args.extend(more);
    Program::new(&args)
        .on(&stage.lake)
        .env(
            "BRONZED__SOURCES__PNCP__BASE_URL",
            stage.simulator.base_url(),
        )
        .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "1ms")
        .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "20ms")
}

fn verify(stage: &Stage, days: &[Day], more: &[&str]) -> Outcome {
    let mut json = vec!["--json"];
    json.extend(more);
    let outcome = call(stage, "verify", days, &json).run();
    stage.assert_kept();
    outcome
}

/// Returns the result for each day.
fn said(outcome: &Outcome) -> BTreeMap<String, Value> {
    let lines = outcome.stdout.lines();
    lines
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|day| (day["day"].as_str().unwrap().to_owned(), day))
        .collect()
}

/// Withdraws the first record of the day's largest slice; returns its id.
fn withdraw_one(stage: &Stage, day: Day) -> String {
    let now = stage.simulator.clock().brasilia();
    let catalog = stage.simulator.catalog();
    let listed = catalog.list(Some(day), now, false);
    let id = listed
        .filter(|record| record.group == 6)
        .map(|record| record.id)
        .next();
    let id = id.expect("a record of modalidade 6");
    assert!(catalog.withdraw(&id));
    id
}

fn state(stage: &Stage, day: Day) -> Value {
    stage.lake.json(&layout::state_key("pncp", day))
}

#[test]
fn a_lake_that_is_as_the_api_states_costs_one_request_per_slice_and_nothing_is_written() {
    let week = days("2025-10-20", "2025-10-26");
    // One page per slice: with several, the last page costs one more request.
    let stage = complete(&week, 100);
    let (before, asked) = (stage.lake.keys(), stage.simulator.ledger().len());
    let states: Vec<_> = week.iter().map(|day| state(&stage, *day)).collect();
    let outcome = verify(&stage, &week, &["--repair"]).expect(0);
    assert!(said(&outcome).values().all(|day| day["outcome"] == "same"));
    let requests = stage.simulator.ledger().len() - asked;
    assert_eq!(requests, week.len() * SLICES);
    assert_eq!(stage.lake.keys(), before);
    let after: Vec<_> = week.iter().map(|day| state(&stage, *day)).collect();
    assert_eq!(after, states);

    let quiet = call(&stage, "verify", &week, &[]).run().expect(0);
    assert_eq!(quiet.stdout, "7 of 7 days are as the API states\n");
}

#[test]
fn differences_are_told_and_repaired_and_the_next_verify_is_quiet() {
    let week = days("2025-10-20", "2025-10-26");
    let stage = complete(&week, 120);
    let gone = withdraw_one(&stage, week[1]);
    let late = GeneratedDay::new(4, week[4], 5).records();
    stage.simulator.catalog().extend(late);

    let told = call(&stage, "verify", &week, &[]).run().expect(3);
    assert!(told.stdout.contains("API states"), "{}", told.stdout);
    let line = told.stdout.lines().find(|line| line.contains("2025-10-21"));
    let line = line.expect("the day that lost a record");
    assert!(
        line.contains("modalidade=6") && line.contains("-1"),
        "{line}"
    );
    let sum = "5 of 7 days are as the API states, 2 different";
    assert!(told.stdout.contains(sum), "{}", told.stdout);

    let found = said(&verify(&stage, &week, &[]).expect(3));
    let different: Vec<_> = found
        .iter()
        .filter(|(_, day)| day["outcome"] == "different")
        .map(|(day, _)| day.as_str())
        .collect();
    assert_eq!(different, ["2025-10-21", "2025-10-24"]);
    let slices = found["2025-10-24"]["slices"].as_array().unwrap();
    let more = |slice: &Value| slice["stated"].as_u64().unwrap() - slice["held"].as_u64().unwrap();
    assert_eq!(slices.iter().map(more).sum::<u64>(), 5);

    let repaired = said(&verify(&stage, &week, &["--repair"]).expect(0));
    assert_eq!(repaired["2025-10-21"]["outcome"], "repaired");
    assert_eq!(repaired["2025-10-21"]["repair"]["withdrawn"], 1);
    assert_eq!(repaired["2025-10-24"]["repair"]["new"], 5);
    assert_eq!(repaired["2025-10-20"]["repair"], Value::Null);
    let state = state(&stage, week[1]);
    assert!(state["withdrawn_ids"].get(&gone).is_some(), "{state}");

    let quiet = said(&verify(&stage, &week, &[]).expect(0));
    assert!(quiet.values().all(|day| day["outcome"] == "same"));
    assert_eq!(quiet["2025-10-21"]["withdrawn"], 1);
}

#[test]
fn a_return_is_told_and_taken_back() {
    let day = days("2025-10-20", "2025-10-20");
    let stage = complete(&day, 120);
    let gone = withdraw_one(&stage, day[0]);
    verify(&stage, &day, &["--repair"]).expect(0);
    let again = GeneratedDay::new(3, day[0], 120).records();
    let again = again.filter(|record| record.id() == gone);
    stage.simulator.catalog().extend(again.collect::<Vec<_>>());
    verify(&stage, &day, &[]).expect(3);
    let back = said(&verify(&stage, &day, &["--repair"]).expect(0));
    assert_eq!(back["2025-10-20"]["repair"]["returned"], 1);
    assert_eq!(state(&stage, day[0]).get("withdrawn_ids"), None);
    verify(&stage, &day, &[]).expect(0);
}

#[test]
fn a_swap_on_the_first_page_is_found_although_the_total_is_the_same() {
    let day = days("2025-10-20", "2025-10-20");
    let stage = complete(&day, 40);
    withdraw_one(&stage, day[0]);
    let other = GeneratedDay::new(9, day[0], 40).records();
    let other = other.filter(|record| record.modalidade() == 6).take(1);
    stage.simulator.catalog().extend(other.collect::<Vec<_>>());
    let found = said(&verify(&stage, &day, &[]).expect(3));
    let slice = &found["2025-10-20"]["slices"][0];
    assert_eq!(slice["stated"], slice["held"]);
    assert_eq!(slice["missing_on_pages"], 1);
}

#[test]
fn days_that_were_never_read_differ_and_a_repair_reads_them() {
    let week = days("2025-10-20", "2025-10-22");
    let stage = complete(&week, 40);
    for key in stage.lake.keys() {
        if key.contains("day=21") || key.contains("complete/20251021") {
            stage.lake.delete(&key);
        }
    }
    let found = said(&verify(&stage, &week, &[]).expect(3));
    assert_eq!(found["2025-10-21"]["outcome"], "different");
    assert_eq!(found["2025-10-21"]["stored"], 0);
    let repaired = said(&verify(&stage, &week, &["--repair"]).expect(0));
    assert_eq!(repaired["2025-10-21"]["repair"]["new"], 40);
    assert_eq!(repaired["2025-10-21"]["complete"], true);
}

#[test]
fn a_state_that_was_rebuilt_is_compared_by_its_ids() {
    let day = days("2025-10-20", "2025-10-20");
    let stage = complete(&day, 60);
    stage.lake.delete(&layout::state_key("pncp", day[0]));
    // `verify` writes nothing: the state remains lost until a run needs it.
    let compare = || call(&stage, "verify", &day, &[]).run();
    compare().expect(0);
    withdraw_one(&stage, day[0]);
    compare().expect(3);
    verify(&stage, &day, &["--repair"]).expect(0);
    verify(&stage, &day, &[]).expect(0);
}

#[test]
fn an_api_that_is_down_is_said_with_the_cause_and_fails() {
    let week = days("2025-10-20", "2025-10-22");
    let stage = complete(&week, 40);
    let down = Faults::by_rule([Rule::always(Fault::ServerError)]);
    stage.simulator.set_faults(down);
    let failed = call(&stage, "verify", &week, &["--repair"]).run().expect(1);
    assert!(failed.stdout.contains("3 not compared"), "{failed:?}");
    let cause = "not all could be compared";
    assert!(failed.stderr.contains(cause), "{failed:?}");
    assert!(failed.stderr.contains("500"), "{failed:?}");
}

#[test]
fn a_slice_that_could_not_be_asked_is_partial_and_the_others_are_compared() {
    let week = days("2025-10-20", "2025-10-22");
    let stage = complete(&week, 60);
    let broken = Rule::always(Fault::ServerError).slice("modalidade=8");
    stage.simulator.set_faults(Faults::by_rule([broken]));
    withdraw_one(&stage, week[2]);
    let found = said(&verify(&stage, &week, &["--repair"]).expect(3));
    let outcomes: Vec<_> = found.values().map(|day| day["outcome"].clone()).collect();
    assert_eq!(outcomes, ["unknown", "unknown", "different"]);
    assert_eq!(found["2025-10-22"]["repair"]["status"], "partial");
    assert_eq!(found["2025-10-20"]["slices"][0]["finding"], "unasked");
    stage.simulator.heal();
    verify(&stage, &week, &["--repair"]).expect(0);
    verify(&stage, &week, &[]).expect(0);
}

#[test]
fn what_can_not_be_compared_is_refused_with_the_reason() {
    let day = days("2025-10-20", "2025-10-20");
    let stage = complete(&day, 10);
    let today = Day::of(SystemClock.now(), chrono_tz::America::Sao_Paulo);
    let refused = call(&stage, "verify", &[today], &[]).run().expect(2);
    assert!(refused.stderr.contains("isn't over yet"), "{refused:?}");
    let refused = call(&stage, "verify", &day, &[])
        .env(
            "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__VERIFY",
            "false",
        )
        .run()
        .expect(2);
    assert!(refused.stderr.contains("`verify = false`"), "{refused:?}");
}
