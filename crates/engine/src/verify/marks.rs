//! Times of the last comparison of each day with the API: a small document in the lake, so that a restarted
//! daemon continues where its predecessor stopped.
//!
//! ```text
//! _bronzed/verified/pncp.json
//! {"2025-10-22": {"at": "2025-12-07T08:00:00Z", "failures": 0}, …}
//! ```
//!
//! The document is disposable: a lost entry costs one more comparison, so an unreadable document counts as
//! empty.

use std::collections::BTreeMap;

use bronzed_model::day::Day;
use bronzed_model::verified::Verified;
use bronzed_storage::lake::{Created, Lake, LakeError, ObjectVersion, Replaced};

/// Maximum number of days kept: the newest.
const KEPT: usize = 1_000;
/// Attempts of the compare-and-swap when concurrent writers conflict.
const ATTEMPTS: u32 = 10;

type Marks = BTreeMap<Day, Verified>;

/// Loads the time of the last comparison of each day of the table with this prefix.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn load(lake: &Lake, prefix: &str) -> Result<BTreeMap<Day, Verified>, LakeError> {
    Ok(read(lake, prefix).await?.0)
}

/// Records the comparison of a day. If concurrent writers win every attempt, logs a warning and returns `Ok`.
///
/// # Errors
/// Returns an error if the lake can't be read or written.
pub async fn note(lake: &Lake, prefix: &str, day: Day, mark: Verified) -> Result<(), LakeError> {
    let key = key(prefix);
    for _ in 0..ATTEMPTS {
        let (mut marks, version) = read(lake, prefix).await?;
        marks.insert(day, mark);
        while marks.len() > KEPT {
            marks.pop_first();
        }
        let text = serde_json::to_vec(&marks).unwrap_or_default();
        let done = match version {
            None => matches!(lake.create(&key, text.into()).await?, Created::Done(_)),
            Some(version) => {
                let replaced = lake.replace(&key, text.into(), &version).await?;
                matches!(replaced, Replaced::Done(_))
            }
        };
        if done {
            return Ok(());
        }
    }
    // The concurrent writers recorded other days: this one will be compared once more.
    tracing::warn!(key, "mark of a verified day not written");
    Ok(())
}

async fn read(lake: &Lake, prefix: &str) -> Result<(Marks, Option<ObjectVersion>), LakeError> {
    let found = lake.get(&key(prefix)).await?;
    Ok(match found {
        None => (Marks::new(), None),
        Some((bytes, version)) => {
            let marks = serde_json::from_slice(&bytes).unwrap_or_default();
            (marks, Some(version))
        }
    })
}

fn key(prefix: &str) -> String {
    format!("_bronzed/verified/{prefix}.json")
}
