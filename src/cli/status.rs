//! `bronzed status`: what the lake says of each dataset.

use std::sync::Arc;

use chrono::SecondsFormat;
use chrono_tz::Tz;

use crate::cli::backfill::spans;
use crate::cli::{Exit, Shell, Stop, say, table, target};
use crate::clock::{Clock, SystemClock};
use crate::config::settings::Settings;
use crate::lake::Lake;
use crate::source::declaration::{Dataset, Source};
use crate::standing::{Standing, standing};

const HEAD: [&str; 9] = [
    "dataset",
    "complete",
    "first",
    "newest",
    "incomplete",
    "last run",
    "of day",
    "job",
    "status",
];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A source (`pncp`), or one of its datasets (`pncp.contratacoes`); all that are enabled where
    /// nothing is said
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Print one JSON object per dataset instead of a table
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &Shell, args: Args) -> Result<Exit, Stop> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let asked = datasets(&settings, args.target.as_deref())?;
    let lake = Lake::open(&settings.lake).map_err(anyhow::Error::from)?;
    let now = SystemClock.now();
    let mut found = Vec::new();
    for (source, dataset) in asked {
        let zone = source.timezone;
        let standing = standing(&lake, &dataset, zone, now).await;
        let standing = standing.map_err(anyhow::Error::from)?;
        if args.json {
            say(&standing.to_json().to_string());
        }
        found.push((standing, zone));
    }
    if !args.json {
        tell(&found);
    }
    Ok(Exit::Done)
}

/// A dataset and its source.
type Asked = (Arc<Source>, Arc<Dataset>);

fn datasets(settings: &Settings, target: Option<&str>) -> Result<Vec<Asked>, Stop> {
    if let Some(target) = target {
        let (source, datasets) = target::find(settings, target)?;
        let datasets = datasets.into_iter();
        return Ok(datasets.map(|dataset| (source.clone(), dataset)).collect());
    }
    let enabled = settings.sources.values().filter(|source| source.enabled);
    Ok(enabled
        .flat_map(|source| {
            let datasets = source.datasets.values().filter(|dataset| dataset.enabled);
            datasets.map(|dataset| (source.clone(), dataset.clone()))
        })
        .collect())
}

fn tell(found: &[(Standing, Tz)]) {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|(standing, zone)| row(standing, *zone)));
    say(&table::aligned(&rows).join("\n"));
    for (standing, _) in found {
        if let Some(since) = standing.since.filter(|_| !standing.incomplete.is_empty()) {
            say(&format!(
                "{} since {since}, not complete: {}",
                standing.dataset,
                spans(&standing.incomplete)
            ));
        }
    }
}

fn row(standing: &Standing, zone: Tz) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or("-".to_owned());
    let day = |day: Option<&crate::day::Day>| or_none(day.map(ToString::to_string));
    let run = standing.last_run.as_ref();
    let ended = run.map(|(_, run)| {
        let ended = run.timestamp.with_timezone(&zone);
        ended.to_rfc3339_opts(SecondsFormat::Secs, true)
    });
    vec![
        standing.dataset.clone(),
        standing.complete.len().to_string(),
        day(standing.complete.first()),
        day(standing.complete.last()),
        match standing.since {
            Some(_) => standing.incomplete.len().to_string(),
            None => "-".to_owned(),
        },
        or_none(ended),
        or_none(run.map(|(day, _)| day.to_string())),
        or_none(run.map(|(_, run)| run.job.clone())),
        or_none(run.map(|(_, run)| run.status.name().to_owned())),
    ]
}
