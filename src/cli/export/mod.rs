//! `bronzed export`: the rows of a table as one CSV or Parquet file.

mod month;
mod target;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::month::MonthSpan;
use self::target::StagedFile;
use crate::cli::progress::FileBar;
use crate::cli::rows::{NamedTable, ReadableFile, RowFilter, TableSpan, root};
use crate::cli::signal::cancel_quietly;
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::json::tape::{Document, TapeError};
use bronzed_storage::bronze::export::{
    ColumnUnion, ExportError, ExportFormat, ExportWriter, RowCondition, columns_of,
};
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions and columns are those of `bronzed peek`. The file has its name only when it is whole.

Examples:
  bronzed export pncp.contratacoes --month 2025-10 --output outubro.parquet
  bronzed export pncp.contratos --from 2025-10-01 --columns numeroControlePNCP,orgaoEntidade.cnpj,valorGlobal --output contratos.csv
  bronzed export silver.pncp.contratacoes --where \"unidade_orgao_uf_sigla = 'SP'\" --output sp.csv --force")]
pub struct Args {
    /// Dataset with all versions of its records, `pncp.contratacoes`, or silver table, `silver.pncp.contratacoes`
    #[arg(value_name = "TABLE")]
    table: String,
    /// File to be written: CSV or Parquet, as its name ends
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// First day of a dataset
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day of a dataset
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
    /// One month of a dataset's days, or of a silver table's partitions
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    month: Option<MonthSpan>,
    /// Columns, separated by commas; members by dots. Default: all that a file has
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    columns: Vec<String>,
    /// Only rows that meet these conditions
    #[arg(long = "where", value_name = "CONDITIONS")]
    condition: Option<String>,
    /// Replace a file of this name
    #[arg(long)]
    force: bool,
    /// Print one JSON object with the numbers of rows and bytes
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let format = format_of(&args.output)?;
    if !args.force && args.output.exists() {
        return Err(exists(&args.output));
    }
    let filter = args.condition.as_deref().map(RowFilter::parse);
    let filter = filter.transpose().map_err(CliError::Usage)?;
    let settings = shell.settings()?;
    let table = NamedTable::find(&settings, &args.table)?;
    let days = (args.from, args.to);
    let days = table.span(&settings, SystemClock.now(), days)?;
    shell.log(&settings, true)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.context("the lake")?;
    let files = table.files(&lake, &span(&table, &args, days)).await?;
    if files.is_empty() {
        return Err(CliError::Failed(anyhow!(
            "`{}` has no files there: nothing was written",
            table.name()
        )));
    }
    let (staged, out) = StagedFile::begin(&args.output)
        .with_context(|| format!("{} can't be written", args.output.display()))?;
    let bar = FileBar::new(shell, &table.name(), files.len());
    let export = Export {
        lake: &lake,
        files: &files,
        paths: &args.columns,
        filter: filter.as_ref(),
        bar: &bar,
    };
    let written = export.write(format, out).await;
    bar.finish();
    let (rows, out) = written?;
    let placed = staged.place(&out, args.force);
    let placed = placed.with_context(|| format!("{}", args.output.display()))?;
    let bytes = placed.ok_or_else(|| exists(&args.output))?;
    let path = args.output.display().to_string();
    say(&match args.json {
        true => json!({
            "table": table.name(),
            "file": path,
            "rows": rows,
            "bytes": bytes,
            "files_read": files.len(),
        })
        .to_string(),
        false => format!("{}: {rows} rows, {bytes} bytes in {path}", table.name()),
    });
    Ok(Exit::Done)
}

fn exists(path: &Path) -> CliError {
    CliError::Usage(format!(
        "{} exists already: name another file, or replace it with --force",
        path.display()
    ))
}

fn format_of(path: &Path) -> Result<ExportFormat, CliError> {
    let end = path.extension().and_then(|end| end.to_str());
    match end.map(str::to_lowercase).as_deref() {
        Some("csv") => Ok(ExportFormat::Csv),
        Some("parquet") => Ok(ExportFormat::Parquet),
        _ => Err(CliError::Usage(format!(
            "{}: the name of the file ends with .csv or .parquet",
            path.display()
        ))),
    }
}

fn span(table: &NamedTable, args: &Args, days: TableSpan) -> TableSpan {
    match (&args.month, table) {
        (Some(month), NamedTable::Bronze(_)) => TableSpan {
            from: Some(month.first),
            to: Some(month.last),
            month: None,
        },
        (month, _) => TableSpan {
            month: month.as_ref().map(ToString::to_string),
            ..days
        },
    }
}

/// An export at work.
struct Export<'a> {
    lake: &'a Lake,
    files: &'a [ReadableFile],
    paths: &'a [String],
    filter: Option<&'a RowFilter>,
    bar: &'a FileBar,
}

impl Export<'_> {
    /// Writes the rows of all files; returns their number.
    async fn write(&self, format: ExportFormat, out: File) -> anyhow::Result<(u64, File)> {
        let cancel = CancellationToken::new();
        cancel_quietly(cancel.clone());
        let goes_on = || match cancel.is_cancelled() {
            true => Err(anyhow!("stopped: nothing was written")),
            false => Ok(()),
        };
        let mut union = ColumnUnion::of_paths(self.paths);
        for ReadableFile { key, size } in self.files {
            goes_on()?;
            union.add(key, &columns_of(self.lake, key, *size).await?)?;
        }
        let is_met = |row: String| -> Result<bool, TapeError> {
            let row = Document::parse(row)?;
            Ok(self.filter.is_none_or(|filter| filter.is_met(row.value())))
        };
        let condition = self.filter.map(|filter| RowCondition {
            columns: filter.paths().map(root).collect(),
            is_met: &is_met,
        });
        let columns = union.select(self.paths, format)?;
        let mut writer = ExportWriter::new(format, columns, BufWriter::new(out))?;
        let mut rows = 0;
        for ReadableFile { key, .. } in self.files {
            goes_on()?;
            let found = self.lake.get(key).await?;
            let (bytes, _) = found.ok_or_else(|| ExportError::Gone(key.clone()))?;
            rows += writer.add(key, &bytes, condition.as_ref())?;
            self.bar.file_done(rows);
        }
        let out = writer.finish()?;
        let out = out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        Ok((rows, out?))
    }
}
