//! Tries the promises of a lake before anything rests on them.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{Created, Lake, LakeError, Replaced, Version};
use crate::failpoint::failpoint;

/// See [`Lake::probe`]. What a write is told counts less than what can be read afterwards: a reply
/// may get lost, and then the write is refused when it is sent again.
pub(super) async fn probe(lake: &Lake, token: &str) -> Result<(), LakeError> {
    lake.recognize().await?;
    let key = format!("_bronzed/probe/{token}");
    let outcome = try_promises(lake, &key).await;
    // Litter at worst: credentials need no right to delete for anything else.
    let _ = lake.store.delete(&Path::from(key.as_str())).await;
    outcome
}

/// See [`Lake::probe_room`]. A disk that is full has room for a small object still.
pub(super) async fn room(lake: &Lake, token: &str) -> Result<(), LakeError> {
    const ROOM: &[u8] = &[0; 1024 * 1024];
    let key = format!("_bronzed/probe/{token}");
    let outcome = lake.create(&key, Bytes::from_static(ROOM)).await;
    let _ = lake.store.delete(&Path::from(key.as_str())).await;
    outcome.map(drop)
}

async fn try_promises(lake: &Lake, key: &str) -> Result<(), LakeError> {
    const FIRST: Bytes = Bytes::from_static(b"first");
    const SECOND: Bytes = Bytes::from_static(b"second");
    const STALE: Bytes = Bytes::from_static(b"stale");

    // Some servers make a missing bucket at the first write: it would be one that nobody asked for.
    lake.get(key).await?;
    lake.create(key, FIRST)
        .await
        .map_err(|error| unknown(lake, error))?;
    failpoint!("probe.written");
    let first = expect(lake, key, &FIRST, "a new object didn't appear").await?;

    if let Created::Done(_) = lake.create(key, STALE).await? {
        return Err(ignored(lake, "it created an object that existed"));
    }
    expect(lake, key, &FIRST, "a refused write happened").await?;

    let replaced = lake.replace(key, SECOND, &first).await;
    replaced.map_err(|error| unknown(lake, error))?;
    expect(lake, key, &SECOND, "an object wasn't replaced").await?;

    if let Replaced::Done(_) = lake.replace(key, STALE, &first).await? {
        return Err(ignored(lake, "it replaced an object that had changed"));
    }
    expect(lake, key, &SECOND, "a refused write happened").await?;
    Ok(())
}

async fn expect(
    lake: &Lake,
    key: &str,
    content: &Bytes,
    otherwise: &str,
) -> Result<Version, LakeError> {
    match lake.get(key).await? {
        Some((found, version)) if found == content => Ok(version),
        _ => Err(ignored(lake, otherwise)),
    }
}

/// A store that doesn't know a condition at all may say so with this status.
fn unknown(lake: &Lake, error: LakeError) -> LakeError {
    match error {
        LakeError::Failed { detail, .. } if is_not_implemented(&detail) => ignored(lake, &detail),
        error => error,
    }
}

fn is_not_implemented(detail: &str) -> bool {
    detail.contains("NotImplemented") || detail.contains("501 Not Implemented")
}

fn ignored(lake: &Lake, what: &str) -> LakeError {
    LakeError::NoConditionalWrites {
        lake: lake.to_string(),
        detail: what.to_owned(),
    }
}
