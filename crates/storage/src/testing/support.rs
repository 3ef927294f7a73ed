//! Fixtures of these tests: a lake, runs on one day of it, and assertions about both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use uuid::Uuid;

use crate::bronze::writer::{EncodedFile, FileMeta, FileWriter, RowOrigin};
use crate::bronze::{layout, reader};
use crate::compression::unpack;
use crate::lake::Lake;
use crate::state::{Committed, DayState, DayStore, StateError};
use crate::testing::faulty::{Fault, Faulty, Late, Op};
use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::record::RecordId;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_model::settings::{LakeSettings, StateCompression};

pub const STATE: &str = "pncp/_state/year=2025/month=10/day=22/state_20251022.json";
pub const MARKER: &str = "pncp/_state/complete/20251022";
pub const EARLIER: &str = "pncp/year=2025/month=10/day=22/pncp_20251022_080003.parquet";

/// Returns the key of a numbered file.
pub fn key(number: u64) -> String {
    layout::file_key("pncp", day(), number)
}

pub fn day() -> Day {
    "2025-10-22".parse().unwrap()
}

/// Contratações with a single declared column.
pub fn dataset() -> Dataset {
    let settings = bronzed_config::load(None, []).unwrap();
    let shipped = settings.sources["pncp"].datasets["contratacoes"].as_ref();
    let id = Column::new("numeroControlePNCP", ColumnType::String);
    Dataset {
        schema: Arc::new(Schema {
            columns: vec![id],
            ..Schema::default()
        }),
        expectations: Arc::default(),
        ..shipped.clone()
    }
}

/// The same dataset, built once per thread.
pub fn shared_dataset() -> Arc<Dataset> {
    thread_local! {
        static MADE: Arc<Dataset> = Arc::new(dataset());
    }
    MADE.with(Arc::clone)
}

/// A lake with the day under test.
#[derive(Clone)]
pub struct World {
    pub store: Arc<dyn ObjectStore>,
    pub clock: ManualClock,
    pub late: Arc<Late>,
    entropy: Arc<Entropy>,
    dataset: Arc<Dataset>,
    lake: Lake,
}

/// Returns an empty in-memory lake.
pub fn memory() -> World {
    seeded(1)
}

/// Returns an empty in-memory lake with run ids from this seed.
pub fn seeded(seed: u64) -> World {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    World {
        lake: Lake::over(Arc::clone(&store), "memory:///"),
        store,
        clock: ManualClock::new("2025-10-22T11:00:00Z".parse().unwrap()),
        late: Arc::default(),
        entropy: Arc::new(Entropy::seeded(seed)),
        dataset: Arc::new(dataset()),
    }
}

/// Returns empty lakes in memory and in a folder, which lives as long as the guard.
pub fn worlds() -> (tempfile::TempDir, Vec<World>) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(&LakeSettings {
        url: folder.path().to_str().unwrap().to_owned(),
        options: BTreeMap::new(),
        simulated: false,
    });
    let on_disk = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let in_folder = World {
        lake: lake.unwrap(),
        store: Arc::new(on_disk),
        ..memory()
    };
    (folder, vec![memory(), in_folder])
}

impl World {
    /// Returns the same lake with compressed states from now on.
    pub fn compressed(self) -> Self {
        Self {
            lake: self.lake.clone().with_states(StateCompression::Zstd),
            ..self
        }
    }

    /// Returns the day, as a separate run opens it.
    pub fn day(&self) -> DayStore {
        self.day_over(self.lake.clone())
    }

    /// Returns the day through a store with faults.
    pub fn faulty_day(
        &self,
        decide: impl FnMut(Op, &str) -> Option<Fault> + Send + 'static,
    ) -> DayStore {
        let store = Faulty::new(Arc::clone(&self.store), Arc::clone(&self.late), decide);
        self.day_over(Lake::over(Arc::new(store), "faulty:///"))
    }

    /// Returns the day through a store that applies these faults in turn to operations of this kind on this
    /// key, and none afterwards.
    pub fn day_with(&self, op: Op, key: &str, faults: Vec<Fault>) -> DayStore {
        let key = key.to_owned();
        let mut faults = faults.into_iter();
        self.faulty_day(move |on, path| {
            if on == op && path == key {
                faults.next()
            } else {
                None
            }
        })
    }

