//! `bronzed status`: status of each dataset in the lake.

use std::sync::Arc;

use chrono::SecondsFormat;
use chrono_tz::Tz;

use crate::alerts::ledger::Ledger;
use crate::cli::alert::in_words;
use crate::cli::backfill::spans;
use crate::cli::{CliContext, CliError, Exit, complain, say, table, target};
use crate::schedule::jobs::Schedule;
use crate::standing::{DatasetStatus, standing};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

const HEAD: [&str; 10] = [
    "dataset",
    "complete",
    "first",
    "newest",
    "incomplete",
    "accepted",
    "last run",
    "of day",
    "job",
    "status",
];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Print one JSON object per dataset instead of a table
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let asked = datasets(&settings, args.target.as_deref())?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.map_err(anyhow::Error::from)?;
    for (_, dataset) in &asked {
        if let Err(error) = bronzed_storage::table::look(&lake, dataset).await {
            complain(&error.to_string());
        }
    }
    let now = SystemClock.now();
    let mut found = Vec::new();
    for (source, dataset) in asked {
        let zone = source.timezone;
        let schedule = Schedule::of(&source).map_err(anyhow::Error::from)?;
        let standing = standing(&lake, &schedule, &dataset, now).await;
        let standing = standing.map_err(anyhow::Error::from)?;
        if args.json {
            say(&standing.to_json().to_string());
        }
        found.push((standing, zone));
    }
    if !args.json {
        tell(&found);
        match Ledger::load(&lake).await {
            Ok(alerts) => alerts
                .active()
                .iter()
                .for_each(|entry| say(&in_words(entry))),
            Err(error) => complain(&error.to_string()),
        }
    }
    Ok(Exit::Done)
}

/// Source and dataset.
type StatusQuery = (Arc<Source>, Arc<Dataset>);

fn datasets(settings: &Settings, target: Option<&str>) -> Result<Vec<StatusQuery>, CliError> {
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

fn tell(found: &[(DatasetStatus, Tz)]) {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|(standing, zone)| row(standing, *zone)));
    say(&table::aligned(&rows).join("\n"));
    for (standing, zone) in found {
        for line in details(standing, *zone) {
            say(&line);
        }
    }
}

/// Returns the details below the table: missing and accepted days, and the times of the next attempts.
fn details(standing: &DatasetStatus, zone: Tz) -> Vec<String> {
    let name = &standing.dataset;
    let mut lines = Vec::new();
    if !standing.incomplete.is_empty() {
        let since = standing.since.map(|since| format!(" since {since}"));
        let since = since.unwrap_or_default();
        let days = spans(&standing.incomplete);
        lines.push(format!("{name}{since}, not complete: {days}"));
    }
    if let Some(oldest) = standing.backlog.oldest {
        let (days, overdue) = (standing.backlog.days, standing.backlog.overdue);
        lines.push(format!(
            "{name}: {days} of them could be complete, {overdue} are overdue, the oldest is {oldest}"
        ));
    }
    for open in &standing.open {
        let next = open.next_try.map(|at| at.with_timezone(&zone));
        let next = next.map_or("at a slot to come".to_owned(), |at| {
            at.format("%Y-%m-%d %H:%M").to_string()
        });
        let (day, status) = (open.day, open.status.name());
        let error = open.error.iter().map(|error| format!(": {error}"));
        let error: String = error.collect();
        lines.push(format!("{name} {day}: {status}, next try {next}{error}"));
    }
    if !standing.accepted.is_empty() {
        let days: Vec<_> = standing.accepted.iter().copied().collect();
        lines.push(format!("{name}, accepted and not proven: {}", spans(&days)));
    }
    lines
}

fn row(standing: &DatasetStatus, zone: Tz) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or("-".to_owned());
    let day = |day: Option<&bronzed_model::day::Day>| or_none(day.map(ToString::to_string));
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
        match standing.days_can_be_asked_for {
            true => standing.incomplete.len().to_string(),
            false => "-".to_owned(),
        },
        match standing.accepted.len() {
            0 => "-".to_owned(),
            days => days.to_string(),
        },
        or_none(ended),
        or_none(run.map(|(day, _)| day.to_string())),
        or_none(run.map(|(_, run)| run.job.clone())),
        or_none(run.map(|(_, run)| run.status.name().to_owned())),
    ]
}
