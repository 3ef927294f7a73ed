//! `bronzed tables compact`: one file of each day for readers of Delta logs, instead of the many of its commits.

use chrono_tz::Tz;
use serde_json::json;

use super::{OpenedTables, open};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, complain, say, target};
use bronzed_model::clock::{Clock, SystemClock};
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
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
    /// Print one JSON object per dataset
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let now = SystemClock.now();
    let OpenedTables {
        lake,
        datasets,
        settings,
    } = open(shell, &args.targets).await?;
    target::typed_in_order(args.from, args.to, &settings, now)?;
    let mut failed = false;
    for dataset in datasets {
        let source = settings.sources.get(&dataset.source);
        let zone = source.map_or(Tz::UTC, |source| source.timezone);
        let scope = CompactionScope {
            from: args.from.map(|day| day.at(now, zone)),
            to: args.to.map(|day| day.at(now, zone)),
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
