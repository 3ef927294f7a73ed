//! `bronzed watch`: the status, refreshed until Ctrl-C, with the runs under way if a daemon answers.

use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use indicatif::ProgressDrawTarget;
use serde_json::Value;

use crate::cli::healthcheck::reachable;
use crate::cli::text::{Paint, Screen, Table, TableColumn, TextPage, time};
use crate::cli::{CliContext, CliError, Exit, signal, status, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::redact::redact;
use bronzed_model::settings::Settings;
use tokio_util::sync::CancellationToken;

/// Time limit of the question to the daemon.
const PATIENCE: Duration = Duration::from_secs(1);
/// Number of runs under way that are shown.
const RUNS: usize = 8;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Time between two readings of the lake
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    every: Duration,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    if !std::io::stdout().is_terminal() {
        return Err(CliError::Usage(
            "`watch` draws on a terminal, and standard output is none: `bronzed status --json` is for programs"
                .to_owned(),
        ));
    }
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let (term, stop) = (Term::stdout(), CancellationToken::new());
    signal::cancel_quietly(stop.clone());
    let targets: Vec<_> = args.target.into_iter().collect();
    // The lake is read so often that its progress line would flicker.
    shell.bars.set_draw_target(ProgressDrawTarget::hidden());
    while !stop.is_cancelled() {
        let now = SystemClock.now();
        let (_, found) = status::statuses(shell, &settings, &targets, now).await?;
        let off = target::switched_off(&settings, &targets);
        let mut page = status::page(&found, &off, now, Screen::stdout(), !targets.is_empty());
        page.blank();
        under_way(&mut page, &settings).await;
        let zone = found.first().map(|one| one.zone);
        let at = zone.map(|zone| time::at(now, zone)).unwrap_or_default();
        let every = humantime::format_duration(args.every);
        let footer = format!("as of {at}, every {every}; Ctrl-C ends");
        page.painted(&[(Paint::Dim, &footer)]);
        let drawn = term
            .clear_screen()
            .and_then(|()| term.write_line(&redact(&page.text())));
        drawn.map_err(anyhow::Error::from)?;
        tokio::select! {
            () = tokio::time::sleep(args.every) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(Exit::Done)
}

/// Adds the runs under way, if a daemon answers at `server.listen`.
async fn under_way(page: &mut TextPage, settings: &Settings) {
    let address = reachable(settings.server.listen);
    match runs(
        settings,
        &format!("http://{address}/api/v1/runs?status=running"),
    )
    .await
    {
        None => page.painted(&[(Paint::Dim, &format!("no daemon answers on {address}"))]),
        Some(runs) if runs.is_empty() => page.line("the daemon is idle"),
        Some(runs) => page.table(&table(&runs)),
    }
}

async fn runs(settings: &Settings, url: &str) -> Option<Vec<Value>> {
    use secrecy::ExposeSecret;
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let mut asking = client.build().ok()?.get(url);
    if let Some(token) = &settings.server.token {
        asking = asking.bearer_auth(token.expose_secret());
    }
    let answer = asking.send().await.ok()?.error_for_status().ok()?;
    let mut said: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
    match said["runs"].take() {
        Value::Array(runs) => Some(runs),
        _ => None,
    }
}

fn table(runs: &[Value]) -> Table {
    let mut table = Table::new([
        TableColumn::text("reading now"),
        TableColumn::text("day"),
        TableColumn::text("job").spare(1),
        TableColumn::number("pages"),
        TableColumn::number("records"),
        TableColumn::number("new"),
    ]);
    for run in runs.iter().take(RUNS) {
        let text = |key: &str| run[key].as_str().unwrap_or("-").to_owned();
        let count = |key: &str| run["progress"][key].as_u64().unwrap_or(0);
        table.row([
            format!("{}.{}", text("source"), text("dataset")).into(),
            text("day").into(),
            text("job").into(),
            format!("{} of {}", count("pages_read"), count("pages_known")).into(),
            count("records").to_string().into(),
            count("new").to_string().into(),
        ]);
    }
    table
}
