//! `bronzed state show`: the same as `bronzed day DATASET DATE`.

use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, day};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    /// Day
    #[arg(long, value_name = DAY)]
    day: TypedDay,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    day::run_show(shell, &args.target, args.day, args.json).await
}
