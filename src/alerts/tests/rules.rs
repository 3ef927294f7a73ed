//! Each rule: when it holds, when it doesn't, when it can't be told; and its words.

use chrono::{Days, TimeDelta};

use super::{at, outage, well};
use crate::alerts::evidence::Evidence;
use crate::alerts::facts::{AlertFacts, HeldFacts, LakeRefusal, RunEnding, RunFacts};
use crate::alerts::rules::{Findings, evaluate};
use crate::alerts::volume::VolumeHistory;
use bronzed_model::alerts::AlertRules;
use bronzed_model::day::Day;
use bronzed_model::declaration::ExpectationSeverity;
use bronzed_model::quality::{ExpectationResult, Results};

fn judge(facts: &AlertFacts) -> Findings {
    let mut evidence = Evidence::default();
    evidence.hear(facts);
    evaluate(
        facts,
        &evidence,
        &VolumeHistory::default(),
        &AlertRules::default(),
    )
}

/// Returns `key: summary` of each condition that holds.
fn told(found: &Findings) -> Vec<String> {
    let holds = found.holds.iter();
    holds
        .map(|(key, condition)| format!("{key}: {}", condition.summary))
        .collect()
}

fn unknown(found: &Findings) -> Vec<String> {
    found.unknown.iter().map(ToString::to_string).collect()
}

fn run(outcome: RunEnding, time: &str, drift: u64) -> RunFacts {
    RunFacts {
        source: "pncp".into(),
        dataset: "atas".into(),
        day: "2025-10-21".parse().unwrap(),
        at: at(time),
        outcome,
        drift,
        expectations: Results::new(),
    }
}

fn failed(time: &str) -> RunFacts {
    run(RunEnding::Failed("answered status 500".to_owned()), time, 0)
}

#[test]
fn nothing_is_told_while_all_is_well() {
    assert_eq!(judge(&well(at("12:00"))), Findings::default());
}

#[test]
fn days_that_are_overdue_or_stuck_are_counted_and_the_oldest_is_named() {
    let mut evidence = Evidence::default();
    evidence.hear(&well(at("11:00")));
    let mut facts = well(at("12:00"));
    let days = facts.sources[0].datasets[0].days.as_mut().unwrap();
    (days.overdue, days.stuck) = (3, 1);
    days.oldest = Some("2025-10-01".parse().unwrap());
    evidence.hear(&facts);
    let rules = AlertRules::default();
    let found = evaluate(&facts, &evidence, &VolumeHistory::default(), &rules);
    assert_eq!(
        told(&found),
        [
            "unproven/pncp/atas: pncp.atas: 3 days are overdue, the oldest is 2025-10-01",
            "stuck/pncp/atas: pncp.atas: 1 day was tried eight times or more, and isn't complete",
        ]
    );
    let hint = &found.holds.values().next().unwrap().hint;
    let command = "bronzed state show pncp.atas --day 2025-10-01";
    assert!(hint.contains(command), "{hint}");
}

/// Tells after how many hours, with how many overdue days, somebody is told.
fn overdue(hours: &[(i64, u64, bool)]) {
    let mut evidence = Evidence::default();
    let rules = AlertRules::default();
    for (hour, overdue, is_told) in hours {
        let mut facts = well(at("12:00") + TimeDelta::hours(*hour));
        facts.sources[0].datasets[0].days.as_mut().unwrap().overdue = *overdue;
        evidence.hear(&facts);
        let found = evaluate(&facts, &evidence, &VolumeHistory::default(), &rules);
        assert_eq!(!found.holds.is_empty(), *is_told, "{hour} h: {overdue}");
    }
}

#[test]
fn overdue_days_that_become_fewer_worry_nobody_until_they_have_not_for_two_days() {
    let told = true;
    overdue(&[
        (0, 0, !told),
        (1, 3, told),
        (2, 2, !told),
        (40, 2, !told),
        (51, 2, told),
        (52, 1, !told),
        (53, 0, !told),
        (54, 1, told),
    ]);
}

