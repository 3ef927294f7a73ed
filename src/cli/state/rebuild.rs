//! `bronzed state rebuild`: rebuilds states from the files.

use serde_json::json;

use super::{DatasetHandle, Opened, Selection};
use crate::cli::{CliContext, CliError, Exit, complain, say};
use bronzed_model::day::Day;
use bronzed_storage::state::DayState;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON object per day
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let Opened { place, days, .. } = args.selection.open_to_write(shell).await?;
    let mut failed = 0;
    for day in &days {
        match place.day(*day).rebuild_state().await {
            Ok(state) if args.json => say(&as_json(&place, *day, &state).to_string()),
            Ok(state) => say(&in_words(&place, *day, &state)),
            Err(error) => {
                failed += 1;
                complain(&format!("{} {day}: {error}", place.dataset.full_name()));
            }
        }
    }
    Ok(match failed {
        0 => Exit::Done,
        all if all == days.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}

fn as_json(place: &DatasetHandle, day: Day, state: &DayState) -> serde_json::Value {
    json!({
        "source": place.dataset.source,
        "dataset": place.dataset.name,
        "day": day,
        "records": state.len(),
        "commits": state.commits(),
        "removed_ids": state.recovery().removed_ids,
        "complete": state.is_complete(),
    })
}

fn in_words(place: &DatasetHandle, day: Day, state: &DayState) -> String {
    let name = place.dataset.full_name();
    if state.recovery().is_empty() {
        return format!("{name} {day}: the lake knows nothing of this day");
    }
    let removed = match state.recovery().removed_ids {
        0 => String::new(),
        removed => format!("; {removed} ids without a row were taken out"),
    };
    let complete = match (state.is_complete(), state.recovery().reopened) {
        (true, _) => ", complete",
        (false, true) => ", not complete any more: the next run reads the day again",
        (false, false) => "",
    };
    format!(
        "{name} {day}: {} records in {} numbered files{complete}{removed}",
        state.len(),
        state.commits()
    )
}
