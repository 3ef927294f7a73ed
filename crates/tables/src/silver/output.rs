//! Data files that are written: sorted rows, split at a size.

use std::sync::Arc;

use bronzed_model::quality::Results;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::expectations::Evaluator;
use bronzed_storage::lake::{Created, Lake};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use delta_kernel::arrow::array::cast::AsArray;
use delta_kernel::arrow::array::{Array, RecordBatch};
use delta_kernel::parquet::arrow::ArrowWriter;
use delta_kernel::parquet::basic::{Compression, ZstdLevel};
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::parquet::file::properties::WriterProperties;
use uuid::Uuid;

use super::SilverError;
use super::shape::{ID, MONTH, SilverShape};
use super::state::{FilePlace, TableFile};
use crate::add::AddedFile;
use crate::publish::WRITER;
use crate::statistics;

/// Size at which a file is ended.
pub(super) const FILE_BYTES: usize = 24 << 20;
/// Attempts to put a file.
const PUTS: u32 = 3;
/// Folder of the files with rows that readers don't see. Readers pass over names that begin with `_`.
const KEPT_FOLDER: &str = "_kept";
/// Value of a partition without one, in the names of folders.
const NO_MONTH: &str = "__HIVE_DEFAULT_PARTITION__";

/// Writer of the files of a place.
pub(super) struct TableWriter<'a> {
    lake: &'a Lake,
    shape: &'a SilverShape,
    place: &'a FilePlace,
    /// Id that no other step has.
    step: Uuid,
    now: DateTime<Utc>,
    encoder: Option<Encoder>,
    evaluator: Option<Evaluator>,
    /// Size at which a file is ended by default.
    file_bytes: usize,
    /// Size at which the files that are expected are ended.
    limit: usize,
    pub files: Vec<TableFile>,
    /// Number of files of the step, of all places.
    pub number: &'a mut u32,
}

/// A file that is being written.
struct Encoder {
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
    least: String,
    greatest: String,
}

impl<'a> TableWriter<'a> {
    /// Returns a writer of files of `place`.
    pub fn new(
        lake: &'a Lake,
        shape: &'a SilverShape,
        place: &'a FilePlace,
        (step, number): (Uuid, &'a mut u32),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            lake,
            shape,
            place,
            step,
            now,
            encoder: None,
            evaluator: None,
            file_bytes: FILE_BYTES,
            limit: FILE_BYTES,
            files: Vec::new(),
            number,
        }
    }

    /// Ends files at another size.
    pub fn ended_at(self, file_bytes: usize) -> Self {
        Self {
            file_bytes,
            limit: file_bytes,
            ..self
        }
    }

    /// Evaluates all rows by `evaluator`.
    pub fn evaluated_by(self, evaluator: Option<Evaluator>) -> Self {
        Self { evaluator, ..self }
    }

    /// Expects about so many bytes: they are split into files of equal size.
    pub fn expect(&mut self, bytes: u64) {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let files = bytes.div_ceil(self.file_bytes).max(1);
        self.limit = match files {
            1 => self.file_bytes,
            files => bytes / files + self.file_bytes / 16,
        };
    }

    /// Writes rows, which follow those before in the order of keys.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), SilverError> {
        let ids = batch.column_by_name(ID);
        let Some(ids) = ids
            .and_then(|array| array.as_string_opt::<i32>())
            .filter(|ids| !ids.is_empty())
        else {
            return Ok(());
        };
        if let Some(evaluator) = &mut self.evaluator {
            evaluator.see(batch);
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder {
                writer: encoder(self.shape).map_err(|error| failed(self.shape, error))?,
                rows: 0,
                least: ids.value(0).to_owned(),
                greatest: String::new(),
            }),
        };
        let written = encoder.writer.write(batch);
        written.map_err(|error| failed(self.shape, error))?;
        encoder.rows += batch.num_rows() as u64;
        ids.value(ids.len() - 1).clone_into(&mut encoder.greatest);
        // Others of the process are to have their turn.
        tokio::task::yield_now().await;
        let size = encoder.writer.bytes_written() + encoder.writer.in_progress_size();
        if size >= self.limit {
            self.end_file().await?;
        }
        Ok(())
    }

    /// Ends the file that is being written, and puts it into the lake under a name that nothing refers to yet.
    pub async fn end_file(&mut self) -> Result<(), SilverError> {
        let Some(encoder) = self.encoder.take() else {
            return Ok(());
        };
        let bytes = encoder.writer.into_inner();
        let bytes: Bytes = bytes.map_err(|error| failed(self.shape, error))?.into();
        *self.number += 1;
        let path = self.path();
        let added = match self.place {
            FilePlace::Kept => None,
            FilePlace::Table(month) => Some(self.added(&path, month, &bytes)?),
        };
        put(self.lake, &format!("{}/{path}", self.shape.prefix), &bytes).await?;
        self.files.push(TableFile {
            path,
            place: self.place.clone(),
            rows: encoder.rows,
            size: bytes.len() as u64,
            keys: Some((encoder.least, encoder.greatest)),
            added,
        });
        Ok(())
    }

    /// Takes the results of the expectations.
    pub fn take_results(&mut self) -> Results {
        self.evaluator
            .as_mut()
            .map(Evaluator::take_row_results)
            .unwrap_or_default()
    }

    fn path(&self) -> String {
        let name = format!("part-{}-{:04}.parquet", self.step, self.number);
        match (self.place, &self.shape.date) {
            (FilePlace::Kept, _) => format!("{KEPT_FOLDER}/{name}"),
            (FilePlace::Table(_), None) => name,
            (FilePlace::Table(month), Some(_)) => {
                format!("{MONTH}={}/{name}", month.as_deref().unwrap_or(NO_MONTH))
            }
        }
    }

    fn added(
        &self,
        path: &str,
        month: &Option<String>,
        bytes: &Bytes,
    ) -> Result<AddedFile, SilverError> {
        let size = bytes.len() as u64;
        let footer = statistics::parsed(bytes, size).map_err(|error| failed(self.shape, error))?;
        let statistics = footer.statistics_with(ID);
        let statistics = statistics.map_err(|error| failed(self.shape, error.into()))?;
        let partition = self.shape.date.as_ref();
        let partition = partition.map(|_| (MONTH.to_owned(), month.clone()));
        Ok(AddedFile::at(
            path,
            partition.into_iter().collect(),
            size,
            self.now.timestamp_millis(),
            statistics,
        ))
    }
}

fn encoder(shape: &SilverShape) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(WRITER.to_owned())
        .build();
    ArrowWriter::try_new(Vec::new(), Arc::clone(&shape.files), Some(properties))
}

fn failed(shape: &SilverShape, error: ParquetError) -> SilverError {
    SilverError::File {
        key: shape.prefix.clone(),
        error: BronzeError::Write(error),
    }
}

/// Puts an object whose name is unique: if it exists, an earlier attempt of this call has written it.
pub(super) async fn put(lake: &Lake, key: &str, bytes: &Bytes) -> Result<(), SilverError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match lake.create(key, bytes.clone()).await {
            Ok(Created::Done(_) | Created::Exists) => return Ok(()),
            Err(error) if error.outcome_unknown() && attempts < PUTS => {
                if lake.exists(key).await? {
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