/// A daemon that was new on a lake told of its whole history, an hour after it had begun to read it.
#[test]
fn a_history_that_nobody_has_read_yet_has_two_days_to_be_begun() {
    let told = true;
    overdue(&[
        (0, 300, !told),
        (47, 300, !told),
        (49, 300, told),
        (50, 299, !told),
        (51, 500, !told),
        (97, 498, !told),
        (146, 498, told),
    ]);
}

#[test]
fn a_job_is_stale_from_its_bound_on() {
    let mut facts = well(at("12:00"));
    let job = |facts: &mut AlertFacts, served| {
        facts.sources[0].datasets[1].days.as_mut().unwrap().jobs[0].served = served;
    };
    job(&mut facts, Some(at("12:01") - TimeDelta::days(1)));
    assert_eq!(judge(&facts), Findings::default());
    job(&mut facts, Some(at("11:59") - TimeDelta::days(1)));
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        [
            "stale/pncp/contratos: pncp.contratos: job daily has had no good run since 2025-10-21 08:59-03:00"
        ]
    );
    let condition = found.holds.values().next().unwrap();
    assert_eq!(condition.since, Some(at("11:59")));
    assert_eq!(condition.detail, "Its data are stale after 1day.");
}

#[test]
fn a_job_that_was_never_served_is_stale_by_the_start_of_the_daemon_and_unknown_before() {
    let mut facts = well(at("12:00"));
    let job = &mut facts.sources[0].datasets[0].days.as_mut().unwrap().jobs[0];
    (job.served, job.since_start) = (None, at("11:00"));
    assert_eq!(unknown(&judge(&facts)), ["stale/pncp/atas"]);
    let job = &mut facts.sources[0].datasets[0].days.as_mut().unwrap().jobs[0];
    job.since_start = at("11:00") - TimeDelta::days(1);
    assert_eq!(told(&judge(&facts)).len(), 1);
}

#[test]
fn three_failed_runs_without_a_good_one_are_told_with_the_last_reason() {
    let mut facts = well(at("12:00"));
    facts.runs = vec![failed("07:00"), failed("08:00"), failed("11:00")];
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        [
            "failing/pncp/atas: pncp.atas: 3 runs have failed since 2025-10-22 04:00-03:00, and none was good"
        ]
    );
    let detail = &found.holds.values().next().unwrap().detail;
    assert_eq!(detail, "The last one, of 2025-10-21: answered status 500.");
    let silent = [
        ("too few", vec![failed("07:00"), failed("08:00")]),
        (
            "too old",
            vec![failed("05:00"), failed("08:00"), failed("11:00")],
        ),
        (
            "a good one since",
            vec![
                failed("07:00"),
                failed("08:00"),
                run(RunEnding::Ok, "09:00", 0),
                failed("11:00"),
            ],
        ),
        (
            "partial and stopped runs are none",
            vec![
                failed("07:00"),
                run(RunEnding::Other, "08:00", 0),
                failed("11:00"),
            ],
        ),
    ];
    for (why, runs) in silent {
        facts.runs = runs;
        assert_eq!(judge(&facts), Findings::default(), "{why}");
    }
}

#[test]
fn a_host_that_is_down_is_one_alert_and_an_endpoint_one_of_its_dataset() {
    let mut facts = well(at("12:00"));
    for dataset in &mut facts.sources[0].datasets {
        dataset.outage = Some(outage(true, at("05:07")));
    }
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        ["down/pncp: pncp: the API has been down since 2025-10-22 02:07-03:00"]
    );
    let detail = &found.holds.values().next().unwrap().detail;
    assert_eq!(
        detail,
        "20 failures in a row at https://pncp.gov.br, the last: answered status 503."
    );
    facts.sources[0].datasets[0].outage = Some(outage(false, at("05:07")));
    facts.sources[0].datasets[1].outage = None;
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        ["down/pncp/atas: pncp.atas: its endpoint has been down since 2025-10-22 02:07-03:00"]
    );
}

