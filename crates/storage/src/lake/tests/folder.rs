//! A folder keeps the guarantees of a bucket, between threads and across crashes.

use super::*;
use std::fs;
use std::time::Duration as Age;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_increments_count_to_fifty() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap().to_owned();
    at(&url).create("counter", text("00")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        // Like separate processes: each lake has its own handles, and only the file lock is shared.
        let lake = at(&url);
        for _ in 0..10 {
            let lake = lake.clone();
            tasks.spawn(async move {
                loop {
                    let (content, version) = lake.get("counter").await.unwrap().unwrap();
                    let count: u32 = std::str::from_utf8(&content).unwrap().parse().unwrap();
                    let next = Bytes::from(format!("{:02}", count + 1));
                    let done = lake.replace("counter", next, &version).await.unwrap();
                    if done != Replaced::Conflict {
                        break;
                    }
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let (content, _) = at(&url).get("counter").await.unwrap().unwrap();
    assert_eq!(content, text("50"));
}

/// A version consists of inode, time and size: an inode may be reused and the size may be the same, so the
/// time must increase, however coarse the file system's clock is.
#[tokio::test]
async fn the_time_of_an_object_always_moves_on() {
    let folder = tempfile::tempdir().unwrap();
    let lake = at(folder.path().to_str().unwrap());
    let path = folder.path().join("state");
    let modified = || fs::metadata(&path).unwrap().modified().unwrap();
    lake.create("state", text("a")).await.unwrap();
    let ahead = modified() + Age::from_secs(3600);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(ahead).unwrap();

    let mut before = modified();
    for _ in 0..3 {
        let (_, version) = lake.get("state").await.unwrap().unwrap();
        let done = lake.replace("state", text("b"), &version).await.unwrap();
        assert_ne!(done, Replaced::Conflict);
        assert!(modified() > before);
        before = modified();
    }
}

/// pyarrow reads every file of a partition: a killed writer's rows would be read twice.
#[tokio::test]
async fn files_are_staged_away_from_the_data_and_swept_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let lake = at(folder.path().to_str().unwrap());
    lake.create("p/state", text("a")).await.unwrap();
    let staging = folder.path().join("_bronzed/staging");
    let (young, old) = (staging.join("state#1"), staging.join("gone.parquet#12"));
    for path in [&young, &old] {
        fs::write(path, "half a fi").unwrap();
    }
    let aged = fs::File::options().write(true).open(&old).unwrap();
    let written = aged.metadata().unwrap().modified().unwrap();
    aged.set_modified(written - Age::from_secs(25 * 3600))
        .unwrap();

    assert_eq!(lake.list("_bronzed/staging").await.unwrap(), []);
    let (_, version) = lake.get("p/state").await.unwrap().unwrap();
    lake.replace("p/state", text("b"), &version).await.unwrap();
    lake.create("p/state", text("c")).await.unwrap();

    assert!(young.exists(), "it may have a writer yet");
    assert!(!old.exists());
    let left = |path| fs::read_dir(path).unwrap().count();
    assert_eq!(left(folder.path().join("p")), 1);
    assert_eq!(
        left(staging),
        1,
        "a write leaves no staging file of its own"
    );
}

#[tokio::test]
async fn folders_are_made_and_addressed_in_three_ways() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/lake");
    at(path.to_str().unwrap())
        .create("k", text("v"))
        .await
        .unwrap();
    let url = url::Url::from_file_path(&path).unwrap();
    assert!(at(url.as_str()).exists("k").await.unwrap());
    assert!(path.join("k").is_file());
}

#[test]
fn a_folder_that_cannot_be_made_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file/lake");
    let error = Lake::open(&settings(path.to_str().unwrap())).unwrap_err();
    assert!(matches!(error, LakeError::NotWritable { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("file/lake can't be read and written: Not a directory"),
        "{text}"
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let lake = at(folder.path().to_str().unwrap());
    // Also works for root, who isn't stopped by permissions.
    fs::write(folder.path().join("_bronzed"), "a file in the way").unwrap();
    let error = lake.probe("token").await.unwrap_err();
    assert!(matches!(error, LakeError::NotWritable { .. }), "{error}");
}
