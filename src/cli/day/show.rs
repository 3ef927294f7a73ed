//! `bronzed day DATASET DATE`: shows one day.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::view::{self, DayText};
use crate::cli::state::DatasetHandle;
use crate::cli::text::{Screen, time};
use crate::cli::typed_day::TypedDay;
use crate::cli::{CliContext, CliError, Exit, SIMULATED, say, show, target};
use crate::standing::{SourceReading, open_reasons};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_storage::state::glance;

/// Shows a day of a dataset.
pub async fn run(
    shell: &CliContext,
    target: &str,
    typed: TypedDay,
    as_json: bool,
) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let place = DatasetHandle::to_read(&settings, target).await?;
    let now = SystemClock.now();
    let day = place.dataset.days.period.first(typed.at(now, place.zone));
    let state = place.day(day).look().await;
    let state = state.map_err(anyhow::Error::from)?;
    let (source, datasets) = target::find(&settings, target)?;
    let reading = SourceReading::read(&place.lake, &source, &datasets, now, &|| {}).await?;
    let next_try = next_try(&reading, &place.dataset.name, day, now);
    let last = glance(&place.lake, &place.dataset.prefix, day, place.zone).await;
    let runs = last.map_err(anyhow::Error::from)?.unwrap_or_default().runs;
    let last = runs.into_iter().max_by_key(|run| run.timestamp);
    let lost = state.lost_files().len();
    let why = last.as_ref().map(|run| open_reasons(run, lost));
    let report = DayText {
        dataset: &place.dataset,
        zone: place.zone,
        day,
        state: &state,
        reasons: why.unwrap_or_default(),
        next_try,
    };
    match as_json {
        true => say(&to_json(&report).to_string()),
        false => {
            if place.lake.is_simulated() {
                say(SIMULATED);
            }
            show(&view::page(&report, now, Screen::stdout()));
        }
    }
    Ok(Exit::Done)
}

/// Returns the time of the daemon's next attempt at the day. `None` if there is none to be foreseen.
fn next_try(
    reading: &SourceReading,
    dataset: &str,
    day: Day,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let tries = crate::schedule::plan::next_tries(&reading.schedule, reading.situation(now));
    tries.get(&(dataset.into(), day)).copied()
}

fn to_json(report: &DayText<'_>) -> Value {
    let (state, dataset, day) = (report.state, report.dataset, report.day);
    let time = |at: DateTime<Utc>| time::json(at, report.zone);
    let recovery = state.recovery();
    json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "day": day,
        "key": layout::state_key(&dataset.prefix, day),
        "complete": state.is_complete(),
        "reasons": match state.is_complete() {
            true => &[],
            false => report.reasons.as_slice(),
        },
        "next_try": report.next_try.map(time),
        "accepted": state.accepted().map(|accepted| json!({
            "at": time(accepted.at),
            "reason": accepted.reason,
        })),
        "lost_files": state.lost_files(),
        "records": state.len(),
        "withdrawn": state.withdrawn(),
        "commits": state.commits(),
        "revision": state.revision(),
        "slices": state.slices(),
        "executions": state.audit(),
        "to_set_right": {
            "rebuild": recovery.rebuilt.as_ref().map(ToString::to_string),
            "removed_ids": recovery.removed_ids,
            "adopt": recovery.adopted,
        },
    })
}
