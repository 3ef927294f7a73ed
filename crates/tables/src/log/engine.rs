//! The kernel's engine over a [`Mirror`]: JSON and Parquet of a log to Arrow, and back.

use std::io::{BufReader, Cursor};
use std::sync::Arc;

use bytes::Bytes;
use delta_kernel::arrow::array::RecordBatch;
use delta_kernel::arrow::json::ReaderBuilder;
use delta_kernel::engine::arrow_conversion::TryFromArrow;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine::arrow_expression::ArrowEvaluationHandler;
use delta_kernel::engine::arrow_utils::{
    RowIndexBuilder, build_json_reorder_indices, fixup_json_read, fixup_parquet_read,
    json_arrow_schema, ordering_needs_row_indexes, parquet_read_plan, parse_json, to_json_bytes,
};
use delta_kernel::engine::parquet_row_group_skipping::ParquetRowGroupSkipping;
use delta_kernel::engine::{reader_options, writer_options};
use delta_kernel::parquet::arrow::ArrowWriter;
use delta_kernel::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder,
};
use delta_kernel::parquet::basic::Compression;
use delta_kernel::parquet::file::properties::WriterProperties;
use delta_kernel::schema::{SchemaRef, StructType};
use delta_kernel::{
    Engine, EngineData, EvaluationHandler, FileDataReadResultIterator, FileMeta, FileSize,
    FileSlice, FilteredEngineData, JsonHandler, KernelError, KernelResult, KernelResultIterator,
    KernelResultIteratorStatic, ParquetFooter, ParquetHandler, PredicateRef, StorageHandler,
};
use url::Url;

use super::mirror::Mirror;

/// Engine whose objects are in a mirror. Clones share it.
#[derive(Debug, Clone)]
pub struct LogEngine {
    handler: Arc<Handler>,
    evaluation: Arc<ArrowEvaluationHandler>,
}

/// All handlers that read or write objects.
#[derive(Debug)]
struct Handler(Arc<Mirror>);

impl LogEngine {
    /// Returns an engine over the mirror.
    pub fn new(mirror: Arc<Mirror>) -> Self {
        Self {
            handler: Arc::new(Handler(mirror)),
            evaluation: Arc::new(ArrowEvaluationHandler),
        }
    }
}

impl Engine for LogEngine {
    fn evaluation_handler(&self) -> Arc<dyn EvaluationHandler> {
        self.evaluation.clone()
    }

    fn storage_handler(&self) -> Arc<dyn StorageHandler> {
        self.handler.clone()
    }

    fn json_handler(&self) -> Arc<dyn JsonHandler> {
        self.handler.clone()
    }

    fn parquet_handler(&self) -> Arc<dyn ParquetHandler> {
        self.handler.clone()
    }
}

impl StorageHandler for Handler {
    fn list_from(&self, path: &Url) -> KernelResult<KernelResultIteratorStatic<FileMeta>> {
        Ok(Box::new(self.0.list(path)?.into_iter().map(Ok)))
    }

    fn read_files(&self, files: Vec<FileSlice>) -> KernelResult<KernelResultIteratorStatic<Bytes>> {
        let read: Vec<_> = files.iter().map(|(url, _)| self.0.object(url)).collect();
        Ok(Box::new(read.into_iter()))
    }

    fn copy_atomic(&self, _: &Url, _: &Url) -> KernelResult<()> {
        Err(KernelError::unsupported("copies within a log"))
    }

    fn put(&self, path: &Url, data: Bytes, overwrite: bool) -> KernelResult<()> {
        self.0.write(path, data, overwrite)
    }

    fn head(&self, path: &Url) -> KernelResult<FileMeta> {
        Ok(FileMeta::new(path.clone(), 0, self.0.size(path)?))
    }

    fn delete(&self, _: &Url) -> KernelResult<()> {
        Err(KernelError::unsupported("deletions within a log"))
    }
}

impl JsonHandler for Handler {
    fn parse_json(
        &self,
        json_strings: Box<dyn EngineData>,
        output_schema: SchemaRef,
    ) -> KernelResult<Box<dyn EngineData>> {
        parse_json(json_strings, output_schema)
    }

    fn read_json_files(
        &self,
        files: &[FileMeta],
        schema: SchemaRef,
        _: Option<PredicateRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        let fetched = fetched(&self.0, files)?;
        let read = fetched
            .into_iter()
            .map(move |(location, bytes)| json_batches(bytes, &schema, location));
        Ok(flattened(read))
    }

