//! Datasets, days and the table of a schedule, and the lake through which an actor sees them.

use std::sync::Arc;

use bronzed_model::clock::ManualClock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, DeletedRows, SilverTable};
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use bronzed_storage::testing::support;
use bronzed_tables::testing::{datasets, list_table, records_table};
use chrono::{DateTime, TimeDelta, Utc};

use super::super::desk::Desk;
use super::scenario::{DAYS, TableKind, TableScenario};

/// Context that the actors share.
pub struct World {
    pub desk: Desk,
    pub table: SilverTable,
    pub step_bytes: usize,
    clock: ManualClock,
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
