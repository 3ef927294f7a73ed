//! A table that a command names, and its files.

use std::sync::Arc;

#[cfg(feature = "delta")]
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::cli::typed_day::TypedDay;
use crate::cli::{CliError, target};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
#[cfg(feature = "delta")]
use bronzed_model::declaration::SilverTable;
use bronzed_model::schema::METADATA_COLUMNS;
use bronzed_model::settings::Settings;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::Lake;
#[cfg(feature = "delta")]
use bronzed_tables::silver::{LiveFile, live_files};

/// Start of the names of silver tables.
const SILVER: &str = "silver.";

/// Table that is named: `pncp.contratacoes`, `silver.pncp.contratacoes`.
#[derive(Debug)]
pub enum NamedTable {
    /// A dataset: all versions of its records.
    Bronze(Arc<Dataset>),
    /// A silver table.
    #[cfg(feature = "delta")]
    Silver(Arc<SilverTable>),
}

impl NamedTable {
    /// Returns the table of this name.
    ///
    /// # Errors
    /// Returns an error if there is none, or the name is that of a source.
    pub fn find(settings: &Settings, name: &str) -> Result<Self, CliError> {
        if let Some(silver) = name.strip_prefix(SILVER) {
            return Self::find_silver(settings, silver);
        }
        let (_, mut datasets) = target::find(settings, name)?;
        match datasets.pop() {
            Some(dataset) if datasets.is_empty() => Ok(Self::Bronze(dataset)),
            _ => Err(several(name)),
        }
    }

    #[cfg(feature = "delta")]
    fn find_silver(settings: &Settings, name: &str) -> Result<Self, CliError> {
        if !name.contains('.') {
            return Err(several(&format!("{SILVER}{name}")));
        }
        let mut tables = crate::cli::silver::selected(settings, &[name.to_owned()], true)?;
        tables.pop().map(Self::Silver).ok_or_else(|| several(name))
    }

    #[cfg(not(feature = "delta"))]
    fn find_silver(_: &Settings, name: &str) -> Result<Self, CliError> {
        Err(CliError::Usage(format!(
            "`{SILVER}{name}` is a silver table, which this program was built without"
        )))
    }

    /// Name of the table.
    pub fn name(&self) -> String {
        match self {
            Self::Bronze(dataset) => dataset.full_name(),
            #[cfg(feature = "delta")]
            Self::Silver(table) => table.full_name(),
        }
    }

    /// Returns the part of the table between two typed days, `now` in the zone of its source.
    ///
    /// # Errors
    /// Returns an error if the days end before they start.
    pub fn span(
        &self,
        settings: &Settings,
        now: DateTime<Utc>,
        (from, to): (Option<TypedDay>, Option<TypedDay>),
    ) -> Result<TableSpan, CliError> {
        let zone = match self {
            Self::Bronze(dataset) => settings.sources.get(&dataset.source),
            // It has no days, and refuses them later.
            #[cfg(feature = "delta")]
            Self::Silver(_) => None,
        };
        let zone = zone.map_or(Tz::UTC, |source| source.timezone);
        let (from, to) = (
            from.map(|day| day.at(now, zone)),
            to.map(|day| day.at(now, zone)),
        );
        target::in_order(from, to)?;
        Ok(TableSpan {
            from,
            to,
            month: None,
        })
    }

    /// Columns of the table, those that the program adds last.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Bronze(dataset) => {
                let declared = dataset.schema.columns.iter();
                let declared = declared.map(|column| column.name.clone());
                let metadata = METADATA_COLUMNS.iter().map(|name| (*name).to_owned());
                declared
                    .chain(metadata.filter(|name| name != "_extra"))
                    .collect()
            }
            #[cfg(feature = "delta")]
            Self::Silver(table) => {
                let declared = table.columns.iter();
                let declared = declared.map(|column| column.column.name.clone());
                let added = ["_id", "_parent_id", "_deleted", "_version", "_day"];
                declared.chain(added.map(str::to_owned)).collect()
            }
        }
    }
}

fn several(name: &str) -> CliError {
    CliError::Usage(format!(
        "`{name}` has several tables: name one, as `{name}.NAME`"
    ))
}

