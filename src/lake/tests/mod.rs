//! The promises of a lake, held by each backend that needs no server, and the errors of a server
//! that is none.

mod folder;
mod server;

use super::*;
use object_store::memory::InMemory;
use tempfile::TempDir;

/// Each backend with the same name to the tests; the folder lives as long as the guard.
fn backends() -> (TempDir, Vec<Lake>) {
    let folder = tempfile::tempdir().unwrap();
    let lakes = vec![
        Lake::over(Arc::new(InMemory::new()), "memory:///"),
        at(folder.path().to_str().unwrap()),
    ];
    (folder, lakes)
}

fn at(url: &str) -> Lake {
    Lake::open(&settings(url)).unwrap()
}

fn settings(url: &str) -> LakeSettings {
    LakeSettings {
        url: url.to_owned(),
        options: Default::default(),
    }
}

fn text(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

#[tokio::test]
async fn an_object_is_created_once() {
    let (_folder, lakes) = backends();
    for lake in lakes {
        let first = lake.create("a/b.json", text("one")).await.unwrap();
        let Created::Done(version) = first else {
            panic!("{lake}: {first:?}")
        };
        let second = lake.create("a/b.json", text("two")).await.unwrap();
        assert_eq!(second, Created::Exists, "{lake}");
        let found = lake.get("a/b.json").await.unwrap();
        assert_eq!(found, Some((text("one"), version)), "{lake}");
    }
}

#[tokio::test]
async fn only_what_was_read_is_replaced() {
    let (_folder, lakes) = backends();
    for lake in lakes {
        lake.create("state", text("one")).await.unwrap();
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
}

#[tokio::test]
async fn absence_and_listing_are_facts() {
    let (_folder, lakes) = backends();
    for lake in lakes {
        assert_eq!(lake.get("p/x").await.unwrap(), None, "{lake}");
        assert!(!lake.exists("p/x").await.unwrap(), "{lake}");
        assert_eq!(lake.list("p").await.unwrap(), [], "{lake}");
        for key in ["p/c", "p/a", "p/b/d", "pq/e"] {
            lake.create(key, text("four")).await.unwrap();
        }
        assert!(lake.exists("p/a").await.unwrap(), "{lake}");
        let found = lake.list("p").await.unwrap();
        let keys: Vec<_> = found.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["p/a", "p/b/d", "p/c"], "{lake}: a folder, sorted");
        assert!(found.iter().all(|entry| entry.size == 4), "{lake}");
    }
}

#[tokio::test]
async fn keys_of_a_listing_can_be_read() {
    let (_folder, lakes) = backends();
    for lake in lakes {
        lake.create("p/50% çã.parquet", text("x")).await.unwrap();
        let found = lake.list("p").await.unwrap();
        assert!(lake.get(&found[0].key).await.unwrap().is_some(), "{lake}");
    }
}

#[tokio::test]
async fn each_backend_passes_the_probe_and_is_left_clean() {
    let (_folder, lakes) = backends();
    for lake in lakes {
        lake.probe("token").await.unwrap();
        assert_eq!(lake.list("_bronzed/probe").await.unwrap(), [], "{lake}");
    }
}

#[test]
fn addresses_that_are_none_say_what_would_be_right() {
    for (url, problem) in [
        ("", "it is empty"),
        ("file://data/lake", "three slashes"),
        ("s3:///path", "no bucket"),
        ("ftp://host/path", "`ftp` isn't known"),
        ("s3://bucket/path?secret=hush", "belong in the environment"),
        ("s3://key:hush@bucket/path", "belong in the environment"),
    ] {
        let error = Lake::open(&settings(url)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LakeError::Address { .. }), "{text}");
        assert!(text.contains(problem), "{url}: {text}");
        assert!(text.contains("write a folder"), "{url}: {text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn an_unknown_option_is_named_without_its_value() {
    let mut settings = settings("s3://bucket");
    let value = "hush".to_owned().into();
    settings.options.insert("aws_enpoint".to_owned(), value);
    let error = Lake::open(&settings).unwrap_err().to_string();
    assert!(error.contains("no option `aws_enpoint`"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

#[test]
fn a_lake_is_shown_by_its_address() {
    assert_eq!(
        at("s3://bucket/some/path/").to_string(),
        "s3://bucket/some/path"
    );
    assert_eq!(at("memory:///").to_string(), "memory://");
}
