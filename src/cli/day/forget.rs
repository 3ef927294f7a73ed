//! `bronzed day forget`: marks days as incomplete.

use serde_json::json;

use crate::cli::state::{Opened, Selection};
use crate::cli::{CliContext, CliError, Exit, complain, say};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Reason; stored in the days' states
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Print one JSON object per day
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    if !args.selection.names_days() {
        return Err(CliError::Usage(
            "name the days to forget: --day, or --from and --to".to_owned(),
        ));
    }
    let Opened { place, days, .. } = args.selection.open_to_write(shell).await?;
    let name = place.dataset.full_name();
    if place.dataset.kind.is_of_today() {
        return Err(CliError::Usage(format!(
            "`{name}` is a {}: its days before today can't be read any more, so none is forgotten; \
             `bronzed run {name}` reads it as it is today",
            place.dataset.kind.word()
        )));
    }
    let (mut forgotten, mut failed) = (0_usize, 0_usize);
    for day in &days {
        match place.day(*day).forget(args.reason.as_deref()).await {
            Ok(state) => {
                let known = state.revision() > 0;
                forgotten += usize::from(known);
                let words = match known {
                    true => "forgotten: not complete any more, and read again from the start",
                    false => "the lake knows nothing of this day",
                };
                match args.json {
                    true => say(&json!({
                        "source": place.dataset.source,
                        "dataset": place.dataset.name,
                        "day": day,
                        "forgotten": known,
                        "records": state.len(),
                    })
                    .to_string()),
                    false => say(&format!("{name} {day}: {words}")),
                }
            }
            Err(error) => {
                failed += 1;
                complain(&format!("{name} {day}: {error}"));
            }
        }
    }
    if let (Some(from), Some(to)) = (days.iter().min(), days.iter().max())
        && !args.json
        && forgotten > 0
    {
        say(&format!(
            "{forgotten} of {} days forgotten; a daemon reads them again, or `bronzed backfill {name} --from {from} \
             --to {to}` now",
            days.len()
        ));
    }
    Ok(match (forgotten, failed) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::Partial,
    })
}