#[test]
fn an_api_that_a_new_process_has_not_asked_yet_is_not_taken_for_well() {
    let mut facts = well(at("12:00"));
    for dataset in &mut facts.sources[0].datasets {
        dataset.answered = false;
    }
    let all = ["down/pncp", "down/pncp/atas", "down/pncp/contratos"];
    assert_eq!(unknown(&judge(&facts)), all);
    facts.sources[0].datasets[0].answered = true;
    assert_eq!(unknown(&judge(&facts)), ["down/pncp/contratos"]);
}

#[test]
fn a_dataset_that_the_lake_has_not_told_of_is_unknown_not_well() {
    let mut facts = well(at("12:00"));
    facts.sources[0].datasets[0].days = None;
    let all = [
        "unproven/pncp/atas",
        "stuck/pncp/atas",
        "stale/pncp/atas",
        "volume/pncp/atas",
    ];
    assert_eq!(unknown(&judge(&facts)), all);
}

#[test]
fn drift_is_told_for_a_day_after_the_last_run_that_had_some() {
    let mut evidence = Evidence::default();
    let mut told_after = |hours: i64, runs: Vec<RunFacts>| {
        let mut facts = well(at("12:00") + TimeDelta::hours(hours));
        facts.runs = runs;
        evidence.hear(&facts);
        let rules = AlertRules::default();
        told(&evaluate(
            &facts,
            &evidence,
            &VolumeHistory::default(),
            &rules,
        ))
    };
    let drifts = ["drift/pncp/atas: pncp.atas has fields that its schema doesn't declare so"];
    assert_eq!(told_after(0, vec![run(RunEnding::Ok, "11:59", 7)]), drifts);
    assert_eq!(told_after(23, vec![run(RunEnding::Ok, "12:00", 0)]), drifts);
    assert!(told_after(25, Vec::new()).is_empty());
}

#[test]
fn a_failed_expectation_is_told_until_a_run_finds_it_held_or_for_a_week() {
    let mut evidence = Evidence::default();
    let mut told_after = |hours: i64, success: Option<bool>| {
        let mut facts = well(at("12:00") + TimeDelta::hours(hours));
        let mut run = run(RunEnding::Ok, "11:59", 0);
        run.at = facts.at;
        if let Some(success) = success {
            let result = ExpectationResult {
                check: "between".to_owned(),
                severity: ExpectationSeverity::Error,
                evaluated: 9,
                unexpected: u64::from(!success),
                success,
                examples: Vec::new(),
            };
            run.expectations = [("valor".to_owned(), result)].into();
        }
        facts.runs = vec![run];
        evidence.hear(&facts);
        let rules = AlertRules::default();
        told(&evaluate(
            &facts,
            &evidence,
            &VolumeHistory::default(),
            &rules,
        ))
    };
    let fails = ["quality/pncp/atas: pncp.atas isn't as expected: valor"];
    assert_eq!(told_after(0, Some(false)), fails);
    assert_eq!(
        told_after(1, None),
        fails,
        "a run without new rows says nothing"
    );
    assert!(told_after(2, Some(true)).is_empty());
    assert_eq!(told_after(3, Some(false)), fails);
    assert_eq!(told_after(3 + 7 * 24, None), fails);
    assert!(told_after(4 + 7 * 24, None).is_empty());
}

#[test]
fn a_silver_table_that_holds_partitions_back_is_told_until_a_build_holds_none() {
    let mut facts = well(at("12:00"));
    let held = |partition: &str| HeldFacts {
        partition: partition.to_owned(),
        expectation: "known_value".to_owned(),
        unexpected: 2,
        evaluated: 20,
    };
    facts.sources[0].tables[0].held_back = Some(vec![held("2025-10"), held("2025-11")]);
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        [
            "held_back/pncp/atas: silver.pncp.atas holds 2 partitions back: `known_value` fails in 2025-10"
        ]
    );
    let condition = found.holds.values().next().unwrap();
    let counts = "2025-10: known_value, 2 of 20; 2025-11: known_value, 2 of 20";
    assert!(condition.detail.contains(counts), "{}", condition.detail);
    let command = "bronzed silver status silver.pncp.atas";
    assert!(condition.hint.contains(command), "{}", condition.hint);
    // A daemon that has just started hasn't built it.
    facts.sources[0].tables[0].held_back = None;
    assert_eq!(unknown(&judge(&facts)), ["held_back/pncp/atas"]);
    facts.sources[0].tables[0].held_back = Some(Vec::new());
    assert_eq!(judge(&facts), Findings::default());
}

