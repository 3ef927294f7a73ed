//! Guarantees of the shared documents over a store with faults.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde::{Deserialize, Serialize};

use crate::lake::Lake;
use crate::lake::document::{DocumentError, JsonDocument};
use crate::testing::faulty::{Fault, Faulty, Op};
use bronzed_model::entropy::Entropy;

const KEY: &str = "_bronzed/names.json";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Names {
    names: BTreeSet<String>,
}

fn document(lake: &Lake) -> JsonDocument<Names> {
    JsonDocument::new(lake, KEY, 1)
}

fn over(store: Arc<dyn ObjectStore>) -> Lake {
    Lake::over(store, "memory:///")
}

/// Returns a lake whose writes meet these faults in turn.
fn faulty(store: &Arc<InMemory>, mut faults: Vec<Fault>) -> Lake {
    let decide = move |op, _: &str| {
        let is_next = op == Op::Put && !faults.is_empty();
        is_next.then(|| faults.remove(0))
    };
    over(Arc::new(Faulty::new(store.clone(), Arc::default(), decide)))
}

async fn add(lake: &Lake, name: &str) -> Result<Names, DocumentError> {
    let add = |names: &mut Names| {
        names.names.insert(name.to_owned());
    };
    document(lake).update(&Entropy::seeded(7), add).await
}

async fn names(store: &Arc<InMemory>) -> Vec<String> {
    let loaded = document(&over(store.clone())).load().await.unwrap();
    loaded.unwrap_or_default().names.into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_reply_got_lost_has_happened() {
    let store = Arc::new(InMemory::new());
    // On creation, and on replacement.
    for name in ["a", "b"] {
        let changed = add(&faulty(&store, vec![Fault::LoseReply]), name).await;
        changed.unwrap();
    }
    assert_eq!(names(&store).await, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_tried_again_and_a_refusal_is_not() {
    let store = Arc::new(InMemory::new());
    let passing = vec![Fault::Fail, Fault::Fail, Fault::Fail];
    add(&faulty(&store, passing), "a").await.unwrap();
    let denied = add(&faulty(&store, vec![Fault::Deny]), "b").await;
    assert!(matches!(denied, Err(DocumentError::Lake(_))), "{denied:?}");
    let lasting = std::iter::repeat_with(|| Fault::Fail).take(100).collect();
    let failed = add(&faulty(&store, lasting), "c").await;
    assert!(matches!(failed, Err(DocumentError::Lake(_))), "{failed:?}");
    assert_eq!(names(&store).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn changes_of_others_in_between_are_kept() {
    let store = Arc::new(InMemory::new());
    let between = |name: &'static str| {
        let lake = over(store.clone());
        Fault::Meanwhile(Box::pin(async move { drop(add(&lake, name).await) }))
    };
    let lake = faulty(&store, vec![between("x"), between("y")]);
    add(&lake, "a").await.unwrap();
    assert_eq!(names(&store).await, ["a", "x", "y"]);
}

#[tokio::test(start_paused = true)]
async fn one_of_two_creations_is_told_of_the_other() {
    let lake = over(Arc::new(InMemory::new()));
    let names = |name: &str| Names {
        names: [name.to_owned()].into(),
    };
    let entropy = Entropy::seeded(7);
    let first = document(&lake).create(names("a"), &entropy).await.unwrap();
    let second = document(&lake).create(names("b"), &entropy).await.unwrap();
    assert_eq!(first, (names("a"), true));
    assert_eq!(second, (names("a"), false));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_not_written_over() {
    for text in [
        "",
        "[]",
        r#"{"names": []}"#,
        r#"{"format": 1}"#,
        r#"{"format": 2}"#,
    ] {
        let lake = over(Arc::new(InMemory::new()));
        lake.create(KEY, text.into()).await.unwrap();
        let error = add(&lake, "a").await.unwrap_err();
        assert!(error.to_string().contains("update bronzed"), "{error}");
        assert_eq!(lake.get(KEY).await.unwrap().unwrap().0, text);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_nothing_changes() {
    let store = Arc::new(InMemory::new());
    add(&over(store.clone()), "a").await.unwrap();
    add(&faulty(&store, vec![Fault::Deny]), "a").await.unwrap();
}
