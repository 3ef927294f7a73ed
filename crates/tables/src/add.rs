//! Files as the Delta log adds them: path, partition, size, and statistics out of the footer.

use std::collections::BTreeMap;
use std::sync::Arc;

use delta_kernel::EngineData;
use delta_kernel::arrow::array::{
    Array, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    StructArray,
};
use delta_kernel::arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use delta_kernel::arrow::error::ArrowError;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::schema::StructType;
use delta_kernel::{KernelError, KernelResult};
use futures::{StreamExt, TryStreamExt, stream};

use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Entry, Lake};

use crate::error::DeltaError;
use crate::foreign;
use crate::statistics::{self, Footer};

/// Footers that are read at once.
const READS: usize = 16;

/// A file to be added.
#[derive(Debug, Clone)]
pub struct AddedFile {
    path: String,
    /// Values of the partition's columns.
    partition: Vec<(String, Option<String>)>,
    size: u64,
    modified_millis: i64,
    statistics: StructArray,
}

/// Reads the footers of the files. Left out: files that are gone, and files of another writer whose columns aren't the
/// table's. What was `read` before isn't read again.
///
/// # Errors
/// Returns an error if a file can't be read, or isn't a Parquet file.
pub async fn read(
    lake: &Lake,
    dataset: &Dataset,
    schema: &StructType,
    files: &[(Day, Entry)],
    read: &mut BTreeMap<String, AddedFile>,
) -> Result<Vec<AddedFile>, DeltaError> {
    let unread: Vec<_> = files
        .iter()
        .filter(|(_, file)| !read.contains_key(&file.key))
        .cloned()
        .collect();
    let footers = stream::iter(unread).map(|(day, file)| with_footer(lake, day, file));
    let footers: Vec<_> = footers.buffered(READS).try_collect().await?;
    for (day, file, footer) in footers {
        let Some(footer) = footer else { continue };
        let prefix = &dataset.prefix;
        let own = layout::file_number(prefix, day, &file.key).is_some()
            || layout::compacted_name(prefix, &file.key).is_some();
        if !own && foreign::mismatch(footer.schema(), schema).is_some() {
            continue;
        }
        let statistics = footer.statistics();
        let statistics =
            statistics.map_err(|error| DeltaError::log(&dataset.prefix, error.into()))?;
        let added = AddedFile::new(&dataset.prefix, day, &file, statistics);
        read.insert(file.key, added);
    }
    let added = files.iter().filter_map(|(_, file)| read.get(&file.key));
    Ok(added.cloned().collect())
}

async fn with_footer(
    lake: &Lake,
    day: Day,
    file: Entry,
) -> Result<(Day, Entry, Option<Footer>), DeltaError> {
    let footer = statistics::footer(lake, &file).await?;
    Ok((day, file, footer))
}

/// Returns the columns of a day's partition with their values.
fn day_partition(day: Day) -> Vec<(String, Option<String>)> {
    let folders = day.partition();
    let columns = folders.split('/').filter_map(|folder| {
        let (name, value) = folder.split_once('=')?;
        Some((name.to_owned(), Some(value.to_owned())))
    });
    columns.collect()
}

impl AddedFile {
    /// Returns a file at `path` within its table, of these values of the partition's columns.
    pub fn at(
        path: &str,
        partition: Vec<(String, Option<String>)>,
        size: u64,
        modified_millis: i64,
        statistics: StructArray,
    ) -> Self {
        Self {
            path: path.to_owned(),
            partition,
            size,
            modified_millis,
            statistics,
        }
    }

    fn new(prefix: &str, day: Day, file: &Entry, statistics: StructArray) -> Self {
        Self {
            path: file
                .key
                .strip_prefix(prefix)
                .unwrap_or(&file.key)
                .trim_start_matches('/')
                .to_owned(),
            partition: day_partition(day),
            size: file.size,
            modified_millis: file.modified.timestamp_millis(),
            statistics,
        }
    }

    /// Returns the file as the kernel takes it.
    ///
    /// # Errors
    /// Returns an error if the size is beyond the format.
    pub fn action(&self) -> KernelResult<Box<dyn EngineData>> {
        let size = i64::try_from(self.size).map_err(KernelError::generic_err)?;
        let batch = self.batch(size).map_err(KernelError::from)?;
        Ok(Box::new(ArrowEngineData::new(batch)))
    }

    fn batch(&self, size: i64) -> Result<RecordBatch, ArrowError> {
        let names = MapFieldNames {
            entry: "key_value".to_owned(),
            key: "key".to_owned(),
            value: "value".to_owned(),
        };
        let mut partition =
            MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for (name, value) in &self.partition {
            partition.keys().append_value(name);
            partition.values().append_option(value.as_deref());
        }
        partition.append(true)?;
        let partition = partition.finish();
        let schema = ArrowSchema::new(vec![
            Field::new("path", DataType::Utf8, false),
            Field::new("partitionValues", partition.data_type().clone(), false),
            Field::new("size", DataType::Int64, false),
            Field::new("modificationTime", DataType::Int64, false),
            Field::new("stats", self.statistics.data_type().clone(), true),
        ]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(StringArray::from(vec![self.path.as_str()])),
                Arc::new(partition),
                Arc::new(Int64Array::from(vec![size])),
                Arc::new(Int64Array::from(vec![self.modified_millis])),
                Arc::new(self.statistics.clone()),
            ],
        )
    }
}
