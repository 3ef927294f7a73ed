//! Three records, then two more, then none: for one dataset of each shipped paging style.

use bronzed_model::declaration::{Kind, Mode};

use super::api::Answers;
use super::case::{Case, Sample};
use super::desk::{Desk, TODAY};
use crate::support::stage::instant;

fn case(dataset: &str) -> Case {
    let mut cases = super::cases().into_iter();
    cases.find(|case| case.dataset == dataset).expect("a case")
}

/// Returns the responses with new records at the end of a listing, or at the head of a feed.
fn shown(case: &Case, desk: &Desk, records: &[Sample]) -> Answers {
    let mut records = records.to_vec();
    if matches!(desk.dataset().kind, Kind::Feed) {
        records.reverse();
    }
    Answers::of(case, &records)
}

#[track_caller]
fn three_then_two_then_none(dataset: &str) {
    let case = case(dataset);
    let records = case.many(5);
    let desk = Desk::new(&case, &Answers::of(&case, &[]));
    // A snapshot's day is the day of the run.
    let snapshot = matches!(desk.dataset().kind, Kind::Snapshot);
    let days = [TODAY, "2026-11-21", "2026-11-22"];
    let mut files = 0;
    for ((listed, new), today) in [(3, 3), (5, 2), (5, 0)].into_iter().zip(days) {
        desk.api.answer(&shown(&case, &desk, &records[..listed]));
        let day = match snapshot {
            true => {
                desk.clock.set(instant(&format!("{today}T12:00:00-03:00")));
                today.to_owned()
            }
            false => case.day(),
        };
        let report = desk.read_well(&day, Mode::Full);
        let report = report.unwrap_or_else(|why| panic!("{dataset}: {why}"));
        assert_eq!(report.counts().new, new, "{dataset}: {listed} records");
        files += usize::from(new > 0);
        assert_eq!(desk.files().len(), files, "P6: no file without new records");
    }
    let mut stored: Vec<_> = desk.rows().into_iter().map(|(id, _)| id).collect();
    let mut served: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    stored.sort();
    served.sort();
    assert_eq!(stored, served, "{dataset}");
}

#[test]
fn by_page_number_with_totals() {
    three_then_two_then_none("pncp.contratos");
    three_then_two_then_none("comprasnet.resultados");
}

#[test]
fn by_offset_with_has_more() {
    three_then_two_then_none("tcu.inidoneos");
}

#[test]
fn by_offset_without_any_total() {
    three_then_two_then_none("tcu.acordaos");
}

#[test]
fn by_page_number_without_any_total() {
    three_then_two_then_none("tcu.pedidos_congresso");
}

#[test]
fn in_a_single_answer() {
    three_then_two_then_none("tcu.termos_contratuais");
}
