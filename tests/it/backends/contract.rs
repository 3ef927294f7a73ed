//! Contract of a lake, independent of its backend.

use bronzed_model::settings::LakeSettings;
use bronzed_storage::lake::{Created, Lake, LakeError, ObjectVersion, Replaced};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::support::gcs::{BUCKET, Gcs};
use crate::support::lake::settings;
use crate::support::runtime;

/// Fails the test unless `lake`, which is empty, keeps every promise.
pub fn holds(lake: &Lake) {
    runtime().block_on(async {
        the_probe_passes_and_leaves_nothing(lake).await;
        an_object_is_created_once(lake).await;
        only_what_was_read_is_replaced(lake).await;
        equal_contents_in_turn_are_told_apart_by_what_is_in_them(lake).await;
        absence_and_listing_are_facts(lake).await;
        keys_of_a_listing_can_be_read(lake).await;
        of_many_creates_at_once_one_wins(lake).await;
        no_increment_is_lost(lake).await;
        large_objects_come_back_whole(lake).await;
    });
}

pub fn in_memory() -> Lake {
    Lake::open(&LakeSettings {
        url: "memory:///".to_owned(),
        options: Default::default(),
        simulated: false,
    })
    .unwrap()
}

fn text(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

async fn created(lake: &Lake, key: &str, content: Bytes) -> ObjectVersion {
    match lake.create(key, content).await.unwrap() {
        Created::Done(version) => version,
        Created::Exists => panic!("{lake}: {key} exists"),
    }
}

async fn the_probe_passes_and_leaves_nothing(lake: &Lake) {
    lake.probe("token").await.unwrap();
    assert_eq!(lake.list("_bronzed/probe").await.unwrap(), [], "{lake}");
}

async fn an_object_is_created_once(lake: &Lake) {
    let version = created(lake, "a/b.json", text("one")).await;
    let second = lake.create("a/b.json", text("two")).await.unwrap();
    assert_eq!(second, Created::Exists, "{lake}");
    let found = lake.get("a/b.json").await.unwrap();
    assert_eq!(found, Some((text("one"), version)), "{lake}");
}

async fn only_what_was_read_is_replaced(lake: &Lake) {
    created(lake, "state", text("one")).await;
    let (_, read) = lake.get("state").await.unwrap().unwrap();
    let done = lake.replace("state", text("two"), &read).await.unwrap();
    let Replaced::Done(version) = done else {
        panic!("{lake}: {done:?}")
    };
    let stale = lake.replace("state", text("six"), &read).await.unwrap();
    assert_eq!(stale, Replaced::Conflict, "{lake}");
    let absent = lake.replace("other", text("six"), &version).await.unwrap();
    assert_eq!(absent, Replaced::Conflict, "{lake}");
    assert_eq!(lake.get("other").await.unwrap(), None, "{lake}");
    let found = lake.get("state").await.unwrap();
    assert_eq!(found, Some((text("two"), version)), "{lake}");
}

/// On S3 a version may be a hash of the content, so an object that returns to an earlier content has its
/// earlier version: compare-and-swap can't detect that. A revision within the content makes every version
/// unique.
async fn equal_contents_in_turn_are_told_apart_by_what_is_in_them(lake: &Lake) {
    let first = created(lake, "turns", text("revision 1")).await;
    let mut version = first.clone();
    for content in ["revision 2", "revision 3"] {
        let done = lake
            .replace("turns", text(content), &version)
            .await
            .unwrap();
        let Replaced::Done(next) = done else {
            panic!("{lake}: {done:?}")
        };
        version = next;
    }
    let stale = lake
        .replace("turns", text("revision 4"), &first)
        .await
        .unwrap();
    assert_eq!(stale, Replaced::Conflict, "{lake}");
}

async fn absence_and_listing_are_facts(lake: &Lake) {
    assert_eq!(lake.get("p/x").await.unwrap(), None, "{lake}");
    assert!(!lake.exists("p/x").await.unwrap(), "{lake}");
    assert_eq!(lake.list("p").await.unwrap(), [], "{lake}");
    for key in ["p/c", "p/a", "p/b/d", "pq/e"] {
        created(lake, key, text("four")).await;
    }
    assert!(lake.exists("p/a").await.unwrap(), "{lake}");
    let found = lake.list("p").await.unwrap();
    let keys: Vec<_> = found.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["p/a", "p/b/d", "p/c"], "{lake}: a folder, sorted");
    assert!(found.iter().all(|entry| entry.size == 4), "{lake}");
}

async fn keys_of_a_listing_can_be_read(lake: &Lake) {
    created(lake, "odd/50% çã.parquet", text("x")).await;
    let found = lake.list("odd").await.unwrap();
    assert!(lake.get(&found[0].key).await.unwrap().is_some(), "{lake}");
}

async fn of_many_creates_at_once_one_wins(lake: &Lake) {
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let lake = lake.clone();
        tasks.spawn(async move { lake.create("race", Bytes::from(number.to_string())).await });
    }
    let mut winners = 0;
    while let Some(done) = tasks.join_next().await {
        winners += u32::from(matches!(done.unwrap().unwrap(), Created::Done(_)));
    }
    assert_eq!(winners, 1, "{lake}");
}

async fn no_increment_is_lost(lake: &Lake) {
    const COUNTERS: usize = 10;
    created(lake, "counter", text("0")).await;
    let mut tasks = JoinSet::new();
    for _ in 0..COUNTERS {
        let lake = lake.clone();
        tasks.spawn(async move {
            loop {
                let (content, version) = lake.get("counter").await.unwrap().unwrap();
                let count: usize = std::str::from_utf8(&content).unwrap().parse().unwrap();
                let next = Bytes::from((count + 1).to_string());
                match lake.replace("counter", next, &version).await.unwrap() {
                    Replaced::Done(_) => break,
                    Replaced::Conflict => {}
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let (content, _) = lake.get("counter").await.unwrap().unwrap();
    assert_eq!(content, Bytes::from(COUNTERS.to_string()), "{lake}");
}

/// A commit is one put; the file of a large day has some 25 MB.
async fn large_objects_come_back_whole(lake: &Lake) {
    let content: Vec<u8> = (0..25_000_000_u32).map(|byte| (byte % 251) as u8).collect();
    let content = Bytes::from(content);
    created(lake, "large", content.clone()).await;
    let (found, _) = lake.get("large").await.unwrap().unwrap();
    assert!(found == content, "{lake}: {} bytes", found.len());
}

/// A store without conditional writes is refused before anything is written.
#[test]
fn a_bucket_that_does_not_heed_conditions_is_refused() {
    let careless = Gcs::start(false);
    let lake = Lake::open(&settings(format!("gs://{BUCKET}"), &careless.env())).unwrap();
    let error = runtime().block_on(lake.probe("token")).unwrap_err();
    assert!(
        matches!(error, LakeError::NoConditionalWrites { .. }),
        "{error}"
    );
}
