//! Checks the guarantees of a lake before anything depends on them.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::{Created, Lake, LakeError, ObjectVersion, Replaced};

/// Implements [`Lake::probe`]. Results are verified by reading back, because a reply may be lost, and then
/// the repeated write is refused.
pub(super) async fn probe(lake: &Lake, token: &str) -> Result<(), LakeError> {
    lake.recognize().await?;
    let key = format!("_bronzed/probe/{token}");
    let outcome = try_promises(lake, &key).await;
    // Best effort: credentials need no delete permission for anything else in a probe.
    let _ = lake.store.delete(&Path::from(key.as_str())).await;
    outcome
}

/// Implements [`Lake::probe_room`]. A full disk may still have room for a small object.
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

    // Some servers create a missing bucket on the first write, which nobody asked for; a read doesn't.
    lake.get(key).await?;
    lake.create(key, FIRST)
        .await
        .map_err(|error| unknown(lake, error))?;
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
) -> Result<ObjectVersion, LakeError> {
    match lake.get(key).await? {
        Some((found, version)) if found == content => Ok(version),
        _ => Err(ignored(lake, otherwise)),
    }
}

/// Maps the status of a store that doesn't know conditions at all.
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
