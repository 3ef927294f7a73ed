//! Weekly comparison of complete days with the API.

use super::*;

/// Returns a job that verifies the three previous days each Sunday (2025-10-19, 2025-10-26).
fn weekly() -> Job {
    job(
        "verify",
        "0 5 * * 0",
        JobDays::Last(3),
        Mode::Verify,
        Priority::Backfill,
    )
}

#[test]
fn each_complete_day_is_compared_once_for_each_slot() {
    given([weekly()])
        .complete("10", "25")
        .verified("18", "19 05:00", 0)
        .due(
            "26 04:59",
            &[
                "17 verify verify 19 05:00 catch_up",
                "16 verify verify 19 05:00 catch_up",
            ],
        )
        .verified("17", "19 05:00", 0)
        .verified("16", "19 05:01", 0)
        .due("26 04:59", &[])
        .wakes("26 04:59", "26 05:00")
        .due(
            "26 05:00",
            &[
                "25 verify verify 26 05:00 slot",
                "24 verify verify 26 05:00 slot",
                "23 verify verify 26 05:00 slot",
            ],
        )
        .verified("25", "26 05:00", 0)
        .verified("24", "26 05:01", 0)
        // After a restart in between, the daemon continues with the remaining days.
        .due("26 08:00", &["23 verify verify 26 05:00 catch_up"])
        .verified("23", "26 08:00", 0)
        .due("26 08:01", &[]);
}

#[test]
fn days_that_are_not_complete_are_left_to_other_jobs() {
    given([weekly()])
        .complete("24", "24")
        .due("26 05:00", &["24 verify verify 26 05:00 slot"])
        .dataset(|dataset| dataset.verify = false)
        .due("26 05:00", &[]);
}

#[test]
fn a_comparison_that_failed_is_tried_again_at_a_growing_distance() {
    given([weekly()])
        .complete("25", "25")
        .verified("25", "26 05:00", 1)
        .due("26 05:09", &[])
        .wakes("26 05:09", "26 05:10")
        .due("26 05:10", &["25 verify verify 26 05:00 retry"])
        .verified("25", "26 05:10", 2)
        .wakes("26 05:11", "26 05:30")
        .due("26 05:30", &["25 verify verify 26 05:00 retry"]);
}

#[test]
fn one_dated_by_a_clock_that_was_ahead_serves_no_slot() {
    given([weekly()])
        .complete("25", "25")
        .verified("25", "27 05:00", 0)
        .due("26 05:00", &["25 verify verify 26 05:00 slot"]);
}

#[test]
fn the_last_slot_that_names_a_day_is_known_as_such() {
    let case = given([weekly()]);
    let names_again = |day: &str, now: &str| {
        let now = format!("2025-10-{now}:00-03:00").parse().unwrap();
        let day = format!("2025-10-{day}").parse().unwrap();
        case.schedule.names_again("verify", "notices", day, now)
    };
    // The slot of the 26th names the 23rd to the 25th.
    assert!(!names_again("18", "19 05:00"));
    assert!(names_again("23", "19 05:00") && !names_again("22", "19 05:00"));
    assert!(!names_again("25", "26 05:00"));
    assert!(case.schedule.names_again(
        "manual",
        "notices",
        "2025-10-25".parse().unwrap(),
        "2025-10-26T09:00:00Z".parse().unwrap()
    ));
}
