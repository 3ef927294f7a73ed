//! `bronzed check`: what the configuration says, and with `--online`, whether lake and APIs answer.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cli::{Exit, Shell, Stop, check, say};
use crate::clock::{Clock, SystemClock};
use crate::config::settings::Settings;
use crate::day::Day;
use crate::entropy::Entropy;
use crate::lake::Lake;
use crate::source::declaration::{Dataset, Kind, Source};
use crate::source::probe::Seen;
use crate::source::{SourceClient, slices};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Also ask the lake and every API: one page of each dataset
    #[arg(long)]
    online: bool,
}

pub async fn run(shell: &Shell, args: Args) -> Result<Exit, Stop> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut text = Vec::new();
    check::run(&settings, clock.as_ref(), &mut text).map_err(anyhow::Error::from)?;
    say(String::from_utf8_lossy(&text).trim_end());
    if !args.online {
        return Ok(Exit::Done);
    }
    say("");
    let cancel = CancellationToken::new();
    crate::cli::signal::cancel_on_signal(cancel.clone());
    let asked = ask_all(&settings, &clock);
    tokio::select! {
        failures = asked => Ok(if failures == 0 { Exit::Done } else { Exit::Failed }),
        () = cancel.cancelled() => Ok(Exit::Partial),
    }
}

/// Asks lake and sources, prints a line for each, and says how many didn't do.
async fn ask_all(settings: &Settings, clock: &Arc<dyn Clock>) -> usize {
    let entropy = Arc::new(Entropy::from_system());
    let mut failures = 0;
    let token = entropy.run_id(clock.now()).to_string();
    let lake = match Lake::open(&settings.lake) {
        Ok(lake) => lake.probe(&token).await,
        Err(error) => Err(error),
    };
    failures += tell(
        "lake",
        lake.map(|()| "written, read and compared".to_owned()),
    );
    for source in settings.sources.values() {
        match SourceClient::new(source, clock.clone(), entropy.clone()) {
            Err(error) => failures += tell(&source.name, Err(error)),
            Ok(client) => {
                for dataset in source.datasets.values() {
                    let seen = ask(&client, source, dataset, clock.as_ref()).await;
                    failures += tell(&dataset.full_name(), seen);
                }
            }
        }
    }
    failures
}

/// Yesterday's first page of the first slice that has one: a slice may be empty by right.
async fn ask(
    client: &SourceClient,
    source: &Source,
    dataset: &Arc<Dataset>,
    clock: &dyn Clock,
) -> Result<String, crate::source::FetchError> {
    // What is asked for by records of another dataset can't be asked for by itself.
    if let Kind::Child(parent) = &dataset.kind {
        return Ok(format!(
            "not asked: read for each record of {}",
            parent.dataset
        ));
    }
    if slices(dataset).is_empty() {
        return Ok("not asked: its slices come from another dataset".to_owned());
    }
    let yesterday = Day::of(clock.now(), source.timezone).previous();
    let mut last = None;
    for slice in slices(dataset) {
        let label = slice.label.clone();
        let seen = client.probe(dataset.clone(), yesterday, slice).await?;
        let found = seen.records.is_some_and(|records| records > 0);
        last = Some(describe(yesterday, &label, &seen));
        if found {
            break;
        }
    }
    Ok(last.unwrap_or_default())
}

fn describe(day: Day, slice: &str, seen: &Seen) -> String {
    let records = match (seen.records, seen.total) {
        (None, _) => "no data (as a rule says)".to_owned(),
        (Some(records), None) => format!("{records} records"),
        (Some(records), Some(total)) => format!("{records} of {total} records"),
    };
    let kind = seen.content_type.as_deref().unwrap_or("no content type");
    let skew = match seen.skew.map(|skew| skew.num_seconds()) {
        Some(seconds) if seconds.abs() > 60 => {
            format!("; its clock is {seconds} s ahead of this machine's")
        }
        _ => String::new(),
    };
    format!(
        "{day}, {slice}: status {}, {kind}, {records}, {} bytes in {:.1} s{skew}",
        seen.status,
        seen.bytes,
        seen.took.as_secs_f64()
    )
}

fn tell<E: std::error::Error>(what: &str, found: Result<String, E>) -> usize {
    match found {
        Ok(found) => {
            say(&format!("{what}: ok ({found})"));
            0
        }
        Err(error) => {
            say(&format!("{what}: failed: {error}"));
            1
        }
    }
}
