//! `bronzed status`: what is wrong, why, when it is tried again and what to type; then each dataset.

mod view;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::alerts::ledger::Ledger;
use crate::cli::alert::in_words;
use crate::cli::text::Screen;
use crate::cli::{CliContext, CliError, Exit, SIMULATED, complain, reading, say, show, target};
use crate::standing::{DatasetStatus, standing};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

pub use view::{page, status_cell};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Exit with code 3 if something needs attention: a day that could be complete and isn't, read or
    /// not, or a failed run
    #[arg(long)]
    fail_if_incomplete: bool,
    /// List datasets without anything in the lake, too
    #[arg(long)]
    all: bool,
    /// Print one JSON object per dataset; of those that are switched off, name and `enabled` alone
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let now = SystemClock.now();
    let targets: Vec<_> = args.target.into_iter().collect();
    let (lake, found) = statuses(shell, &settings, &targets, now).await?;
    let off = target::switched_off(&settings, &targets);
    if args.json {
        found.iter().for_each(|one| say(&one.to_json().to_string()));
        for dataset in off {
            say(&json!({"dataset": dataset, "enabled": false}).to_string());
        }
    } else {
        // A dataset that was named is listed in any case.
        let all = args.all || !targets.is_empty();
        if lake.is_simulated() {
            say(SIMULATED);
        }
        show(&page(&found, &off, now, Screen::stdout(), all));
        show_alerts(&lake).await;
    }
    let is_whole = |one: &DatasetStatus| one.troubles().is_empty() && one.unread().is_empty();
    let is_whole = found.iter().all(is_whole);
    Ok(match args.fail_if_incomplete && !is_whole {
        true => Exit::Partial,
        false => Exit::Done,
    })
}

/// Shows the active alerts. They are shown beside the status, so an error doesn't fail the command.
async fn show_alerts(lake: &Lake) {
    match Ledger::load(lake).await {
        Ok(ledger) => {
            for entry in ledger.active() {
                say(&in_words(&entry));
            }
        }
        Err(error) => complain(&error.to_string()),
    }
}

/// Reads the status of the datasets that targets name; returns it with the lake.
pub async fn statuses(
    shell: &CliContext,
    settings: &Settings,
    targets: &[String],
    now: DateTime<Utc>,
) -> Result<(Lake, Vec<DatasetStatus>), CliError> {
    let (lake, readings) = reading::read(shell, settings, targets, now).await?;
    let mut found = Vec::new();
    for reading in &readings {
        for dataset in &reading.datasets {
            let standing = standing(&lake, reading, dataset, now).await;
            found.push(standing.map_err(anyhow::Error::from)?);
        }
    }
    Ok((lake, found))
}
