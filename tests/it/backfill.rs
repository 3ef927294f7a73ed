//! `bronzed backfill`: the program completes a month, alone and in shards.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use bronzed_model::day::Day;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use serde_json::Value;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program};
use crate::support::stage::Stage;

/// Number of records of a day: enough for some in most of the slices.
const RECORDS: u32 = 40;

fn days(from: &str, to: &str) -> Vec<Day> {
    let to = to.parse().unwrap();
    from.parse::<Day>().unwrap().through(to).collect()
}

/// Returns an API with records of these days, long after they have ended.
fn stage(days: &[Day]) -> Stage {
    let catalog = Catalog::new();
    for day in days {
        catalog.extend(GeneratedDay::new(3, *day, RECORDS).records());
    }
    let stage = Stage::new(
        TestLake::new(Backend::Folder),
        catalog,
        Faults::default(),
        3,
    );
    stage.at("2025-12-01T09:00:00-03:00");
    stage
}

fn backfill(stage: &Stage, days: &[Day], more: &[&str]) -> Program {
    let (from, to) = (days[0].to_string(), days[days.len() - 1].to_string());
    let mut args = vec![
        "backfill",
        "pncp.contratacoes",
        "--from",
        &from,
        "--to",
        &to,
        "--json",
    ];
    args.extend(more);
    Program::new(&args)
        .on(&stage.lake)
        .env(
            "BRONZED__SOURCES__PNCP__BASE_URL",
            stage.simulator.base_url(),
        )
        .env("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "4")
        .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "1ms")
        .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "20ms")
}

/// Sets the environment of one process of an Indexed Job of four.
fn of_four(program: Program, index: usize) -> Program {
    program
        .env("JOB_COMPLETION_INDEX", index.to_string())
        .env("JOB_COMPLETION_COUNT", "4")
}

/// Returns the days of a call's runs, in their order.
fn read(outcome: &Outcome) -> Vec<Day> {
    let runs = outcome.stdout.lines();
    runs.map(|line| serde_json::from_str::<Value>(line).expect("a report"))
        .map(|run| run["day"].as_str().expect("a day").parse().expect("a day"))
        .collect()
}

fn complete(stage: &Stage) -> BTreeSet<String> {
    let keys = stage.lake.keys().into_iter();
    keys.filter_map(|key| Some(key.strip_prefix("pncp/_state/complete/")?.to_owned()))
        .collect()
}

fn compact(days: &[Day]) -> BTreeSet<String> {
    days.iter().map(|day| day.compact()).collect()
}

#[test]
fn four_processes_of_which_one_is_killed_complete_a_month_and_share_no_day() {
    let month = days("2025-10-01", "2025-10-31");
    let stage = stage(&month);
    let start = |index| of_four(backfill(&stage, &month, &[]), index).start();
    let victim = start(0);
    let others: Vec<_> = (1..4).map(start).collect();
    let mine = |stage: &Stage| -> BTreeSet<String> {
        let shard: bronzed::schedule::shard::Shard = "1/4".parse().unwrap();
        let own: Vec<_> = month.iter().copied().filter(|d| shard.owns(*d)).collect();
        complete(stage)
            .intersection(&compact(&own))
            .cloned()
            .collect()
    };
    while mine(&stage).is_empty() {
        thread::sleep(Duration::from_millis(1));
    }
    victim.kill();
    let before = mine(&stage);
    let again = start(0).wait().expect(0);
    let mut owners = vec![read(&again)];
    for other in others {
        owners.push(read(&other.wait().expect(0)));
    }

    assert_eq!(complete(&stage), compact(&month));
    stage.assert_complete(&month);
    let resumed = compact(&owners[0]);
    assert!(
        resumed.is_disjoint(&before),
        "what was complete was read again: {resumed:?} {before:?}"
    );
    let all: Vec<Day> = owners.concat();
    assert_eq!(all.len(), compact(&all).len(), "a day was read twice");
    assert_eq!(all.len() + before.len(), month.len());
    let ledger = stage.simulator.ledger();
    let in_flight = ledger.iter().map(|request| request.in_flight).max();
    assert!(in_flight <= Some(4), "{in_flight:?} together");
}

