//! One run over a snapshot: reads the whole table, and stores the changes of its rows.
//!
//! ```text
//! files of all days ─► known rows ─┐
//!                                  ├─► new, changed, gone? ─► Parquet (`_op`) ─► commit
//! every slice, in full, proven ────┘
//! ```
//!
//! New and changed rows are stored as they arrive, even if the run fails later. A deleted row shows only by
//! its absence, which takes the whole table, proven. Because offsets shift while rows are deleted, a row
//! that one walk has missed is looked for by a second walk before it is stored as vanished. If very many
//! rows are missing, a second *run* has to miss them, too ([`missing`]).
//!
//! A row is `key@version`: the version is the hash of the record's canonical JSON, or `vanished`; a version
//! that recurs within a day is numbered `…~2` (the record was changed, and changed back). The reasons are in
//! `docs/develop/design/001-snapshots.md`.

mod intake;
mod missing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::ingest::frame::{RunFrame, log_recovery};
use crate::ingest::intake::batch::{Batch, IntakeError};
use crate::ingest::outcome::is_proven;
use crate::ingest::report::RunReport;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::concurrent::SliceReading;
use crate::ingest::slice::reader::SliceOutcome;
use crate::ingest::{Context, Order};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Require};
use bronzed_model::execution::{Execution, Status};
use bronzed_model::slices::slices;
use bronzed_source::RequestBudget;
use bronzed_storage::state::known::{Folded, Known};
use bronzed_storage::state::{DayState, SliceProgress, StateError};

use intake::SnapshotIntake;
use missing::{HeldBack, judge};

type SnapshotOutcomes = Vec<(String, SliceOutcome)>;

/// Part of a table that a run has read.
enum Extent {
    Whole,
    /// The whole table, with many rows missing.
    HeldBack(HeldBack),
    Part,
}

/// Reads a snapshot of the current day.
pub async fn read(mut run: RunFrame<'_>) -> RunReport {
    let (today, day) = (
        Day::of(run.execution.started_at, run.context.zone),
        run.order.day,
    );
    if today != day {
        return run.failed(format!(
            "a snapshot is of the day on which it is read, which is {today}: {day} can't be read"
        ));
    }
    let opened = async {
        let state = run.store.open().await?;
        let folded = run.store.known(state.commits()).await?;
        Ok::<_, StateError>((state, folded))
    };
    let (mut state, mut folded) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return run.unopened(&error),
    };
    log_recovery(state.recovery());
    let usage = run.budget();
    let before = before(&folded.known, &state);
    let rows = folded.known.len();
    let (outcomes, taken) = read_table(&mut run, &mut state, &mut folded, &usage, &before).await;
    let sound = taken.is_ok() && run.judge_slices(&outcomes) && has_rows_as_before(&mut run, rows);
    let whole = match taken {
        Ok(Extent::Whole) => true,
        Ok(Extent::Part) => false,
        Ok(Extent::HeldBack(held)) if sound => {
            run.execution.status = Status::Partial;
            run.execution.error = Some(held.reason());
            run.execution.again_at = Some(held.again_at);
            false
        }
        Ok(Extent::HeldBack(_)) => false,
        Err(error) => {
            run.execution.status = Status::Failed;
            run.execution.error = Some(error.to_string());
            false
        }
    };
    let complete = sound && whole;
    if complete {
        match folded.leave(&run.store).await {
            Ok(known) => known.into_iter().for_each(|key| state.note_known(key)),
            // Only the checkpoint isn't written: the next run derives the known rows from the files.
            Err(error) => tracing::warn!(%error, "known rows can't be kept"),
        }
    }
    let proven = run.proven(&outcomes, &state, complete);
    let verdict = (&proven, complete);
    run.conclude(state, &usage, verdict, Batch::default()).await
}

/// Returns `false` and fails the run if a snapshot has no rows, but had `stored` rows before: that isn't
/// believed.
fn has_rows_as_before(run: &mut RunFrame<'_>, stored: usize) -> bool {
    let Execution { status, counts, .. } = &run.execution;
    let vanished = *status == Status::Ok && counts.fetched == 0 && stored > 0;
    if vanished {
        run.execution.status = Status::Failed;
        run.execution.error = Some(format!(
            "the API has no records of this day, where the lake has {stored}; these stay, \
             and the day must be read again"
        ));
    }
    !vanished
}

/// Reads the table, a second time if rows are missing, and stores its changes. Returns how much of the
/// table was read.
async fn read_table(
    run: &mut RunFrame<'_>,
    state: &mut DayState,
    folded: &mut Folded,
    usage: &RequestBudget,
    before: &BTreeMap<String, SliceProgress>,
) -> (SnapshotOutcomes, Result<Extent, IntakeError>) {
    let context = run.context;
    let order = Order {
        mode: Mode::Full,
        ..run.order.clone()
    };
    let reading = SliceReading {
        read: ReadContext {
            context: run.context,
            order: &order,
            usage,
        },
        proof_due: true,
        settled: run.order.day.start(run.context.zone),
        only: None,
    };
    let (zone, day) = (run.context.zone, run.order.day);
    let is_whole = |outcomes: &SnapshotOutcomes| is_proven(outcomes, |at| Day::of(at, zone) == day);
    let rows = folded.known.len();
    let mut intake = SnapshotIntake::new(run, state, folded, usage);
    let (mut outcomes, mut taken) = reading
        .slices(before, async |receiver| intake.take_all(receiver).await)
        .await;
    let mut whole = taken.is_ok() && is_whole(&outcomes) && (rows == 0 || intake.has_fetched());
    if whole && intake.misses_rows() && !is_one_instant(&order, intake.pages()) {
        (outcomes, taken) = reading
            .slices(before, async |receiver| intake.take_all(receiver).await)
            .await;
        whole = taken.is_ok() && is_whole(&outcomes);
    }
    if let Err(error) = taken {
        return (outcomes, Err(error));
    }
    let mut extent = Extent::Part;
    if whole {
        match take_missing(context, &order, &mut intake).await {
            Ok(seen) => extent = seen,
            Err(error) => return (outcomes, Err(error)),
        }
    }
    let committed = intake.commit().await;
    intake.tell_drift();
    (outcomes, committed.map(|()| extent))
}

/// Stores the missing rows of a table as vanished, unless they are too many.
async fn take_missing(
    context: &Context,
    order: &Order,
    intake: &mut SnapshotIntake<'_>,
) -> Result<Extent, IntakeError> {
    let (unseen, known) = intake.missing();
    let judged = judge(context, &order.dataset.prefix, unseen, known).await?;
    intake.take_vanished(judged.gone)?;
    Ok(match judged.held {
        Some(held) => Extent::HeldBack(held),
        None => Extent::Whole,
    })
}

/// Returns the number of known rows of each slice: a slice that had rows and is answered empty has failed,
/// until a reading hours later on the same day agrees.
fn before(known: &Known, state: &DayState) -> BTreeMap<String, SliceProgress> {
    let counts = known.by_slice().into_iter();
    counts
        .map(|(label, rows)| {
            let progress = SliceProgress {
                empty_since: state.slice(label).and_then(|slice| slice.empty_since),
                ..SliceProgress::of(rows, rows)
            };
            (label.to_owned(), progress)
        })
        .collect()
}

/// Returns `true` if no row can have moved while the table was read: the table was one response, or two
/// walks over its only slice have agreed already.
fn is_one_instant(order: &Order, pages: u64) -> bool {
    let two_walks = order.dataset.completeness.require == Require::TwoWalks;
    slices(&order.dataset).len() == 1 && (pages == 1 || two_walks)
}
