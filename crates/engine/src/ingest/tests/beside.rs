//! Runs whose rows are encoded by another thread leave what runs of one thread leave.

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::ingest::beside::WorkThread;
use bronzed_model::counts::Counts;

/// Pages one after the other, so that the order of rows is the same in every run.
const LIST: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
data_selector = "/items"
paginator = { type = "offset", offset_param = "offset", page_size = 100, page_size_param = "limit", overlap = 7, has_more_path = "/hasMore" }
completeness = { require = "has_more" }
"#;

/// Number of records, of which one in 50 has a value that no column holds.
const RECORDS: usize = 2_345;

fn page(url: &Url) -> Vec<u8> {
    let (offset, limit) = (number(url, "offset"), number(url, "limit"));
    let items = (offset..(offset + limit).min(RECORDS)).map(|number| {
        let more = if number % 50 == 3 { r#","x":1"# } else { "" };
        format!(r#"{{"id":"r{number:04}"{more}}}"#)
    });
    let items: Vec<_> = items.collect();
    let more = offset + limit < RECORDS;
    ok(format!(
        r#"{{"items":[{}],"hasMore":{more}}}"#,
        items.join(",")
    ))
}

/// Reads the list by files of 300 rows or a few more; returns the run's counts, and all objects.
async fn left_behind() -> (Counts, Vec<(String, Bytes)>) {
    let mut scene = Scene::new(LIST, "id = \"string\"", page).await;
    scene.commit.max_records = 300;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    let mut objects = Vec::new();
    for entry in scene.lake.list("").await.unwrap() {
        let (bytes, _) = scene.lake.get(&entry.key).await.unwrap().unwrap();
        objects.push((entry.key, bytes));
    }
    objects.sort();
    (*report.counts(), objects)
}

fn several_threads() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn files_and_state_are_the_same_to_the_byte() {
    let (counts, objects) = several_threads().block_on(left_behind());
    assert_eq!((counts.new, counts.drift), (2_345, 47));
    let files = objects.iter().filter(|(key, _)| key.ends_with(".parquet"));
    assert!(files.count() >= 5);
    let (alone, expected) = one_thread().block_on(left_behind());
    assert_eq!(counts, alone);
    let keys = |objects: &[(String, Bytes)]| -> Vec<String> {
        objects.iter().map(|(key, _)| key.clone()).collect()
    };
    assert_eq!(keys(&objects), keys(&expected));
    for ((key, bytes), (_, expected)) in objects.iter().zip(&expected) {
        assert!(bytes == expected, "{key}");
    }
}

#[test]
fn work_is_done_by_the_caller_where_there_is_one_thread_and_else_by_always_the_same() {
    let here = std::thread::current().id();
    let done = || async {
        let mut worker = WorkThread::default();
        let work = || std::thread::current().id();
        let first = worker.begin(work).end().await.unwrap();
        (first, worker.begin(work).end().await.unwrap())
    };
    assert_eq!(one_thread().block_on(done()), (here, here));
    let (first, second) = several_threads().block_on(done());
    assert_ne!(first, here);
    assert_eq!(first, second);
}

#[test]
#[should_panic = "of the work"]
fn a_panic_beside_the_run_is_the_runs() {
    let failing = async {
        WorkThread::default()
            .begin(|| panic!("of the work"))
            .end()
            .await
    };
    let outcome: Result<(), _> = several_threads().block_on(failing);
    outcome.unwrap();
}
