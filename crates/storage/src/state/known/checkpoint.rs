//! Checkpoint of a snapshot's known rows, as an object of the lake.
//!
//! ```text
//! tcu_inidoneos/_state/known/20251022_c000002_5b1c9e07d2a4f683
//!
//! _key                          _version                          _slice
//! 00.000.000/0001-91|011.7…     5b0c3e1f9d2a4f6835c1b7a09e8d4c21  all
//! ```
//!
//! The object is a Parquet file without the extension, so that readers of the table's `**/*.parquet` don't
//! find it.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::Known;
use crate::bronze::BronzeError;
use crate::bronze::events::events;

/// Rows per encoded batch.
const BATCH_ROWS: usize = 10_000;

impl Known {
    /// Decodes the output of [`Known::encode`].
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, BronzeError> {
        let mut known = Self::default();
        events(bytes, |event| known.apply(event, false))?;
        Ok(known)
    }

    /// Encodes the rows, sorted by key.
    pub(super) fn encode(&self) -> Result<Bytes, BronzeError> {
        self.write().map(Into::into).map_err(BronzeError::Write)
    }

    fn write(&self) -> Result<Vec<u8>, ParquetError> {
        let text = |name| Field::new(name, DataType::Utf8, true);
        let fields = ["_key", "_version", "_slice"].map(text).to_vec();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))?;
        let mut keys: Vec<_> = self.rows.keys().collect();
        keys.sort_unstable();
        for keys in keys.chunks(BATCH_ROWS) {
            let contents = || keys.iter().filter_map(|key| self.rows.get(*key));
            let column = |column: StringArray| Arc::new(column) as ArrayRef;
            let columns = vec![
                column(keys.iter().map(|key| Some(&***key)).collect()),
                column(contents().map(|row| Some(row.hash.version())).collect()),
                column(contents().map(|row| self.slice(row.slice)).collect()),
            ];
            writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
        }
        writer.into_inner()
    }
}
