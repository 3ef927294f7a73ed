//! Freshness by job, and the backlog, on which alerts are based.

use super::*;
use crate::schedule::backlog::Backlog;

impl Case {
    /// Returns the time at which a job was last served.
    fn served(&self, job: &str, now: &str) -> Option<DateTime<Utc>> {
        self.schedule
            .last_served(&self.schedule.jobs[job], "notices", &self.known, at(now))
    }

    fn backlog(&self, now: &str) -> Backlog {
        self.schedule.backlog("notices", &self.known, at(now))
    }
}

#[test]
fn a_daily_job_that_is_partial_for_weeks_is_not_fresh_by_the_hourly_one() {
    let mut case =
        given([hourly(), daily()]).ran("05", "daily", Status::Ok, "06 03:00", "06 03:10");
    for number in 6..22 {
        let (today, tomorrow) = (format!("{number:02}"), format!("{:02}", number + 1));
        let time = |day: &str, time: &str| format!("{day} {time}");
        case = case
            .ran(
                &today,
                "hourly",
                Status::Ok,
                &time(&today, "12:00"),
                &time(&today, "12:01"),
            )
            .ran(
                &today,
                "daily",
                Status::Partial,
                &time(&tomorrow, "03:00"),
                &time(&tomorrow, "03:10"),
            );
    }
    assert_eq!(case.served("hourly", "22 12:00"), Some(at("21 12:00")));
    assert_eq!(case.served("daily", "22 12:00"), Some(at("06 03:00")));
}

#[test]
fn an_hourly_job_that_fails_is_not_fresh_by_a_reading_of_yesterday() {
    let case = given([hourly(), daily()])
        .ran("20", "hourly", Status::Ok, "20 12:00", "20 12:01")
        .ran("21", "hourly", Status::Failed, "21 12:00", "21 12:01")
        .ran("21", "daily", Status::Ok, "22 03:00", "22 03:10")
        .ran("21", "hourly", Status::Ok, "22 04:00", "22 04:01");
    assert_eq!(
        case.served("hourly", "22 12:00"),
        Some(at("20 12:00")),
        "of the day under way"
    );
    assert_eq!(case.served("daily", "22 12:00"), Some(at("22 03:00")));
}

#[test]
fn a_verification_is_fresh_by_its_own_comparisons() {
    let verify = job(
        "verify",
        "0 5 * * 0",
        JobDays::Last(3),
        Mode::Verify,
        Priority::Backfill,
    );
    let case = given([verify, daily()])
        .complete("10", "20")
        .ran("20", "daily", Status::Ok, "21 03:00", "21 03:10")
        .verified("18", "19 05:00", 0)
        .verified("17", "20 05:00", 1)
        .verified("16", "29 05:00", 0);
    assert_eq!(case.served("verify", "22 12:00"), Some(at("19 05:00")));
}

#[test]
fn a_healthy_dataset_whose_days_have_not_settled_has_no_backlog() {
    let case = given([daily(), backfill()])
        .covered_from("01")
        .dataset(|dataset| dataset.settle = TimeDelta::days(15))
        .complete("01", "06");
    let backlog = case.backlog("22 12:00");
    assert_eq!(
        (backlog.wanted, backlog.days, backlog.oldest),
        (15, 0, None)
    );
}

#[test]
fn a_day_is_no_backlog_between_midnight_and_its_slot() {
    let case = given([daily()]).named_from("15").complete("15", "20");
    assert_eq!(case.backlog("22 02:59").days, 0);
    let at_its_slot = case.backlog("22 03:00");
    assert_eq!((at_its_slot.days, at_its_slot.oldest), (1, Some(day("21"))));
    assert_eq!(
        at_its_slot.oldest_age,
        Some(TimeDelta::hours(1)),
        "settled at two"
    );
    assert_eq!(at_its_slot.overdue, 0);
}

#[test]
fn a_hole_is_counted_without_coverage_and_the_oldest_is_named() {
    let case = given([daily(), hourly()])
        .named_from("05")
        .complete("05", "08")
        .complete("11", "20")
        .accepted("10")
        .ran("09", "daily", Status::Failed, "10 03:00", "10 03:01")
        .ran("22", "hourly", Status::Ok, "22 11:00", "22 11:01");
    let backlog = case.backlog("22 12:00");
    assert_eq!(
        (backlog.days, backlog.overdue, backlog.oldest),
        (2, 1, Some(day("09")))
    );
    // Yesterday is overdue when its slot is two days ago.
    assert_eq!(case.backlog("24 02:59").overdue, 1);
    assert_eq!(case.backlog("24 03:00").overdue, 2);
}

#[test]
fn a_day_that_was_tried_again_and_again_is_stuck() {
    let mut case = given([daily()]).named_from("21").ran(
        "21",
        "daily",
        Status::Partial,
        "22 01:00",
        "22 01:01",
    );
    for hour in 3..10 {
        let (from, to) = (format!("22 {hour:02}:00"), format!("22 {hour:02}:05"));
        case = case.ran("21", "daily", Status::Partial, &from, &to);
    }
    assert_eq!(
        case.backlog("22 12:00").stuck,
        0,
        "one try was before it settled"
    );
    let case = case.ran("21", "daily", Status::Ok, "22 11:00", "22 11:05");
    assert_eq!(case.backlog("22 12:00").stuck, 1);
    assert_eq!(
        case.complete("21", "21").backlog("22 12:00"),
        Backlog::default()
    );
}

/// Regression: a first start showed seven days as overdue.
#[test]
fn the_days_of_a_first_start_are_not_read_yet_and_overdue_only_after_their_own_time() {
    let case = given([daily()]).named_from("15").named_at("22 11:00");
    let counts = |case: &Case, now: &str| {
        let backlog = case.backlog(now);
        (backlog.days, backlog.overdue, backlog.unread)
    };
    assert_eq!(counts(&case, "22 12:00"), (7, 0, 7));
    // A run of the first start that failed is told by its outcome, not as overdue.
    let ran = |from, to| {
        given([daily()]).named_from("15").named_at("22 11:00").ran(
            "15",
            "daily",
            Status::Failed,
            from,
            to,
        )
    };
    assert_eq!(counts(&ran("22 11:30", "22 11:31"), "22 12:00"), (7, 0, 6));
    // A day that was tried before is as overdue as ever: coverage that moves back takes nothing from it.
    assert_eq!(counts(&ran("21 11:30", "21 11:31"), "22 12:00"), (7, 1, 6));
    // Two days later, nobody can say that they were asked for just now.
    assert_eq!(counts(&case, "24 11:01"), (9, 7, 0));
    // A clock that was ahead excuses nothing.
    let ahead = given([daily()]).named_from("15").named_at("29 11:00");
    assert_eq!(counts(&ahead, "22 12:00"), (7, 5, 0));
}
