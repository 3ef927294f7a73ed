//! `bronzed demo`: one simulated day of PNCP, read at three times of day, offline.

mod answer;
mod serve;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::cli::progress::Bar;
use crate::cli::run::exit;
use crate::cli::signal::cancel_on_signal;
use crate::cli::text::{Paint, Screen, Table, TextPage};
use crate::cli::{CliContext, CliError, Exit, say, show, summary};
use crate::session::AppContext;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Order, run as run_order};
use bronzed_model::clock::ManualClock;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority};
use bronzed_model::execution::Status;
use bronzed_model::settings::Settings;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::{SimConfig, Simulator};

/// Simulated day, and the times at which it is read.
const DAY: &str = "2025-10-22";
const TIMES: [&str; 3] = ["08:00", "12:00", "16:00"];

/// Default folder of the lake.
const LAKE: &str = "demo-lake";
/// Approximate size of a record, as measured on recorded ones.
const BYTES_PER_RECORD: usize = 2_400;

#[derive(Debug, clap::Args)]
#[command(after_help = "The demo is the same everywhere: --config and BRONZED__… are ignored.")]
pub struct Args {
    /// Folder of the lake, which no other command stores anything in. Default: demo-lake
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Fill the lake with weeks of history, then run the daemon against the simulated APIs, with its page,
    /// until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// With --serve: port of the page; 0 selects a free one
    #[arg(long, requires = "serve", default_value_t = 8080)]
    port: u16,
    /// With --serve: number of days of history
    #[arg(long, requires = "serve", default_value_t = 28, value_parser = clap::value_parser!(u16).range(2..=365))]
    days: u16,
    /// Number of records of the simulated day by its end
    #[arg(long, default_value_t = 1_200)]
    records: u32,
    /// Random seed: the same seed gives the same records and faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of requests that the simulated API answers with a fault
    #[arg(long, default_value_t = 0.04)]
    faults: f64,
    /// Print one JSON object per run
    #[arg(long, conflicts_with = "serve")]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    if args.serve {
        return serve::run(shell, &args).await;
    }
    let folder = args.folder.clone().unwrap_or_else(|| LAKE.into());
    let day: Day = DAY.parse().context("the demo's day")?;
    let clock = ManualClock::new(at(TIMES[0])?);
    let catalog = Catalog::generated(args.seed, day, args.records, BYTES_PER_RECORD);
    let simulator = Simulator::start(SimConfig {
        seed: args.seed,
        faults: Faults::bad_day(args.faults / 5.0),
        ..SimConfig::new(catalog, SimClock::over(Arc::new(clock.clone())))
    })
    .await
    .context("the simulator could not listen on this machine")?;
    let settings = settings(&folder, &simulator.base_url())?;
    shell.log(&settings, true)?;
    if !args.json {
        say(&format!(
            "A simulated PNCP answers on {}; every {:.0}th request meets a fault.\nThe lake is {}.\n",
            simulator.base_url(),
            1.0 / args.faults.max(0.001),
            folder.display()
        ));
    }
    let dataset = settings
        .sources
        .get("pncp")
        .and_then(|source| source.datasets.get("contratacoes"))
        .cloned()
        .context("the configuration that the program carries has no pncp.contratacoes")?;
    let session = AppContext::open(settings, Arc::new(clock.clone())).await?;
    cancel_on_signal(session.cancel().clone());
    let order = Order {
        dataset,
        day,
        mode: Mode::Full,
        job: "demo".to_owned(),
        priority: Priority::Hourly,
    };
    let mut reports = Vec::new();
    for time in TIMES {
        if session.cancel().is_cancelled() {
            break;
        }
        clock.set(at(time)?);
        let bar = Bar::of(shell, &order);
        let context = session
            .context("pncp", bar.clone())
            .context("the configuration that the program carries has no pncp")?;
        let report = run_order(&context, &order).await;
        bar.finish();
        match args.json {
            true => say(&report.to_json().to_string()),
            false => say(&told(time, &report)),
        }
        reports.push(report);
    }
    session.close().await;
    let outcome = exit(&reports, TIMES.len() - reports.len());
    if args.json {
        return Ok(outcome);
    }
    say("");
    show(&summary::page(&reports, Screen::stdout()));
    let answer = answer::answer(session.lake(), &order.dataset).await?;
    closing(&folder, &reports, &answer)?;
    Ok(outcome)
}

