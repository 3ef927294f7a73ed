//! Rows of a file with all that tables made of bronze need: identity, change, time, and the record itself.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;

use super::BronzeError;
use super::metadata::{ID, INGESTED_AT, KEY, OP, Op, PARENT_ID, VERSION};
use super::reader::{open, read, rebuild_batch};
use bronzed_model::record::{self, RecordId};

/// Row of a bronze file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BronzeRow {
    /// Position within the file, from 0.
    pub position: u64,
    /// The row's `_id`.
    pub id: Box<str>,
    /// The id without its version.
    pub key: Box<str>,
    /// Version of the record.
    pub version: Option<Box<str>>,
    /// Id of the parent record.
    pub parent: Option<Box<str>>,
    /// `true` if the row represents a record that vanished from a snapshot, and holds no record itself.
    pub vanished: bool,
    /// Time at which the row was stored, in microseconds since the epoch; `None` in a file of the earlier pipeline.
    pub ingested_at: Option<i64>,
    /// The record as JSON, values of `_extra` included.
    pub record: String,
}

/// Reads the rows of a file, in order and a batch at a time. In a file of the earlier pipeline, ids are built from the fields that
/// `primary_key` (JSON pointers) names; the id of a row without a usable key is the hash of its record.
///
/// # Errors
/// Returns an error if the file isn't Parquet; and in place of a batch that can't be read, which is then the last.
pub fn rows(
    bytes: &Bytes,
    primary_key: &[String],
) -> Result<impl Iterator<Item = Result<Vec<BronzeRow>, BronzeError>>, BronzeError> {
    let mut before = 0;
    let batches = read(open(bytes)?, |_| true)?;
    Ok(batches.map(move |batch| {
        let batch = batch?;
        let rows = rows_of(&batch, before, primary_key)?;
        before += batch.num_rows();
        Ok(rows)
    }))
}

fn rows_of(
    batch: &RecordBatch,
    before: usize,
    primary_key: &[String],
) -> Result<Vec<BronzeRow>, BronzeError> {
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let ours = texts(ID).is_some();
    let column = |name| texts(name).filter(|_| ours);
    let (ids, keys, versions) = (column(ID), column(KEY), column(VERSION));
    let (parents, ops) = (column(PARENT_ID), column(OP));
    let times = batch.column_by_name(INGESTED_AT).filter(|_| ours);
    let times = times.and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    let records = rebuild_batch(batch, before)?;
    let rows = records.into_iter().enumerate().map(|(row, record)| {
        let text = |column: Option<&arrow_array::StringArray>| -> Option<Box<str>> {
            let column = column?;
            column.is_valid(row).then(|| column.value(row).into())
        };
        let id = text(ids).or_else(|| record::key(primary_key, &record).map(Into::into));
        let id = id.unwrap_or_else(|| RecordId::content_hash(&record).into());
        BronzeRow {
            position: (before + row) as u64,
            key: text(keys).unwrap_or_else(|| id.clone()),
            id,
            version: text(versions),
            parent: text(parents),
            vanished: text(ops).as_deref() == Some(Op::Vanished.name()),
            ingested_at: times.and_then(|times| times.is_valid(row).then(|| times.value(row))),
            record,
        }
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bronze::tests::{meta, schema};
    use crate::bronze::writer::{FileWriter, RowOrigin};
    use crate::testing::support::old_file;

    #[test]
    fn a_row_has_its_identity_its_change_and_its_whole_record() {
        let mut writer = FileWriter::new(&schema(), meta()).unwrap();
        let id = RecordId::of_version("7", "2");
        let origin = RowOrigin {
            parent_id: Some("P"),
            ..RowOrigin::default()
        };
        let record = r#"{"numero":7,"novo":{"a":[1]}}"#;
        writer.append_text(&id, origin, record).unwrap();
        let gone = RowOrigin {
            op: Some(Op::Vanished),
            ..RowOrigin::default()
        };
        writer
            .append_text(&RecordId::plain("8"), gone, "{}")
            .unwrap();
        let file = writer.finish().unwrap();
        let read = rows(&file.bytes, &[]).unwrap();
        let read: Vec<_> = read.flat_map(Result::unwrap).collect();
        let expected = BronzeRow {
            position: 0,
            id: "7@2".into(),
            key: "7".into(),
            version: Some("2".into()),
            parent: Some("P".into()),
            vanished: false,
            ingested_at: Some(meta().ingested_at.timestamp_micros()),
            record: record.to_owned(),
        };
        assert_eq!(read[0], expected);
        assert_eq!((read[1].position, read[1].vanished), (1, true));
    }

    #[test]
    fn rows_of_the_earlier_pipeline_get_their_ids_from_their_fields() {
        let file = old_file(&[Some("9"), None]);
        let key = ["/numeroControlePNCP".to_owned()];
        let read = rows(&file, &key).unwrap();
        let read: Vec<_> = read.flat_map(Result::unwrap).collect();
        assert_eq!((&*read[0].id, &*read[0].key), ("9", "9"));
        assert!(read[1].id.starts_with("sha256:"));
        assert_eq!(read[0].ingested_at, None);
        assert!(read[0].record.contains("objeto 0"));
    }
}
