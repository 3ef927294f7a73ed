//! Verdicts of a run on a day: proof, accounting, and endings.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bronzed_engine::ingest::{Context, run};
use bronzed_model::declaration::Mode;
use bronzed_model::execution::Status;
use bronzed_simulator::answer::Answer;
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::record::Record;
use bronzed_storage::lake::Lake;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::hooked::Hooked;
use crate::support::lake::{Backend, TestLake};
use crate::support::runtime;
use crate::support::stage::{NEXT_MORNING, STATE, Stage, day, instant};

const NOON: &str = "2025-10-22T12:00:00-03:00";
/// The slice with the most records, on several pages.
const BUSY: &str = "modalidade=6";

fn stage(records: u32, rules: impl IntoIterator<Item = Rule>) -> Stage {
    stage_with(records, rules, &[])
}

fn stage_with(
    records: u32,
    rules: impl IntoIterator<Item = Rule>,
    settings: &[(&str, &str)],
) -> Stage {
    let catalog = Catalog::generated(8, day(), records, 2_400);
    let (lake, faults) = (TestLake::new(Backend::Folder), Faults::by_rule(rules));
    let stage = Stage::with(lake, catalog, faults, 8, settings);
    stage.at(NEXT_MORNING);
    stage
}

/// A response without rows, as PNCP sends it.
fn nothing() -> Fault {
    Fault::Answer(Box::new(Answer::empty(204)))
}

/// A page of these records with these totals.
fn page(records: &[Value], total: u64, pages: u64) -> Fault {
    let body = json!({"data": records, "totalRegistros": total, "totalPaginas": pages});
    Fault::Answer(Box::new(Answer::json(200, body.to_string())))
}

fn record(id: &str) -> Value {
    json!({"numeroControlePNCP": id, "dataPublicacaoPncp": "2025-10-22T10:00:00"})
}

fn is_data(operation: &str) -> bool {
    operation.starts_with("PUT ") && operation.ends_with(".parquet")
}

/// Returns the requested pages of a slice, in order.
fn pages_asked_for(stage: &Stage, slice: &str) -> Vec<u64> {
    let ledger = stage.simulator.ledger().into_iter();
    let of_slice = ledger.filter(|entry| entry.slice.as_deref() == Some(slice));
    of_slice.filter_map(|entry| entry.page).collect()
}

/// Ids and JSON of the records of the busy slice at the end of the day, in API order.
fn listed_in_busy_slice(stage: &Stage) -> Vec<(String, String)> {
    let now = instant(NEXT_MORNING).naive_utc();
    let listed = stage.simulator.catalog().list(Some(day()), now, true);
    listed
        .filter(|one| format!("modalidade={}", one.group) == BUSY)
        .filter_map(|one| Some((one.id, one.record?.get().to_owned())))
        .collect()
}

/// Returns the ids that the API lists and the lake lacks.
fn missing(stage: &Stage) -> Vec<String> {
    let stored: BTreeSet<_> = stage.stored().into_iter().collect();
    let mut served = stage.served();
    served.retain(|id| !stored.contains(id));
    served
}

/// P2: totals that include rows read and not stored would hide these rows from mode `new`.
#[test]
fn p2_what_could_not_be_committed_is_read_again() {
    let store = Hooked::new();
    let stage = stage(300, []).over(store.clone());
    store.refuse(is_data);
    let failed = stage.at(NOON).run(Mode::Full);
    assert_eq!(failed.status(), Status::Failed);

    store.refuse(|_| false);
    let next = stage.run(Mode::New);
    assert_eq!(next.status(), Status::Ok);
    assert!(next.counts().new > 0, "{next:?}");
    let again = stage.run(Mode::Full);
    assert_eq!(again.counts().new, 0, "nothing was left out");
}

/// A lake that refuses writes ends the run at once, without waiting for its slowest slice.
#[test]
fn a_run_that_cannot_commit_stops_reading() {
    let slow = Answer::json(429, "{}").after(Duration::from_secs(120));
    let rule = Rule::always(Fault::Answer(Box::new(slow))).slice("modalidade=14");
    let settings = [("BRONZED__COMMIT__MAX_RECORDS", "100")];
    let store = Hooked::new();
    let stage = stage_with(1_000, [rule], &settings).over(store.clone());
    store.refuse(is_data);
    let run = stage.play("contratacoes", Mode::Full, CancellationToken::new());
    let run = async { tokio::time::timeout(Duration::from_secs(60), run).await };
    let report = runtime()
        .block_on(run)
        .expect("it doesn't wait for a slice");
    assert_eq!(report.status(), Status::Failed);
}

