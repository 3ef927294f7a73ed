//! Lag of the state behind the files: the commits of a run that are written to the state, and those that are
//! left to a later write.
//!
//! A state is written whole. Written with each commit, it would take bytes that grow with the square of a
//! day's commits. The numbered files are the log, and tell all that a commit adds; so a commit writes the state
//! only when it is due:
//!
//! - with the first commit of a run, and with the first one after the state was loaded again because another
//!   run has written, too;
//! - when it would have twice as many elements as the one that the run wrote last;
//! - with everything else than a file: finished parents without rows, a repair, a person's decision;
//! - as the last word of a run, with its outcome.
//!
//! All writes of a run together have at most three times the bytes of the last one, and the first. Files beyond
//! the state are adopted, in order, by whoever loads it (P5). Reasons: `docs/develop/design/state-lag.md`.

use super::document::StateDocument;
use super::store::DayState;
use crate::lake::ObjectVersion;

/// Growth of a document since its last write at which the next write is due.
const GROWTH: usize = 2;

impl DayState {
    /// Returns `true` if the next commit must write the state.
    pub(super) fn is_write_due(&self) -> bool {
        let grown = |indexed: usize| weight(&self.document) >= indexed.saturating_mul(GROWTH);
        self.unmark || self.indexed.is_none_or(grown)
    }

    /// Notes that the document was written; `audited`: with the entry of the run that commits.
    pub(super) fn note_written(&mut self, version: ObjectVersion, audited: bool) {
        self.version = Some(version);
        if audited {
            self.indexed = Some(weight(&self.document));
        }
    }
}

/// Number of elements that a commit adds to, and that make a document large.
fn weight(document: &StateDocument) -> usize {
    document.ids.len() + document.parents.len()
}
