//! The status of each day in a coverage calendar.

use super::*;
use crate::schedule::calendar::DayStatus;

impl Case {
    /// Returns the calendar as `14 never_read` for one day and `14-16 never_read` for several.
    fn calendar(&self, now: &str) -> Vec<String> {
        let spans = self
            .schedule
            .calendar("notices", &self.known, at(now), None);
        let of = |day: Day| day.to_string()[8..].to_owned();
        let spans = spans.iter().map(|span| {
            let status = serde_json::to_value(span.status).unwrap();
            let status = status.as_str().unwrap();
            match span.days() {
                1 => format!("{} {status}", of(span.from)),
                _ => format!("{}-{} {status}", of(span.from), of(span.to)),
            }
        });
        spans.collect()
    }
}

#[test]
fn every_day_has_the_status_that_its_last_run_and_its_proof_give_it() {
    let mut case = given([backfill()])
        .covered_from("12")
        .complete("12", "14")
        .ran("15", "backfill", Status::Failed, "16 04:30", "16 04:40")
        .ran("16", "backfill", Status::Ok, "17 04:30", "17 04:40")
        .ran("17", "backfill", Status::Ok, "18 04:30", "18 04:40")
        .ran("17", "backfill", Status::Partial, "18 05:30", "18 05:40")
        .ran("18", "backfill", Status::Running, "19 04:30", "19 04:40");
    case.known.begin([day("19")]);
    case.known.accept(day("19"));
    assert_eq!(
        case.calendar("22 12:00"),
        [
            "12-14 proven",
            "15 failed",
            "16 settling",
            "17-18 partial",
            "19 accepted",
            "20-21 never_read",
            "22 not_due",
        ]
    );
    let of = |day_of: &str| {
        let now = at("22 12:00");
        case.schedule
            .day_status("notices", &case.known, day(day_of), now)
    };
    assert_eq!(of("15"), DayStatus::Failed);
    assert_eq!(of("11"), DayStatus::NotDue);
    assert_eq!(of("23"), DayStatus::NotDue);
    let (schedule, now) = (&case.schedule, at("22 12:00"));
    let older = schedule.older_open_days("notices", &case.known, now, (day("20"), 2));
    let partial = [day("18"), day("17")].map(|day| (day, DayStatus::Partial));
    assert_eq!(older, partial);
    let recent = schedule.calendar("notices", &case.known, now, Some(day("21")));
    assert_eq!((recent[0].from, recent.len()), (day("21"), 2));
}

#[test]
fn a_calendar_begins_at_the_first_known_day_and_ends_today_whatever_a_wrong_clock_has_begun() {
    let mut case = given([backfill()]).complete("20", "20");
    assert_eq!(case.calendar("22 12:00"), ["20 proven", "21-22 not_due"]);
    case.known.begin([day("30"), "1015-10-01".parse().unwrap()]);
    let spans = case
        .schedule
        .calendar("notices", &case.known, at("22 12:00"), None);
    assert!(spans.first().unwrap().from > "1995-01-01".parse().unwrap());
    assert_eq!(spans.last().unwrap().to, day("22"));
    assert_eq!(given([backfill()]).calendar("22 12:00"), ["22 not_due"]);
}

#[test]
fn a_job_run_now_reads_what_its_slot_would_name_and_is_worth_a_run() {
    let verify = job(
        "verify",
        "0 5 * * 0",
        JobDays::Last(4),
        Mode::Verify,
        Priority::Backfill,
    );
    let mut case = given([hourly(), daily(), backfill(), verify])
        .covered_from("18")
        .complete("19", "20");
    case.known.begin([day("21")]);
    let named = |name: &str| {
        let job = &case.schedule.jobs[name];
        let days = case
            .schedule
            .named_now(job, "notices", &case.known, at("22 12:00"));
        days.iter()
            .map(|day| day.to_string()[8..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(named("hourly"), ["22"]);
    assert_eq!(named("daily"), ["21"]);
    assert_eq!(named("backfill"), ["21", "18"]);
    assert_eq!(named("verify"), ["20", "19"]);
}
