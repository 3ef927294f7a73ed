//! Which days of a dataset are complete: one LIST of states and markers, and no state is read for it.

use std::collections::BTreeSet;

use super::listing::listing;
use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};

/// The days that are complete. A day whose marker was lost costs one more reading; no marker is put
/// before its day is proven.
///
/// # Errors
/// When the lake can't be listed.
pub async fn complete_days(lake: &Lake, prefix: &str) -> Result<BTreeSet<Day>, LakeError> {
    Ok(listing(lake, prefix).await?.complete)
}

/// Whether one day is complete: the same of it as [`complete_days`] says, by two looks at its objects.
///
/// # Errors
/// When the lake can't be asked.
pub async fn is_complete(lake: &Lake, prefix: &str, day: Day) -> Result<bool, LakeError> {
    let marker = layout::complete_key_of(prefix, day, lake.generation(prefix));
    Ok(lake.exists(&marker).await? && lake.exists(&layout::state_key(prefix, day)).await?)
}
