//! `bronzed state accept`: marks a day as accepted although it can't be proven.

use serde_json::json;

use super::DatasetHandle;
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    /// Day
    #[arg(long, value_name = DAY)]
    day: TypedDay,
    /// Reason for accepting the day; stored in its state
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<String>,
    /// Undo the acceptance: the day is wanted again
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let reason = match args.reason.as_deref().map(str::trim) {
        Some("") => {
            return Err(CliError::Usage(
                "--reason is empty; say why the day is taken as it is".to_owned(),
            ));
        }
        reason => reason.unwrap_or_default(),
    };
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let place = DatasetHandle::to_write(&settings, &args.target).await?;
    let today = Day::of(SystemClock.now(), place.zone);
    let period = place.dataset.days.period;
    let asked = period.first(args.day.on(today));
    if asked >= period.first(today) {
        return Err(CliError::Usage(format!(
            "{asked} isn't over: today is {today} in {}; only a {} that has ended can be accepted",
            place.zone,
            period.word()
        )));
    }
    let name = place.dataset.full_name();
    let day = place.day(asked);
    let (accepted, done, words) = if args.undo {
        let taken_back = day.take_back().await.map_err(anyhow::Error::from)?;
        let words = match taken_back {
            true => "accepted no longer, and wanted again",
            false => "wasn't accepted",
        };
        (false, taken_back, words)
    } else {
        let state = day.accept(reason).await.map_err(anyhow::Error::from)?;
        let accepted = state.accepted().is_some();
        let words = match accepted {
            true => "accepted as it is",
            false => "complete: proven, with nothing to accept",
        };
        (accepted, accepted, words)
    };
    match args.json {
        true => say(&json!({
            "source": place.dataset.source,
            "dataset": place.dataset.name,
            "day": asked,
            "accepted": accepted,
            "changed": done,
        })
        .to_string()),
        false => say(&format!("{name} {asked}: {words}")),
    }
    Ok(Exit::Done)
}