/// Part of a table.
#[derive(Debug, Clone, Default)]
pub struct TableSpan {
    /// First day.
    pub from: Option<Day>,
    /// Last day.
    pub to: Option<Day>,
    /// Month of the partitions of a silver table: `2025-10`.
    #[cfg_attr(
        not(feature = "delta"),
        expect(dead_code, reason = "only silver tables have partitions by month")
    )]
    pub month: Option<String>,
}

/// File of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadableFile {
    /// Key in the lake.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
}

impl NamedTable {
    /// Returns the files of a part of the table, oldest first.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read, or the table has no such parts.
    pub async fn files(
        &self,
        lake: &Lake,
        span: &TableSpan,
    ) -> Result<Vec<ReadableFile>, CliError> {
        let mut files = Vec::new();
        self.newest_first(lake, span, async |of_day| {
            files.extend(of_day);
            Ok(false)
        })
        .await?;
        files.reverse();
        Ok(files)
    }

    /// Gives the files of a part of the table, newest first, to `take`, until it says that it has enough: those of a day at a time,
    /// or all of a silver table.
    ///
    /// # Errors
    /// As [`NamedTable::files`], and those of `take`.
    pub async fn newest_first(
        &self,
        lake: &Lake,
        span: &TableSpan,
        take: impl AsyncFnMut(Vec<ReadableFile>) -> anyhow::Result<bool>,
    ) -> Result<(), CliError> {
        match self {
            Self::Bronze(dataset) => Ok(of_days(lake, &dataset.prefix, span, take).await?),
            #[cfg(feature = "delta")]
            Self::Silver(table) => {
                let mut take = take;
                take(of_silver(lake, table, span).await?).await?;
                Ok(())
            }
        }
    }
}

/// Returns the files of a silver table that readers see, newest month first.
#[cfg(feature = "delta")]
async fn of_silver(
    lake: &Lake,
    table: &SilverTable,
    span: &TableSpan,
) -> Result<Vec<ReadableFile>, CliError> {
    let name = table.full_name();
    if span.from.is_some() || span.to.is_some() {
        return Err(CliError::Usage(format!(
            "`{name}` is a silver table, which has no days: narrow it by a condition on one of its columns"
        )));
    }
    if span.month.is_some() && table.partition_by.is_none() {
        return Err(CliError::Usage(format!(
            "`{name}` has no partitions by month: narrow it by a condition on one of its columns"
        )));
    }
    let live = Box::pin(live_files(lake, table)).await;
    let live = live
        .with_context(|| name.clone())?
        .with_context(|| format!("`{name}` was never built: `bronzed silver build` makes it"))?;
    let live = live.into_iter().rev();
    let wanted = live.filter(|file| span.month.is_none() || file.month == span.month);
    let files = wanted.map(|LiveFile { key, size, .. }| ReadableFile { key, size });
    Ok(files.collect())
}

async fn of_days(
    lake: &Lake,
    prefix: &str,
    span: &TableSpan,
    mut take: impl AsyncFnMut(Vec<ReadableFile>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    for year in newest_folders(lake, prefix, "year=").await? {
        for month in newest_folders(lake, &year, "month=").await? {
            for folder in newest_folders(lake, &month, "day=").await? {
                let day = layout::file_day(prefix, &format!("{folder}/x.parquet"));
                let within = day.is_some_and(|day| {
                    span.from.is_none_or(|from| from <= day) && span.to.is_none_or(|to| day <= to)
                });
                if !within {
                    continue;
                }
                let files = lake.list(&folder).await?.into_iter().rev();
                let files = files.filter(|file| layout::file_day(prefix, &file.key).is_some());
                let files = files.map(|file| ReadableFile {
                    key: file.key,
                    size: file.size,
                });
                if take(files.collect()).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

async fn newest_folders(lake: &Lake, folder: &str, name: &str) -> anyhow::Result<Vec<String>> {
    let mut folders = lake.folders(folder).await?;
    let start = format!("{folder}/{name}");
    folders.retain(|folder| folder.starts_with(&start));
    folders.sort_unstable();
    folders.reverse();
    Ok(folders)
}
