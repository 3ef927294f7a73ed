//! A complete day, read again in mode `verify`.

use bronzed_engine::verify::{Repair, Verification, VerifyOutcome, verify_day};
use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_simulator::pncp::record::Record;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::lake::{Backend, TestLake};
use crate::support::runtime;
use crate::support::stage::{NEXT_MORNING, Stage, day};

const LATER: &str = "2025-12-07T05:00:00-03:00";
const LATER_STILL: &str = "2025-12-14T05:00:00-03:00";

/// Returns a day of some records, complete in the lake.
fn complete_day(records: u32) -> Stage {
    complete_day_in(Backend::Folder, records)
}

fn complete_day_in(backend: Backend, records: u32) -> Stage {
    let catalog = Catalog::generated(11, day(), records, 2_400);
    let lake = TestLake::new(backend);
    let stage = Stage::new(lake, catalog, Faults::default(), 11);
    assert!(stage.at(NEXT_MORNING).run(Mode::Full).complete);
    stage
}

/// Returns the ids of a slice, in the API's order.
fn ids_of(stage: &Stage, modalidade: u32) -> Vec<String> {
    let now = stage.simulator.clock().brasilia();
    let listed = stage.simulator.catalog().list(Some(day()), now, false);
    listed
        .filter(|record| record.group == u64::from(modalidade))
        .map(|record| record.id)
        .collect()
}

/// Returns records of the day that weren't there before.
fn late(records: u32) -> Vec<Record> {
    GeneratedDay::new(12, day(), records).records().collect()
}

/// Verifies the day against the API's current listing.
fn verified(stage: &Stage, repair: Repair) -> Verification {
    let context = stage.context(CancellationToken::new());
    let order = stage.order("contratacoes", Mode::Verify);
    runtime().block_on(verify_day(&context, &order, repair))
}

fn last_execution(stage: &Stage) -> Value {
    let executions = stage.state()["executions"].as_array().unwrap().clone();
    executions[executions.len() - 1].clone()
}

#[test]
fn what_was_published_late_is_added_and_what_was_taken_away_is_noted_in_a_folder() {
    what_was_published_late_is_added_and_what_was_taken_away_is_noted(Backend::Folder);
}

#[test]
fn what_was_published_late_is_added_and_what_was_taken_away_is_noted_on_s3() {
    what_was_published_late_is_added_and_what_was_taken_away_is_noted(Backend::S3);
}

fn what_was_published_late_is_added_and_what_was_taken_away_is_noted(backend: Backend) {
    let stage = complete_day_in(backend, 200);
    let before = stage.stored();
    let gone = ids_of(&stage, 6)[3..5].to_vec();
    for id in &gone {
        assert!(stage.simulator.catalog().withdraw(id));
    }
    stage.simulator.catalog().extend(late(9));
    let report = stage.at(LATER).run(Mode::Verify);
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    let counts = report.counts();
    assert_eq!((counts.new, counts.withdrawn, counts.returned), (9, 2, 0));
    let state = stage.state();
    let mut noted = serde_json::Map::new();
    for id in &gone {
        noted.insert(id.clone(), json!("2025-12-07T05:00:00-03:00"));
    }
    assert_eq!(state["withdrawn_ids"], Value::Object(noted));
    assert_eq!(last_execution(&stage)["withdrawn"], 2);
    // Their rows and ids stay, because the lake keeps everything once published, and the day stays
    // complete.
    assert_eq!(stage.stored().len(), before.len() + 9);
    assert!(gone.iter().all(|id| stage.stored().contains(id)));
    assert_eq!(state["complete"], true);
    // The slices' totals in the state are the API's current ones.
    let total: u64 = state["slices"]
        .as_object()
        .unwrap()
        .values()
        .map(|slice| slice["total"].as_u64().unwrap())
        .sum();
    assert_eq!(total as usize, stage.served().len());

    let again = stage.at(LATER_STILL).run(Mode::Verify);
    assert_eq!((again.counts().new, again.counts().withdrawn), (0, 0));
    assert_eq!(
        stage.state()["withdrawn_ids"][&gone[0]],
        "2025-12-07T05:00:00-03:00",
        "the first finding counts"
    );
}

#[test]
fn p2_a_record_that_came_as_another_was_taken_away_went_unseen_behind_the_same_total() {
    let stage = complete_day(300);
    // Includes the records that the generator publishes late.
    assert!(stage.at(LATER).run(Mode::Verify).complete);
    let ids = ids_of(&stage, 6);
    assert!(ids.len() > 60, "one page: {}", ids.len());
    let listed = stage.served().len();
    assert!(stage.simulator.catalog().withdraw(&ids[60]));
    let late = late(3_000);
    let late = late.into_iter().filter(|record| record.modalidade() == 6);
    let late = late.max_by_key(Record::published).expect("a record");
    let id = late.id();
    stage.simulator.catalog().extend([late]);
    assert_eq!(ids_of(&stage, 6).last(), Some(&id), "on the last page");
    assert_eq!(stage.served().len(), listed);

    let found = verified(&stage, Repair::Different);
    assert_eq!(found.outcome(), VerifyOutcome::Repaired, "{found:?}");
    assert!(stage.stored().contains(&id));
    let again = verified(&stage, Repair::Different);
    assert_eq!(again.outcome(), VerifyOutcome::Same, "{again:?}");
}

