//! Judge of a test's lake by the program's own statement of the promises: `bronzed_storage::invariants`. The judge
//! in Python, which shares no code with the program, checks the same lake independently.

use std::collections::BTreeSet;

use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::execution::Status;
use bronzed_model::settings::Settings;
use bronzed_simulator::ledger::Entry;
use bronzed_simulator::pncp::catalog::{Catalog, Listed};
use bronzed_simulator::row::Listing;
use bronzed_storage::invariants::{self, ExecutionEntry, Served, Violation};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::InspectedTable;
use chrono::NaiveDateTime;
use serde_json::Value;
use uuid::Uuid;

use super::scene::Expect;

type Facts = invariants::DayFacts<Box<str>>;

/// Records of a day at the API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Ids of all records ever listed.
    ever: BTreeSet<Box<str>>,
    /// Ids of the records listed now.
    listed: BTreeSet<Box<str>>,
    /// `true` if the day is over by the API's clock.
    over: bool,
}

/// Final report of a run, and the number of rows that it was served.
pub struct Told {
    said: ExecutionEntry,
    served: u64,
}

impl Api {
    /// Returns the records of a day in a simulated API at `now`, its own time. Ids are the simulator's, so
    /// this isn't usable for datasets with versions.
    pub fn of(catalog: &Catalog, day: Day, now: NaiveDateTime) -> Self {
        let rows: Vec<_> = catalog.list(Some(day), now, false).collect();
        Self::listing(&rows, day, now)
    }

    /// Returns the records of a day from its rows.
    pub fn listing<'l>(
        rows: impl IntoIterator<Item = &'l Listed>,
        day: Day,
        now: NaiveDateTime,
    ) -> Self {
        let mut api = Self {
            ever: BTreeSet::new(),
            listed: BTreeSet::new(),
            over: now >= day.next().date().into(),
        };
        for row in rows {
            if row.listing == Listing::Visible {
                api.listed.insert(row.id.as_str().into());
            }
            if row.listing != Listing::Future {
                api.ever.insert(row.id.as_str().into());
            }
        }
        api
    }
}

impl Told {
    /// Parses the record of a run, `{"from": 1, "until": 57, "report": {…}}`: the range of requests during
    /// the run, and its printed report.
    pub fn of(dataset: &Dataset, run: &Value, requests: &[Entry]) -> Self {
        let bound = |key: &str| run[key].as_u64().expect("a number");
        let meanwhile = bound("from")..=bound("until");
        let requests = requests.iter();
        let mine = requests.filter(|request| meanwhile.contains(&request.ordinal));
        let served = mine.map(|request| request.rows as u64).sum();
        let report = &run["report"];
        let parsed = |key: &str| report[key].clone();
        let day: Day = report["day"]
            .as_str()
            .expect("a day")
            .parse()
            .expect("a day");
        let run: Uuid = serde_json::from_value(parsed("run_id")).expect("an id");
        let status: Status = serde_json::from_value(parsed("status")).expect("a status");
        let counts: Counts = serde_json::from_value(report.clone()).expect("counts");
        let files: Vec<String> = serde_json::from_value(parsed("files")).expect("keys");
        let failed = report["failed_slices"].as_object();
        Self {
            said: ExecutionEntry {
                run: Some(run),
                status,
                counts,
                files: files
                    .iter()
                    .map(|key| invariants::name(&dataset.prefix, day, key))
                    .collect(),
                failed_slices: failed.map_or(0, |failed| failed.len() as u64),
            },
            served,
        }
    }
}

/// Returns the promises that a day breaks, compared with the API's records and the runs' reports. No run
/// may be under way.
pub async fn broken(
    lake: &Lake,
    dataset: &Dataset,
    day: Day,
    api: &Api,
    expect: Expect,
    told: &[Told],
) -> Vec<Violation> {
    let found = facts(lake, dataset, day).await;
    let Api { ever, listed, over } = api.clone();
    let served = |finally| Served {
        ever: ever.clone(),
        finally,
    };
    let stored = (expect == Expect::All).then(|| listed.clone());
    let mut violations = invariants::at_rest_in_itself(&found);
    violations.extend(invariants::p2_nothing_lost(&found.files, &served(stored)));
    violations.extend(invariants::p4_complete(
        &found,
        &served(over.then_some(listed)),
    ));
    if let Some(state) = &found.state {
        let told = told.iter();
        violations
            .extend(told.flat_map(|told| invariants::p7_told(state, &told.said, told.served)));
    }
    violations
}

/// Asserts that a day is complete with all records of the API. No run may be under way.
pub async fn assert_complete(lake: &Lake, dataset: &Dataset, day: Day, api: &Api) {
    let found = facts(lake, dataset, day).await;
    let served = Served {
        ever: api.ever.clone(),
        finally: api.over.then(|| api.listed.clone()),
    };
    let name = dataset.full_name();
    assert_eq!(invariants::at_rest(&found, &served), [], "{name} {day}");
    assert!(
        found.marker,
        "{name} {day} isn't complete: {:#?}",
        found.state
    );
}

/// Reads the facts of a day from the lake.
pub async fn facts(lake: &Lake, dataset: &Dataset, day: Day) -> Facts {
    let found = invariants::read(lake, dataset, day).await;
    found.unwrap_or_else(|error| panic!("{} {day}: {error}", dataset.full_name()))
}

/// Asserts that each stored day of every declared dataset keeps the promises that don't depend on the API.
/// No run may be under way.
pub async fn assert_kept(lake: &Lake, settings: &Settings) {
    let sources = settings.sources.values();
    for dataset in sources.flat_map(|source| source.datasets.values()) {
        let table = InspectedTable::list(lake, &dataset.prefix)
            .await
            .expect("a listing");
        for day in table.days {
            let found = facts(lake, dataset, day).await;
            let violations = invariants::at_rest_in_itself(&found);
            assert_eq!(violations, [], "{} {day}", dataset.full_name());
        }
    }
}
