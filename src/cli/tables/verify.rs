//! `bronzed tables verify`: compares Delta logs with the files of their tables.

use serde_json::json;

use super::{OpenedTables, open};
use crate::cli::text::{Screen, TextPage};
use crate::cli::{CliContext, CliError, Exit, complain, say, show};
use bronzed_model::declaration::Dataset;
use bronzed_tables::{Comparison, compare};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// Print one JSON object per dataset
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let OpenedTables { lake, datasets } = open(shell, &args.targets).await?;
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
    Ok(match (failed, different) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Partial,
        (false, false) => Exit::Done,
    })
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