    fn write_json_file(
        &self,
        path: &Url,
        data: KernelResultIterator<'_, FilteredEngineData>,
        overwrite: bool,
    ) -> KernelResult<FileSize> {
        let bytes = to_json_bytes(data)?;
        let size = bytes.len() as FileSize;
        self.0.write(path, bytes.into(), overwrite)?;
        Ok(size)
    }
}

impl ParquetHandler for Handler {
    fn read_parquet_files(
        &self,
        files: &[FileMeta],
        schema: SchemaRef,
        predicate: Option<PredicateRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        let fetched = fetched(&self.0, files)?;
        let read = fetched.into_iter().map(move |(location, bytes)| {
            parquet_batches(bytes, &schema, predicate.as_ref(), location)
        });
        Ok(flattened(read))
    }

    fn write_parquet_file(
        &self,
        location: Url,
        data: KernelResultIteratorStatic<Box<dyn EngineData>>,
    ) -> KernelResult<FileSize> {
        // A checkpoint is nearly all statistics, as text: uncompressed, 43,200 files take 125 MB, which each reader fetches.
        // Not by zstd: its buffers for each column left 1.5 to 2 MB with the allocator at each checkpoint.
        let compressed = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let mut writer = None;
        for batch in data {
            let batch: RecordBatch = (*ArrowEngineData::try_from_engine_data(batch?)?).into();
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(ArrowWriter::try_new_with_options(
                    Vec::new(),
                    batch.schema(),
                    writer_options().with_properties(compressed.clone()),
                )?),
            };
            writer.write(&batch)?;
        }
        let writer = writer.ok_or_else(|| KernelError::generic("a Parquet file without data"))?;
        let bytes = writer.into_inner()?;
        let size = bytes.len() as FileSize;
        self.0.write(&location, bytes.into(), true)?;
        Ok(size)
    }

    fn read_parquet_footer(&self, file: &FileMeta) -> KernelResult<ParquetFooter> {
        let bytes = self.0.object(&file.location)?;
        let metadata = ArrowReaderMetadata::load(&bytes, reader_options())?;
        let schema = StructType::try_from_arrow(metadata.schema().as_ref())?;
        Ok(ParquetFooter {
            schema: Arc::new(schema),
        })
    }
}

/// Returns the bytes of the files. All that aren't there are noted as wanted, so that they are fetched together.
fn fetched(mirror: &Mirror, files: &[FileMeta]) -> KernelResult<Vec<(String, Bytes)>> {
    let read: Vec<_> = files
        .iter()
        .map(|file| Ok((file.location.to_string(), mirror.object(&file.location)?)))
        .collect();
    read.into_iter().collect()
}

/// Batches of one file.
type Batches = Box<dyn Iterator<Item = KernelResult<ArrowEngineData>> + Send>;

fn flattened(
    files: impl Iterator<Item = KernelResult<Batches>> + Send + 'static,
) -> FileDataReadResultIterator {
    Box::new(files.flat_map(|file| -> FileDataReadResultIterator {
        match file {
            Ok(batches) => {
                Box::new(batches.map(|batch| Ok(Box::new(batch?) as Box<dyn EngineData>)))
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }))
}

fn json_batches(bytes: Bytes, schema: &SchemaRef, location: String) -> KernelResult<Batches> {
    let order = build_json_reorder_indices(schema)?;
    let reader = ReaderBuilder::new(Arc::new(json_arrow_schema(schema)?))
        .with_coerce_primitive(true)
        .build(BufReader::new(Cursor::new(bytes)))?;
    Ok(Box::new(reader.map(move |batch| {
        fixup_json_read(batch?, &order, &location)
    })))
}

fn parquet_batches(
    bytes: Bytes,
    schema: &SchemaRef,
    predicate: Option<&PredicateRef>,
    location: String,
) -> KernelResult<Batches> {
    let metadata = ArrowReaderMetadata::load(&bytes, reader_options())?;
    let (order, mask) = parquet_read_plan(schema, &metadata)?;
    let mut indexes = ordering_needs_row_indexes(&order)
        .then(|| RowIndexBuilder::new(metadata.metadata().row_groups()));
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
    if let Some(mask) = mask {
        builder = builder.with_projection(mask);
    }
    if let Some(predicate) = predicate {
        builder = builder.with_row_group_filter(predicate.as_ref(), indexes.as_mut());
    }
    let mut indexes = indexes.map(RowIndexBuilder::build).transpose()?;
    let (reader, schema) = (builder.build()?, schema.clone());
    Ok(Box::new(reader.map(move |batch| {
        fixup_parquet_read(
            batch?,
            &order,
            indexes.as_mut(),
            Some(&location),
            Some(&schema),
        )
    })))
}
