//! Outcome of a run: its status with the reason, and what its slices prove.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ingest::frame::{Run, settled_at};
use crate::ingest::slice::reader::SliceOutcome;
use bronzed_model::execution::Status;
use bronzed_storage::state::{DayState, SliceProgress};

impl Run<'_> {
    /// Sets the status from the outcomes of the slices. Returns `false` if rows are unaccounted for.
    pub fn is_sound(&mut self, outcomes: &[(String, SliceOutcome)]) -> bool {
        let execution = &mut self.execution;
        for (label, outcome) in outcomes {
            if let Some(reason) = outcome.fault() {
                let failed = (label.clone(), reason.to_owned());
                execution.failed_slices.push(failed);
            }
        }
        execution.failed_slices.sort();
        execution.again_at = again_at(outcomes);
        let none_read = outcomes.iter().all(|(_, outcome)| {
            matches!(
                outcome,
                SliceOutcome::Failed(_) | SliceOutcome::Emptied { .. }
            )
        });
        // A run that was interrupted hasn't failed.
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
        if let Some(fault) = self.unbalanced() {
            self.execution.status = Status::Failed;
            self.execution.error = Some(fault);
            return false;
        }
        true
    }

    /// Returns the error message if rows are unaccounted for (P2).
    pub fn unbalanced(&self) -> Option<String> {
        let counts = &self.execution.counts;
        (!counts.balanced()).then(|| {
            format!(
                "rows are unaccounted for: {counts:?}; this is a fault of the program, please \
                 report it"
            )
        })
    }

    /// Returns the progress to be recorded for the slices that were read; `complete` is `true` if the run
    /// proves the day.
    pub fn proven(
        &self,
        outcomes: &[(String, SliceOutcome)],
        state: &DayState,
        complete: bool,
    ) -> BTreeMap<String, SliceProgress> {
        let settled = settled_at(self.order, self.context.zone);
        let (status, counts) = (self.execution.status, &self.execution.counts);
        // A day without rows isn't believed yet: until it is, the earlier progress is kept.
        let doubted = !complete && counts.fetched == 0;
        let progress = outcomes.iter().filter_map(|(label, outcome)| {
            let (progress, is_proof) = progress_of(outcome, settled)?;
            let proven = complete || (is_proof && self.ended && progress.total > 0);
            let empty_since = progress.empty_since;
            let progress = match state.slice(label) {
                Some(had) if doubted && empty_since.is_some() => {
                    SliceProgress { empty_since, ..had }
                }
                _ => SliceProgress { proven, ..progress },
            };
            Some((label.clone(), progress))
        });
        progress
            // If the rows that were read aren't stored, no total may be recorded as met (P2).
            .filter(|(_, progress)| status != Status::Failed || progress.empty_since.is_some())
            .collect()
    }
}

/// Returns the time from which the day is worth reading again; `None` unless it is known for every faulty
/// slice.
fn again_at(outcomes: &[(String, SliceOutcome)]) -> Option<DateTime<Utc>> {
    let faulty = outcomes.iter().map(|(_, outcome)| outcome);
    let times = faulty
        .filter(|outcome| outcome.fault().is_some())
        .map(|outcome| match outcome {
            SliceOutcome::Emptied { again_at, .. } => Some(*again_at),
            SliceOutcome::Unproven { again_at, .. } => *again_at,
            _ => None,
        });
    let times: Option<Vec<_>> = times.collect();
    times?.into_iter().max()
}

/// Returns `true` if every slice was read in full with its proof, at a server time that satisfies `at`.
pub fn is_proven(outcomes: &[(String, SliceOutcome)], at: impl Fn(DateTime<Utc>) -> bool) -> bool {
    outcomes.iter().all(|(_, outcome)| match outcome {
        SliceOutcome::Proven { server_time, .. } => server_time.is_none_or(&at),
        _ => false,
    })
}

/// Returns the progress that an outcome proves, which has met totals only, and `true` if the outcome is a
/// proof that was read after the day had `settled` by the server's clock.
fn progress_of(outcome: &SliceOutcome, settled: DateTime<Utc>) -> Option<(SliceProgress, bool)> {
    match outcome {
        SliceOutcome::Proven {
            progress,
            server_time,
        } => Some(((*progress)?, server_time.is_none_or(|at| at >= settled))),
        SliceOutcome::Read { progress } => Some(((*progress)?, false)),
        SliceOutcome::Emptied { progress, .. } => Some((*progress, false)),
        SliceOutcome::Failed(_) | SliceOutcome::Unproven { .. } => None,
    }
}
