//! Requests of runs, one object a run, outside of all tables:
//!
//! ```text
//! _bronzed/requests/20251022/0199a1b2-….json.zst        requests of a run that began on this day (UTC)
//! ```
//!
//! ```json
//! {"format": 1, "run_id": "0199a1b2-…", "source": "pncp", "dataset": "contratacoes", "total": 404, "requests": […], …}
//! ```
//!
//! The day of the key is that of the run's id (UUIDv7), so that one GET finds the requests of a run whose id is all that is
//! known. An object is created once, never changed, and removed after [`KEPT`]. Nothing relies on one.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lake::{Lake, LakeError};
use bronzed_model::requests::RunRequests;

/// Folder of the requests, without a trailing slash.
pub const FOLDER: &str = "_bronzed/requests";

/// Age at which the requests of a run are removed.
pub const KEPT: TimeDelta = TimeDelta::days(30);

/// Format that is written, and the highest that can be read.
const FORMAT: u64 = 1;

/// zstd's default level.
const LEVEL: i32 = 3;

/// Maximum length of the document, decompressed.
const LONGEST: usize = 8 << 20;

/// Reason why the requests of a run can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// The lake can't be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Damaged, or written by a newer version.
    #[error(
        "`{key}` can't be understood by this version: {problem}; the run itself isn't affected"
    )]
    Unreadable {
        /// Key of the object.
        key: String,
        /// Description of the defect.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct KeptDocument<T> {
    format: u64,
    #[serde(flatten)]
    requests: T,
}

/// Key of the requests of a run. `None` if its id has no time: no run of this program.
pub fn key(run_id: Uuid) -> Option<String> {
    let (seconds, _) = run_id.get_timestamp()?.to_unix();
    let began = DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?;
    Some(format!("{}/{run_id}.json.zst", folder(began.date_naive())))
}

fn folder(day: NaiveDate) -> String {
    format!("{FOLDER}/{}", day.format("%Y%m%d"))
}

/// Writes the requests of a run, unless the lake has them.
///
/// # Errors
/// Returns an error if the lake refuses the write, or doesn't answer.
pub async fn keep(lake: &Lake, requests: &RunRequests) -> Result<(), RequestsError> {
    let Some(key) = key(requests.run_id) else {
        return Ok(());
    };
    let document = KeptDocument {
        format: FORMAT,
        requests,
    };
    let unreadable = |problem: String| RequestsError::Unreadable {
        key: key.clone(),
        problem,
    };
    let text = serde_json::to_vec(&document).map_err(|error| unreadable(error.to_string()))?;
    let packed = zstd::bulk::compress(&text, LEVEL);
    let packed = packed.map_err(|error| unreadable(error.to_string()))?;
    lake.create(&key, Bytes::from(packed)).await?;
    Ok(())
}

/// Returns the requests of a run. `None` if the lake doesn't have them: the run is older than [`KEPT`], has asked for nothing, or
/// couldn't write them.
///
/// # Errors
/// Returns an error if the lake can't be read, or the object can't be understood.
pub async fn read(lake: &Lake, run_id: Uuid) -> Result<Option<RunRequests>, RequestsError> {
    let Some(key) = key(run_id) else {
        return Ok(None);
    };
    let Some((packed, _)) = lake.get(&key).await? else {
        return Ok(None);
    };
    let parsed = parse(&packed);
    parsed
        .map(Some)
        .map_err(|problem| RequestsError::Unreadable { key, problem })
}

fn parse(packed: &[u8]) -> Result<RunRequests, String> {
    let text = zstd::bulk::decompress(packed, LONGEST).map_err(|error| error.to_string())?;
    let of: KeptDocument<serde::de::IgnoredAny> =
        serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if of.format > FORMAT {
        return Err(format!("it has format {}", of.format));
    }
    let document: KeptDocument<RunRequests> =
        serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    Ok(document.requests)
}

/// Removes the requests of runs that began before [`KEPT`]. Returns the number of removed objects.
///
/// # Errors
/// Returns an error if the lake can't be listed, or an object not be removed; a later call goes on.
pub async fn remove_old(lake: &Lake, now: DateTime<Utc>) -> Result<u64, LakeError> {
    let oldest = folder((now - KEPT).date_naive());
    let mut removed = 0;
    for folder in lake.folders(FOLDER).await? {
        if !is_of_a_day(&folder) || folder >= oldest {
            continue;
        }
        for entry in lake.list(&folder).await? {
            lake.delete(&entry.key).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// `true` if the folder is one of a day, and not somebody else's.
fn is_of_a_day(folder: &str) -> bool {
    let name = folder
        .strip_prefix(FOLDER)
        .and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use bronzed_model::clock::{Clock, ManualClock};
    use bronzed_model::entropy::Entropy;

    fn lake() -> Lake {
        let store = Arc::new(object_store::memory::InMemory::new());
        Lake::over(store, "memory:///")
    }

    fn requests(at: DateTime<Utc>) -> RunRequests {
        RunRequests {
            run_id: Entropy::seeded(1).run_id(at),
            source: "pncp".to_owned(),
            dataset: "contratacoes".to_owned(),
            day: "2025-10-22".parse().unwrap(),
            started_at: at,
            took_ms: 1_500,
            total: 1,
            left_out: 1,
            outcomes: [("page".to_owned(), 1)].into(),
            slices: Vec::new(),
            requests: Vec::new(),
        }
    }

    #[tokio::test]
    async fn requests_are_found_by_the_run_id_alone() {
        let lake = lake();
        let at = "2025-10-22T23:59:59Z".parse().unwrap();
        let kept = requests(at);
        assert_eq!(read(&lake, kept.run_id).await.unwrap(), None);
        keep(&lake, &kept).await.unwrap();
        keep(&lake, &kept).await.unwrap();
        let key = key(kept.run_id).unwrap();
        assert!(key.starts_with("_bronzed/requests/20251022/"), "{key}");
        assert_eq!(read(&lake, kept.run_id).await.unwrap(), Some(kept));
        assert_eq!(read(&lake, Uuid::from_u128(1)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_object_that_is_damaged_or_newer_is_an_error_that_names_it() {
        let newer = zstd::bulk::compress(br#"{"format": 2}"#, 1).unwrap();
        for bytes in [b"{".to_vec(), newer] {
            let lake = lake();
            let run_id = requests(ManualClock::new(DateTime::UNIX_EPOCH).now()).run_id;
            let key = key(run_id).unwrap();
            lake.create(&key, bytes.into()).await.unwrap();
            let error = read(&lake, run_id).await.unwrap_err().to_string();
            assert!(error.contains(&key), "{error}");
        }
    }

    #[tokio::test]
    async fn only_requests_of_more_than_thirty_days_ago_are_removed() {
        let lake = lake();
        let now: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        for days in [0, 29, 30, 31, 400] {
            keep(&lake, &requests(now - TimeDelta::days(days)))
                .await
                .unwrap();
        }
        let foreign = format!("{FOLDER}/notes/a.txt");
        lake.create(&foreign, "x".into()).await.unwrap();
        assert_eq!(remove_old(&lake, now).await.unwrap(), 2);
        let left = lake.list(FOLDER).await.unwrap().len();
        assert_eq!(left, 4, "three days and what is not ours");
        assert_eq!(remove_old(&lake, now).await.unwrap(), 0);
    }
}
