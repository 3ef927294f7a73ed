//! `bronzed silver`: the current tables of records, made of bronze.

mod build;
mod status;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;

use crate::cli::target::nearest;
use crate::cli::{CliContext, CliError, Exit};
use bronzed_model::declaration::{Check, ExpectationSeverity, SilverTable};
use bronzed_model::quality::ExpectationResult;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;
use bronzed_tables::silver::HeldBackPartition;

/// Maximum number of bronze days that are named of a partition.
const NAMED_DAYS: usize = 5;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take into silver tables what bronze has and they don't
    Build(build::Args),
    /// Show silver tables: rows, how far they are behind bronze, what is held back
    Status(status::Args),
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    match args.command {
        Command::Build(args) => build::run(shell, args).await,
        Command::Status(args) => status::run(shell, args).await,
    }
}

/// Opens the lake for the tables that targets name.
async fn open(
    shell: &CliContext,
    targets: &[String],
    all: bool,
) -> Result<(Lake, Vec<Arc<SilverTable>>), CliError> {
    let settings = shell.settings()?;
    if !settings.delta.enabled {
        return Err(CliError::Usage(
            "silver tables are Delta tables, which are off: `bronzed.toml` says `[delta] enabled = false`"
                .to_owned(),
        ));
    }
    let tables = selected(&settings, targets, all)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    Ok((lake.context("the lake")?, tables))
}

/// Returns the tables that targets name, each once: a table that is named, enabled or not, or those of a source that are
/// enabled. Without targets those of all enabled sources; with `all` those that aren't enabled, too.
///
/// # Errors
/// Returns an error if a source or table does not exist, or none is left.
pub fn selected(
    settings: &Settings,
    targets: &[String],
    all: bool,
) -> Result<Vec<Arc<SilverTable>>, CliError> {
    let mut found: Vec<Arc<SilverTable>> = Vec::new();
    let mut add = |table: &Arc<SilverTable>| {
        if !found.iter().any(|known| Arc::ptr_eq(known, table)) {
            found.push(Arc::clone(table));
        }
    };
    if targets.is_empty() {
        let sources = settings.sources.values();
        let sources = sources.filter(|source| all || source.enabled);
        let tables = sources.flat_map(|source| source.silver.values());
        tables
            .filter(|table| all || table.enabled)
            .for_each(&mut add);
    }
    for target in targets {
        // As errors and logs name it.
        let target = target.strip_prefix("silver.").unwrap_or(target);
        let (name, table) = match target.split_once('.') {
            Some((name, table)) => (name, Some(table)),
            None => (target, None),
        };
        let Some(source) = settings.sources.get(name) else {
            let names = settings.sources.keys();
            return Err(missing(&format!("no source `{name}`"), name, names));
        };
        match table {
            Some(table) => add(source.silver.get(table).ok_or_else(|| {
                let what = format!("no silver table `{table}` of `{name}`");
                missing(&what, table, source.silver.keys())
            })?),
            None => {
                let tables = source.silver.values();
                tables
                    .filter(|table| all || table.enabled)
                    .for_each(&mut add);
            }
        }
    }
    match found.is_empty() {
        true => Err(CliError::Usage(
            "no silver table of these is enabled: name one, `SOURCE.TABLE`, or declare one under [silver.NAME]"
                .to_owned(),
        )),
        false => Ok(found),
    }
}

fn missing<'n>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n String> + Clone,
) -> CliError {
    let names: Vec<_> = known.clone().map(|name| format!("`{name}`")).collect();
    let meant = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    CliError::Usage(format!(
        "there is {what}; {meant}There is {}",
        names.join(", ")
    ))
}

/// Returns `true` for an expectation of severity `warn` that fails. One of severity `error` holds partitions back, which are told.
fn is_warned(result: &ExpectationResult) -> bool {
    !result.success && result.severity == ExpectationSeverity::Warn
}

/// Returns an expectation that fails, in words.
fn unmet_in_words(name: &str, result: &ExpectationResult) -> String {
    if result.is_of_day() && result.check != Check::EXISTS_IN {
        let found = result.examples.first().and_then(|one| one.value.as_deref());
        let found = found.map(|value| format!(": {value}")).unwrap_or_default();
        return format!(
            "not as expected: `{name}` ({}) of the table as a whole{found}",
            result.check
        );
    }
    format!(
        "not as expected: `{name}` ({}) fails for {} of {} rows",
        result.check, result.unexpected, result.evaluated
    )
}

/// Returns an expectation that isn't evaluated, in words.
fn unevaluated_in_words(name: &str, reason: &str) -> String {
    format!("not evaluated: `{name}`: {reason}")
}

/// Returns a partition that is held back, in words.
fn held_in_words(held: &HeldBackPartition) -> String {
    let partition = match &held.partition {
        Some(partition) => format!("{partition} is held back"),
        None => "rows without a partition are held back".to_owned(),
    };
    let (named, more) = held.days.split_at(held.days.len().min(NAMED_DAYS));
    let more = match more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{partition}: `{}` fails for {} of {} rows; waiting: {}{more}",
        held.expectation,
        held.unexpected,
        held.evaluated,
        named.join(", ")
    )
}

/// Returns a partition that is held back, as JSON.
fn held_as_json(held: &HeldBackPartition) -> serde_json::Value {
    serde_json::json!({
        "partition": held.partition,
        "expectation": held.expectation,
        "unexpected": held.unexpected,
        "evaluated": held.evaluated,
        "examples": held.examples,
        "days": held.days,
    })
}
