//! `bronzed tables sql`: statements by which an engine knows every table of the lake by name.

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;

use super::selected;
use crate::cli::views::address;
use crate::cli::{CliContext, CliError, Exit, say};
use bronzed_model::declaration::Dataset;
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed tables sql > tables.sql                       views of DuckDB's extension `delta`
  bronzed tables sql --engine spark pncp --lake s3a://bucket/lake")]
pub struct Args {
    /// Sources (`pncp`), or their datasets (`pncp.contratacoes`). Default: all, enabled or not
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
    let datasets = selected(&settings, &args.targets)?;
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
            statements.push(statement(args.engine, &dataset, &address));
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

fn statement(engine: TableEngine, dataset: &Dataset, address: &str) -> String {
    let name = dataset.full_name().replace('.', "_");
    let location = format!("{address}/{}", dataset.prefix).replace('\'', "''");
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
