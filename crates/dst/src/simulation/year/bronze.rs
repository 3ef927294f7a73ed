//! Reads the lake with the parquet crate alone, without code of the product.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::{Array, RecordBatch, StringArray};
use chrono::NaiveDate;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::model::{Kept, TABLES};
use super::store::Store;

/// Row of a Parquet file.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: String,
    pub key: String,
    /// Version of the record: its stamp, or the text of `mark`.
    pub version: String,
    pub op: String,
}

/// Rows of a table by day, in the order of their file names.
pub type Rows = BTreeMap<NaiveDate, Vec<Stored>>;

/// Content of the lake.
#[derive(Debug, Default)]
pub struct Bronze {
    /// Rows by index of the table.
    pub rows: Vec<Rows>,
    /// Days with a state, by table.
    pub begun: Vec<BTreeSet<NaiveDate>>,
    /// Days that a person has accepted, by table.
    pub accepted: Vec<BTreeSet<NaiveDate>>,
    pub files: usize,
}

pub async fn read(store: &Store) -> Bronze {
    let tables: HashMap<_, _> = TABLES
        .iter()
        .enumerate()
        .map(|(at, one)| (one.prefix, at))
        .collect();
    let listed = store
        .list(None)
        .map(|meta| meta.map(|meta| meta.location.to_string()));
    let mut keys: Vec<String> = listed.try_collect().await.expect("a listing");
    keys.sort();
    let mut bronze = Bronze {
        rows: vec![Rows::new(); TABLES.len()],
        begun: vec![BTreeSet::new(); TABLES.len()],
        accepted: vec![BTreeSet::new(); TABLES.len()],
        files: 0,
    };
    for key in keys {
        let Some((prefix, rest)) = key.split_once('/') else {
            continue;
        };
        let Some(&table) = tables.get(prefix) else {
            continue;
        };
        if let Some(day) = rest.strip_prefix("_state/year=").and_then(date) {
            bronze.begun[table].insert(day);
        } else if let Some(day) = rest.strip_prefix("_state/accepted/") {
            let day = NaiveDate::parse_from_str(day, "%Y%m%d").expect("a day");
            bronze.accepted[table].insert(day);
        } else if let Some(day) = rest.strip_prefix("year=").and_then(date)
            && key.ends_with(".parquet")
        {
            let path = key.as_str().into();
            let bytes = store.get(&path).await.expect("the object").bytes().await;
            bronze.files += 1;
            let rows = bronze.rows[table].entry(day).or_default();
            read_file(bytes.expect("its bytes"), table, rows);
        }
    }
    bronze
}

/// Returns a text for the state of a day and its last runs, as the state has them.
pub async fn last_runs(store: &Store, table: usize, day: NaiveDate) -> Vec<String> {
    let prefix = TABLES[table].prefix;
    let folder = day.format("year=%Y/month=%m/day=%d");
    let key = format!(
        "{prefix}/_state/{folder}/state_{}.json",
        day.format("%Y%m%d")
    );
    let Ok(found) = store.get(&key.as_str().into()).await else {
        return vec!["no state".to_owned()];
    };
    let bytes = found.bytes().await.expect("its bytes");
    let state: serde_json::Value = serde_json::from_slice(&bytes).expect("a document");
    let runs = state["executions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut shown = vec![format!(
        "complete {} slices {}",
        state["complete"], state["slices"]
    )];
    let all = runs.iter().map(|run| {
        let of = |field: &str| run[field].as_str().unwrap_or_default();
        format!(
            "{} {} {}",
            of("started_at"),
            of("status"),
            run["new_records"]
        )
    });
    shown.push(all.collect::<Vec<_>>().join(", "));
    shown.extend(runs.iter().rev().take(4).map(|run| {
        let mut run = run.clone();
        for field in ["run_id", "files", "filter_rate", "version", "created_at"] {
            run.as_object_mut().map(|run| run.remove(field));
        }
        run.to_string()
    }));
    shown
}

/// Parses the day of `2025/month=10/day=22/…`. Returns `None` if it is none.
fn date(path: &str) -> Option<NaiveDate> {
    let (year, rest) = path.split_once("/month=")?;
    let (month, rest) = rest.split_once("/day=")?;
    let (day, _) = rest.split_once('/')?;
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn read_file(bytes: bytes::Bytes, table: usize, out: &mut Vec<Stored>) {
    let table = &TABLES[table];
    let version = match table.kept {
        Kept::Marks => table.mark,
        _ => "_version",
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("a Parquet file");
    let wanted = ["_id", "_key", "_op", version];
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let reader = builder.with_projection(mask).build().expect("its columns");
    for batch in reader {
        let batch = batch.expect("its rows");
        let [id, key, op, version] =
            ["_id", "_key", "_op", version].map(|name| column(&batch, name));
        let text = |column: Option<&StringArray>, row: usize| {
            let column = column.filter(|column| !column.is_null(row));
            column
                .map(|column| column.value(row).to_owned())
                .unwrap_or_default()
        };
        out.extend((0..batch.num_rows()).map(|row| Stored {
            id: text(id, row),
            key: text(key, row),
            version: text(version, row),
            op: text(op, row),
        }));
    }
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    let column = batch.column_by_name(name)?;
    Some(column.as_any().downcast_ref::<StringArray>().expect("text"))
}
