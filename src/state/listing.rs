//! How the days of a table stand, by one LIST of its `_state` folder: no state is read for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Entry, Lake, LakeError};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The days whose markers say that they are complete.
    pub complete: BTreeSet<Day>,
    /// The days that a person has accepted.
    pub accepted: BTreeSet<Day>,
    /// The days that have a state, with its object as it stands.
    pub states: BTreeMap<Day, Entry>,
}

/// Asks the lake how the days of the table of this prefix stand.
///
/// # Errors
/// When the lake can't be listed.
pub async fn listing(lake: &Lake, prefix: &str) -> Result<Listing, LakeError> {
    let mut found = Listing::default();
    for entry in lake.list(&layout::state_folder(prefix)).await? {
        found
            .complete
            .extend(layout::complete_day(prefix, &entry.key));
        found
            .accepted
            .extend(layout::accepted_day(prefix, &entry.key));
        if let Some(day) = layout::state_day(prefix, &entry.key) {
            found.states.insert(day, entry);
        }
    }
    Ok(found)
}
