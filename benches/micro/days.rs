//! Days with many records, in a lake in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use bronzed_model::clock::ManualClock;
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Execution;
use bronzed_model::record::RecordId;
use bronzed_storage::bronze::writer::{EncodedFile, FileWriter, RowOrigin};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use chrono::DateTime;
use object_store::memory::InMemory;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::file::meta;
use crate::records::{dataset, id};

/// Numbers of records that a day has already.
pub const KNOWN: [usize; 3] = [1_000, 100_000, 1_000_000];

/// Records of a file of such a day.
const FILE: usize = 50_000;

static DAYS: Mutex<BTreeMap<usize, InMemory>> = Mutex::new(BTreeMap::new());

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
});

/// Returns the result of a future.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Returns a day with this many records, for the caller alone: whoever asks again gets the same day.
pub fn day(known: usize) -> DayStore {
    let mut days = DAYS.lock().unwrap();
    let made = days.entry(known).or_insert_with(|| made(known));
    over(Arc::new(made.fork()))
}

/// Returns a file with records of these numbers. They have their ids alone, which is all that a state is about.
pub fn file(numbers: std::ops::Range<usize>) -> EncodedFile {
    let mut writer = FileWriter::new(&dataset().schema, meta()).unwrap();
    for number in numbers {
        let record = format!(r#"{{"numeroControlePNCP":"{}"}}"#, id(number));
        let id = RecordId::of(dataset(), &record);
        writer
            .append_text(&id, RowOrigin::slice("modalidade=4"), &record)
            .unwrap();
    }
    writer.finish().unwrap()
}

/// Returns the entry of the run that reads this many new records.
pub fn run(records: usize) -> Execution {
    let mut run = Execution::begun(Uuid::nil(), "bench", DateTime::UNIX_EPOCH);
    run.counts.fetched = records as u64;
    run.counts.new = records as u64;
    run
}

fn made(known: usize) -> InMemory {
    let objects = Arc::new(InMemory::new());
    let mut run = run(0);
    wait(async {
        let store = over(Arc::clone(&objects));
        let mut state = store.open().await.unwrap();
        for begin in (0..known).step_by(FILE) {
            let file = file(begin..known.min(begin + FILE));
            run.counts.fetched += file.ids.len() as u64;
            run.counts.new += file.ids.len() as u64;
            store.commit(&mut state, file, &mut run).await.unwrap();
        }
        let slices = BTreeMap::new();
        store
            .record(&mut state, &run, &slices, false)
            .await
            .unwrap();
        assert_eq!(state.len(), known);
    });
    objects.fork()
}

fn over(objects: Arc<InMemory>) -> DayStore {
    let meta = meta();
    DayStore {
        lake: Lake::over(objects, "memory:///"),
        dataset: Arc::clone(dataset()),
        zone: chrono_tz::America::Sao_Paulo,
        day: meta.day,
        clock: Arc::new(ManualClock::new(meta.ingested_at)),
        entropy: Arc::new(Entropy::seeded(7)),
    }
}
