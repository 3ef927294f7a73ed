//! How a run ended: its status, whether the day is proven complete, and what the state may say of its
//! slices.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ingest::slice::Outcome;
use crate::ingest::{Run, settled_at};
use crate::mutation::mutated;
use crate::state::SliceProgress;
use crate::state::execution::{Execution, Status};

impl Run<'_> {
    /// Sets the status, and says whether the day is proven complete; `stored` is how many records
    /// it has.
    pub(super) fn judge(&mut self, outcomes: &[(String, Outcome)], stored: usize) -> bool {
        let settled = settled_at(self.order, self.context.zone);
        self.is_sound(outcomes, stored)
            && self.ended
            && is_proven(outcomes, |server_time| {
                server_time >= settled || mutated!(ServerTimeIsIgnored)
            })
    }

    /// Sets the status, and says whether what was read can be true.
    pub(super) fn is_sound(&mut self, outcomes: &[(String, Outcome)], stored: usize) -> bool {
        let execution = &mut self.execution;
        for (label, outcome) in outcomes {
            if let Outcome::Failed(reason) | Outcome::Unproven { reason } = outcome
                && !mutated!(FailedSliceIsGreen)
            {
                execution
                    .failed_slices
                    .push((label.clone(), reason.clone()));
            }
        }
        execution.failed_slices.sort();
        let none_read = outcomes
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        // What was told to stop hasn't failed.
        let cut_short = self.overdue.cause();
        execution.status = match execution.failed_slices.first() {
            None => Status::Ok,
            Some(_) if cut_short.is_some() => {
                (execution.stop, execution.error) = cut_short.unzip();
                Status::Partial
            }
            Some(_) if none_read && execution.counts.fetched == 0 => {
                execution.error = Some("no slice could be read".to_owned());
                Status::Failed
            }
            Some(_) => Status::Partial,
        };
        if let Some(contradiction) = self.contradiction(stored) {
            self.execution.status = Status::Failed;
            self.execution.error = Some(contradiction);
            return false;
        }
        true
    }

    /// What can't be true of a run over a day that has `stored` records.
    fn contradiction(&self, stored: usize) -> Option<String> {
        if let Some(fault) = self.unbalanced() {
            return Some(fault);
        }
        let Execution { status, counts, .. } = &self.execution;
        // Of single slices that isn't known where the state was rebuilt or taken over.
        let vanished = *status == Status::Ok && counts.fetched == 0 && stored > 0;
        vanished.then(|| {
            format!(
                "the API has no records of this day, where the lake has {stored}; these stay, \
                 and the day must be read again"
            )
        })
    }

    /// Rows that aren't accounted for (P2).
    pub(super) fn unbalanced(&self) -> Option<String> {
        let counts = &self.execution.counts;
        (!counts.balanced()).then(|| {
            format!(
                "rows are unaccounted for: {counts:?}; this is a fault of the program, please \
                 report it"
            )
        })
    }

    /// What may be said of the slices that were read.
    pub(super) fn proven(&self, outcomes: &[(String, Outcome)]) -> BTreeMap<String, SliceProgress> {
        match self.execution.status {
            // What was read isn't stored: nothing may say that these totals are met (P2).
            Status::Failed => BTreeMap::new(),
            _ => proven_slices(outcomes),
        }
    }
}

/// Whether every slice was read in full with its proof, each at a time that will do by the server's
/// own clock.
pub(super) fn is_proven(
    outcomes: &[(String, Outcome)],
    at: impl Fn(DateTime<Utc>) -> bool,
) -> bool {
    outcomes.iter().all(|(_, outcome)| match outcome {
        Outcome::Proven { server_time, .. } => server_time.is_none_or(&at),
        _ => false,
    })
}

/// What the state may say of slices after this run: only totals that were met.
fn proven_slices(outcomes: &[(String, Outcome)]) -> BTreeMap<String, SliceProgress> {
    outcomes
        .iter()
        .filter_map(|(label, outcome)| match outcome {
            Outcome::Proven { progress, .. } | Outcome::Read { progress } => {
                progress.map(|progress| (label.clone(), progress))
            }
            Outcome::Failed(_) | Outcome::Unproven { .. } => None,
        })
        .collect()
}
