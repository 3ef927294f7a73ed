//! `bronzed tables verify`: compares Delta logs with the files of their tables, and silver tables with bronze.

mod silver;

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use super::selected;
use crate::cli::text::{Screen, TextPage};
use crate::cli::{CliContext, CliError, Exit, complain, say, show};
use bronzed_model::declaration::{Dataset, SilverTable};
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;
use bronzed_tables::{Comparison, compare};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of a dataset's table, the log is compared with the listed files. Of a silver table, the footer of each file is read, too.

Examples:
  bronzed tables verify
  bronzed tables verify pncp.contratacoes silver.pncp.contratacoes")]
pub struct Args {
    /// Sources (`pncp`), their datasets (`pncp.contratacoes`), or silver tables (`silver.pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Print one JSON object per table
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let NamedTargets { datasets, tables } = NamedTargets::of(&settings, &args.targets)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.context("the lake")?;
    let (mut failed, mut different) = (false, false);
    for dataset in datasets {
        match compare(&lake, &dataset).await {
            Ok(found) => {
                different |= !found.is_equal();
                match args.json {
                    true => say(&as_json(&dataset, &found).to_string()),
                    false => show(&page(&dataset, &found, Screen::stdout())),
                }
            }
            Err(error) => {
                failed = true;
                complain(&format!("{}: {error}", dataset.full_name()));
            }
        }
    }
    for table in tables {
        match silver::verified(&lake, &table, args.json).await {
            Ok(is_whole) => different |= !is_whole,
            Err(error) => {
                failed = true;
                complain(&format!("{}: {error}", table.full_name()));
            }
        }
    }
    Ok(match (failed, different) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Partial,
        (false, false) => Exit::Done,
    })
}

/// Datasets and silver tables that targets name: a source has both.
struct NamedTargets {
    datasets: Vec<Arc<Dataset>>,
    tables: Vec<Arc<SilverTable>>,
}

impl NamedTargets {
    fn of(settings: &Settings, targets: &[String]) -> Result<Self, CliError> {
        let is_silver = |target: &&String| target.starts_with("silver.");
        let of_datasets: Vec<_> = targets
            .iter()
            .filter(|one| !is_silver(one))
            .cloned()
            .collect();
        let datasets = match of_datasets.is_empty() && !targets.is_empty() {
            true => Vec::new(),
            false => selected(settings, &of_datasets)?,
        };
        let mut tables: Vec<Arc<SilverTable>> = Vec::new();
        let sources = settings.sources.iter();
        let sources = sources.filter(|(name, _)| targets.is_empty() || of_datasets.contains(*name));
        tables.extend(sources.flat_map(|(_, source)| source.silver.values().cloned()));
        let of_silver: Vec<_> = targets.iter().filter(is_silver).cloned().collect();
        if !of_silver.is_empty() {
            let more = crate::cli::silver::selected(settings, &of_silver, true)?;
            let more = more.into_iter();
            let more = more.filter(|one| !tables.iter().any(|known| Arc::ptr_eq(known, one)));
            let more: Vec<_> = more.collect();
            tables.extend(more);
        }
        Ok(Self { datasets, tables })
    }
}

/// Returns the comparison as one JSON object.
pub(super) fn as_json(dataset: &Dataset, found: &Comparison) -> serde_json::Value {
    json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "version": found.version,
        "files": found.published,
        "unpublished": found.unpublished,
        "compacted": found.compacted,
        "gone": found.gone,
        "stale": found.stale,
        "foreign": found.foreign,
    })
}

fn page(dataset: &Dataset, found: &Comparison, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let name = dataset.full_name();
    match found.version {
        None if found.unpublished.is_empty() && found.foreign.is_empty() => return page,
        None => page.line(&format!("{name}: no Delta log yet")),
        Some(version) => page.line(&format!(
            "{name}: {} files, version {version}{}",
            found.published,
            if found.is_equal() {
                ", as in the lake"
            } else {
                ""
            }
        )),
    }
    for key in &found.gone {
        page.indented(2, &format!("gone: {key}: readers of the table fail"));
    }
    for key in &found.stale {
        page.indented(2, &format!("not as its files: {key}"));
    }
    for key in &found.unpublished {
        page.indented(2, &format!("not in the log: {key}"));
    }
    for (key, reason) in &found.foreign {
        page.indented(2, &format!("left out: {key}: {reason}"));
    }
    if !found.is_equal() {
        page.indented(2, &format!("mend: bronzed tables rebuild {name}"));
    }
    page
}
