//! Outcome of a run: its status with the reason, by one judge for all kinds of datasets, and what its slices prove.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ingest::frame::{RunFrame, settled_at};
use crate::ingest::slice::reader::SliceOutcome;
use bronzed_model::counts::Counts;
use bronzed_model::execution::{Execution, Status, StopReason};
use bronzed_storage::state::{DayState, SliceProgress};

/// Result of a run's reading, by which its end is judged, whatever it has read.
#[derive(Debug, Default)]
pub struct ReadingResult {
    /// Label and reason of each part that wasn't read as requested.
    pub failed: Vec<(String, String)>,
    /// Reason why the run has failed, however much it has read.
    pub failure: Option<String>,
    /// Error of a run that has read nothing; `None` if it has read something.
    pub nothing_read: Option<String>,
    /// Reason why the run ended early.
    pub cut_short: Option<(StopReason, String)>,
}

/// End of a run, as it is written into the audit.
#[derive(Debug, Clone)]
pub struct RunEnd {
    pub status: Status,
    /// Label and reason of each part that wasn't read as requested.
    pub failed_slices: Vec<(String, String)>,
    /// Reason why the run failed or was stopped.
    pub error: Option<String>,
    /// Code of the reason why the run ended early; `None` if it didn't.
    pub stop: Option<StopReason>,
}

impl RunEnd {
    /// Returns the end of a run, or a part of it, that has done everything.
    pub fn ok() -> Self {
        Self {
            status: Status::Ok,
            failed_slices: Vec::new(),
            error: None,
            stop: None,
        }
    }

    /// Judges a run by what it has read, and by the `counts` of its rows.
    pub fn judge(reading: ReadingResult, counts: &Counts) -> Self {
        let ReadingResult {
            failed,
            failure,
            nothing_read,
            cut_short,
        } = reading;
        let (stop, reason) = cut_short.unzip();
        // A run that has read everything isn't cut short by a stop that comes afterwards.
        let stop = stop.filter(|_| !failed.is_empty());
        let (status, error) = match (failure, nothing_read) {
            _ if !counts.balanced() => (Status::Failed, Some(unaccounted(counts))),
            (Some(failure), _) => (Status::Failed, Some(failure)),
            (None, _) if failed.is_empty() => (Status::Ok, None),
            // A run that was interrupted hasn't failed.
            (None, _) if stop.is_some() => (Status::Partial, reason),
            (None, Some(nothing)) => (Status::Failed, Some(nothing)),
            (None, None) => (Status::Partial, None),
        };
        Self {
            status,
            failed_slices: failed,
            error,
            stop,
        }
    }

    /// Writes the end into the audit entry.
    pub fn apply(self, execution: &mut Execution) {
        execution.status = self.status;
        execution.failed_slices = self.failed_slices;
        execution.error = self.error;
        execution.stop = self.stop;
    }
}

/// Returns the error of a run whose rows don't add up (P2).
fn unaccounted(counts: &Counts) -> String {
    format!(
        "rows are unaccounted for: {counts:?}; this is a fault of the program, please report it"
    )
}

impl RunFrame<'_> {
    /// Judges the run by the outcomes of its slices. Returns `false` if rows are unaccounted for.
    pub fn judge_slices(&mut self, outcomes: &[(String, SliceOutcome)]) -> bool {
        let fault = |(label, outcome): &(String, SliceOutcome)| {
            let reason = outcome.fault()?;
            Some((label.clone(), reason.to_owned()))
        };
        let mut failed: Vec<_> = outcomes.iter().filter_map(fault).collect();
        failed.sort();
        let none_read = outcomes.iter().all(|(_, outcome)| {
            matches!(
                outcome,
                SliceOutcome::Failed(_) | SliceOutcome::Emptied { .. }
            )
        });
        let nothing = none_read && self.execution.counts.fetched == 0;
        let reading = ReadingResult {
            failed,
            nothing_read: nothing.then(|| "no slice could be read".to_owned()),
            cut_short: self.overdue.cause(),
            ..ReadingResult::default()
        };
        self.execution.again_at = again_at(outcomes);
        self.end_with(reading)
    }

    /// Judges the run. Returns `false` if rows are unaccounted for.
    pub fn end_with(&mut self, reading: ReadingResult) -> bool {
        let counts = self.execution.counts;
        RunEnd::judge(reading, &counts).apply(&mut self.execution);
        counts.balanced()
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
