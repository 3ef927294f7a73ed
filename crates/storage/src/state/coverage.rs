//! Complete days of a dataset, from one LIST of states and markers; no state is read.

use std::collections::BTreeSet;

use super::listing::listing;
use crate::bronze::layout;
use crate::lake::{Lake, LakeError};
use bronzed_model::day::Day;

/// Returns the complete days. A day whose marker was lost counts as incomplete and costs one more run; no
/// marker is put before its day is proven.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub async fn complete_days(lake: &Lake, prefix: &str) -> Result<BTreeSet<Day>, LakeError> {
    Ok(listing(lake, prefix).await?.complete)
}

/// Returns `true` if `day` is complete: same result as [`complete_days`], by looking up its marker and its
/// state.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn is_complete(lake: &Lake, prefix: &str, day: Day) -> Result<bool, LakeError> {
    let marker = layout::complete_key_of(prefix, day, lake.generation(prefix));
    Ok(lake.exists(&marker).await? && lake.exists(&layout::state_key(prefix, day)).await?)
}
