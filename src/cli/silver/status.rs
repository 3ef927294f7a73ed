//! `bronzed silver status`: rows of silver tables, how far they are behind bronze, and what is held back.

use serde_json::{Value, json};

use super::{held_as_json, held_in_words, is_warned, open, unevaluated_in_words, unmet_in_words};
use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage};
use crate::cli::{CliContext, CliError, Exit, complain, say, show};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::declaration::SilverTable;
use bronzed_tables::silver::{SilverBuilder, SilverError, SilverStatus, WholeJudgement};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed silver status
  bronzed silver status pncp --fail-if-behind    for a check: exit code 3 unless every table has all of bronze")]
pub struct Args {
    /// Sources (`pncp`), or their silver tables (`pncp.contratacoes`). Default: all enabled tables
    #[arg(value_name = "SOURCE[.TABLE]")]
    targets: Vec<String>,
    /// Show tables that aren't enabled, too
    #[arg(long)]
    all: bool,
    /// Exit with 3 if a table lacks a day of bronze, or has a partition that is held back
    #[arg(long)]
    fail_if_behind: bool,
    /// Print one JSON object per table
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let (lake, tables) = open(shell, &args.targets, args.all).await?;
    let builder = SilverBuilder::new(lake);
    let (mut exit, mut found) = (Exit::Done, Vec::new());
    for table in tables {
        let looked = async {
            let status = builder.status(&table).await?;
            let whole = builder.judge(&table, SystemClock.now()).await?;
            Ok::<_, SilverError>((status, whole))
        };
        match Box::pin(looked).await {
            Ok((status, whole)) => {
                let behind = status.days_behind > 0 || !status.held_back.is_empty();
                if args.fail_if_behind && behind {
                    exit = exit.max(Exit::Partial);
                }
                if args.json {
                    say(&as_json(&table, &status, &whole).to_string());
                }
                found.push((table, status, whole));
            }
            Err(error) => {
                exit = exit.max(Exit::Failed);
                complain(&format!("{}: {error}", table.full_name()));
            }
        }
    }
    if !args.json && !found.is_empty() {
        let rows = found.iter();
        let rows = rows.map(|(table, status, whole)| (&**table, status, whole));
        show(&page(rows, Screen::stdout()));
    }
    Ok(exit)
}

fn as_json(table: &SilverTable, status: &SilverStatus, whole: &WholeJudgement) -> Value {
    let held: Vec<_> = status.held_back.iter().map(held_as_json).collect();
    json!({
        "source": table.source,
        "table": table.name,
        "prefix": table.prefix,
        "version": status.version,
        "rows": status.rows,
        "files": status.files,
        "bytes": status.bytes,
        "days_behind": status.days_behind,
        "held_back": held,
        "expectations": whole.results,
        "unevaluated": whole.unevaluated,
        "declaration_changed": status.declaration_changed,
    })
}

fn page<'a>(
    found: impl Iterator<Item = (&'a SilverTable, &'a SilverStatus, &'a WholeJudgement)>,
    screen: Screen,
) -> TextPage {
    let mut table = Table::new([
        TableColumn::text("table"),
        TableColumn::number("rows"),
        TableColumn::number("files").spare(2),
        TableColumn::number("MB").spare(3),
        TableColumn::number("version").spare(1),
        TableColumn::text("state"),
    ]);
    for (declared, status, whole) in found {
        let name = format!("{}.{}", declared.source, declared.name);
        table.row([
            Cell::from(name.clone()),
            status.rows.to_string().into(),
            status.files.to_string().into(),
            format!("{:.1}", status.bytes as f64 / 1e6).into(),
            status
                .version
                .map_or_else(|| "-".to_owned(), |version| version.to_string())
                .into(),
            state(status),
        ]);
        for held in &status.held_back {
            table.note(&held_in_words(held));
        }
        for (expectation, result) in whole.results.iter().filter(|(_, one)| is_warned(one)) {
            table.note(&unmet_in_words(expectation, result));
        }
        for (expectation, reason) in &whole.unevaluated {
            table.note(&unevaluated_in_words(expectation, reason));
        }
        if status.declaration_changed {
            table.note(&format!(
                "its declaration has changed since it was built: `bronzed silver build {name}`; if that refuses a removed or retyped column, with --rebuild"
            ));
        } else if status.days_behind > 0 && status.held_back.is_empty() {
            table.note(&format!("bronzed silver build {name}"));
        }
    }
    let mut page = TextPage::new(screen);
    page.table(&table);
    page
}

fn state(status: &SilverStatus) -> Cell {
    match (status.version, status.days_behind) {
        (_, 0) if !status.held_back.is_empty() => Cell::painted(Paint::Bad, "held back"),
        (None, 0) => Cell::painted(Paint::Dim, "bronze has no rows of it"),
        (None, days) => Cell::painted(Paint::Warn, format!("never built, {days} days in bronze")),
        (Some(_), 0) => Cell::painted(Paint::Good, "up to date"),
        (Some(_), 1) => Cell::painted(Paint::Warn, "1 day behind"),
        (Some(_), days) => Cell::painted(Paint::Warn, format!("{days} days behind")),
    }
}