fn at(time: &str) -> anyhow::Result<DateTime<Utc>> {
    let text = format!("{DAY}T{time}:00-03:00");
    Ok(DateTime::parse_from_rfc3339(&text)?.to_utc())
}

/// Loads the embedded configuration, with the simulator as the API and short delays.
fn settings(folder: &Path, base_url: &str) -> Result<Settings, CliError> {
    let lake = folder.to_str().ok_or_else(|| {
        CliError::Usage(format!(
            "the folder `{}` isn't valid Unicode",
            folder.display()
        ))
    })?;
    let overrides = [
        ("BRONZED__LAKE__URL", lake),
        ("BRONZED__SOURCES__PNCP__BASE_URL", base_url),
        ("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "50ms"),
        ("BRONZED__SOURCES__PNCP__RETRY__MAX", "1s"),
        ("BRONZED__SOURCES__PNCP__LIMITS__TIMEOUT", "5s"),
        // The demo's output is for people, even if it is redirected.
        ("BRONZED__TELEMETRY__FORMAT", "pretty"),
    ];
    let overrides = overrides.map(|(name, value)| (name.to_owned(), value.to_owned()));
    load(overrides.to_vec())
}

/// Loads the embedded configuration with these variables, for a lake of made-up records.
fn load(variables: Vec<(String, String)>) -> Result<Settings, CliError> {
    let settings = bronzed_config::load(None, variables);
    let mut settings = settings.map_err(|problems| CliError::Usage(problems.to_string()))?;
    settings.lake.simulated = true;
    Ok(settings)
}

/// Describes one run in one sentence.
fn told(time: &str, report: &RunReport) -> String {
    let counts = report.counts();
    let new = counts.new;
    let outcome = match report.execution.files.as_slice() {
        _ if report.status() == Status::Failed => "the run failed".to_owned(),
        [] => "nothing new, so no file".to_owned(),
        files => format!("{new} new ones in {} file(s)", files.len()),
    };
    format!(
        "{time}  the API has {} records: {outcome}; {} duplicates ({} requests, {} of them again after a fault)",
        counts.fetched, counts.duplicates, counts.requests, counts.retries
    )
}

/// Prints the tree of the lake, a query with its answer, and what to do next.
fn closing(folder: &Path, reports: &[RunReport], answer: &Table) -> anyhow::Result<()> {
    let new: u64 = reports.iter().map(|report| report.counts().new).sum();
    let all_read =
        reports.len() == TIMES.len() && reports.iter().all(|report| report.status() == Status::Ok);
    let mut text = String::new();
    if new == 0 && all_read {
        text.push_str("\nOnly duplicates this time: everything was in the lake already.\n");
    }
    text.push_str("\nThe lake:\n");
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort();
    for path in paths {
        let bytes = std::fs::metadata(&path).map(|meta| meta.len()).unwrap_or(0);
        text.push_str(&format!("  {}  ({bytes} bytes)\n", path.display()));
    }
    let lake = folder.display();
    text.push_str(&format!(
        "\nRead it with DuckDB:\n  duckdb -c \"SELECT modalidadeNome, count(*), sum(valorTotalEstimado) \
         FROM read_parquet('{lake}/pncp/year=*/**/*.parquet', hive_partitioning = true, union_by_name = true) \
         GROUP BY ALL ORDER BY 2 DESC\"\n\nIts answer:",
    ));
    say(&text);
    let mut page = TextPage::new(Screen::stdout());
    page.table(answer);
    page.blank();
    page.line(&format!(
        "What to do next, after `export BRONZED__LAKE__URL={lake}`:"
    ));
    let day = format!("bronzed day pncp.contratacoes {DAY}");
    for (command, what) in [
        ("bronzed status", "what is complete, and what isn't"),
        (&day, "one day, and why it is open"),
        ("bronzed demo --serve", "a daemon, with weeks of history"),
        ("bronzed init", "a configuration of your own"),
    ] {
        page.fact(2, (command, 42), what, Paint::Dim);
    }
    show(&page);
    Ok(())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("the lake's folder {} can't be listed", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
