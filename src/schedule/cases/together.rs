//! Coinciding jobs, active runs, pauses, and counted misfires.

use super::*;

#[test]
fn a_paused_job_plans_nothing_and_makes_up_for_it_afterwards() {
    let case = given([hourly(), daily()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 20:00", "22 20:01")
        .paused("hourly")
        .due("22 21:00", &[])
        .wakes("22 21:00", "23 03:00")
        .due("23 03:00", &["22 full daily 23 03:00 slot"]);
    Case {
        paused: BTreeSet::new(),
        ..case
    }
    .due(
        "23 02:30",
        &[
            "23 new hourly 23 02:00 catch_up",
            "22 new hourly as daily 22 23:00 catch_up",
        ],
    );
}

#[test]
fn jobs_that_want_the_same_day_get_one_run() {
    given([hourly(), daily(), backfill()])
        .covered_from("21")
        .complete("14", "20")
        .ran("21", "hourly", Status::Ok, "21 20:00", "21 20:01")
        .due(
            "22 05:00",
            &[
                "22 new hourly 22 05:00 slot",
                "21 full daily 22 03:00 catch_up",
            ],
        )
        // By the mode of its job, the run read the whole day, which serves the hourly slots as well.
        .ran("21", "daily", Status::Ok, "22 05:00", "22 05:20")
        .ran("22", "hourly", Status::Ok, "22 05:00", "22 05:01")
        .due("22 05:21", &[]);
}

#[test]
fn a_look_for_new_records_is_not_taken_for_a_full_reading() {
    given([hourly(), daily()])
        .complete("14", "20")
        .ran("21", "hourly", Status::Ok, "22 03:01", "22 03:02")
        .ran("22", "hourly", Status::Ok, "22 03:00", "22 03:01")
        .due("22 03:03", &["21 full daily 22 03:00 catch_up"]);
}

#[test]
fn a_slot_during_a_slow_run_joins_it() {
    let case = given([hourly()])
        .complete("14", "21")
        .running("22", Mode::New, "22 09:58")
        .due("22 09:59", &[])
        .due("22 10:00", &[]);
    let joined = case.plan("22 10:00").joined;
    assert_eq!((joined.len(), joined[0].slot), (1, at("22 10:00")));
    // After the end of the run, the slot needs no run of its own.
    Case {
        running: Running::new(),
        ..case
    }
    .ran("22", "hourly", Status::Ok, "22 09:58", "22 10:03")
    .due("22 10:03", &[])
    .due("22 11:00", &["22 new hourly 22 11:00 slot"]);
}

#[test]
fn the_slot_that_a_run_is_for_is_not_joined_to_it() {
    let case = given([hourly()])
        .complete("14", "21")
        .running("22", Mode::New, "22 10:00");
    assert_eq!(case.plan("22 10:00").joined, []);
}

#[test]
fn a_full_reading_waits_for_a_look_for_new_records_and_does_not_join_it() {
    let case = given([daily()])
        .complete("14", "20")
        .running("21", Mode::New, "22 02:59")
        .due("22 03:00", &[]);
    assert_eq!(case.plan("22 03:00").joined, []);
    Case {
        running: Running::new(),
        ..case
    }
    .due("22 03:01", &["21 full daily 22 03:00 slot"]);
}

#[test]
fn missed_slots_are_counted_once_and_by_reason() {
    let seen = given([hourly(), daily()])
        .complete("14", "21")
        .ran("22", "hourly", Status::Ok, "22 19:00", "22 19:01")
        .missed("22 20:00", &[])
        .missed("22 20:05", &["hourly downtime 1"])
        .missed("23 09:00", &["daily downtime 1", "hourly downtime 13"])
        .planned_before("23 09:00")
        .missed("23 10:00", &[])
        .missed("23 12:30", &["hourly downtime 3"])
        .paused("hourly")
        .missed("23 10:00", &["hourly paused 1"]);
    let busy = Case {
        paused: BTreeSet::new(),
        ..seen
    }
    .running("23", Mode::New, "23 09:30")
    .missed("23 09:59", &[])
    .missed("23 10:00", &["hourly overlap 1"])
    .planned_before("23 10:00");
    busy.missed("23 10:30", &[]);
    given([hourly()]).missed("22 20:05", &[]);
}

#[test]
fn nothing_is_planned_where_the_lake_could_not_be_asked() {
    let case = given([hourly(), daily()]);
    let situation = PlanInput {
        now: at("22 10:00"),
        previous: None,
        knowledge: &Knowledge::default(),
        running: &case.running,
        paused: &case.paused,
    };
    let plan = plan(&case.schedule, situation);
    assert_eq!((plan.tasks.len(), plan.next_wake), (0, at("22 11:00")));
}

#[test]
fn a_job_reads_the_datasets_that_it_names() {
    let only = |name: &str| Job {
        datasets: vec![name.to_owned()],
        ..daily()
    };
    let tasks = |name| {
        given([only(name)])
            .complete("14", "20")
            .plan("22 03:00")
            .tasks
            .len()
    };
    assert_eq!((tasks("notices"), tasks("contracts")), (1, 0));
}

#[test]
fn a_source_without_jobs_sleeps() {
    given([]).due("22 10:00", &[]).wakes("22 10:00", "23 10:00");
}

#[test]
fn the_shipped_sources_can_be_scheduled() {
    let name = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__COVERAGE__FROM".to_owned();
    let settings = bronzed_config::load(None, [(name, "2025-10-01".to_owned())]).unwrap();
    for source in settings.sources.values() {
        let schedule = Schedule::of(source).unwrap();
        assert!(schedule.jobs.contains_key("daily") && !schedule.datasets.is_empty());
    }
    let pncp = &settings.sources["pncp"];
    let schedule = Schedule::of(pncp).unwrap();
    assert!(schedule.jobs.contains_key("hourly"));
    let covered = schedule.datasets["contratacoes"].coverage_from;
    assert_eq!(covered, Some(day("01")));
    let disabled = bronzed_model::declaration::Source {
        enabled: false,
        ..(**pncp).clone()
    };
    assert!(Schedule::of(&disabled).unwrap().jobs.is_empty());
}