    fn day_over(&self, lake: Lake) -> DayStore {
        DayStore {
            lake,
            dataset: Arc::clone(&self.dataset),
            zone: chrono_tz::America::Sao_Paulo,
            day: day(),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::clone(&self.entropy),
        }
    }

    /// Performs every delayed write.
    pub async fn deliver_late(&self) {
        while self.late.deliver(self.store.as_ref()).await {}
    }

    /// Returns a run that starts now.
    pub fn run(&self, job: &str) -> Execution {
        let now = self.clock.now();
        Execution::begun(self.entropy.run_id(now), job, now)
    }

    /// Returns a file of the run with a row for each id.
    pub fn file(&self, run: &Execution, ids: &[&str]) -> EncodedFile {
        file_of(&self.dataset, run, ids, self.clock.now())
    }

    pub async fn put(&self, key: &str, content: impl Into<Bytes>) {
        let content: Bytes = content.into();
        let path = Path::from(key);
        self.store.put(&path, content.into()).await.unwrap();
    }

    pub async fn delete(&self, key: &str) {
        self.store.delete(&Path::from(key)).await.unwrap();
    }

    pub async fn text(&self, key: &str) -> String {
        let bytes = self.bytes(key).await;
        String::from_utf8(unpack(&bytes).unwrap().into_owned()).unwrap()
    }

    pub async fn bytes(&self, key: &str) -> Bytes {
        self.lake.get(key).await.unwrap().unwrap().0
    }

    pub async fn exists(&self, key: &str) -> bool {
        self.lake.exists(key).await.unwrap()
    }

    /// Returns the state document, parsed as generic JSON.
    pub async fn state(&self) -> Value {
        serde_json::from_str(&self.text(STATE).await).unwrap()
    }

    /// Returns the state's entry of a run, parsed as generic JSON.
    pub async fn entry(&self, run: &Execution) -> Value {
        entry_of(&self.state().await, run.run_id)
    }

    /// Returns the ids in each Parquet file of the day, by key.
    pub async fn files(&self) -> BTreeMap<String, Vec<String>> {
        let mut files = BTreeMap::new();
        for entry in self.lake.list("pncp/year=2025").await.unwrap() {
            let (bytes, _) = self.lake.get(&entry.key).await.unwrap().unwrap();
            let facts = reader::facts(bytes, &self.dataset.primary_key).unwrap();
            let ids = facts.ids.iter().map(ToString::to_string).collect();
            files.insert(entry.key, ids);
        }
        files
    }

    /// Asserts the promises of a lake at rest, independently of the program: P1, P2, P3, P7 and the sums.
    pub async fn assert_sound(&self) {
        let files = self.files().await;
        let rows: Vec<_> = files.values().flatten().cloned().collect();
        let stored: BTreeSet<_> = rows.iter().cloned().collect();
        assert_eq!(
            rows.len(),
            stored.len(),
            "P1: each id in one row: {files:?}"
        );

        let state = self.state().await;
        let ids: Vec<_> = strings(&state["processed_ids"]);
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(
            BTreeSet::from_iter(ids),
            stored,
            "P3: the state names what is stored"
        );
        assert_eq!(state["total_processed"], stored.len());

        let entries = state["executions"].as_array().unwrap();
        let adopted = entries
            .iter()
            .rposition(|entry| entry["status"] == "adopted");
        let counted = &entries[adopted.unwrap_or_default()..];
        let new: u64 = counted
            .iter()
            .map(|entry| entry["new_records"].as_u64().unwrap())
            .sum();
        assert_eq!(new, stored.len() as u64, "the sums hold: {counted:#?}");

        let mut audited: Vec<_> = counted
            .iter()
            .flat_map(|entry| strings(&entry["files"]))
            .collect();
        audited.sort_unstable();
        let keys: Vec<_> = files.keys().cloned().collect();
        assert_eq!(audited, keys, "P7: each file is in one entry");
        let mut runs: Vec<_> = counted
            .iter()
            .filter_map(|entry| entry["run_id"].as_str())
            .collect();
        let entries = runs.len();
        runs.sort_unstable();
        runs.dedup();
        assert_eq!(runs.len(), entries, "P7: one entry for each run");
        for entry in counted {
            let count = |key: &str| entry[key].as_u64().unwrap();
            let told = count("new_records") + count("duplicates_filtered") + count("off_day");
            assert_eq!(count("fetched"), told, "P2: {entry}");
        }
        let numbered = keys.iter().filter(|key| key.contains("_c0")).count();
        let lost = state["lost_files"].as_array();
        let lost = lost.map_or(0, Vec::len);
        assert_eq!(state["commits"], numbered + lost);
    }
}

