//! Partitions of a month: named by any of their days, read while they are under way, complete after their end.

use super::*;
use bronzed_model::declaration::Period;

fn monthly(jobs: impl IntoIterator<Item = Job>) -> Case {
    given(jobs).dataset(|dataset| dataset.period = Period::Month)
}

/// Returns the due runs: first day of the month, slot, reason.
fn due(case: &Case, now: &str) -> Vec<String> {
    let plan = case.plan(now);
    let tasks = plan.tasks.iter().map(|task| {
        let slot = task.slot.with_timezone(&Sao_Paulo);
        let (day, slot) = (task.day.date(), slot.format("%m-%d %H:%M"));
        format!("{} {slot} {}", day.format("%m-%d"), task.reason.as_str())
    });
    tasks.collect()
}

#[test]
fn a_month_under_way_is_read_once_by_each_slot_that_names_one_of_its_days() {
    let case = monthly([daily()]);
    assert_eq!(due(&case, "17 04:00"), ["10-01 10-17 03:00 catch_up"]);
    let case = case.ran("01", "daily", Status::Ok, "17 04:00", "17 04:01");
    assert!(due(&case, "18 02:59").is_empty());
    assert_eq!(due(&case, "18 03:00"), ["10-01 10-18 03:00 slot"]);
}

#[test]
fn a_month_is_read_after_its_end_until_it_is_complete_and_no_longer() {
    let case =
        monthly([daily()])
            .named_from("01")
            .ran("01", "daily", Status::Ok, "31 03:00", "31 03:01");
    // The slot of the first names the last day of October; November is named a day later.
    assert_eq!(due(&case, "11-01 03:00"), ["10-01 11-01 03:00 slot"]);
    let mut case = case.ran("01", "daily", Status::Ok, "11-01 03:00", "11-01 03:01");
    case.known.complete(day("01"));
    assert!(due(&case, "11-01 12:00").is_empty());
    assert_eq!(due(&case, "11-02 03:00"), ["11-01 11-02 03:00 slot"]);
}

#[test]
fn coverage_wants_the_months_that_have_ended() {
    let case = monthly([backfill()]).covered_from("08-01");
    let wanted = case.schedule.wanted("notices", &case.known, at("17 12:00"));
    assert_eq!(wanted, BTreeSet::from([day("08-01"), day("09-01")]));
    let first = case.schedule.first_named("notices", at("17 12:00"));
    assert_eq!(first, Some(day("08-01")));
    let plan = due(&case, "17 12:00");
    assert_eq!(
        plan,
        ["09-01 10-17 04:30 coverage", "08-01 10-17 04:30 coverage"]
    );
}

#[test]
fn each_day_of_a_month_has_the_status_of_the_month() {
    let mut case = monthly([backfill()]).covered_from("08-01");
    case.known.complete(day("08-01"));
    let calendar = case
        .schedule
        .calendar("notices", &case.known, at("17 12:00"), None);
    let spans = calendar
        .iter()
        .map(|span| (span.from, span.to, span.status.is_open()));
    let expected = [
        (day("08-01"), day("08-31"), false),
        (day("09-01"), day("09-30"), true),
        (day("01"), day("17"), false),
    ];
    assert_eq!(spans.collect::<Vec<_>>(), expected);
    let settles = case.schedule.settles_at("notices", day("17"));
    assert_eq!(settles, Some(at("11-01 02:00")));
}

#[test]
fn a_job_of_months_is_fresh_by_the_month_under_way_and_the_one_before() {
    let case = monthly([daily()])
        .ran("08-01", "backfill", Status::Ok, "17 05:00", "17 05:01")
        .ran("01", "daily", Status::Ok, "17 03:00", "17 03:01");
    let job = &case.schedule.jobs["daily"];
    let served = case
        .schedule
        .last_served(job, "notices", &case.known, at("17 12:00"));
    assert_eq!(served, Some(at("17 03:00")));
}
