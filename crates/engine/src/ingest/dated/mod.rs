//! A day of a dated dataset: its slices, each read until its proof holds, or only for what is new.
//!
//! ```text
//! slice ─► pages ─┐
//! slice ─► pages ─┼─► Intake ─► files ─► verdict ─► state, marker
//! slice ─► pages ─┘
//! ```
//!
//! The day is complete when it had ended and settled before the run began, and every slice has its proof.

mod empty_day;

use std::collections::{BTreeMap, BTreeSet};

use crate::ingest::frame::{RunFrame, log_recovery, settled_at};
use crate::ingest::intake::batch::IntakeError;
use crate::ingest::intake::{Intake, Rest};
use crate::ingest::outcome::is_proven;
use crate::ingest::report::RunReport;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::concurrent::SliceReading;
use crate::ingest::slice::reader::SliceOutcome;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::slices::slices;
use bronzed_source::RequestBudget;
use bronzed_source::known_rows::RowsAt;
use bronzed_storage::state::{DayState, SliceProgress};

/// Reads a day of a dated dataset.
pub async fn read(mut run: RunFrame<'_>) -> RunReport {
    let mut state = match run.store.open().await {
        Ok(state) => state,
        Err(error) => return run.unopened(&error),
    };
    log_recovery(state.recovery());
    let usage = run.budget();
    let known = known_slices(&run, &state);
    let only = missing_slices(&run, &state);
    let whole = only.is_none();
    let (outcomes, taken) = read_slices(&mut run, &mut state, &usage, &known, only.as_ref()).await;
    let (mut rest, failure) = match taken {
        Ok(rest) => (rest, None),
        Err(error) => (Rest::default(), Some(error.to_string())),
    };
    // The verdict includes the pending rows; the execution counts them only once they are stored.
    let settled = run.execution.counts;
    run.execution.counts.add(rest.pending.counts());
    let complete = failure.is_none() && judge(&mut run, &outcomes, &state, whole).await;
    if failure.is_some() {
        run.execution.status = Status::Failed;
        run.execution.error = failure;
    }
    let complete = run.place_rest(&mut rest, &state, complete);
    let proven = run.proven(&outcomes, &state, complete);
    run.execution.counts = settled;
    if let Some(absent) = rest.absent.take()
        && whole
        && complete
        && has_read_all_that_had_rows(&outcomes, &state)
    {
        run.execution.counts.withdrawn = state.note_withdrawn(absent.ids());
    }
    note_rows(&run, &outcomes);
    let verdict = (&proven, complete);
    run.conclude(state, &usage, verdict, rest.pending).await
}

/// Returns `true` if every slice that had rows was read: a slice that isn't declared any more wasn't asked for, and its
/// records may well be listed.
fn has_read_all_that_had_rows(outcomes: &[(String, SliceOutcome)], state: &DayState) -> bool {
    let is_read = |label: &String| outcomes.iter().any(|(read, _)| read == label);
    let mut slices = state.slices().iter();
    slices.all(|(label, slice)| slice.total == 0 || is_read(label))
}

/// Sets the status. Returns `true` if the day is proven complete; `whole` is `true` if all of its slices
/// were read.
async fn judge(
    run: &mut RunFrame<'_>,
    outcomes: &[(String, SliceOutcome)],
    state: &DayState,
    whole: bool,
) -> bool {
    let sound = run.judge_slices(outcomes);
    let settled = settled_at(run.order, run.context.zone);
    let proven = sound && run.ended && is_proven(outcomes, |server_time| server_time >= settled);
    let Execution { status, counts, .. } = &run.execution;
    let nothing = whole && *status == Status::Ok && counts.fetched == 0;
    match sound && nothing {
        true => empty_day::is_believed(run, outcomes, state, proven).await,
        false => proven,
    }
}

/// Returns what earlier runs proved of the slices. When a complete day is verified, the known totals are
/// set to 0, because a slice that had rows may be empty after its records were deleted; that isn't
/// believed of all slices at once.
fn known_slices(run: &RunFrame<'_>, state: &DayState) -> BTreeMap<String, SliceProgress> {
    let mut known = state.slices().clone();
    if run.order.mode == Mode::Verify && state.is_complete() {
        known.values_mut().for_each(|slice| slice.total = 0);
    }
    known
}

/// Returns the slices of a complete day that were declared since, if only these are left to read. `None`
/// if everything must be read.
fn missing_slices(run: &RunFrame<'_>, state: &DayState) -> Option<BTreeSet<String>> {
    if run.order.mode == Mode::Verify || !state.was_complete() {
        return None;
    }
    let declared = slices(&run.order.dataset);
    let missing = state.unproven(declared.iter().map(|slice| &*slice.label));
    (!missing.is_empty() && missing.len() < declared.len()).then_some(missing)
}

/// Reads the slices and takes in their deliveries concurrently.
async fn read_slices(
    run: &mut RunFrame<'_>,
    state: &mut DayState,
    usage: &RequestBudget,
    known: &BTreeMap<String, SliceProgress>,
    only: Option<&BTreeSet<String>>,
) -> (Vec<(String, SliceOutcome)>, Result<Rest, IntakeError>) {
    let reading = SliceReading {
        read: ReadContext {
            context: run.context,
            order: run.order,
            usage,
        },
        proof_due: run.ended,
        settled: settled_at(run.order, run.context.zone),
        only,
    };
    let intake = Intake::new(
        run.context,
        run.order,
        &run.store,
        state,
        &mut run.execution,
        usage,
    );
    reading
        .slices(known, async |receiver| intake.take_all(receiver).await)
        .await
}

/// Notes the slice with the most rows as a canary for days without rows.
fn note_rows(run: &RunFrame<'_>, outcomes: &[(String, SliceOutcome)]) {
    let rows = outcomes
        .iter()
        .filter_map(|(label, outcome)| match outcome {
            SliceOutcome::Proven { progress, .. } | SliceOutcome::Read { progress } => {
                Some((progress.as_ref()?.total, label))
            }
            _ => None,
        });
    let most = rows.max().filter(|(total, _)| *total > 0);
    if let Some((_, label)) = most {
        let place = RowsAt {
            day: run.order.day,
            slice: label.as_str().into(),
        };
        let known = run.context.client.known_rows();
        known.note(&run.order.dataset.name, place);
    }
}
