//! `bronzed schema drift`: reports the fields in the lake that no column holds.
//!
//! It reads the `_extra` columns of the days' files, and sends no request to an API. Drift is fixed by a line
//! in the dataset's file of columns: rows stored from then on have the column, older ones keep the value in
//! `_extra`.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use crate::cli::reading::spinner;
use crate::cli::text::{Cell, Screen, Table, TableColumn, TextPage};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, say, show, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::drift::{Drift, DriftFinding};
use bronzed_storage::bronze::{layout, reader};
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: String,
    /// First day. Default: the first in the lake
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day. Default: the last in the lake
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
    /// Print one JSON object per dataset instead of a table
    #[arg(long)]
    json: bool,
}

/// Drift of one dataset, with the number of files and rows read.
#[derive(Debug, Default)]
struct DriftRow {
    drift: Drift,
    files: u64,
    /// Number of files of the earlier pipeline, which has no `_extra`.
    others: u64,
    rows: u64,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let (source, datasets) = target::find(&settings, &args.target)?;
    let now = SystemClock.now();
    let on = |typed: Option<TypedDay>| typed.map(|typed| typed.at(now, source.timezone));
    let (from, to) = (on(args.from), on(args.to));
    target::in_order(from, to)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.context("the lake")?;
    let bar = spinner(shell, "reading files", datasets.len(), "datasets");
    for dataset in &datasets {
        bar.set_message(dataset.full_name());
        let seen = look(&lake, dataset, from, to).await?;
        if args.json {
            say(&report(dataset, &seen).to_string());
        } else {
            bar.suspend(|| show(&page(dataset, &seen, Screen::stdout())));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Exit::Done)
}

/// Reads the files of the days, one at a time.
async fn look(
    lake: &Lake,
    dataset: &Arc<Dataset>,
    from: Option<Day>,
    to: Option<Day>,
) -> anyhow::Result<DriftRow> {
    let mut seen = DriftRow::default();
    let period = dataset.days.period;
    let from = from.map(|from| period.first(from));
    let wanted = |day: &Day| from.is_none_or(|from| from <= *day) && to.is_none_or(|to| *day <= to);
    let folders = match (from, to) {
        (Some(from), Some(to)) => period
            .through(from, to)
            .map(|day| layout::partition(&dataset.prefix, day))
            .collect(),
        _ => vec![dataset.prefix.clone()],
    };
    let mut entries = Vec::new();
    for folder in &folders {
        entries.extend(lake.list(folder).await?);
    }
    for entry in entries {
        let day = layout::file_day(&dataset.prefix, &entry.key);
        let Some(day) = day.filter(wanted) else {
            continue;
        };
        // The program never deletes a file, so a missing one was removed by hand since the listing.
        let Some((bytes, _)) = lake.get(&entry.key).await? else {
            continue;
        };
        let extras = reader::extras(bytes).with_context(|| format!("`{}`", entry.key))?;
        seen.files += 1;
        match extras {
            None => seen.others += 1,
            Some(extras) => {
                seen.rows += extras.len() as u64;
                for extra in extras {
                    seen.drift.see(&dataset.schema, day, &extra);
                }
            }
        }
    }
    Ok(seen)
}

fn report(dataset: &Dataset, seen: &DriftRow) -> serde_json::Value {
    json!({
        "dataset": dataset.full_name(),
        "files": seen.files,
        "files_without_extra": seen.others,
        "rows_with_extra": seen.rows,
        "findings": seen.drift.findings(),
        "further_values": seen.drift.further(),
    })
}

fn page(dataset: &Dataset, seen: &DriftRow, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let findings = seen.drift.findings();
    let name = dataset.full_name();
    let others = match seen.others {
        0 => String::new(),
        others => format!(", {others} of them of the earlier pipeline, which has no `_extra`"),
    };
    let files = format!("{} files{others}", seen.files);
    if findings.is_empty() {
        page.line(&format!("{name}: no drift in {files}"));
        return page;
    }
    page.line(&format!("{name}: {} rows with drift in {files}", seen.rows));
    let mut table = Table::new([
        TableColumn::text("field"),
        TableColumn::text("what"),
        TableColumn::text("column"),
        TableColumn::text("seen").spare(2),
        TableColumn::number("values"),
        TableColumn::text("first day").spare(3),
        TableColumn::text("last day").spare(1),
        TableColumn::text("example").spare(4),
    ]);
    findings
        .into_iter()
        .for_each(|finding| table.row(row(finding)));
    page.table(&table);
    if seen.drift.further() > 0 {
        let further = seen.drift.further();
        page.line(&format!("and {further} values of further fields"));
    }
    page
}

fn row(finding: &DriftFinding) -> Vec<Cell> {
    let seen: Vec<_> = finding.seen.keys().copied().collect();
    // Control characters, such as line breaks, would break the table.
    let example = finding.example.replace(|c: char| c.is_control(), " ");
    let cells = [
        match finding.field.as_str() {
            "" => "(the record)".to_owned(),
            field => field.replace(|c: char| c.is_control(), " "),
        },
        finding.why.name().to_owned(),
        finding.declared.clone().unwrap_or_else(|| "-".to_owned()),
        seen.join(", "),
        finding.values.to_string(),
        finding.first_day.to_string(),
        finding.last_day.to_string(),
        example,
    ];
    cells.into_iter().map(Cell::from).collect()
}
