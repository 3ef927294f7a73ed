//! `bronzed tables rebuild`: makes Delta logs equal to the files of their tables.

use super::{OpenedTables, open, verify};
use crate::cli::{CliContext, CliError, Exit, complain, say};
use bronzed_model::declaration::Dataset;
use bronzed_tables::{Comparison, Publisher};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A log that can't be read is deleted and made anew: stop the daemon before, and its history of versions is lost.")]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// Print one JSON object per dataset: what was found before
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let OpenedTables { lake, datasets, .. } = open(shell, &args.targets).await?;
    let publisher = Publisher::new(lake);
    let mut failed = false;
    for dataset in datasets {
        match publisher.rebuild(&dataset).await {
            Ok(found) if args.json => say(&verify::as_json(&dataset, &found).to_string()),
            Ok(found) => say(&in_words(&dataset, &found)),
            Err(error) => {
                failed = true;
                complain(&format!("{}: {error}", dataset.full_name()));
            }
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn in_words(dataset: &Dataset, found: &Comparison) -> String {
    let name = dataset.full_name();
    if found.is_equal() {
        return format!("{name}: as in the lake, {} files", found.published);
    }
    format!(
        "{name}: {} files added, {} removed that are gone or stand for others",
        found.unpublished.len(),
        found.gone.len() + found.stale.len()
    )
}
