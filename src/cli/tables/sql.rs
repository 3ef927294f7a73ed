//! `bronzed tables sql`: statements by which an engine knows every table of the lake by name.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;

use super::selected;
use crate::cli::views::address;
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::declaration::SilverTable;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed tables sql > tables.sql                       views of DuckDB's extension `delta`
  bronzed tables sql --engine spark pncp --lake s3a://bucket/lake")]
pub struct Args {
    /// Sources (`pncp`), with their silver tables; datasets (`pncp.contratacoes`), or silver tables
    /// (`silver.pncp.contratacoes`). Default: all, enabled or not
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// Engine that the statements are for
    #[arg(long, value_enum, default_value = "duckdb")]
    engine: TableEngine,
    /// URL under which the engine reaches the lake. Default: that of the configuration
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
}

/// Engine that reads Delta tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TableEngine {
    /// Views over `delta_scan`, of the extension `delta`
    Duckdb,
    /// Tables of Spark SQL, with the package `delta-spark`
    Spark,
    /// Registrations in a catalog of Trino's connector `delta_lake`
    Trino,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let (of_bronze, of_silver) = by_kind(&args.targets);
    let datasets = match of_bronze.is_empty() && !of_silver.is_empty() {
        true => Vec::new(),
        false => selected(&settings, &of_bronze)?,
    };
    let silver = silver_tables(&settings, &of_bronze, &of_silver)?;
    shell.log(&settings, true)?;
    let url = args.lake.as_deref().unwrap_or(&settings.lake.url);
    let address = address(url).map_err(CliError::Usage)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.context("the lake")?;
    let mut statements = Vec::new();
    for dataset in datasets {
        if bronzed_tables::has_log(&lake, &dataset)
            .await
            .map_err(anyhow::Error::from)?
        {
            let name = dataset.full_name();
            statements.push(statement(args.engine, (&name, &dataset.prefix), &address));
        }
    }
    for table in silver {
        let has_log = bronzed_tables::silver::has_log(&lake, &table).await;
        if has_log.map_err(anyhow::Error::from)? {
            let name = table.full_name();
            statements.push(statement(args.engine, (&name, &table.prefix), &address));
        }
    }
    if statements.is_empty() {
        return Err(anyhow!(
            "the lake has no Delta log of these datasets yet: `bronzed tables rebuild` makes them"
        )
        .into());
    }
    if args.engine == TableEngine::Duckdb {
        statements.insert(0, "INSTALL delta; LOAD delta;".to_owned());
    }
    say(&statements.join("\n"));
    Ok(Exit::Done)
}

/// Returns the targets among datasets, and those among silver tables, which begin with `silver.`.
fn by_kind(targets: &[String]) -> (Vec<String>, Vec<String>) {
    let (silver, bronze): (Vec<_>, Vec<_>) = targets
        .iter()
        .cloned()
        .partition(|target| target.starts_with("silver."));
    (bronze, silver)
}

/// Returns the silver tables to print: those that are named, those of sources that are named, or all.
fn silver_tables(
    settings: &Settings,
    of_bronze: &[String],
    of_silver: &[String],
) -> Result<Vec<Arc<SilverTable>>, CliError> {
    let all = of_bronze.is_empty() && of_silver.is_empty();
    let mut tables = match of_silver.is_empty() {
        true => Vec::new(),
        false => crate::cli::silver::selected(settings, of_silver, true)?,
    };
    for (name, source) in &settings.sources {
        if all || of_bronze.contains(name) {
            tables.extend(source.silver.values().cloned());
        }
    }
    Ok(tables)
}

fn statement(engine: TableEngine, (name, prefix): (&str, &str), address: &str) -> String {
    let name = name.replace('.', "_");
    let location = format!("{address}/{prefix}").replace('\'', "''");
    match engine {
        TableEngine::Duckdb => {
            format!("CREATE OR REPLACE VIEW \"{name}\" AS SELECT * FROM delta_scan('{location}');")
        }
        TableEngine::Spark => {
            format!("CREATE TABLE IF NOT EXISTS `{name}` USING delta LOCATION '{location}';")
        }
        TableEngine::Trino => format!(
            "CALL system.register_table(schema_name => 'default', table_name => '{name}', table_location => '{location}');"
        ),
    }
}