/// Returns a file of the run with a row for each id.
pub fn file_of(
    dataset: &Dataset,
    run: &Execution,
    ids: &[&str],
    ingested_at: DateTime<Utc>,
) -> EncodedFile {
    let meta = FileMeta {
        dataset: dataset.full_name(),
        day: day(),
        run_id: run.run_id,
        job: run.job.clone(),
        ingested_at,
    };
    let mut writer = FileWriter::new(&dataset.schema, meta).unwrap();
    for id in ids {
        let record = format!(r#"{{"numeroControlePNCP":"{id}"}}"#);
        let id = RecordId::of(dataset, &record);
        let from = RowOrigin::slice("modalidade=6");
        writer.append_text(&id, from, &record).unwrap();
    }
    writer.finish().unwrap()
}

pub fn entry_of(state: &Value, run_id: Uuid) -> Value {
    let entries = state["executions"].as_array().unwrap();
    let run_id = run_id.to_string();
    let mut found = entries
        .iter()
        .filter(|entry| entry["run_id"] == run_id.as_str());
    found.next().cloned().unwrap_or_default()
}

pub fn strings(value: &Value) -> Vec<String> {
    let values = value.as_array().unwrap();
    values
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

pub fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

/// Ingests the records of a page like a run: drops stored ones, and commits the rest.
pub async fn ingest(
    world: &World,
    day: &DayStore,
    state: &mut DayState,
    run: &mut Execution,
    ids: &[&str],
) -> Result<Option<Committed>, StateError> {
    let new: Vec<_> = ids
        .iter()
        .copied()
        .filter(|id| !state.contains(id))
        .collect();
    let before = run.counts;
    run.counts.fetched += ids.len() as u64;
    run.counts.duplicates += (ids.len() - new.len()) as u64;
    if new.is_empty() {
        return Ok(None);
    }
    run.counts.new += new.len() as u64;
    let committed = day.commit(state, world.file(run, &new), run).await;
    if committed.is_err() {
        // Uncommitted rows aren't counted.
        run.counts = before;
    }
    committed.map(Some)
}

/// Performs a whole run over these ids, in one commit.
pub async fn run_once(world: &World, job: &str, ids: &[&str]) -> Execution {
    let day = world.day();
    let mut state = day.open().await.unwrap();
    let mut run = world.run(job);
    ingest(world, &day, &mut state, &mut run, ids)
        .await
        .unwrap();
    run.status = Status::Ok;
    let none = BTreeMap::new();
    day.record(&mut state, &run, &none, false).await.unwrap();
    run
}

/// Returns a file as written by the earlier pipeline: no metadata columns, and rows without an id.
pub fn old_file(ids: &[Option<&str>]) -> Bytes {
    let keys: ArrayRef = Arc::new(StringArray::from(ids.to_vec()));
    let objects = (0..ids.len()).map(|row| Some(format!("objeto {row}")));
    let objects: ArrayRef = Arc::new(objects.collect::<StringArray>());
    let columns = [("numeroControlePNCP", keys), ("objetoCompra", objects)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

/// Returns a state as written by the earlier pipeline: only the required members.
pub fn earlier_state(ids: &[String]) -> Bytes {
    let document = serde_json::json!({
        "date": day().to_string(),
        "processed_ids": ids,
        "last_execution": "2025-10-22T08:00:03.123456",
        "total_processed": ids.len(),
        "executions": [{
            "timestamp": "2025-10-22T08:00:03.123456", "new_records": ids.len(),
            "duplicates_filtered": 0, "filter_rate": 0.0
        }],
        "created_at": "2025-10-22T08:00:03.123456"
    });
    serde_json::to_vec_pretty(&document).unwrap().into()
}
