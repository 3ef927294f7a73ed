//! `bronzed silver build`: takes into silver tables what bronze has and they don't.

use std::io::IsTerminal as _;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{held_as_json, held_in_words, is_warned, open, unevaluated_in_words, unmet_in_words};
use crate::cli::progress::StepBar;
use crate::cli::signal::cancel_on_signal;
use crate::cli::text::{Screen, TextPage, counted};
use crate::cli::{CliContext, CliError, Exit, complain, say, show};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::declaration::SilverTable;
use bronzed_tables::silver::{Built, SilverBuilder};

/// Number of examples that are printed of a partition that is held back.
const EXAMPLES: usize = 3;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed silver build                         all enabled tables of enabled sources
  bronzed silver build pncp.contratacoes tcu   one table, and those of a source
  bronzed silver build pncp.contratacoes --rebuild

Ctrl-C ends it between two steps: what is committed stays, and the next build goes on. Exit code 3: a partition is held
back, or the build was stopped.")]
pub struct Args {
    /// Sources (`pncp`), or their silver tables (`pncp.contratacoes`). Default: all enabled tables
    #[arg(value_name = "SOURCE[.TABLE]")]
    targets: Vec<String>,
    /// Make the tables anew from bronze: after a column was removed or retyped, or if files of a table are gone. Readers see
    /// the old table until the new one is whole
    #[arg(long)]
    rebuild: bool,
    /// Print one JSON object per table
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let (lake, tables) = open(shell, &args.targets, false).await?;
    let builder = SilverBuilder::new(lake);
    let cancel = CancellationToken::new();
    cancel_on_signal(cancel.clone());
    let stop = || cancel.is_cancelled();
    let mut exit = Exit::Done;
    for table in tables {
        if stop() {
            exit = exit.max(Exit::Partial);
            break;
        }
        let bar = StepBar::new(shell, &table.full_name());
        let progress = |at: &_| bar.notice(at);
        let now = SystemClock.now();
        let built = match args.rebuild {
            true => Box::pin(builder.rebuild(&table, now, &stop, &progress)).await,
            false => Box::pin(builder.build(&table, now, &stop, &progress)).await,
        };
        bar.finish();
        match built {
            Ok(built) => {
                let whole = built.held_back.is_empty() && built.days_left == 0;
                exit = exit.max(if whole { Exit::Done } else { Exit::Partial });
                match args.json {
                    true => say(&as_json(&table, &built).to_string()),
                    false => show(&page(&table, &built, Screen::stdout())),
                }
            }
            Err(error) => {
                exit = exit.max(Exit::Failed);
                complain(&format!("{}: {error}", table.full_name()));
            }
        }
    }
    if stop() && !args.json && std::io::stderr().is_terminal() {
        complain("stopped between two steps; `bronzed silver build` goes on");
    }
    Ok(exit)
}

fn as_json(table: &SilverTable, built: &Built) -> Value {
    let held: Vec<_> = built.held_back.iter().map(held_as_json).collect();
    json!({
        "source": table.source,
        "table": table.name,
        "version": built.version,
        "steps": built.steps,
        "rebuilt": built.rebuilt,
        "days": built.days,
        "rows_read": built.rows_read,
        "rows_added": built.rows_added,
        "rows_changed": built.rows_changed,
        "rows_deleted": built.rows_deleted,
        "files_written": built.files_written,
        "bytes_written": built.bytes_written,
        "unfit": built.unfit,
        "held_back": held,
        "expectations": built.results,
        "unevaluated": built.unevaluated,
        "days_left": built.days_left,
    })
}

fn page(table: &SilverTable, built: &Built, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let name = table.full_name();
    let days = |days: u64| counted(usize::try_from(days).unwrap_or(usize::MAX), "day");
    match (built.version, built.steps) {
        (None, _) if built.held_back.is_empty() => {
            page.line(&format!("{name}: bronze has no rows of it yet"));
        }
        (_, 0) if built.held_back.is_empty() => page.line(&format!("{name}: nothing to do")),
        _ => page.line(&format!(
            "{name}: {} taken in: {} rows added, {} changed, {} deleted",
            days(built.days),
            built.rows_added,
            built.rows_changed,
            built.rows_deleted
        )),
    }
    if let (Some(version), true) = (built.version, built.steps > 0) {
        let anew = if built.rebuilt { ", made anew" } else { "" };
        page.indented(
            2,
            &format!(
                "version {version}{anew}: {} new files, {:.1} MB",
                built.files_written,
                built.bytes_written as f64 / 1e6
            ),
        );
    }
    for (column, values) in &built.unfit {
        page.indented(
            2,
            &format!("column `{column}`: {values} values don't fit its type, and are null here"),
        );
    }
    for held in &built.held_back {
        page.indented(2, &held_in_words(held));
        for example in held.examples.iter().take(EXAMPLES) {
            let value = serde_json::to_string(example).unwrap_or_default();
            page.indented(4, &value);
        }
    }
    for (expectation, result) in built.results.iter().filter(|(_, one)| is_warned(one)) {
        page.indented(2, &unmet_in_words(expectation, result));
        for example in result.examples.iter().take(EXAMPLES) {
            let value = serde_json::to_string(example).unwrap_or_default();
            page.indented(4, &value);
        }
    }
    for (expectation, reason) in &built.unevaluated {
        page.indented(2, &unevaluated_in_words(expectation, reason));
    }
    if built.days_left > 0 {
        page.indented(
            2,
            &format!("{} left: `bronzed silver build`", days(built.days_left)),
        );
    }
    page
}
