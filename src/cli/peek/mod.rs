//! `bronzed peek`: a look at the rows of a dataset without any engine, newest day first.

mod filter;
mod view;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context as _;

use self::filter::RowFilter;
use self::view::{PeekFormat, PeekedRow};
use crate::cli::text::Screen;
use crate::cli::{CliContext, CliError, Exit, say, target};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::schema::METADATA_COLUMNS;
use bronzed_storage::bronze::{layout, row_text};
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions: = != < <= > >=, like 'a%b', is null, is not null, joined by `and`; texts in quotes, columns by dots.

Examples:
  bronzed peek pncp.contratacoes
  bronzed peek pncp.contratacoes --where \"orgaoEntidade.cnpj = '00394452000103' and valorTotalEstimado >= 1000000\"
  bronzed peek pncp.contratos --columns numeroControlePNCP,valorGlobal --from 2025-10-01 --format csv")]
pub struct Args {
    /// Dataset: `pncp.contratacoes`
    #[arg(value_name = "SOURCE.DATASET")]
    dataset: String,
    /// Only rows that meet these conditions
    #[arg(long = "where", value_name = "CONDITIONS")]
    condition: Option<String>,
    /// Columns, separated by commas; members by dots. Default: those that fit the terminal; all of them when piped
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Vec<String>,
    /// Greatest number of rows
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Form of the rows
    #[arg(long, value_enum, default_value = "table")]
    format: PeekFormat,
    /// One day
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    day: Option<Day>,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<Day>,
    /// Last day
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<Day>,
}

/// Rows that are looked for.
#[derive(Debug)]
struct RowSearch {
    filter: RowFilter,
    /// Top-level columns that are read. `None`: all.
    read: Option<HashSet<String>>,
    limit: usize,
    from: Option<Day>,
    to: Option<Day>,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let (from, to) = (args.day.or(args.from), args.day.or(args.to));
    target::in_order(from, to)?;
    let settings = shell.settings()?;
    let dataset = one(target::find(&settings, &args.dataset)?.1, &args.dataset)?;
    let filter = args.condition.as_deref().unwrap_or_default();
    let filter = RowFilter::parse(filter).map_err(CliError::Usage)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.context("the lake")?;
    let paths = args.columns.iter().map(String::as_str);
    let read: HashSet<_> = paths.chain(filter.paths()).map(root).collect();
    let search = RowSearch {
        read: (!args.columns.is_empty()).then_some(read),
        filter,
        limit: args.limit,
        from,
        to,
    };
    let found = newest(&lake, &dataset.prefix, &search).await?;
    if found.is_empty() && args.format == PeekFormat::Table {
        say("no such row");
        return Ok(Exit::Done);
    }
    let columns = match args.columns.is_empty() {
        false => args.columns,
        true => columns_of(&dataset),
    };
    view::print(args.format, &columns, &found, Screen::stdout());
    Ok(Exit::Done)
}

fn one(mut datasets: Vec<Arc<Dataset>>, named: &str) -> Result<Arc<Dataset>, CliError> {
    match datasets.pop() {
        Some(dataset) if datasets.is_empty() => Ok(dataset),
        _ => Err(CliError::Usage(format!(
            "`{named}` has several datasets: name one, as `{named}.NAME`"
        ))),
    }
}

/// Returns the columns of the dataset, those of the metadata last.
fn columns_of(dataset: &Dataset) -> Vec<String> {
    let declared = dataset
        .schema
        .columns
        .iter()
        .map(|column| column.name.clone());
    let metadata = METADATA_COLUMNS.iter().map(|name| (*name).to_owned());
    declared
        .chain(metadata.filter(|name| name != "_extra"))
        .collect()
}

fn root(path: &str) -> String {
    let (root, _) = path.split_once('.').unwrap_or((path, ""));
    root.to_owned()
}

/// Returns the newest rows of the table that are looked for. Days, and files within them, are read from the last one on, until
/// there are enough.
async fn newest(lake: &Lake, prefix: &str, search: &RowSearch) -> anyhow::Result<Vec<PeekedRow>> {
    let mut found = Vec::new();
    for year in newest_folders(lake, prefix, "year=").await? {
        for month in newest_folders(lake, &year, "month=").await? {
            for folder in newest_folders(lake, &month, "day=").await? {
                let day = layout::file_day(prefix, &format!("{folder}/x.parquet"));
                let within = day.is_some_and(|day| {
                    search.from.is_none_or(|from| from <= day)
                        && search.to.is_none_or(|to| day <= to)
                });
                if !within {
                    continue;
                }
                let files = lake.list(&folder).await?;
                let keys = files.into_iter().rev().map(|file| file.key);
                let keys = keys.filter(|key| layout::file_day(prefix, key).is_some());
                if rows_of(lake, keys, search, &mut found).await? {
                    return Ok(found);
                }
            }
        }
    }
    Ok(found)
}

async fn newest_folders(lake: &Lake, folder: &str, name: &str) -> anyhow::Result<Vec<String>> {
    let mut folders = lake.folders(folder).await?;
    let start = format!("{folder}/{name}");
    folders.retain(|folder| folder.starts_with(&start));
    folders.sort_unstable();
    folders.reverse();
    Ok(folders)
}

/// Adds the rows of these Parquet files that are looked for, in the order of the files. Returns `true` if there are enough.
async fn rows_of(
    lake: &Lake,
    keys: impl Iterator<Item = String>,
    search: &RowSearch,
    found: &mut Vec<PeekedRow>,
) -> anyhow::Result<bool> {
    for key in keys {
        if found.len() >= search.limit {
            return Ok(true);
        }
        let Some((bytes, _)) = lake.get(&key).await? else {
            continue;
        };
        let wanted = |name: &str| search.read.as_ref().is_none_or(|read| read.contains(name));
        for row in row_text::row_texts(&bytes, wanted).with_context(|| key.clone())? {
            let row = PeekedRow::parse(row.with_context(|| key.clone())?)?;
            if search.filter.is_met(row.value()) {
                found.push(row);
            }
            if found.len() >= search.limit {
                return Ok(true);
            }
        }
    }
    Ok(found.len() >= search.limit)
}