#[test]
fn a_lake_is_told_of_by_what_is_wrong_with_it() {
    let mut facts = well(at("12:00"));
    facts.lake.reachable = None;
    assert_eq!(unknown(&judge(&facts)), ["lake"]);
    facts.lake.reachable = Some(false);
    assert_eq!(told(&judge(&facts)), ["lake: the lake can't be read"]);
    facts.lake.refuses = Some(LakeRefusal {
        since: at("11:00"),
        error: "no space left on device".to_owned(),
    });
    let found = judge(&facts);
    assert_eq!(
        told(&found),
        ["lake: the lake has refused writes since 2025-10-22T11:00:00Z"]
    );
    let detail = &found.holds.values().next().unwrap().detail;
    assert!(
        detail.starts_with("no space left on device. Runs fail without loss"),
        "{detail}"
    );
}

/// Returns volumes in which the same weekday had `usual` records in the weeks before, and the facts of a day
/// that is complete like these.
fn volumes(usual: &[u64], records: u64) -> (AlertFacts, VolumeHistory) {
    let day: Day = "2025-10-21".parse().unwrap();
    let weeks = (1..).zip(usual).map(|(week, records)| {
        let before = day.date().checked_sub_days(Days::new(7 * week)).unwrap();
        ("pncp.atas".to_owned(), Day::new(before), *records)
    });
    let mut read: Vec<_> = weeks.collect();
    read.push(("pncp.atas".to_owned(), day, records));
    let mut volumes = VolumeHistory::default();
    volumes.extend(&read);
    let mut facts = well(at("12:00"));
    let days = facts.sources[0].datasets[0].days.as_mut().unwrap();
    days.complete = read.iter().map(|(_, day, _)| *day).collect();
    days.complete.sort_unstable();
    (facts, volumes)
}

#[test]
fn a_day_is_unusual_far_from_the_median_of_its_weekday() {
    let rules = AlertRules::default();
    let told = |usual: &[u64], records: u64| {
        let (facts, volumes) = volumes(usual, records);
        told(&evaluate(&facts, &Evidence::default(), &volumes, &rules))
    };
    let usual = [4_000, 4_200, 90, 3_900, 4_100, 4_050];
    assert_eq!(
        told(&usual, 900),
        ["volume/pncp/atas: pncp.atas: 2025-10-21 has only 900 records, and 4050 are usual"]
    );
    assert_eq!(
        told(&usual, 17_000),
        ["volume/pncp/atas: pncp.atas: 2025-10-21 has 17000 records, and 4050 are usual"]
    );
    assert!(told(&usual, 1_100).is_empty() && told(&usual, 16_000).is_empty());
    assert!(
        told(&[4_000, 4_000, 4_000], 1).is_empty(),
        "three weeks are too few"
    );
    assert!(told(&[30; 8], 0).is_empty(), "few records vary by chance");
}

#[test]
fn a_day_whose_records_were_not_read_yet_is_unknown() {
    let (facts, _) = volumes(&[4_000; 8], 4_000);
    assert_eq!(unknown(&judge(&facts)), ["volume/pncp/atas"]);
}

#[test]
fn a_rule_that_is_off_finds_nothing() {
    let mut facts = well(at("12:00"));
    facts.lake.reachable = Some(false);
    let mut rules = AlertRules::default();
    rules.lake.enabled = false;
    let found = evaluate(
        &facts,
        &Evidence::default(),
        &VolumeHistory::default(),
        &rules,
    );
    assert_eq!(found, Findings::default());
}
