//! Listings of what grows by numbers. A listing isn't a view of one moment: it may have a number, and lack the one before, which was
//! written while it was made. So where one is missing, it is looked at again; what is still missing then is lost.

use std::collections::BTreeSet;

use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_storage::lake::{Entry, Lake, LakeError};

/// Returns the files of a day, of which `entries` is a listing: up to its last number all that are there. Of numbers up to `known`
/// none is looked for.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub(crate) async fn whole_day(
    lake: &Lake,
    prefix: &str,
    day: Day,
    entries: Vec<Entry>,
    known: u64,
) -> Result<Vec<Entry>, LakeError> {
    let number = |entry: &Entry| layout::file_number(prefix, day, &entry.key);
    let Some(last) = end_of_gap(entries.iter().filter_map(number), known) else {
        return Ok(entries);
    };
    let again = lake.list(&layout::partition(prefix, day)).await?;
    Ok(up_to(again, last, number))
}

/// Returns the objects of a log after `after`: up to its last version all that are there.
///
/// # Errors
/// Returns an error if the lake can't be listed.
pub(crate) async fn log_after(
    lake: &Lake,
    folder: &str,
    after: &str,
) -> Result<Vec<Entry>, LakeError> {
    let entries = lake.list_after(folder, after).await?;
    let versions: BTreeSet<_> = entries.iter().filter_map(version).collect();
    let Some(first) = versions.first().copied() else {
        return Ok(entries);
    };
    let Some(last) = end_of_gap(versions.into_iter(), first.saturating_sub(1)) else {
        return Ok(entries);
    };
    let again = lake.list_after(folder, after).await?;
    Ok(up_to(again, last, version))
}

/// Returns the last number, if one is missing between `known` and it.
fn end_of_gap(numbers: impl Iterator<Item = u64>, known: u64) -> Option<u64> {
    let new: BTreeSet<_> = numbers.filter(|number| *number > known).collect();
    let last = new.last().copied()?;
    (new.len() as u64 != last - known).then_some(last)
}

/// Leaves out what is later: among that, numbers may be missing again.
fn up_to(entries: Vec<Entry>, last: u64, number: impl Fn(&Entry) -> Option<u64>) -> Vec<Entry> {
    let is_later = |entry: &Entry| number(entry).is_some_and(|number| number > last);
    entries
        .into_iter()
        .filter(|entry| !is_later(entry))
        .collect()
}

/// Returns the version of a log's commit.
fn version(entry: &Entry) -> Option<u64> {
    let (_, name) = entry.key.rsplit_once('/')?;
    name.strip_suffix(".json")?.parse().ok()
}
