//! Coverage, and days that can't be completed yet.

use super::*;

#[test]
fn coverage_is_worked_on_newest_day_first_when_a_slot_has_come_since_the_days_end() {
    given([backfill()])
        .covered_from("17")
        .complete("19", "20")
        .due(
            "22 04:29",
            &[
                "18 full backfill 21 04:30 coverage",
                "17 full backfill 21 04:30 coverage",
            ],
        )
        .due(
            "22 04:30",
            &[
                "21 full backfill 22 04:30 coverage",
                "18 full backfill 22 04:30 coverage",
                "17 full backfill 22 04:30 coverage",
            ],
        )
        .complete("17", "18")
        .complete("21", "21")
        .due("22 23:59", &[]);
}

#[test]
fn coverage_asks_for_nothing_that_the_api_has_not() {
    given([backfill()])
        .due("22 12:00", &[])
        .covered_from("01")
        .dataset(|dataset| dataset.earliest = Some(day("21")))
        .due("22 12:00", &["21 full backfill 22 04:30 coverage"]);
}

#[test]
fn a_day_that_can_not_be_completed_holds_up_nobody() {
    given([backfill()])
        .covered_from("19")
        .ran("21", "backfill", Status::Partial, "22 04:30", "22 05:00")
        .ran("20", "backfill", Status::Ok, "22 05:00", "22 05:02")
        .due("22 05:05", &["19 full backfill 22 04:30 coverage"])
        .wakes("22 05:05", "22 05:10")
        .due(
            "22 05:10",
            &[
                "21 full backfill 22 04:30 retry",
                "19 full backfill 22 04:30 coverage",
            ],
        )
        .ran("21", "backfill", Status::Failed, "22 05:10", "22 05:20")
        .ran("20", "backfill", Status::Ok, "22 05:12", "22 05:20")
        .due("22 05:39", &["19 full backfill 22 04:30 coverage"])
        .due(
            "22 05:40",
            &[
                "21 full backfill 22 04:30 retry",
                "20 full backfill 22 04:30 retry",
                "19 full backfill 22 04:30 coverage",
            ],
        );
}

#[test]
fn a_day_within_its_settle_time_is_not_read_at_every_tick() {
    let often = Job {
        cron: "*/10 * * * *".to_owned(),
        ..backfill()
    };
    given([often])
        .covered_from("21")
        .dataset(|dataset| dataset.settle = TimeDelta::hours(40))
        .ran("21", "backfill", Status::Ok, "22 03:00", "22 03:10")
        .due("22 06:09", &[])
        .due("22 06:10", &["21 full backfill 22 06:10 settle"])
        .ran("21", "backfill", Status::Ok, "22 06:10", "22 06:20")
        .wakes("22 12:25", "22 12:30")
        .due("22 12:20", &[])
        .due("22 12:30", &["21 full backfill 22 12:30 settle"])
        .ran("21", "backfill", Status::Ok, "22 23:00", "22 23:10")
        .complete("22", "22")
        // Not 24 hours later: by then it has long settled.
        .due("23 15:59", &[])
        .due("23 16:00", &["21 full backfill 23 16:00 settle"]);
}
