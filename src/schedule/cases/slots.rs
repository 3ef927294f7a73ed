//! Slots of a day, and catching up with misfires.

use super::*;
use bronzed_model::declaration::Blackout;

#[test]
fn a_slot_asks_for_its_own_day_once() {
    given([hourly()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 09:00", "22 09:01")
        .due("22 09:59", &[])
        .wakes("22 09:59", "22 10:00")
        .due("22 10:00", &["22 new hourly 22 10:00 slot"])
        .ran("22", "hourly", Status::Ok, "22 10:00", "22 10:01")
        .due("22 10:01", &[])
        .due("22 10:59", &[])
        .wakes("22 10:01", "22 11:00");
}

#[test]
fn what_a_person_read_serves_the_slot_too() {
    given([hourly()])
        .complete("14", "21")
        .ran("22", "manual", Status::Ok, "22 10:00", "22 10:01")
        .due("22 10:30", &[]);
}

#[test]
fn a_night_that_was_slept_through_becomes_one_run_of_each_day() {
    given([hourly()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 19:00", "22 19:01")
        .due(
            "23 09:20",
            &[
                "23 new hourly 23 09:00 catch_up",
                "22 new hourly as daily 22 23:00 catch_up",
            ],
        )
        .ran("22", "hourly", Status::Ok, "23 09:20", "23 09:21")
        .due("23 09:21", &["23 new hourly 23 09:00 catch_up"]);
}

#[test]
fn an_evening_that_was_missed_is_let_be_where_the_day_is_complete() {
    given([hourly()])
        .complete("14", "22")
        .due("23 09:00", &["23 new hourly 23 09:00 slot"]);
}

#[test]
fn missed_daily_runs_are_made_up_for_one_by_day() {
    given([daily()])
        .complete("10", "17")
        .complete("19", "19")
        .due(
            "22 12:00",
            &[
                "21 full daily 22 03:00 catch_up",
                "20 full daily 21 03:00 catch_up",
                "18 full daily 19 03:00 catch_up",
            ],
        );
}

#[test]
fn what_is_longer_ago_than_the_catch_up_is_let_go() {
    let short = |job| Job {
        catch_up: Duration::from_secs(24 * 3600),
        ..job
    };
    given([short(daily())])
        .due("22 02:59", &["20 full daily 21 03:00 catch_up"])
        .due("22 03:00", &["21 full daily 22 03:00 slot"]);
    given([short(hourly())])
        .ran("22", "hourly", Status::Ok, "22 08:00", "22 08:01")
        .due("22 08:30", &["21 new hourly as daily 21 23:00 catch_up"])
        .due("22 23:00", &["22 new hourly 22 23:00 slot"]);
}

#[test]
fn an_empty_lake_begins_with_the_days_of_the_catch_up() {
    let days = given([hourly()]).plan("22 10:30").tasks;
    let days: Vec<_> = days.iter().map(|task| task.day).collect();
    assert_eq!(
        days,
        day("15")
            .through(day("22"))
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
}

#[test]
fn jobs_of_the_last_days_name_each_of_them() {
    let last = Job {
        days: JobDays::Last(3),
        catch_up: Duration::from_secs(12 * 3600),
        ..daily()
    };
    given([last]).complete("20", "20").due(
        "22 03:00",
        &["21 full daily 22 03:00 slot", "19 full daily 22 03:00 slot"],
    );
}

#[test]
fn a_run_that_was_cut_off_is_waited_for_and_done_again() {
    given([hourly()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Running, "22 10:00", "22 10:05")
        .due("22 10:14", &[])
        .wakes("22 10:10", "22 10:15")
        .due("22 10:15", &["22 new hourly 22 10:00 retry"]);
}

#[test]
fn a_run_dated_by_a_clock_that_was_ahead_serves_no_slot() {
    given([hourly()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 18:00", "22 18:01")
        .due("22 10:00", &["22 new hourly 22 10:00 slot"]);
}

#[test]
fn without_catch_up_a_slot_is_for_those_who_are_there() {
    let prompt = Job {
        catch_up: Duration::ZERO,
        ..hourly()
    };
    given([prompt])
        .due("22 10:00", &["22 new hourly 22 10:00 slot"])
        .due("22 10:01", &[]);
}

#[test]
fn in_a_blackout_nothing_is_begun_and_its_end_makes_up_for_it() {
    let evening = Blackout {
        start: "20:00:00".parse().unwrap(),
        end: "21:30:00".parse().unwrap(),
    };
    let job = Job {
        blackout: vec![evening],
        ..hourly()
    };
    given([job])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 19:00", "22 19:01")
        .due("22 20:00", &[])
        .wakes("22 20:05", "22 21:00")
        .due("22 21:29", &[])
        .wakes("22 21:29", "22 21:30")
        .due("22 21:30", &["22 new hourly 22 21:00 catch_up"]);
}