/// Pages that wait for the lake hold no request permit, because other runs of the source share the permits.
#[test]
fn a_run_whose_lake_is_slow_holds_up_no_other() {
    let store = Hooked::new();
    let settings = [("BRONZED__COMMIT__MAX_RECORDS", "100")];
    let stage = stage_with(2_000, [], &settings).over(store.clone());
    let order = stage.order("contratacoes", Mode::Full);
    let slow = stage.context(CancellationToken::new());
    let other = Context {
        lake: Lake::over(Arc::new(Hooked::new()), "another lake"),
        ..slow.clone()
    };
    let (first, second) = runtime().block_on(async {
        let held = store.hold_writes().await;
        let mut first = pin!(run(&slow, &order));
        let second = tokio::time::timeout(Duration::from_secs(60), run(&other, &order));
        let second = tokio::select! {
            _ = &mut first => panic!("its lake takes nothing yet"),
            report = second => report.expect("it waits for no other run"),
        };
        drop(held);
        (first.await, second)
    });
    for report in [first, second] {
        assert!(report.complete, "{report:?}");
        assert_eq!(report.counts().new, 2_000);
    }
}

#[test]
fn p4_a_single_empty_answer_is_not_believed() {
    let stage = stage(1_000, [Rule::nth(1, nothing()).slice(BUSY).page(1)]);
    let report = stage.run(Mode::Full);
    assert!(report.complete, "{report:?}");
    assert_eq!(stage.stored(), stage.served());
}

#[test]
fn p4_a_slice_that_had_rows_and_is_empty_has_failed() {
    for mode in [Mode::Full, Mode::New] {
        let stage = stage(1_000, []);
        stage.at(NOON).run(Mode::Full);
        stage
            .simulator
            .set_faults(Faults::by_rule([Rule::always(nothing()).slice(BUSY)]));
        let report = stage.at(NEXT_MORNING).run(mode);
        assert_eq!(report.status(), Status::Partial, "{report:?}");
        assert!(!report.complete);
        let (slice, reason) = &report.execution.failed_slices[0];
        assert_eq!(slice, BUSY);
        assert!(reason.contains("empty"), "{reason}");
    }
}

/// Without the state, only the files tell that the day had rows; the slices that had them are unknown.
#[test]
fn p4_a_day_that_has_rows_is_not_complete_by_answering_nothing() {
    for mode in [Mode::Full, Mode::New] {
        let stage = stage(300, []);
        stage.at(NOON).run(Mode::Full);
        stage.lake.delete(STATE);
        stage
            .simulator
            .set_faults(Faults::by_rule([Rule::always(nothing())]));
        let report = stage.at(NEXT_MORNING).run(mode);
        assert!(!report.complete, "{report:?}");
        assert_ne!(report.status(), Status::Ok, "never green");
        // No other day proves that the API answers at all.
        let reasons = report.reasons();
        assert!(reasons.contains("answered empty"), "{reasons}");
        assert_eq!(stage.state()["complete"], false);
    }
}

#[test]
fn p4_the_last_page_is_read_after_all_others() {
    let stage = stage(2_000, []);
    assert!(stage.run(Mode::Full).complete);
    let pages = pages_asked_for(&stage, BUSY);
    let last = pages.iter().max().copied();
    assert!(last > Some(5), "{pages:?}");
    assert_eq!(pages.first(), Some(&1));
    assert_eq!(pages.last().copied(), last, "{pages:?}");
}

