//! `bronzed tables`: the Delta logs of the lake's tables, beside their files and for engines.

mod compact;
mod rebuild;
mod sql;
mod verify;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;

use crate::cli::{CliContext, CliError, Exit, target};
use bronzed_model::declaration::Dataset;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare Delta logs with the files of their tables; nothing is changed
    Verify(verify::Args),
    /// Make Delta logs equal to the files of their tables
    Rebuild(rebuild::Args),
    /// Give readers of Delta logs one file of each day that is settled, or has many
    Compact(compact::Args),
    /// Print SQL by which an engine knows every table by name
    Sql(sql::Args),
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match args.command {
        Command::Verify(args) => verify::run(shell, args).await,
        Command::Rebuild(args) => rebuild::run(shell, args).await,
        Command::Compact(args) => compact::run(shell, args).await,
        Command::Sql(args) => sql::run(shell, args).await,
    }
}

/// Opened lake, with the selected datasets whose tables have Delta logs by declaration.
struct OpenedTables {
    lake: Lake,
    datasets: Vec<Arc<Dataset>>,
    settings: Settings,
}

/// Opens the lake for the datasets that targets name, or all.
async fn open(shell: &CliContext, targets: &[String]) -> Result<OpenedTables, CliError> {
    let settings = shell.settings()?;
    let datasets = selected(&settings, targets)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    Ok(OpenedTables {
        lake: lake.context("the lake")?,
        datasets,
        settings,
    })
}

/// Returns the datasets that targets name, or all; those without a Delta log by declaration are left out.
fn selected(settings: &Settings, targets: &[String]) -> Result<Vec<Arc<Dataset>>, CliError> {
    if !settings.delta.enabled {
        return Err(CliError::Usage(
            "the lake's tables have no Delta logs: `bronzed.toml` says `[delta] enabled = false`"
                .to_owned(),
        ));
    }
    let mut datasets = target::declared(settings, targets)?;
    datasets.retain(|dataset| dataset.delta);
    match datasets.is_empty() {
        true => Err(CliError::Usage(
            "no such dataset has a Delta log: they say `delta = false`".to_owned(),
        )),
        false => Ok(datasets),
    }
}
