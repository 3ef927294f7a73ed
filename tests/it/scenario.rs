//! The reference day of the design, on a folder and on S3.

use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::{Backend, TestLake};
use crate::support::stage::{NEXT_MORNING, STATE, Stage};

const MORNING: &str = "2025-10-22T08:00:00-03:00";
const NOON: &str = "2025-10-22T12:00:00-03:00";
const AFTERNOON: &str = "2025-10-22T16:00:00-03:00";

#[test]
fn three_then_two_then_none_on_a_folder() {
    three_then_two_then_none(Backend::Folder);
}

#[test]
fn three_then_two_then_none_on_s3() {
    three_then_two_then_none(Backend::S3);
}

fn stage(backend: Backend) -> Stage {
    let catalog = Catalog::recorded_day();
    Stage::new(TestLake::new(backend), catalog, Faults::default(), 1)
}

fn three_then_two_then_none(backend: Backend) {
    let stage = stage(backend);

    let first = stage.at(MORNING).run(Mode::Full);
    assert_eq!((first.status(), first.counts().new), (Status::Ok, 3));
    assert_eq!(stage.files().len(), 1);

    let second = stage.at(NOON).run(Mode::Full);
    assert_eq!((second.counts().new, second.counts().duplicates), (2, 3));
    assert_eq!(stage.files().len(), 2);
    let moved = stage.state()["last_execution"].clone();

    let third = stage.at(AFTERNOON).run(Mode::Full);
    assert_eq!((third.counts().new, third.counts().duplicates), (0, 5));
    assert_eq!(
        stage.files(),
        [
            "pncp/year=2025/month=10/day=22/pncp_20251022_c000001.parquet",
            "pncp/year=2025/month=10/day=22/pncp_20251022_c000002.parquet",
        ],
        "P6: no file without new records"
    );

    assert!(stage.lake.keys().contains(&STATE.to_owned()));
    let state = stage.state();
    assert_ne!(state["last_execution"], moved);
    assert_eq!(state["last_execution"], "2025-10-22T16:00:00-03:00");
    assert_eq!(state["executions"].as_array().unwrap().len(), 3);
    assert_eq!(state["total_processed"], 5);
    assert_eq!(state["complete"], false, "the day isn't over");
    stage.judge("all");
}

#[test]
fn p4_a_day_is_complete_only_when_it_was_read_after_its_end() {
    let stage = stage(Backend::Folder);
    assert!(!stage.at(AFTERNOON).run(Mode::Full).complete);
    // Ended, but not settled: the settle time is two hours.
    assert!(
        !stage
            .at("2025-10-23T01:59:59-03:00")
            .run(Mode::Full)
            .complete
    );
    let marker = "pncp/_state/complete/20251022".to_owned();
    assert!(!stage.lake.keys().contains(&marker));
    let last = stage.at(NEXT_MORNING).run(Mode::Full);
    assert!(last.complete, "{last:?}");
    assert_eq!(last.counts().new, 0);
    assert!(stage.lake.keys().contains(&marker));
    stage.judge("all");
}

#[test]
fn p4_a_server_whose_clock_is_behind_proves_nothing() {
    let stage = stage(Backend::Folder);
    stage.at(NEXT_MORNING);
    stage
        .simulator
        .clock()
        .advance(chrono::TimeDelta::hours(-12));
    let report = stage.run(Mode::Full);
    assert_eq!(report.status(), Status::Ok);
    assert!(
        !report.complete,
        "the API's Date says that the day isn't over"
    );
}

#[test]
fn an_hour_without_news_costs_one_request_per_slice() {
    let catalog = Catalog::generated(3, crate::support::stage::day(), 1_000, 2_400);
    let stage = Stage::new(
        TestLake::new(Backend::Folder),
        catalog,
        Faults::default(),
        3,
    );
    stage.at("2025-10-22T23:30:00-03:00").run(Mode::Full);
    let quiet = stage.at("2025-10-22T23:30:01-03:00").run(Mode::New);
    assert_eq!((quiet.status(), quiet.counts().new), (Status::Ok, 0));
    assert_eq!(quiet.counts().requests, 14);
}

#[test]
fn reading_what_is_new_finds_it_on_the_last_pages() {
    let catalog = Catalog::generated(4, crate::support::stage::day(), 3_000, 2_400);
    let stage = Stage::new(
        TestLake::new(Backend::Folder),
        catalog,
        Faults::default(),
        4,
    );
    for hour in 6..24 {
        let report = stage
            .at(&format!("2025-10-22T{hour:02}:30:00-03:00"))
            .run(Mode::New);
        assert_eq!(report.status(), Status::Ok);
        assert_eq!(stage.stored(), stage.served(), "at {hour}:30");
    }
    let requests = stage.simulator.ledger().len();
    assert!(
        requests < 18 * 14 * 2,
        "{requests} requests: far more than what was new"
    );
    stage.judge("all");
}
