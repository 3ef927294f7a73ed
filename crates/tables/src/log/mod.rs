//! Kernel code over a lake: run on objects in memory, again and again until all that it reads was fetched.
//!
//! Nothing of the kernel touches the lake. So its writes are conditional, retried and measured as all others are, a lost
//! reply is settled by reading back, and a simulation sees each of its steps.

mod engine;
mod mirror;

use std::sync::Arc;

use futures::future::try_join_all;

pub use engine::LogEngine;
use mirror::{Mirror, Missed};
pub use mirror::{Write, location};

use crate::error::DeltaError;
use crate::listing;
use bronzed_storage::lake::{Lake, LakeError};
use delta_kernel::KernelResult;

/// Calls of a function until it has all that it reads. A log is read by: its hint of the last checkpoint, a listing, the
/// checkpoint, the commits after it.
const ROUNDS: usize = 32;

/// Runs kernel code over the lake; returns its result, and the objects that it has written, which aren't in the lake yet.
///
/// # Errors
/// Returns an error if an object can't be read, or the kernel refuses.
pub async fn run<T>(
    lake: &Lake,
    prefix: &str,
    call: impl Fn(&LogEngine) -> KernelResult<T>,
) -> Result<(T, Vec<Write>), DeltaError> {
    let mirror = Arc::new(Mirror::default());
    let engine = LogEngine::new(mirror.clone());
    for _ in 0..ROUNDS {
        mirror.begin();
        let answer = call(&engine);
        let wanted = mirror.wanted();
        if wanted.is_empty() {
            let value = answer.map_err(|error| DeltaError::log(prefix, error))?;
            return Ok((value, mirror.written()));
        }
        try_join_all(
            wanted
                .into_iter()
                .map(|wanted| fetch(lake, &mirror, wanted)),
        )
        .await?;
    }
    Err(DeltaError::Unread {
        prefix: prefix.to_owned(),
    })
}

async fn fetch(lake: &Lake, mirror: &Mirror, wanted: Missed) -> Result<(), LakeError> {
    match wanted {
        Missed::Object(key) => {
            let found = lake.get(&key).await?;
            mirror.hold(key, found.map(|(bytes, _)| bytes));
        }
        Missed::Folder(listing) => {
            let entries = listing::log_after(lake, &listing.folder, &listing.after).await?;
            mirror.hold_listing(listing, entries);
        }
    }
    Ok(())
}
