//! Days without a row, and the conditions under which they are believed (P4).
//!
//! A working day that would be complete without a row needs a second run hours later, unless both neighbours
//! are complete and empty, too. A day that has rows in the lake needs a second run in any case, unless rows
//! leave their day by design.

use chrono::{DateTime, Datelike, Utc, Weekday};

use crate::ingest::frame::RunFrame;
use crate::ingest::slice::reader::{APART, SliceOutcome, is_hours_before};
use bronzed_model::declaration::Period;
use bronzed_model::execution::Status;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::{DayState, is_complete};

/// Judges a day without a row in this run; `proven` is `true` if every slice is proven. Returns `true`
/// if the day still counts as complete; sets status and reason if the missing rows aren't believed.
pub async fn is_believed(
    run: &mut RunFrame<'_>,
    outcomes: &[(String, SliceOutcome)],
    state: &DayState,
    proven: bool,
) -> bool {
    // Withdrawn ids are a subset of the stored ids.
    let stored = state.len().saturating_sub(state.withdrawn().len());
    let since = empty_since(outcomes).filter(|_| !outcomes.is_empty());
    let now = run.execution.started_at;
    let agrees = since.is_some_and(|since| is_hours_before(since, now));
    let leaves = run.order.dataset.rows_leave && run.ended;
    if agrees || (stored > 0 && leaves) {
        return proven;
    }
    let again_at = since.unwrap_or(now) + APART;
    if stored > 0 {
        run.execution.status = Status::Failed;
        run.execution.error = Some(format!(
            "the API has no records of this day, where the lake has {stored}; these stay, and it \
             is believed if a run after {again_at:.0} finds none either"
        ));
    } else if !proven || state.is_complete() || is_weekend(run) {
        return proven;
    } else if neighbours_are_empty(run).await.unwrap_or(false) {
        return true;
    } else {
        run.execution.status = Status::Partial;
        run.execution.error = Some(format!(
            "a {} without a record: it is believed if a run after {again_at:.0} finds none either",
            match run.order.dataset.days.period {
                Period::Day => "working day",
                period => period.word(),
            }
        ));
    }
    run.execution.again_at = Some(again_at);
    false
}

/// Returns `true` if the day before and the day after are complete and have no file.
async fn neighbours_are_empty(run: &RunFrame<'_>) -> Result<bool, LakeError> {
    let (lake, prefix) = (&run.context.lake, &run.order.dataset.prefix);
    let day = run.order.day;
    let period = run.order.dataset.days.period;
    for neighbour in [period.previous(day), period.next(day)] {
        let complete = is_complete(lake, prefix, neighbour).await?;
        if !complete
            || !lake
                .list(&layout::partition(prefix, neighbour))
                .await?
                .is_empty()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the time since which all slices are answered empty; `None` if one of them isn't.
fn empty_since(outcomes: &[(String, SliceOutcome)]) -> Option<DateTime<Utc>> {
    let mut latest = DateTime::<Utc>::MIN_UTC;
    for (_, outcome) in outcomes {
        let (SliceOutcome::Proven { progress, .. } | SliceOutcome::Read { progress }) = outcome
        else {
            return None;
        };
        latest = latest.max(progress.as_ref()?.empty_since?);
    }
    Some(latest)
}

/// Returns `true` for a partition without a working day.
fn is_weekend(run: &RunFrame<'_>) -> bool {
    let is_day = run.order.dataset.days.period == Period::Day;
    is_day && matches!(run.order.day.date().weekday(), Weekday::Sat | Weekday::Sun)
}
