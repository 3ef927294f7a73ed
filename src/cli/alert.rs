//! `bronzed alert`: active alerts, and a test of the channels.

use clap::Subcommand;
use serde_json::json;

use crate::alerts::channel::Channel;
use crate::alerts::ledger::{AlertEntry, Ledger};
use crate::alerts::message::Message;
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the alerts that have started and not ended, as the lake has them
    List(ListArgs),
    /// Send a message that says so through each channel, to see if it arrives
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Print one JSON object per alert
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Channels to test. Default: all that are configured
    #[arg(value_name = "CHANNEL")]
    channels: Vec<String>,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match args.command {
        Command::List(args) => list(shell, args).await,
        Command::Test(args) => test(shell, args).await,
    }
}

async fn list(shell: &CliContext, args: ListArgs) -> Result<Exit, CliError> {
    let settings = shell.settings_to_look_at()?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.map_err(anyhow::Error::from)?;
    let ledger = Ledger::load(&lake).await.map_err(anyhow::Error::from)?;
    let active = ledger.active();
    if active.is_empty() && !args.json {
        say("no alert is active");
    }
    for entry in &active {
        match args.json {
            true => say(&to_json(entry).to_string()),
            false => say(&in_words(entry)),
        }
    }
    Ok(Exit::Done)
}

/// Returns an alert in three lines.
pub(super) fn in_words(entry: &AlertEntry) -> String {
    let severity = entry.key.rule.severity().name();
    let AlertEntry {
        summary,
        detail,
        hint,
        ..
    } = entry;
    format!("{severity}: {summary}\n    {detail}\n    {hint}")
}

fn to_json(entry: &AlertEntry) -> serde_json::Value {
    json!({
        "key": entry.key.to_string(),
        "rule": entry.key.rule,
        "severity": entry.key.rule.severity(),
        "source": entry.key.source,
        "dataset": entry.key.dataset,
        "since": entry.since.to_rfc3339(),
        "started_at": entry.changed_at.to_rfc3339(),
        "summary": entry.summary,
        "detail": entry.detail,
        "hint": entry.hint,
    })
}

async fn test(shell: &CliContext, args: TestArgs) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let channels = &settings.alerts.channels;
    let names: Vec<_> = channels.keys().map(String::as_str).collect();
    if let Some(unknown) = args
        .channels
        .iter()
        .find(|name| !channels.contains_key(*name))
    {
        let known = names.join(", ");
        return Err(CliError::Usage(format!(
            "there is no channel `{unknown}`: channels that are configured: {known}"
        )));
    }
    if channels.is_empty() {
        return Err(CliError::Usage(
            "no channel is configured: add a table [alerts.channel.NAME] to bronzed.toml, see \
             docs/operate/alerts.md"
                .to_owned(),
        ));
    }
    let message = Message::test(SystemClock.now());
    let (mut sent, mut failed) = (0_usize, 0_usize);
    for (name, channel) in channels {
        if !args.channels.is_empty() && !args.channels.contains(name) {
            continue;
        }
        let delivered = match Channel::new(channel) {
            Ok(channel) => channel.deliver(&message).await,
            Err(error) => Err(error.into()),
        };
        match delivered {
            Ok(()) => {
                sent += 1;
                say(&format!("{name}: delivered"));
            }
            Err(error) => {
                failed += 1;
                say(&format!("{name}: not delivered: {error}"));
            }
        }
    }
    Ok(match (sent, failed) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::Partial,
    })
}
