//! All shipped datasets, read from realistic responses.
//!
//! Each dataset is a [`Case`] in the table of its source; the checks are here, once. Records are recorded
//! ones (`tests/fixtures`) where possible. Others are marked as documented: made by hand from the API's
//! documentation, or from a recorded one whose shape has changed since.

mod api;
mod case;
mod comprasnet;
mod desk;
mod lossless;
mod matrix;
mod pncp;
mod tcu;
mod three_runs;

use std::collections::BTreeSet;

use bronzed_model::declaration::{Kind, Mode};
use bronzed_model::execution::Status;
use bronzed_model::json::canonical::canonical;

use api::Answers;
use case::{Case, Trouble};
use desk::Desk;

/// Returns every case of every source.
fn cases() -> Vec<Case> {
    let sources = [pncp::cases(), comprasnet::cases(), tcu::cases()];
    sources.into_iter().flatten().collect()
}

/// Runs a check on every case, and lists all cases that fail it.
#[track_caller]
fn for_every_case(check: impl Fn(&Case) -> Result<(), String>) {
    let failed: Vec<_> = cases()
        .iter()
        .filter_map(|case| {
            let why = check(case).err()?;
            Some(format!("{}: {why}", case.dataset))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: {found:?}, expected {expected:?}"))
}

#[test]
fn every_dataset_that_is_shipped_has_a_case() {
    let settings = bronzed_config::load(None, []).unwrap();
    let shipped = settings
        .sources
        .values()
        .flat_map(|source| source.datasets.values());
    let shipped: BTreeSet<_> = shipped.map(|dataset| dataset.full_name()).collect();
    let tested: BTreeSet<_> = cases().iter().map(|case| case.dataset.to_owned()).collect();
    assert_eq!(shipped, tested);
}

/// Checks rows, ids, undeclared fields and promise P9 with the known records.
#[test]
fn p9_every_dataset_stores_its_records_with_their_ids() {
    for_every_case(|case| {
        for (day, samples) in case.samples_by_day() {
            let desk = Desk::new(case, &Answers::of(case, &samples));
            desk.read_well(&day, Mode::Full)?;
            let mut stored = desk.rows();
            let mut expected: Vec<_> = samples
                .iter()
                .map(|sample| (sample.id.clone(), canonical(&sample.json).unwrap()))
                .collect();
            stored.sort();
            expected.sort();
            same("rows", stored, expected)?;
            let mut extra: Vec<_> = samples.iter().flat_map(|s| s.extra.clone()).collect();
            extra.sort();
            extra.dedup();
            same("fields in _extra", desk.drift(), extra)?;
        }
        Ok(())
    });
}

/// Silver tables hold each known record, no value is unfit for its column, and nothing is other than expected: an expectation
/// that fails for a known record would hold its month back.
#[test]
fn every_silver_table_takes_the_known_records_as_they_are() {
    let fed: BTreeSet<_> = cases()
        .iter()
        .flat_map(|case| Desk::new(case, &Answers::of(case, &[])).silver())
        .map(|table| table.full_name())
        .collect();
    let settings = bronzed_config::load(None, []).unwrap();
    let tables = settings
        .sources
        .values()
        .flat_map(|source| source.silver.values());
    let shipped: BTreeSet<_> = tables.map(|table| table.full_name()).collect();
    assert_eq!(fed, shipped);
    for_every_case(|case| {
        let days = case.samples_by_day();
        for (day, samples) in days {
            let desk = Desk::new(case, &Answers::of(case, &samples));
            let tables = desk.silver();
            if tables.is_empty() {
                continue;
            }
            desk.read_well(&day, Mode::Full)?;
            let keys: BTreeSet<_> = desk.rows().into_iter().map(|(id, _)| id).collect();
            for table in tables {
                let built = desk.build(&table)?;
                let name = table.full_name();
                same(&format!("{name}: held back"), built.held_back, Vec::new())?;
                let unfit: Vec<_> = built.unfit.into_iter().collect();
                same(&format!("{name}: unfit"), unfit, Vec::new())?;
                let odd = built.results.iter().filter(|(_, one)| one.unexpected > 0);
                let odd: Vec<_> = odd.map(|(name, _)| name).collect();
                same(&format!("{name}: unexpected"), odd, Vec::new())?;
                let rows = usize::try_from(built.rows_added).unwrap_or_default();
                same(
                    &format!("{name}: rows"),
                    (1..=keys.len()).contains(&rows),
                    true,
                )?;
            }
        }
        Ok(())
    });
}

/// Checks the exact first request, and three pages of which the last is short.
#[test]
fn every_dataset_is_read_to_its_end() {
    for_every_case(|case| {
        let many = case.many(2 * case.page + 1);
        let desk = Desk::new(case, &Answers::of(case, &many));
        desk.read_well(&case.day(), Mode::Full)?;
        let asked = desk.asked();
        if !asked.iter().any(|asked| asked == case.asked) {
            return Err(format!("never asked {}, but {asked:#?}", case.asked));
        }
        let stored: BTreeSet<_> = desk.rows().into_iter().map(|(id, _)| id).collect();
        let served: BTreeSet<_> = many.iter().map(|sample| sample.id.clone()).collect();
        same("ids missing", served.difference(&stored).next(), None)?;
        same("rows", stored.len(), many.len())
    });
}

/// No data gives no row, no file (promise P6) and no failure.
#[test]
fn every_dataset_knows_an_empty_answer() {
    for_every_case(|case| {
        let desk = Desk::new(case, &Answers::of(case, &[]));
        let report = desk.read(&case.day(), Mode::Full)?;
        // An empty day is believed only if another day has rows, or of children another parent.
        let reasons = report.reasons();
        let understood = report.status() == Status::Ok
            || reasons.contains("answered empty, and no other day is known to have rows")
            || reasons.contains("answered empty, and no other parent is known to have rows");
        same("understood", understood, true).map_err(|why| format!("{why}: {reasons}"))?;
        same("files", desk.files(), Vec::new())
    });
}

/// An error is never taken for "no data" (promise P2): a retry succeeds, or the run reports the failure.
#[test]
fn every_dataset_tells_an_error_from_no_data() {
    for_every_case(|case| {
        let (day, samples) = case.samples_by_day().into_iter().next().unwrap();
        let answers = Answers::of(case, &samples).with(&case.trouble);
        let desk = Desk::new(case, &answers);
        let report = desk.read(&day, Mode::Full)?;
        match &case.trouble {
            Trouble::Passes(_) => {
                same("status", report.status(), Status::Ok)
                    .map_err(|why| format!("{why}: {}", report.reasons()))?;
                same("rows", desk.rows().len(), samples.len())?;
                same("tried again", report.counts().retries > 0, true)?;
                let reasons: u64 = report.execution.retry_reasons.values().sum();
                same("reasons told", reasons, report.counts().retries)
            }
            Trouble::Fails(_, reason) => {
                let failed = matches!(report.status(), Status::Failed | Status::Partial);
                same("failed", failed, true)?;
                same("complete", report.complete, false)?;
                let reasons = report.reasons();
                same("the reason is told", reasons.contains(reason), true)
                    .map_err(|why| format!("{why}: {reasons}"))
            }
        }
    });
}

/// The kinds covered by the cases; a new kind needs a check of its own.
#[test]
fn the_cases_are_of_all_kinds() {
    let settings = bronzed_config::load(None, []).unwrap();
    let kinds: BTreeSet<_> = cases()
        .iter()
        .map(|case| {
            let (source, dataset) = case.dataset.split_once('.').unwrap();
            match settings.sources[source].datasets[dataset].kind {
                Kind::Dated(_) => "dated",
                Kind::Snapshot => "snapshot",
                Kind::Child(_) => "child",
                Kind::Feed => "feed",
            }
        })
        .collect();
    assert_eq!(kinds, ["child", "dated", "feed", "snapshot"].into());
}