/// Rows appear or disappear between the first page and the last: the first walk proves nothing.
#[test]
fn p4_a_total_that_moves_while_reading_is_read_again() {
    let slice = "modalidade=13";
    let of = |ids: &[&str], total| {
        let records: Vec<_> = ids.iter().map(|id| record(id)).collect();
        page(&records, total, 2)
    };
    let stage = stage(
        0,
        [
            Rule::nth(1, of(&["a"], 2)).slice(slice).page(1),
            Rule::nth(1, of(&["b"], 3)).slice(slice).page(2),
            Rule::always(of(&["a"], 3)).slice(slice).page(1),
            Rule::always(of(&["b", "c"], 3)).slice(slice).page(2),
        ],
    );
    let report = stage.run(Mode::Full);
    assert!(report.complete, "{report:?}");
    assert_eq!(stage.stored(), ["a", "b", "c"]);
    assert_eq!(pages_asked_for(&stage, slice), [1, 2, 1, 2]);
    assert_eq!(
        (report.counts().fetched, report.counts().duplicates),
        (5, 2)
    );
}

/// The API's total never matches its own rows: never green (P7).
#[test]
fn p4_a_total_that_is_never_met_is_partial() {
    let slice = "modalidade=13";
    let rule = Rule::always(page(&[record("a")], 2, 1)).slice(slice);
    let stage = stage(0, [rule]);
    let report = stage.run(Mode::Full);
    assert_eq!(report.status(), Status::Partial);
    assert!(!report.complete);
    let (label, reason) = &report.execution.failed_slices[0];
    assert_eq!(label, slice);
    assert!(
        reason.contains("1 different ids read where the API states 2"),
        "{reason}"
    );
    assert_eq!(stage.state()["slices"].get(slice), None, "no total was met");
    assert_eq!(
        pages_asked_for(&stage, slice).len(),
        3,
        "a walk and two more"
    );
}

#[test]
fn p2_rows_that_another_day_does_not_have_are_counted_and_stored() {
    let slice = "modalidade=13";
    let other = json!({"numeroControlePNCP": "b", "dataPublicacaoPncp": "2025-10-23T00:00:00"});
    let stage = stage(
        0,
        [Rule::always(page(&[record("a"), other], 2, 1)).slice(slice)],
    );
    let report = stage.run(Mode::Full);
    let counts = report.counts();
    let of = (counts.fetched, counts.new, counts.misplaced, counts.off_day);
    assert_eq!(of, (2, 2, 1, 0));
    assert!(report.complete, "the total counts them: {report:?}");
    assert_eq!(stage.stored(), ["a", "b"]);
    assert_eq!(stage.state()["executions"][0]["misplaced"], 1);
}

/// The total shrank although rows were added: only a full read finds the new ones.
#[test]
fn mode_new_reads_all_of_a_slice_that_has_shrunk() {
    let stage = stage(2_000, []);
    let listed = listed_in_busy_slice(&stage);
    stage.at(NOON).run(Mode::Full);
    for (id, _) in listed.iter().take(listed.len() / 4) {
        stage.simulator.catalog().withdraw(id);
    }
    let report = stage.at("2025-10-22T12:30:00-03:00").run(Mode::New);
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    assert_eq!(missing(&stage), Vec::<String>::new());
}

/// A record inserted late on an early page is found before the walk stops.
#[test]
fn mode_new_goes_back_until_the_difference_is_found() {
    let stage = stage(2_000, []);
    stage.run(Mode::Full);
    let listed = listed_in_busy_slice(&stage);
    let (id, early) = &listed[listed.len() / 3];
    let late = early.replace(id.as_str(), "99999999000199-1-000001/2025");
    stage
        .simulator
        .catalog()
        .add(Record::from_json(&late).expect("a record"));
    let report = stage.run(Mode::New);
    assert_eq!((report.status(), report.counts().new), (Status::Ok, 1));
    assert_eq!(missing(&stage), Vec::<String>::new());
}

/// An end that the API doesn't confirm isn't accepted, even while the day is under way and nothing is
/// proven.
#[test]
fn p2_a_page_that_stays_empty_in_the_middle_is_not_the_end() {
    let rule = Rule::always(Fault::EmptyPage).slice(BUSY).page(3);
    let stage = stage(2_000, [rule]);
    let report = stage.at("2025-10-22T23:30:00-03:00").run(Mode::Full);
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    let (slice, reason) = &report.execution.failed_slices[0];
    assert_eq!(slice, BUSY);
    assert!(reason.contains("page 3 is empty in the middle"), "{reason}");
}

