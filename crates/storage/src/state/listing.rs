//! Completeness of a table's days, from one LIST of its `_state` folder; no state is read.

use std::collections::{BTreeMap, BTreeSet};

use crate::bronze::layout;
use crate::lake::{Entry, Lake, LakeError};
use bronzed_model::day::Day;

/// Complete and accepted days of a table, and its states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Days that are complete with the slices that are declared now.
    pub complete: BTreeSet<Day>,
    /// Days that a person has accepted, and that aren't complete.
    pub accepted: BTreeSet<Day>,
    /// State objects by day, as listed.
    pub states: BTreeMap<Day, Entry>,
}

/// Lists the states and markers of the table with this prefix.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub async fn listing(lake: &Lake, prefix: &str) -> Result<Listing, LakeError> {
    let mut found = Listing::default();
    let generation = lake.generation(prefix);
    for entry in lake.list(&layout::state_folder(prefix)).await? {
        if let Some(day) = layout::state_day(prefix, &entry.key) {
            found.states.insert(day, entry);
        } else if let Some((day, of)) = layout::complete_mark(prefix, &entry.key) {
            found.complete.extend((of == generation).then_some(day));
        } else {
            let day = layout::accepted_day(prefix, &entry.key);
            found.accepted.extend(day);
        }
    }
    // A marker without a state is no proof: whoever removed the state may have removed files as well.
    let Listing {
        complete,
        accepted,
        states,
    } = &mut found;
    complete.retain(|day| states.contains_key(day));
    accepted.retain(|day| states.contains_key(day) && !complete.contains(day));
    Ok(found)
}
