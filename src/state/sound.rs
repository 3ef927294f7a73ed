//! A document held against the promises with what is at hand, where a day is opened and where a run
//! ends a commit: in debug builds only. The files are looked at by [`super::inspect()`].

use super::document::Document;
use super::entry::Entry;
use super::store::DayStore;
use crate::invariants::{self, Violation};

impl DayStore {
    /// How what is to be written, or was just opened, breaks P2 and P3; nothing, or there is a fault in
    /// this program. It takes as long as the audit, whatever the number of ids.
    pub(super) fn violations(&self, document: &Document) -> Vec<Violation> {
        let ids = document.ids.len() as u64;
        let mut violations = invariants::p2_sums(ids, ids, document.audited());
        // Entries of the earlier pipeline say less.
        let ours = |entry: &&Entry| entry.run_id().is_some();
        for entry in document.executions.iter().filter(ours) {
            let name = |key: &String| invariants::name(&self.dataset.prefix, self.day, key);
            let named: Vec<_> = entry.files().iter().map(name).collect();
            violations.extend(invariants::p3_counted(document.commits, &named));
            violations.extend(invariants::p2_accounted(&entry.counts(), entry.run_id()));
        }
        violations
    }
}