/// A last page that fills up while the day is under way is read again before the pages after it.
#[test]
fn p2_a_last_page_that_has_filled_up_is_read_again() {
    let slice = "modalidade=13";
    let of = |ids: &[&str], total, pages| {
        let records: Vec<_> = ids.iter().map(|id| record(id)).collect();
        page(&records, total, pages)
    };
    let stage = stage(
        0,
        [
            Rule::always(of(&["a"], 2, 2)).slice(slice).page(1),
            // The first response reports a third page; in the next one, this page has one more row.
            Rule::nth(1, of(&["b"], 4, 3)).slice(slice).page(2),
            Rule::always(of(&["b", "c"], 4, 3)).slice(slice).page(2),
            Rule::always(of(&["d"], 4, 3)).slice(slice).page(3),
        ],
    );
    let report = stage.at(NOON).run(Mode::Full);
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    assert_eq!(stage.stored(), ["a", "b", "c", "d"]);
}

/// A total that grows without new rows isn't recorded, so that later runs search for the rows again.
#[test]
fn mode_new_keeps_the_old_total_where_the_difference_is_not_found() {
    let slice = "modalidade=13";
    let stage = stage(
        0,
        [
            Rule::nth(1, page(&[record("a")], 1, 1)).slice(slice),
            Rule::always(page(&[record("a")], 2, 1)).slice(slice),
        ],
    );
    stage.at(NOON).run(Mode::Full);
    let total = || stage.state()["slices"][slice]["total"].clone();
    assert_eq!(total(), 1);
    stage.run(Mode::New);
    assert_eq!(total(), 1);
}

/// Pages disappear while the new ones are searched: the rows found so far aren't all.
#[test]
fn mode_new_reads_all_of_a_slice_that_shrinks_under_it() {
    let slice = "modalidade=13";
    let first = |ordinal, total, pages| {
        let page = page(&[record("a")], total, pages);
        Rule::nth(ordinal, page).slice(slice).page(1)
    };
    let others = page(&[record("b"), record("c")], 3, 2);
    let stage = stage(
        0,
        [
            // Proven; grown to three pages; down to two when read again; read in full.
            first(1, 1, 1),
            first(2, 3, 3),
            first(3, 3, 2),
            first(4, 3, 2),
            Rule::always(others).slice(slice).page(2),
            Rule::always(nothing()).slice(slice).page(3),
        ],
    );
    stage.at(NOON).run(Mode::Full);
    let report = stage.run(Mode::New);
    assert_eq!(report.status(), Status::Ok, "{report:?}");
    let firsts = pages_asked_for(&stage, slice).into_iter();
    assert_eq!(firsts.filter(|page| *page == 1).count(), 4);
}

/// Ctrl-C during a run: committed pages are kept, and the unread slices are named.
#[test]
fn a_cancelled_run_commits_what_it_read() {
    let (store, token) = (Hooked::new(), CancellationToken::new());
    let settings = [("BRONZED__COMMIT__MAX_RECORDS", "200")];
    let stage = stage_with(2_000, [], &settings).over(store.clone());
    let stop = token.clone();
    store.refuse(move |operation| {
        if is_data(operation) {
            stop.cancel();
        }
        false
    });
    let report = runtime().block_on(stage.play("contratacoes", Mode::Full, token));
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    assert!(!report.complete && report.counts().balanced());
    assert!(report.counts().new >= 200, "{report:?}");
    let failed = &report.execution.failed_slices;
    assert!(
        failed.iter().any(|(_, reason)| reason == "cancelled"),
        "{failed:?}"
    );

    let next = stage.run(Mode::Full);
    assert!(next.complete, "{next:?}");
    assert_eq!(next.counts().new + report.counts().new, 2_000);
}

/// Cancelled before the first request: partial, not failed.
#[test]
fn a_run_that_is_cancelled_at_once_is_partial() {
    let stage = stage(300, []);
    let token = CancellationToken::new();
    token.cancel();
    let report = runtime().block_on(stage.play("contratacoes", Mode::Full, token));
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    assert_eq!((report.counts().requests, report.counts().fetched), (0, 0));
    assert_eq!(stage.state()["executions"][0]["status"], "partial", "P7");
}
