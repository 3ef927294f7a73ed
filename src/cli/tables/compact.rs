//! `bronzed tables compact`: one file of each day for readers of Delta logs, instead of the many of its commits.

use serde_json::json;

use super::{OpenedTables, open};
use crate::cli::{CliContext, CliError, Exit, complain, say, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_tables::{Compacted, CompactionScope, compact};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Compacted are complete days that nothing was added to for two days, and days of eight files and more. The numbered files \
stay. It can be stopped at any time, and runs may be at work.")]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Day>,
    /// Last day
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Day>,
    /// Print one JSON object per dataset
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    target::in_order(args.from, args.to)?;
    let OpenedTables { lake, datasets } = open(shell, &args.targets).await?;
    let mut failed = false;
    for dataset in datasets {
        let scope = CompactionScope {
            from: args.from,
            to: args.to,
            now: SystemClock.now(),
            most_days: usize::MAX,
        };
        match Box::pin(compact(&lake, &dataset, scope)).await {
            Ok(done) if args.json => say(&as_json(&dataset, done).to_string()),
            Ok(done) => say(&in_words(&dataset, done)),
            Err(error) => {
                failed = true;
                complain(&format!("{}: {error}", dataset.full_name()));
            }
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn as_json(dataset: &Dataset, done: Compacted) -> serde_json::Value {
    json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "days": done.days,
        "files": done.files,
        "rows": done.rows,
        "bytes": done.bytes,
        "too_large": done.too_large,
        "deleted": done.deleted,
    })
}

fn in_words(dataset: &Dataset, done: Compacted) -> String {
    let name = dataset.full_name();
    let large = match done.too_large {
        0 => String::new(),
        days => format!("; {days} days are too large, and stay as they are"),
    };
    match done.days {
        0 => format!("{name}: nothing to compact{large}"),
        days => format!("{name}: {days} days, {} files before{large}", done.files),
    }
}
