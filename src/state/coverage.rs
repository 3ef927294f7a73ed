//! Which days of a dataset are complete: one LIST of the markers, and no state is read for it.

use std::collections::BTreeSet;

use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};

/// The days whose markers say that they are complete. A day whose marker was lost costs one more
/// reading; no marker is put before its day is proven.
///
/// # Errors
/// When the lake can't be listed.
pub async fn complete_days(lake: &Lake, prefix: &str) -> Result<BTreeSet<Day>, LakeError> {
    let found = lake.list(&layout::complete_folder(prefix)).await?;
    let days = found
        .iter()
        .filter_map(|entry| layout::complete_day(prefix, &entry.key));
    Ok(days.collect())
}
