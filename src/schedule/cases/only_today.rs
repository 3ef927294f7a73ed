//! Snapshots and feeds, of which only today can be read.

use super::{Case, backfill, daily, given, hourly, job};
use bronzed_model::declaration::{JobDays, Mode, Priority};
use bronzed_model::execution::Status::{Failed, Ok};

/// Returns a snapshot with a daily job at 06:00.
fn given_snapshot() -> Case {
    let at_six = job(
        "daily",
        "0 6 * * *",
        JobDays::Today,
        Mode::Full,
        Priority::Daily,
    );
    given([at_six]).dataset(|dataset| dataset.only_today = true)
}

#[test]
fn a_day_is_read_at_its_slot_and_once_it_is_complete_no_more() {
    given_snapshot()
        .complete("21", "21")
        .due("22 05:59", &[])
        .due("22 06:00", &["22 full daily 22 06:00 slot"])
        .ran("22", "daily", Failed, "22 06:00", "22 06:01")
        .due("22 06:10", &[])
        .due("22 06:11", &["22 full daily 22 06:00 retry"])
        .ran("22", "daily", Ok, "22 06:11", "22 06:12")
        .complete("22", "22")
        .due("22 06:30", &[])
        .due("22 23:59", &[]);
}

#[test]
fn days_that_passed_are_missed_and_read_by_nobody() {
    given_snapshot()
        .complete("15", "15")
        .due("22 10:00", &["22 full daily 22 06:00 catch_up"]);
}

#[test]
fn a_slot_that_nobody_served_is_caught_up_with_by_a_reading_of_today() {
    given_snapshot()
        .complete("20", "20")
        .due("22 03:00", &["22 full daily 21 06:00 catch_up"])
        .ran("22", "daily", Ok, "22 03:00", "22 03:01")
        .complete("22", "22")
        .due("22 03:02", &[])
        // The day already has its snapshot.
        .due("22 06:00", &[])
        .due("23 06:00", &["23 full daily 23 06:00 slot"]);
}

#[test]
fn what_fails_on_one_day_is_tried_again_on_the_next() {
    given_snapshot()
        .complete("20", "20")
        .ran("21", "daily", Failed, "21 23:40", "21 23:55")
        .due("22 00:04", &[])
        .due("22 00:05", &["22 full daily 21 06:00 retry"]);
}

#[test]
fn a_reading_that_goes_on_past_midnight_comes_to_its_end_first() {
    given_snapshot()
        .running("21", Mode::Full, "21 23:30")
        .due("22 06:00", &[]);
}

#[test]
fn jobs_of_other_days_leave_it_out() {
    given([daily(), backfill()])
        .dataset(|dataset| dataset.only_today = true)
        .covered_from("01")
        .due("22 12:00", &[]);
}

/// A feed's days become complete long after they were read, so each slot needs a run.
#[test]
fn a_feed_is_read_at_each_slot() {
    given([hourly()])
        .dataset(|dataset| dataset.only_today = true)
        .due("22 10:00", &["22 new hourly 22 10:00 slot"])
        .ran("22", "hourly", Ok, "22 10:00", "22 10:01")
        .due("22 10:30", &[])
        .due("22 11:00", &["22 new hourly 22 11:00 slot"]);
}
