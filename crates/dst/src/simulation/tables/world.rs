//! Datasets, days and the table of a schedule, and the lake through which an actor sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bronzed_model::clock::ManualClock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, DeletedRows, SilverTable};
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use bronzed_storage::testing::support;
use bronzed_tables::testing::{datasets, list_table, records_table};
use bronzed_tables::{Publisher, SilverBuilder};
use chrono::{DateTime, TimeDelta, Utc};

use super::super::desk::Desk;
use super::scenario::{DAYS, TableKind, TableScenario};

/// Context that the actors share.
pub struct World {
    pub desk: Desk,
    pub table: SilverTable,
    step_bytes: usize,
    checkpoint_every: u64,
    /// Processes that are alive, by lane.
    processes: Mutex<BTreeMap<usize, Process>>,
    clock: ManualClock,
}

/// Knowledge of a process, which outlives its actors.
#[derive(Debug, Clone)]
pub struct Process {
    pub publisher: Publisher,
    pub builder: SilverBuilder,
}

impl World {
    pub fn new(scenario: &TableScenario) -> Self {
        Self {
            desk: Desk::default(),
            table: match scenario.kind {
                TableKind::Flag => records_table(DeletedRows::Flag),
                TableKind::Omit => records_table(DeletedRows::Omit),
                TableKind::History => list_table(true),
            },
            step_bytes: scenario.step_bytes,
            checkpoint_every: scenario.checkpoint_every,
            processes: Mutex::default(),
            clock: ManualClock::new(support::at("2025-01-17T11:00:00Z")),
        }
    }

    /// Returns the datasets that the table is made of.
    pub fn inputs(&self) -> &[Arc<Dataset>] {
        &self.table.inputs
    }

    /// Returns the dataset at this place of the scenario's.
    pub fn dataset(&self, place: usize) -> Arc<Dataset> {
        Arc::clone(&datasets()[place])
    }

    pub fn lake(&self, lane: usize) -> Lake {
        Lake::over(Arc::new(self.desk.counter(lane)), "simulation")
    }

    /// Returns the process of a lane. The first actor of a process starts it, and its number is the seed of the process.
    pub fn process(&self, lane: usize, number: u64) -> Process {
        let mut processes = self.processes();
        let process = processes.entry(lane).or_insert_with(|| {
            let entropy = Arc::new(Entropy::seeded(number));
            Process {
                publisher: Publisher::of_checkpoints(self.lake(lane), self.checkpoint_every),
                builder: SilverBuilder::of_steps(self.lake(lane), entropy, self.step_bytes),
            }
        });
        process.clone()
    }

    /// Ends the process of a lane: what it knows is lost.
    pub fn end_process(&self, lane: usize) {
        self.processes().remove(&lane);
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<usize, Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn day(&self, lane: usize, dataset: &Arc<Dataset>, day: Day, entropy: Entropy) -> DayStore {
        DayStore {
            lake: self.lake(lane),
            dataset: Arc::clone(dataset),
            zone: chrono_tz::America::Sao_Paulo,
            day,
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(entropy),
        }
    }

    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

/// Returns the days; both are of one month.
pub fn days() -> [Day; DAYS] {
    ["2025-01-15", "2025-01-16"].map(|day| day.parse().expect("a day"))
}

/// Returns the present time of builders. All objects of the simulated store are of the first moment, so nothing is so old that it
/// is deleted.
pub fn build_time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(1)
}

/// Returns the present time of compactions: complete days are settled, and nothing is so old that it is deleted.
pub fn compaction_time() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(49)
}
