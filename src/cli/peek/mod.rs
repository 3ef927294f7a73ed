//! `bronzed peek`: a look at the rows of a table without any engine, newest first.

mod view;

use std::collections::HashSet;

use anyhow::Context as _;

use self::view::{PeekFormat, PeekedRow};
use crate::cli::rows::{NamedTable, ReadableFile, RowFilter, root};
use crate::cli::text::Screen;
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_storage::bronze::row_text;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions: = != < <= > >=, like 'a%b', is null, is not null, joined by `and`; texts in quotes, columns by dots.

Examples:
  bronzed peek pncp.contratacoes
  bronzed peek silver.pncp.contratacoes --where \"unidade_orgao_uf_sigla = 'SP'\"
  bronzed peek pncp.contratacoes --where \"orgaoEntidade.cnpj = '00394452000103' and valorTotalEstimado >= 1000000\"
  bronzed peek pncp.contratos --columns numeroControlePNCP,valorGlobal --from 2025-10-01 --format csv")]
pub struct Args {
    /// Dataset, `pncp.contratacoes`, or silver table, `silver.pncp.contratacoes`
    #[arg(value_name = "TABLE")]
    table: String,
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
    /// One day of a dataset
    #[arg(long, value_name = DAY, conflicts_with_all = ["from", "to"])]
    day: Option<TypedDay>,
    /// First day of a dataset
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day of a dataset
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
}

/// Rows that are looked for.
#[derive(Debug)]
struct RowSearch {
    filter: RowFilter,
    /// Top-level columns that are read. `None`: all.
    read: Option<HashSet<String>>,
    limit: usize,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let (from, to) = (args.day.or(args.from), args.day.or(args.to));
    let settings = shell.settings()?;
    let table = NamedTable::find(&settings, &args.table)?;
    let span = table.span(&settings, SystemClock.now(), (from, to))?;
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
    };
    let mut found = Vec::new();
    let more = async |files| rows_of(&lake, files, &search, &mut found).await;
    table.newest_first(&lake, &span, more).await?;
    if found.is_empty() && args.format == PeekFormat::Table {
        say("no such row");
        return Ok(Exit::Done);
    }
    let columns = match args.columns.is_empty() {
        false => args.columns,
        true => table.columns(),
    };
    view::print(args.format, &columns, &found, Screen::stdout());
    Ok(Exit::Done)
}

/// Adds the rows of these Parquet files that are looked for, in the order of the files. Returns `true` if there are enough.
async fn rows_of(
    lake: &Lake,
    files: Vec<ReadableFile>,
    search: &RowSearch,
    found: &mut Vec<PeekedRow>,
) -> anyhow::Result<bool> {
    for ReadableFile { key, .. } in files {
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
