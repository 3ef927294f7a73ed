//! `bronzed schema`: columns of a dataset, derived from API data.

mod drift;
mod infer;

use clap::Subcommand;

use crate::cli::{CliContext, CliError, Exit};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draft a file of columns from real responses
    Infer(infer::Args),
    /// Report the fields in the lake that no column holds, from `_extra`
    Drift(drift::Args),
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match args.command {
        Command::Infer(args) => infer::run(shell, args).await,
        Command::Drift(args) => drift::run(shell, args).await,
    }
}
