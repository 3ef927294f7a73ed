//! `bronzed views`: SQL that creates a DuckDB view for each dataset, for those who read the lake.

mod sql;

use std::path::absolute;

use anyhow::{Context as _, anyhow};
use url::Url;

use crate::cli::{CliContext, CliError, Exit, say, target};
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed views > views.sql            the datasets that the lake has files of
  duckdb lake.duckdb < views.sql       and a database that reads them
  bronzed views pncp --lake s3://bucket/lake")]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// URL under which DuckDB reaches the lake. Default: that of the configuration
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
    /// Create views of datasets without a file, too: DuckDB refuses them until there is one. The lake isn't read
    #[arg(long)]
    all: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let datasets = target::declared(&settings, &args.targets)?;
    shell.log(&settings, true)?;
    let url = args.lake.as_deref().unwrap_or(&settings.lake.url);
    let address = address(url).map_err(CliError::Usage)?;
    let mut found = Vec::new();
    if args.all {
        found = datasets;
    } else {
        let lake = Lake::open_existing(&settings.lake).await;
        let lake = lake.context("the lake")?;
        for dataset in datasets {
            if has_files(&lake, &dataset).await? {
                found.push(dataset);
            }
        }
    }
    if found.is_empty() {
        return Err(anyhow!(
            "the lake has no files of these datasets; --all prints their views all the same"
        )
        .into());
    }
    let views = found.iter().map(|dataset| sql::view(dataset, &address));
    let views: Vec<_> = views.collect();
    say(&format!("{}\n{}", sql::head(&address), views.join("\n")));
    Ok(Exit::Done)
}

async fn has_files(lake: &Lake, dataset: &Dataset) -> anyhow::Result<bool> {
    let entries = lake.list(&dataset.prefix).await?;
    let mut days = entries
        .iter()
        .map(|entry| layout::file_day(&dataset.prefix, &entry.key));
    Ok(days.any(|day| day.is_some()))
}

/// Returns the address of a lake as DuckDB takes it, without a slash at its end. A folder's is absolute, so that
/// the views work wherever they are used.
pub(super) fn address(url: &str) -> Result<String, String> {
    let url = url.trim();
    let folder = match Url::parse(url) {
        Ok(parsed) if parsed.scheme() == "file" => parsed.to_file_path().ok(),
        Ok(parsed) if parsed.scheme() == "memory" => {
            return Err("a lake in memory can't be read by another program".to_owned());
        }
        Ok(_) if url.contains("://") => return Ok(url.trim_end_matches('/').to_owned()),
        _ => absolute(url).ok(),
    };
    let folder = folder.ok_or_else(|| format!("`{url}` is no folder or URL"))?;
    let folder = folder
        .to_str()
        .ok_or_else(|| format!("`{url}` isn't Unicode"))?;
    Ok(folder.trim_end_matches('/').to_owned())
}
