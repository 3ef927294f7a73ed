//! Lakes in a folder and on the S3 server.

use std::fs;

use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use crate::support::lake::{Backend, TestLake};
use crate::support::runtime;
use crate::support::seaweed::seaweed;

#[test]
fn a_lake_keeps_what_is_put_into_it_and_no_other_lake_sees_it() {
    for backend in [Backend::Folder, Backend::S3] {
        let (lake, other) = (TestLake::new(backend), TestLake::new(backend));
        lake.put("pncp/a.json", "[1]");
        lake.put("b", "");
        assert_eq!(lake.keys(), ["b", "pncp/a.json"], "{backend:?}");
        assert_eq!(lake.json("pncp/a.json"), serde_json::json!([1]));
        assert!(other.keys().is_empty(), "{backend:?}");
        assert_ne!(lake.url(), other.url());

        let folder = lake.as_folder();
        assert_eq!(
            fs::read_to_string(folder.join("pncp/a.json")).unwrap(),
            "[1]"
        );
        other.fill_from(&folder);
        other.delete("b");
        assert_eq!(other.keys(), ["pncp/a.json"], "{backend:?}");
    }
}

/// The test server supports conditional writes, on which the commit protocol depends.
#[test]
fn the_s3_server_honours_conditional_writes() {
    let (store, key) = (seaweed().client(), Key::from("conditional"));
    let put = |text: &'static str, mode: PutMode| {
        runtime().block_on(store.put_opts(&key, text.into(), mode.into()))
    };
    let first = put("first", PutMode::Create).unwrap();
    let again = put("again", PutMode::Create).unwrap_err();
    assert!(
        matches!(again, object_store::Error::AlreadyExists { .. }),
        "{again}"
    );
    put("second", PutMode::Update(first.clone().into())).unwrap();
    let stale = put("third", PutMode::Update(first.into())).unwrap_err();
    assert!(
        matches!(stale, object_store::Error::Precondition { .. }),
        "{stale}"
    );
}

#[test]
fn the_s3_server_refuses_strangers_and_missing_buckets() {
    let server = seaweed();
    let put = |bucket: &str, secret: &str| {
        let store = object_store::aws::AmazonS3Builder::new()
            .with_endpoint(&server.endpoint)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(&server.access_key)
            .with_secret_access_key(secret)
            .with_allow_http(true)
            .build()
            .unwrap();
        let key = Key::from("stranger");
        let put = store.put(&key, "x".into());
        runtime().block_on(put).unwrap_err().to_string()
    };
    let stranger = put(&server.bucket, "wrong");
    assert!(stranger.contains("SignatureDoesNotMatch"), "{stranger}");
    let missing = put("no-such-bucket", &server.secret_key);
    assert!(missing.contains("NoSuchBucket"), "{missing}");
}
