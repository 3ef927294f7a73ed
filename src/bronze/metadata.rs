//! The columns that every bronze file has after the declared ones, and the file's own properties.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use chrono::{DateTime, Utc};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use uuid::Uuid;

use crate::bronze::schema::METADATA_COLUMNS;
use crate::day::Day;
use crate::json;

/// What dedup goes by.
pub(super) const ID: &str = "_id";
/// The id without its version.
pub(super) const KEY: &str = "_key";
/// The version.
pub(super) const VERSION: &str = "_version";
/// The id of the record that the row's was read for.
pub(super) const PARENT_ID: &str = "_parent_id";
/// The slice that the row was read from.
pub(super) const SLICE: &str = "_slice";
/// What became of the record since the snapshot before.
pub(super) const OP: &str = "_op";
/// When the run stored the row, in UTC.
pub(super) const INGESTED_AT: &str = "_ingested_at";
/// What didn't fit the declared columns.
pub(super) const EXTRA: &str = "_extra";
/// What the names of a file's own properties begin with.
const PROPERTY: &str = "bronzed.";
/// The property that names the parents done with a file.
const PARENTS: &str = "parents_done";

/// Where a file comes from: the same for all of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// The day that the partition stands for.
    pub day: Day,
    /// The run that stores the rows.
    pub run_id: Uuid,
    /// The job that asked for it; `manual` from the command line.
    pub job: String,
    /// When the run stores the rows.
    pub ingested_at: DateTime<Utc>,
}

/// What became of a record since the snapshot before, as the column `_op` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// It wasn't there.
    New,
    /// It had another content.
    Changed,
    /// It is there no more. The row has no record: its columns are null.
    Vanished,
}

impl Op {
    /// As the column says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Vanished => "vanished",
        }
    }

    /// What the column says.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::New, Self::Changed, Self::Vanished]
            .into_iter()
            .find(|op| op.name() == name)
    }
}

/// The fields of the metadata columns.
pub(super) fn fields() -> impl Iterator<Item = Field> {
    METADATA_COLUMNS.iter().map(|name| {
        let kind = match *name {
            INGESTED_AT => instant(),
            _ => DataType::Utf8,
        };
        Field::new(*name, kind, true)
    })
}

/// An instant in UTC, to the microsecond.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// How files are written: zstd, statistics on, and what tells where the file comes from.
pub(super) fn properties(meta: &FileMeta) -> Result<WriterProperties, ParquetError> {
    let version = env!("CARGO_PKG_VERSION");
    let pair = |name: &str, value: String| KeyValue::new(format!("{PROPERTY}{name}"), value);
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(format!("bronzed version {version}"))
        .set_key_value_metadata(Some(vec![
            pair("dataset", meta.dataset.clone()),
            pair("day", meta.day.to_string()),
            pair("run_id", meta.run_id.to_string()),
            pair("job", meta.job.clone()),
            pair("version", version.to_owned()),
        ]))
        .build())
}

/// The property that names the parents done with a file, as a JSON array; none where there are none.
pub(super) fn parents_done(parents: &[Box<str>]) -> Option<KeyValue> {
    let ids: Vec<_> = parents.iter().map(|id| json::quote(id)).collect();
    let list = format!("[{}]", ids.join(","));
    (!ids.is_empty()).then(|| KeyValue::new(format!("{PROPERTY}{PARENTS}"), list))
}

/// The parents done with a file, as its property names them.
pub(super) fn parents_in(pairs: Option<&Vec<KeyValue>>) -> Vec<Box<str>> {
    let list = property(pairs, PARENTS);
    list.and_then(|list| serde_json::from_str(list).ok())
        .unwrap_or_default()
}

/// One of the file's own properties: `run_id`, `job`.
pub(super) fn property<'a>(pairs: Option<&'a Vec<KeyValue>>, name: &str) -> Option<&'a str> {
    pairs?
        .iter()
        .find(|pair| pair.key.strip_prefix(PROPERTY) == Some(name))?
        .value
        .as_deref()
}