#[test]
fn a_day_that_fails_holds_up_no_other_and_is_what_is_left() {
    let week = days("2025-10-20", "2025-10-24");
    let stage = stage(&week);
    // An unreadable file: the stored records of its day are unknown.
    let broken = bronzed_storage::bronze::layout::file_key("pncp", week[3], 1);
    stage
        .lake
        .put(&broken, "no Parquet, whatever its name says");
    let first = backfill(&stage, &week, &[]).run().expect(3);
    let newest_first: Vec<_> = week.iter().rev().copied().collect();
    assert_eq!(read(&first), newest_first);
    let others: Vec<_> = week.iter().copied().filter(|day| *day != week[3]).collect();
    assert_eq!(complete(&stage), compact(&others));

    stage.lake.delete(&broken);
    let second = backfill(&stage, &week, &["--order", "oldest"])
        .run()
        .expect(0);
    assert_eq!(read(&second), week[3..4]);
    assert_eq!(complete(&stage), compact(&week));
    stage.assert_complete(&week);

    let third = backfill(&stage, &week, &[]).run().expect(0);
    assert_eq!(third.stdout, "", "nothing is left");
    let all = backfill(&stage, &week[..1], &["--only", "all"])
        .run()
        .expect(0);
    assert_eq!(read(&all), week[..1]);
}

#[test]
fn a_dry_run_tells_days_requests_and_time_and_reads_nothing() {
    let fortnight = days("2025-10-06", "2025-10-19");
    let stage = stage(&fortnight);
    let forecast = |days: &[Day]| -> Value {
        let said = backfill(&stage, days, &["--dry-run"]).run().expect(0);
        serde_json::from_str(&said.stdout).expect("one object")
    };
    let declared = forecast(&fortnight);
    assert_eq!(declared["known_days"], 0);
    assert_eq!(declared["requests"], 14 * 160);
    // Three seconds per request, as the dataset's file declares, and four in flight.
    assert_eq!(declared["seconds"], (14 * 160 * 3) as f64 / 4.0);
    assert_eq!(declared["basis"], "cost");
    assert_eq!(stage.simulator.ledger().len(), 0);
    assert_eq!(stage.lake.keys(), [""; 0], "no lake is founded");

    let week = &fortnight[..7];
    backfill(&stage, week, &[]).run().expect(0);
    let cost = stage.simulator.ledger().len();
    let known = forecast(&fortnight);
    assert_eq!(known["known_days"], 7);
    let left: Vec<_> = fortnight[7..].iter().rev().map(Day::to_string).collect();
    assert_eq!(known["days"], serde_json::json!(left));
    // The second week is estimated from the known one, weekday by weekday.
    assert_eq!(known["requests"], cost);
    assert_eq!(known["basis"], "days");
    assert_eq!(stage.simulator.ledger().len(), cost);
}

#[test]
fn half_an_indexed_job_is_refused_before_anything_is_read() {
    let day = days("2025-10-20", "2025-10-20");
    let stage = stage(&day);
    let refused = backfill(&stage, &day, &[])
        .env("JOB_COMPLETION_INDEX", "0")
        .run()
        .expect(2);
    assert!(
        refused.stderr.contains("JOB_COMPLETION_COUNT"),
        "{refused:?}"
    );
    assert_eq!(stage.simulator.ledger().len(), 0);
}

#[test]
fn a_backfill_that_was_done_said_0_of_0_days() {
    let week = days("2025-10-06", "2025-10-12");
    let stage = stage(&week);
    backfill(&stage, &week, &[]).run().expect(0);
    let args = [
        "backfill",
        "pncp.contratacoes",
        "--from",
        "2025-10-06",
        "--to",
        "2025-10-12",
    ];
    let again = Program::new(&args).on(&stage.lake).run().expect(0);
    assert_eq!(again.stdout.trim(), "all 7 days are complete already");
}

/// `status`, `coverage` and `backfill` called the day complete, of which nothing was left.
#[test]
fn a_complete_day_whose_files_were_removed_is_told_and_read_again() {
    let both = days("2025-10-20", "2025-10-21");
    let stage = stage(&both);
    backfill(&stage, &both, &[]).run().expect(0);
    let told = |args: &[&str]| {
        let program = Program::new(args).on(&stage.lake);
        program.run().expect(0).stdout
    };
    let (status, coverage) = (
        ["status", "pncp.contratacoes"],
        ["coverage", "pncp.contratacoes"],
    );
    assert!(told(&status).contains("all is well"));
    let removed = stage
        .lake
        .as_folder()
        .join("pncp/year=2025/month=10/day=20");
    std::fs::remove_dir_all(removed).expect("a folder");

    let said = told(&status)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for part in [
        "pncp.contratacoes: 1 day not complete",
        "a file of the day is gone or cut off",
        "mend bronzed run pncp.contratacoes --day 2025-10-20",
    ] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let mut range = coverage.to_vec();
    range.extend(["--from", "2025-10-20", "--to", "2025-10-21", "--json"]);
    let proven: Value = serde_json::from_str(&told(&range)).expect("one object");
    assert_eq!(
        (&proven["proven"]["days"], &proven["proven"]["complete"]),
        (&2.into(), &1.into())
    );

    let again = backfill(&stage, &both, &[]).run().expect(0);
    assert_eq!(read(&again), both[..1]);
    assert!(told(&status).contains("all is well"));
}