#[test]
fn p2_a_record_in_the_middle_that_no_total_told_of_was_never_read() {
    let stage = complete_day(600);
    assert!(stage.at(LATER).run(Mode::Verify).complete);
    let ids = ids_of(&stage, 6);
    assert!(ids.len() > 150, "three pages: {}", ids.len());
    let listed = stage.served().len();
    assert!(stage.simulator.catalog().withdraw(&ids[75]));
    let late = late(3_000);
    let mut late = late.into_iter().filter(|record| record.modalidade() == 6);
    let (from, until) = (60, ids.len() - 60);
    let id = loop {
        let record = late.next().expect("a record of the middle");
        let id = record.id();
        stage.simulator.catalog().add(record);
        let place = ids_of(&stage, 6).iter().position(|one| *one == id);
        if place.is_some_and(|place| (from..until).contains(&place)) {
            break id;
        }
        assert!(stage.simulator.catalog().withdraw(&id));
    };
    assert_eq!(stage.served().len(), listed);

    assert_eq!(
        verified(&stage, Repair::Different).outcome(),
        VerifyOutcome::Same
    );
    assert!(!stage.stored().contains(&id));
    // Repair as the job requests it for the last comparison of a day.
    assert_eq!(
        verified(&stage, Repair::Always).outcome(),
        VerifyOutcome::Repaired
    );
    assert!(stage.stored().contains(&id));
    assert_eq!(
        verified(&stage, Repair::Always).outcome(),
        VerifyOutcome::Same
    );
}

#[test]
fn a_record_that_returns_is_noted_no_more_whoever_meets_it() {
    for mode in [Mode::Full, Mode::Verify] {
        let stage = complete_day(60);
        let ids = ids_of(&stage, 6);
        let records = stage.simulator.catalog().clone();
        let again: Vec<Record> = GeneratedDay::new(11, day(), 60)
            .records()
            .filter(|record| record.id() == ids[0])
            .collect();
        records.withdraw(&ids[0]);
        records.withdraw(&ids[1]);
        let first = stage.at(LATER).run(Mode::Verify);
        assert_eq!(first.counts().withdrawn, 2);
        records.extend(again);
        let second = stage.at(LATER_STILL).run(mode);
        assert_eq!((second.counts().returned, second.counts().new), (1, 0));
        assert_eq!(last_execution(&stage)["returned"], 1);
        let noted = stage.state()["withdrawn_ids"].clone();
        assert_eq!(noted.as_object().unwrap().len(), 1, "{noted}");
        assert!(noted.get(&ids[1]).is_some());
    }
}

#[test]
fn a_slice_that_was_emptied_is_believed_of_a_complete_day_and_a_day_without_any_record_is_not() {
    let stage = complete_day(60);
    let catalog = stage.simulator.catalog().clone();
    let small: Vec<_> = (1..=14)
        .map(|modalidade| ids_of(&stage, modalidade))
        .filter(|ids| ids.len() == 1)
        .collect();
    assert!(!small.is_empty(), "the day has a slice of one record");
    assert!(catalog.withdraw(&small[0][0]));
    // In any other mode, the missing row is treated as a failure of the API.
    assert_eq!(stage.at(LATER).run(Mode::Full).status(), Status::Partial);
    let report = stage.run(Mode::Verify);
    assert_eq!(
        (report.status(), report.counts().withdrawn),
        (Status::Ok, 1)
    );
    for id in stage.served() {
        catalog.withdraw(&id);
    }
    // A single observation isn't believed; another run hours later may confirm it.
    let report = stage.at(LATER_STILL).run(Mode::Verify);
    assert_eq!(
        (report.status(), report.counts().withdrawn),
        (Status::Partial, 0)
    );
    assert!(report.execution.again_at.is_some());
    let noted = stage.state()["withdrawn_ids"].clone();
    assert_eq!(noted.as_object().unwrap().len(), 1);
}

/// The hourly run stores a record, the API takes it back, and the daily run proves the day without it: the totals agree
/// from then on, so that no comparison would find it.
#[test]
fn p2_a_record_that_was_taken_away_before_the_day_was_proven_was_noted_nowhere() {
    let stage = complete_day(200);
    let ids = ids_of(&stage, 6);
    stage.simulator.catalog().withdraw(&ids[3]);
    let report = stage.at(LATER).run(Mode::Full);
    assert_eq!((report.counts().withdrawn, report.complete), (1, true));
    assert!(stage.state()["withdrawn_ids"].get(&ids[3]).is_some());
    assert!(stage.stored().contains(&ids[3]));
}

#[test]
fn nothing_is_noted_as_withdrawn_by_a_run_without_its_proof() {
    let stage = complete_day(200);
    let ids = ids_of(&stage, 6);
    stage.simulator.catalog().withdraw(&ids[0]);
    // The listing of a failed slice is unknown.
    let broken = Rule::always(Fault::ServerError).slice("modalidade=8");
    stage.simulator.set_faults(Faults::by_rule([broken]));
    let report = stage.at(LATER).run(Mode::Verify);
    assert_ne!(report.status(), Status::Ok);
    assert_eq!(report.counts().withdrawn, 0);
    assert_eq!(stage.state().get("withdrawn_ids"), None);
}

#[test]
fn what_was_noted_survives_a_state_that_is_lost() {
    let stage = complete_day(60);
    let ids = ids_of(&stage, 6);
    stage.simulator.catalog().withdraw(&ids[0]);
    stage.at(LATER).run(Mode::Verify);
    stage.lake.delete(crate::support::stage::STATE);
    let report = stage.at(LATER_STILL).run(Mode::Verify);
    assert_eq!((report.counts().withdrawn, report.complete), (1, true));
    assert!(stage.state()["withdrawn_ids"].get(&ids[0]).is_some());
}
