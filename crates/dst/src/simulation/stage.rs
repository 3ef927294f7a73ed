//! Shared context of the actors: lake, API, clock, and the ground truth.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use super::api::{self, Api};
use super::desk::Desk;
use super::scenario::Scenario;
use bronzed_model::clock::ManualClock;
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::entropy::Entropy;
use bronzed_storage::invariants::{ExecutionEntry, File, Served, Violation};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use bronzed_storage::testing::support;

/// Shared context of the actors.
pub struct Stage {
    pub desk: Desk,
    pub dataset: Arc<Dataset>,
    /// Source and dataset of whole runs.
    pub source: Option<(Source, Arc<Dataset>)>,
    /// Number of records of a commit.
    pub commit: usize,
    pub clock: ManualClock,
    truth: Mutex<Truth>,
}

/// Ground truth, independent of what any actor believes.
#[derive(Default)]
pub struct Truth {
    pub api: Api,
    pub served: Served<Box<str>>,
    /// Contents of the day's files.
    pub files: Vec<File<Box<str>>>,
    /// Final reports of the runs.
    pub told: Vec<ExecutionEntry>,
    pub violations: Vec<Violation>,
}

impl Truth {
    /// Returns the ids of the rows.
    pub fn ids(&self) -> impl Iterator<Item = &Box<str>> {
        self.files.iter().flat_map(|file| &file.ids)
    }

    /// Returns the names of the stored records, each with its content.
    pub fn stored(&self) -> BTreeSet<Box<str>> {
        self.ids().map(|id| api::name_of(id)).collect()
    }

    /// Returns the served records under their stored ids in `files`, because the numbering of versions is
    /// known only there.
    pub fn served_as_stored(&self, files: &[File<Box<str>>]) -> Served<Box<str>> {
        let ids: Vec<_> = files.iter().flat_map(|file| &file.ids).collect();
        let stored: BTreeSet<_> = ids.iter().map(|id| api::name_of(id)).collect();
        let as_stored = |names: &BTreeSet<Box<str>>| {
            let there = ids.iter().filter(|id| names.contains(&api::name_of(id)));
            let missing = names.iter().filter(|name| !stored.contains(*name));
            there.copied().chain(missing).cloned().collect()
        };
        Served {
            ever: as_stored(&self.served.ever),
            finally: self.served.finally.as_ref().map(as_stored),
        }
    }

    /// Lists one more record.
    pub fn publish(&mut self, id: Box<str>, first: bool) {
        // Includes an off-day record: until its own day holds it, it is stored here.
        self.served.ever.insert(self.api.name(&id));
        self.api.list(id, first);
    }

    /// Gives a record another content.
    pub fn change(&mut self, id: &str) {
        self.api.change(id);
        self.served.ever.insert(self.api.name(id));
    }

    /// Ends the publication of records.
    pub fn settle(&mut self) {
        let listed = self.api.listed.iter().filter(|id| self.is_of_the_day(id));
        self.served.finally = Some(listed.map(|id| self.api.name(id)).collect());
    }

    /// Lists a deleted record again: where it was, or as a new one.
    pub fn list_again(&mut self, id: Box<str>, in_place: bool, first: bool) {
        if let Some(finally) = &mut self.served.finally
            && *id != *api::OFF_DAY
        {
            finally.insert(self.api.name(&id));
        }
        if in_place {
            self.api.list_in_place(id);
        } else {
            self.api.list(id, first);
        }
    }

    /// Deletes a record from the listing.
    pub fn remove(&mut self, id: &str) {
        self.api.remove(id);
        if let Some(finally) = &mut self.served.finally {
            finally.remove(&self.api.name(id));
        }
    }

    /// Returns `true` if the record's own date is the day.
    pub fn is_of_the_day(&self, id: &str) -> bool {
        id != api::OFF_DAY
    }

    pub fn blame(&mut self, violations: impl IntoIterator<Item = Violation>) {
        self.violations.extend(violations);
    }
}

impl Stage {
    pub fn new(scenario: &Scenario) -> Self {
        let source = scenario.manner.as_ref().map(api::source);
        Self {
            desk: Desk::default(),
            dataset: match &source {
                Some((_, dataset)) => Arc::clone(dataset),
                None => support::shared_dataset(),
            },
            source,
            commit: scenario.commit,
            clock: ManualClock::new(support::at(scenario.begins())),
            truth: Mutex::default(),
        }
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap()
    }

    pub fn day(&self, lane: usize) -> DayStore {
        DayStore {
            lake: Lake::over(Arc::new(self.desk.counter(lane)), "simulation"),
            dataset: Arc::clone(&self.dataset),
            zone: chrono_tz::America::Sao_Paulo,
            day: support::day(),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(Entropy::seeded(lane as u64)),
        }
    }
}
