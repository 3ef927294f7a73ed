//! `bronzed state show`: the same as `bronzed day DATASET DATE`.

use crate::cli::{CliContext, CliError, Exit, day};
use bronzed_model::day::Day;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    /// Day
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Day,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    day::run_show(shell, &args.target, args.day, args.json).await
}
