//! Metadata columns, which every bronze file has after the declared ones, and the file's key-value
//! properties.

use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use chrono::{DateTime, Utc};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use uuid::Uuid;

use bronzed_model::day::Day;
use bronzed_model::json;
use bronzed_model::schema::METADATA_COLUMNS;

/// Id by which rows are deduplicated.
pub(super) const ID: &str = "_id";
/// The id without its version.
pub(super) const KEY: &str = "_key";
/// Version of the record.
pub(super) const VERSION: &str = "_version";
/// Id of the parent record.
pub(super) const PARENT_ID: &str = "_parent_id";
/// The slice that the row was read from.
pub(super) const SLICE: &str = "_slice";
/// Change of the record since the previous snapshot.
pub(super) const OP: &str = "_op";
/// Time at which the run stored the row, in UTC.
pub(super) const INGESTED_AT: &str = "_ingested_at";
/// Values that don't fit the declared columns.
pub(super) const EXTRA: &str = "_extra";
/// Prefix of the names of the file's properties.
const PROPERTY: &str = "bronzed.";
/// Property with the ids of the parents that this file completes.
const PARENTS: &str = "parents_done";

/// Provenance of a file, the same for all of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// The day that the partition stands for.
    pub day: Day,
    /// The run that stores the rows.
    pub run_id: Uuid,
    /// Job that requested the run; `manual` from the command line.
    pub job: String,
    /// Time at which the run stores the rows.
    pub ingested_at: DateTime<Utc>,
}

/// Change of a record since the previous snapshot, as stored in the column `_op`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The record was not in the previous snapshot.
    New,
    /// The record's content differs.
    Changed,
    /// The record is no longer in the snapshot. The declared columns of the row are null.
    Vanished,
}

impl Op {
    /// Returns the text stored in the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Vanished => "vanished",
        }
    }

    /// Parses the text stored in the column.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::New, Self::Changed, Self::Vanished]
            .into_iter()
            .find(|op| op.name() == name)
    }
}

/// Arrow fields of the metadata columns.
pub(super) fn fields() -> impl Iterator<Item = Field> {
    METADATA_COLUMNS.iter().map(|name| {
        let kind = match *name {
            INGESTED_AT => instant(),
            _ => DataType::Utf8,
        };
        Field::new(*name, kind, true)
    })
}

/// Arrow type of an instant in UTC, in microseconds.
pub(super) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// Writer properties: zstd, statistics, and the file's provenance.
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

/// Returns the property with the ids of the parents that the file completes, as a JSON array. `None` if there
/// are none.
pub(super) fn parents_done(parents: &[Box<str>]) -> Option<KeyValue> {
    let ids: Vec<_> = parents.iter().map(|id| json::quote(id)).collect();
    let list = format!("[{}]", ids.join(","));
    (!ids.is_empty()).then(|| KeyValue::new(format!("{PROPERTY}{PARENTS}"), list))
}

/// Reads the ids of the completed parents from the file's properties.
pub(super) fn parents_in(pairs: Option<&Vec<KeyValue>>) -> Vec<Box<str>> {
    let list = property(pairs, PARENTS);
    list.and_then(|list| serde_json::from_str(list).ok())
        .unwrap_or_default()
}

/// Returns one of the file's properties by name: `run_id`, `job`.
pub(super) fn property<'a>(pairs: Option<&'a Vec<KeyValue>>, name: &str) -> Option<&'a str> {
    pairs?
        .iter()
        .find(|pair| pair.key.strip_prefix(PROPERTY) == Some(name))?
        .value
        .as_deref()
}
