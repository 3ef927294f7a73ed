//! Days that were begun or named once, and that have left the windows of their jobs (promise P10).

use super::*;

fn short(days: u64) -> impl Fn(Job) -> Job {
    move |job| Job {
        catch_up: Duration::from_secs(days * 24 * 3600),
        ..job
    }
}

#[test]
fn a_day_that_left_its_jobs_window_incomplete_is_not_forgotten() {
    given([short(2)(daily())])
        .named_from("10")
        .complete("11", "21")
        .ran("10", "daily", Status::Partial, "11 03:00", "11 03:05")
        .due("22 12:00", &["10 full daily as backfill 22 03:00 retry"])
        .ran("10", "daily", Status::Partial, "22 12:00", "22 12:05")
        .due("22 12:10", &[])
        .complete("10", "10")
        .due("22 23:59", &[]);
}

#[test]
fn a_day_that_settles_after_its_jobs_window_is_read_when_it_has_settled() {
    let settles_late = given([short(2)(daily())])
        .named_from("10")
        .complete("11", "22")
        .dataset(|dataset| dataset.settle = TimeDelta::days(12))
        .ran("10", "daily", Status::Ok, "19 03:00", "19 03:05");
    settles_late
        // Two days, which is a quarter of its age.
        .due("21 03:05", &[])
        .due("21 04:00", &["10 full daily as backfill 21 03:00 settle"])
        .ran("10", "daily", Status::Ok, "21 04:00", "21 04:05")
        .due("22 23:59", &[])
        .wakes("22 23:59", "23 00:00")
        .due("23 00:00", &["10 full daily as backfill 22 03:00 settle"]);
}

#[test]
fn a_downtime_longer_than_the_catch_up_forgets_no_day() {
    given([short(1)(daily())])
        .named_from("12")
        .complete("12", "17")
        .due(
            "22 12:00",
            &[
                "21 full daily 22 03:00 catch_up",
                "20 full daily as backfill 22 03:00 catch_up",
                "19 full daily as backfill 22 03:00 catch_up",
                "18 full daily as backfill 22 03:00 catch_up",
            ],
        );
}

#[test]
fn a_day_that_a_person_read_is_wanted_alone() {
    given([short(1)(daily())])
        .named_from("20")
        .complete("20", "21")
        .ran("03", "manual", Status::Partial, "22 09:00", "22 09:05")
        .due("22 12:00", &["03 full daily as backfill 22 03:00 catch_up"]);
}

#[test]
fn days_that_left_the_windows_are_carried_by_the_job_of_incomplete_days() {
    given([short(1)(daily()), backfill()])
        .named_from("19")
        .complete("20", "21")
        .due("22 12:00", &["19 full backfill 22 04:30 catch_up"])
        .paused("backfill")
        .due("22 12:00", &[]);
}

#[test]
fn a_day_that_was_begun_by_the_hour_is_not_read_in_full_before_its_daily_slot() {
    given([daily(), backfill(), hourly()])
        .named_from("15")
        .complete("14", "20")
        .ran("21", "hourly", Status::Ok, "21 23:00", "21 23:01")
        .due("22 00:00", &["22 new hourly 22 00:00 slot"])
        .ran("22", "hourly", Status::Ok, "22 02:00", "22 02:01")
        .due("22 02:59", &[])
        .due(
            "22 03:00",
            &["22 new hourly 22 03:00 slot", "21 full daily 22 03:00 slot"],
        );
}

#[test]
fn what_a_person_accepted_is_wanted_by_nobody() {
    given([daily(), backfill()])
        .named_from("18")
        .covered_from("17")
        .complete("14", "16")
        .complete("19", "21")
        .accepted("18")
        .ran("17", "daily", Status::Failed, "22 10:00", "22 10:05")
        .accepted("17")
        .due("22 12:00", &[]);
}

#[test]
fn a_day_that_was_cut_short_by_an_outage_pays_no_distance() {
    let refused = |reason| {
        given([daily()])
            .complete("14", "20")
            .ended("21", ("22 03:00", "22 03:00"), Some(reason), None)
            .plan("22 03:01")
            .tasks
            .len()
    };
    for reason in [
        StopReason::SourceDown,
        StopReason::LakeRefused,
        StopReason::Cancelled,
    ] {
        assert_eq!(refused(reason), 1, "{reason:?} is no try");
    }
    for reason in [StopReason::Deadline, StopReason::Interrupted] {
        assert_eq!(refused(reason), 0, "{reason:?} is one");
    }
}

#[test]
fn a_day_is_read_again_exactly_when_its_run_asked_for_it() {
    given([daily()])
        .complete("14", "20")
        .ended("21", ("22 03:00", "22 03:02"), None, Some("22 09:17"))
        .due("22 09:16", &[])
        .wakes("22 09:00", "22 09:17")
        .due("22 09:17", &["21 full daily 22 03:00 retry"])
        .ended("21", ("22 09:17", "22 09:18"), None, None)
        .due("22 09:28", &[])
        .due("22 09:38", &["21 full daily 22 03:00 retry"]);
}

#[test]
fn the_next_try_of_a_day_can_be_told() {
    let case = given([daily()]).complete("14", "20").ran(
        "21",
        "daily",
        Status::Failed,
        "22 03:00",
        "22 03:05",
    );
    let mut knowledge = Knowledge::default();
    knowledge.learn("notices", case.known.clone());
    let situation = PlanInput {
        now: at("22 03:06"),
        previous: None,
        knowledge: &knowledge,
        running: &case.running,
        paused: &case.paused,
    };
    let next = crate::schedule::plan::next_tries(&case.schedule, situation);
    assert_eq!(
        next.get(&("notices".into(), day("21"))),
        Some(&at("22 03:15"))
    );
}

#[test]
fn the_first_day_named_is_that_of_the_catch_up_or_of_coverage() {
    let first = |case: &Case| case.schedule.first_named("notices", at("22 12:00"));
    let case = given([daily(), hourly(), backfill()]);
    assert_eq!(first(&case), Some(day("15")));
    assert_eq!(first(&case.covered_from("03")), Some(day("03")));
    let nobody_works_on_it = given([daily()]).covered_from("03");
    assert_eq!(first(&nobody_works_on_it), Some(day("15")));
    assert_eq!(first(&given([hourly()])), None, "today names no ended day");
    let feed = given([daily()]).dataset(|dataset| dataset.only_today = true);
    assert_eq!(first(&feed), None);
}
