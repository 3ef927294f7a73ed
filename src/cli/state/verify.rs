//! `bronzed state verify`: checks that files, states and markers agree, of one dataset or of the whole lake.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures::StreamExt as _;
use serde_json::json;

use super::DayBounds;
use crate::cli::reading::spinner;
use crate::cli::text::counted;
use crate::cli::{CliContext, CliError, Exit, complain, say, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;
use bronzed_storage::state::{InspectedTable, Inspection, inspect};
use bronzed_storage::table;

/// Maximum number of findings printed for a day.
const TOLD: usize = 20;
/// Number of days inspected concurrently.
const AT_ONCE: usize = 4;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    #[command(flatten)]
    days: DayBounds,
    /// Print one JSON object per day, with every finding
    #[arg(long)]
    json: bool,
}

/// Table to be verified: the selected days of a dataset, and what has no place there.
struct VerifiedTable {
    dataset: Arc<Dataset>,
    zone: Tz,
    days: Vec<Day>,
    strays: Vec<String>,
}

/// Counts of the inspected days.
#[derive(Debug, Default)]
struct DayVerdict {
    days: usize,
    sound: usize,
    unread: usize,
    strays: usize,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let now = SystemClock.now();
    args.days.check(&settings, now)?;
    let datasets = target::declared(&settings, &args.targets)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.map_err(anyhow::Error::from)?;
    let tables = list(shell, &lake, &settings, datasets, (&args.days, now)).await?;
    let verdict = inspect_all(shell, &lake, &tables, args.json).await;
    if !args.json {
        in_summary(&verdict, &tables, args.targets.is_empty());
    }
    Ok(match verdict.sound == verdict.days && verdict.strays == 0 {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

/// Lists the tables, and selects their days. A day of several datasets is one of those that have it.
async fn list(
    shell: &CliContext,
    lake: &Lake,
    settings: &Settings,
    datasets: Vec<Arc<Dataset>>,
    (bounds, now): (&DayBounds, DateTime<Utc>),
) -> Result<Vec<VerifiedTable>, CliError> {
    let alone = datasets.len() == 1;
    let bar = spinner(shell, "listing the lake", datasets.len(), "datasets");
    let mut tables = Vec::new();
    for dataset in datasets {
        bar.set_message(dataset.full_name());
        if let Err(error) = table::look(lake, &dataset).await {
            // The error is only printed, because the days can be inspected in any case.
            bar.suspend(|| complain(&error.to_string()));
        }
        let listed = InspectedTable::list(lake, &dataset.prefix).await;
        let listed = listed.map_err(anyhow::Error::from)?;
        let zone = settings.sources.get(&dataset.source);
        let zone = zone.map_or(Tz::UTC, |source| source.timezone);
        let today = Day::of(now, zone);
        let mut days = bounds.of(&listed.days, dataset.days.period, today);
        days.retain(|day| alone || listed.days.contains(day));
        tables.push(VerifiedTable {
            dataset,
            zone,
            days,
            strays: listed.strays,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(tables)
}

/// Inspects the days of all tables, and prints each problem as it is found, in the order of tables and days.
async fn inspect_all(
    shell: &CliContext,
    lake: &Lake,
    tables: &[VerifiedTable],
    as_json: bool,
) -> DayVerdict {
    let days = tables.iter().map(|table| table.days.len()).sum();
    let mut verdict = DayVerdict {
        days,
        ..DayVerdict::default()
    };
    let bar = spinner(shell, "verifying", days, "days");
    for table in tables {
        let name = table.dataset.full_name();
        let inspections = table
            .days
            .iter()
            .map(|day| async { (*day, inspect(lake, &table.dataset, table.zone, *day).await) });
        let mut inspections = futures::stream::iter(inspections).buffered(AT_ONCE);
        while let Some((day, found)) = inspections.next().await {
            bar.set_message(format!("{name} {day}"));
            match found {
                Ok(found) => {
                    verdict.sound += usize::from(found.findings.is_empty());
                    bar.suspend(|| match as_json {
                        true => say(&as_json_object(&table.dataset, &found).to_string()),
                        false => in_words(&name, &found).iter().for_each(|line| say(line)),
                    });
                }
                Err(error) => {
                    verdict.unread += 1;
                    bar.suspend(|| complain(&format!("{name} {day}: {error}")));
                }
            }
            bar.inc(1);
        }
        for key in &table.strays {
            verdict.strays += 1;
            bar.suspend(|| complain(&format!(
                "{name}: `{key}` has no place there; readers of the table may take it for a part of it: move it away"
            )));
        }
    }
    bar.finish_and_clear();
    verdict
}

/// Prints the summary, and the way to mend what was found.
fn in_summary(verdict: &DayVerdict, tables: &[VerifiedTable], everything: bool) {
    let begun = tables.iter().filter(|table| !table.days.is_empty());
    let of = match begun.count() {
        0 | 1 if !everything => String::new(),
        begun => format!(" of {}", counted(begun, "dataset")),
    };
    say(&format!(
        "{} of {} days{of} are sound",
        verdict.sound, verdict.days
    ));
    if verdict.sound + verdict.unread < verdict.days {
        say(
            "`bronzed state rebuild` makes states anew from their files, as the next run of such \
             a day does; what files that are gone held is read again then",
        );
    }
}

fn as_json_object(dataset: &Dataset, found: &Inspection) -> serde_json::Value {
    let findings = found.findings.iter();
    let findings: Vec<_> = findings
        .map(|finding| json!({"promise": format!("{:?}", finding.promise), "what": finding.what}))
        .collect();
    json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "day": found.day,
        "files": found.files,
        "rows": found.rows,
        "ids": found.ids,
        "earlier": found.earlier,
        "sound": findings.is_empty(),
        "findings": findings,
    })
}

fn in_words(name: &str, found: &Inspection) -> Vec<String> {
    let day = found.day;
    let mut lines: Vec<_> = found
        .findings
        .iter()
        .take(TOLD)
        .map(|finding| format!("{name} {day}: {finding}"))
        .collect();
    let more = found.findings.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("{name} {day}: and {more} more; --json has them"));
    }
    if found.earlier {
        lines.push(format!(
            "{name} {day}: the state is of the earlier pipeline; the first run takes the day over"
        ));
    }
    lines
}
