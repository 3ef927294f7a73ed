//! `bronzed day`: one day of a dataset in full, and manual actions on days.

mod forget;
mod show;
mod view;

use clap::Subcommand;

use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit};

pub use show::run as run_show;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example: bronzed day pncp.contratacoes 2025-10-22"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: Option<ShowArgs>,
}

/// Day to show.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET", required = true)]
    target: String,
    /// Day to show: complete or not, why, its slices and its runs
    #[arg(value_name = DAY, required_unless_present = "named")]
    day: Option<TypedDay>,
    /// The day, written as other commands have it
    #[arg(
        id = "named",
        long = "day",
        value_name = DAY,
        conflicts_with = "day",
        hide = true
    )]
    named: Option<TypedDay>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mark days as incomplete, to be read again from the start; files and records stay, and nothing is
    /// stored twice
    Forget(forget::Args),
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match (args.command, args.show) {
        (Some(Command::Forget(args)), _) => forget::run(shell, args).await,
        (None, Some(args)) => {
            let day = args.day.or(args.named).ok_or_else(unnamed)?;
            show::run(shell, &args.target, day, args.json).await
        }
        (None, None) => Err(unnamed()),
    }
}

fn unnamed() -> CliError {
    CliError::Usage(
        "name a dataset and a day: `bronzed day pncp.contratacoes 2025-10-22`".to_owned(),
    )
}
