//! Recording of the builds of silver tables.

use metrics::{counter, gauge};

use crate::catalogue as names;

/// Build of a silver table.
#[derive(Debug, Clone, Copy)]
pub struct SilverBuilt<'a> {
    /// `pncp`
    pub source: &'a str,
    /// `contratacoes`
    pub table: &'a str,
}

impl SilverBuilt<'_> {
    /// Initializes the counters of the table to zero, because an alert on an increase needs a value before the first event.
    pub fn start_at_zero(&self) {
        for outcome in names::SILVER_OUTCOME {
            self.builds(outcome).increment(0);
        }
        self.unfit(0);
    }

    /// Records a build that ended.
    pub fn ended(&self, changed: bool, held_back: bool) {
        let outcome = match (held_back, changed) {
            (true, _) => "held_back",
            (false, true) => "written",
            (false, false) => "unchanged",
        };
        self.builds(outcome).increment(1);
    }

    /// Records a build that failed.
    pub fn failed(&self) {
        self.builds("failed").increment(1);
    }

    /// Records values that are null in the table, because the type of their column can't hold them.
    pub fn unfit(&self, values: u64) {
        counter!(names::SILVER_UNFIT.name, &self.labels()).increment(values);
    }

    /// Records the state of the table.
    pub fn stands(&self, rows: u64, days_behind: u64, held_back: u64) {
        gauge!(names::SILVER_ROWS.name, &self.labels()).set(rows as f64);
        gauge!(names::SILVER_DAYS_BEHIND.name, &self.labels()).set(days_behind as f64);
        gauge!(names::SILVER_HELD_BACK.name, &self.labels()).set(held_back as f64);
    }

    fn labels(&self) -> [(&'static str, String); 2] {
        [
            ("source", self.source.to_owned()),
            ("table", self.table.to_owned()),
        ]
    }

    fn builds(&self, outcome: &'static str) -> metrics::Counter {
        let [source, table] = self.labels();
        let labels = [source, table, ("outcome", outcome.to_owned())];
        counter!(names::SILVER_BUILDS.name, &labels)
    }
}
