//! Lakes that were moved away, aren't mounted, or never existed.

use std::fs;

use super::*;
use crate::lake::JoinedLake;
use bronzed_model::entropy::Entropy;

async fn join(lake: &Lake, seed: u64) -> Result<JoinedLake, crate::lake::document::DocumentError> {
    let now = "2025-10-22T12:00:00Z".parse().unwrap();
    lake.join(&Entropy::seeded(seed), now).await
}

#[tokio::test]
async fn who_only_reads_creates_no_lake_and_no_folder() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("lake");
    let url = path.to_str().unwrap();
    for address in [url.to_owned(), format!("file://{url}")] {
        let error = Lake::open_existing(&settings(&address)).await.unwrap_err();
        assert!(matches!(error, LakeError::Absent { .. }), "{error}");
    }
    assert!(!path.exists());
    // An empty folder is no lake either: a missing mount looks like that.
    fs::create_dir(&path).unwrap();
    let error = Lake::open_existing(&settings(url)).await.unwrap_err();
    assert!(error.to_string().contains("mount"), "{error}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[tokio::test]
async fn a_new_lake_is_told_from_one_with_data_and_from_one_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let lake = at(folder.path().to_str().unwrap());
    assert_eq!(join(&lake, 1).await.unwrap(), JoinedLake::Founded);
    assert_eq!(join(&lake, 2).await.unwrap(), JoinedLake::Known);
    let again = at(folder.path().to_str().unwrap());
    assert_eq!(join(&again, 3).await.unwrap(), JoinedLake::Known);
    Lake::open_existing(&settings(folder.path().to_str().unwrap()))
        .await
        .unwrap();

    let earlier = tempfile::tempdir().unwrap();
    fs::create_dir(earlier.path().join("pncp")).unwrap();
    fs::write(earlier.path().join("pncp/old.parquet"), "rows").unwrap();
    let lake = at(earlier.path().to_str().unwrap());
    assert_eq!(join(&lake, 4).await.unwrap(), JoinedLake::Adopted);
}

#[tokio::test]
async fn a_lake_that_was_moved_away_is_not_founded_anew() {
    let parent = tempfile::tempdir().unwrap();
    let (path, away) = (parent.path().join("lake"), parent.path().join("away"));
    fs::create_dir(&path).unwrap();
    let lake = at(path.to_str().unwrap());
    join(&lake, 1).await.unwrap();
    lake.recognize().await.unwrap();

    fs::rename(&path, &away).unwrap();
    let error = lake.recognize().await.unwrap_err();
    assert!(matches!(error, LakeError::Another { .. }), "{error}");
    assert!(lake.create("pncp/x", text("x")).await.is_err());
    assert!(!path.exists(), "nothing is made in its place");
    assert!(lake.probe("token").await.is_err());

    // The mount point's empty folder, or another lake.
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        lake.recognize().await,
        Err(LakeError::Another { .. })
    ));
    assert!(join(&lake, 2).await.is_err());
    join(&at(path.to_str().unwrap()), 3).await.unwrap();
    assert!(matches!(
        lake.recognize().await,
        Err(LakeError::Another { .. })
    ));

    fs::remove_dir_all(&path).unwrap();
    fs::rename(&away, &path).unwrap();
    lake.recognize().await.unwrap();
    lake.probe("token").await.unwrap();
}
