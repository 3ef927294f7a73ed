//! Debug assertions when a day is opened and when a commit ends: checks the document against the promises
//! without reading files. [`super::inspect()`] checks the files.

use super::document::StateDocument;
use super::entry::AuditEntry;
use super::store::DayStore;
use crate::invariants::{self, Violation};

impl DayStore {
    /// Returns violations of P2 and P3 in a document about to be written or just opened; any is a bug of this
    /// program. Takes time proportional to the audit, independent of the number of ids.
    pub(super) fn violations(&self, document: &StateDocument) -> Vec<Violation> {
        let ids = document.ids.len() as u64;
        let mut violations = invariants::p2_sums(ids, ids, document.audited());
        // Entries of the earlier pipeline have fewer members.
        let ours = |entry: &&AuditEntry| entry.run_id().is_some();
        for entry in document.executions.iter().filter(ours) {
            let name = |key: &String| invariants::name(&self.dataset.prefix, self.day, key);
            let named: Vec<_> = entry.files().iter().map(name).collect();
            violations.extend(invariants::p3_counted(document.commits, &named));
            violations.extend(invariants::p2_accounted(&entry.counts(), entry.run_id()));
        }
        violations
    }
}
