//! End of files that no reader needs: those that went out of the table a week ago, and those of steps that were never
//! committed.
//!
//! A version's log says which files it removes, and not when a file was removed that an old checkpoint has forgotten. So each
//! step that removes files notes their names in an object of its own, before it is committed:
//!
//! ```text
//! silver/pncp_contratacoes/_removed/20251022T113000-0199f1c2-….json     ["month=2025-10/part-….parquet", …]
//! ```
//!
//! A file is deleted if the newest version doesn't have it, and the latest note of it is a week old; or if no note names it,
//! and it is a day old: then the step that wrote it has ended long ago. The files are listed before the version is read, and
//! the notes after it: so a file that goes out of the table meanwhile is in a note.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Lake, LakeError};
use chrono::{DateTime, NaiveDateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::SilverError;
use super::shape::SilverShape;
use super::state::TableState;

/// Time for which a file stays that went out of the table: the format's default for `delta.deletedFileRetentionDuration`.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);
/// Age at which a file that no version has is of no step any more.
const UNCOMMITTED: Duration = Duration::from_secs(24 * 3600);
/// Greatest number of objects that one build deletes.
const DELETIONS: usize = 1_000;
/// Notes that are read at once.
const READS: usize = 16;
/// Form of the time in the key of a note.
const TIME: &str = "%Y%m%dT%H%M%S";

/// Key of the note of files that a step removes.
pub(super) fn removed_key(prefix: &str, step: Uuid, now: DateTime<Utc>) -> String {
    format!("{prefix}/_removed/{}-{step}.json", now.format(TIME))
}

fn time_of(key: &str) -> Option<DateTime<Utc>> {
    let (_, name) = key.rsplit_once('/')?;
    let (time, _) = name.split_once('-')?;
    let time = NaiveDateTime::parse_from_str(time, TIME).ok()?;
    Some(time.and_utc())
}

/// Deletes files that no reader needs; returns their number.
pub(super) async fn vacuum(
    lake: &Lake,
    shape: &SilverShape,
    now: DateTime<Utc>,
) -> Result<u64, SilverError> {
    let prefix = &shape.prefix;
    let log = format!("{}/", layout::delta_log_folder(prefix));
    let notes_folder = format!("{prefix}/_removed");
    let listed = lake.list(prefix).await?;
    let state = TableState::load(lake, prefix).await?;
    if state.base.is_none() {
        return Ok(0);
    }
    let live: BTreeSet<_> = state
        .files
        .iter()
        .map(|file| format!("{prefix}/{}", file.path))
        .collect();
    let (mut removed, mut old_notes) = (BTreeMap::new(), Vec::new());
    let notes = lake.list(&notes_folder).await?.into_iter();
    let notes = notes.filter_map(|note| Some((time_of(&note.key)?, note.key)));
    let read = notes.map(|(at, key)| async move {
        let found = lake.get(&key).await?;
        Ok::<_, LakeError>((at, key, found.map(|(bytes, _)| bytes)))
    });
    let mut read = stream::iter(read).buffered(READS);
    while let Some((at, key, bytes)) = read.try_next().await? {
        let paths: Vec<String> = bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        for path in paths {
            let latest = removed.entry(format!("{prefix}/{path}")).or_insert(at);
            *latest = (*latest).max(at);
        }
        if at + RETENTION < now {
            old_notes.push(key);
        }
    }
    let is_data = |key: &str| key.ends_with(".parquet") && !key.starts_with(&log);
    let mut unneeded: Vec<_> = listed
        .iter()
        .filter(|file| is_data(&file.key) && !live.contains(&file.key))
        .filter(|file| match removed.get(&file.key) {
            Some(at) => *at + RETENTION < now,
            None => file.modified + UNCOMMITTED < now,
        })
        .map(|file| file.key.clone())
        .collect();
    let all = unneeded.len() <= DELETIONS;
    unneeded.truncate(DELETIONS);
    let deleted = unneeded.len() as u64;
    for key in unneeded {
        lake.delete(&key).await?;
    }
    // A note is needed as long as a file of it may be there.
    for key in old_notes.into_iter().filter(|_| all) {
        lake.delete(&key).await?;
    }
    Ok(deleted)
}
