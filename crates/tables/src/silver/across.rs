//! Keys that stand in two partitions of a table, of which no reader could say which row is the latest.
//!
//! Of each key a hash of 64 bits is compared, a million at once: a table of more rows is read in several passes, each of which looks
//! at a range of hashes. Keys whose hashes are found twice are read again, and compared themselves.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bronzed_storage::lake::Lake;
use delta_kernel::arrow::array::Array;
use delta_kernel::arrow::array::cast::AsArray;

use super::SilverError;
use super::seek::{hash, read};
use super::shape::{ID, SilverShape};
use super::state::{FilePlace, TableFile};
use super::verify::RepeatedKey;

/// Number of hashes that are compared at once, about.
pub(super) const HASHES: u64 = 1_000_000;
/// Greatest number of keys that are looked at themselves.
const SUSPECTS: usize = 1_000;

/// Returns keys that stand in two places, one for each pair of files. A history has a key as often as it has versions, and none is
/// returned.
pub(super) async fn repeated(
    lake: &Lake,
    shape: &SilverShape,
    files: &[&TableFile],
    at_once: u64,
) -> Result<Vec<RepeatedKey>, SilverError> {
    let places: BTreeSet<_> = files.iter().map(|file| &file.place).collect();
    if shape.history || places.len() < 2 {
        return Ok(Vec::new());
    }
    let places: BTreeMap<&FilePlace, u32> = places.into_iter().zip(0..).collect();
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    let passes = rows.div_ceil(at_once.max(1)).max(1);
    let mut suspects = HashSet::new();
    for pass in 0..passes {
        let mut known: HashMap<u64, u32> = HashMap::new();
        for file in files {
            let place = places.get(&file.place).copied().unwrap_or_default();
            each_key(lake, shape, file, |key| {
                let hash = hash(&key);
                if hash % passes != pass || suspects.len() >= SUSPECTS {
                    return;
                }
                if *known.entry(hash).or_insert(place) != place {
                    suspects.insert(hash);
                }
            })
            .await?;
        }
    }
    if suspects.is_empty() {
        return Ok(Vec::new());
    }
    proven(lake, shape, files, &suspects).await
}

/// Returns the keys with these hashes that do stand in two places.
async fn proven(
    lake: &Lake,
    shape: &SilverShape,
    files: &[&TableFile],
    suspects: &HashSet<u64>,
) -> Result<Vec<RepeatedKey>, SilverError> {
    let mut first: BTreeMap<String, &TableFile> = BTreeMap::new();
    let mut repeated: BTreeMap<[String; 2], String> = BTreeMap::new();
    for file in files {
        each_key(lake, shape, file, |key| {
            if !suspects.contains(&hash(&key)) {
                return;
            }
            match first.entry(key.to_owned()) {
                MapEntry::Vacant(vacant) => drop(vacant.insert(file)),
                MapEntry::Occupied(known) if known.get().place != file.place => {
                    let pair = [*known.get(), *file];
                    let pair = pair.map(|file| format!("{}/{}", shape.prefix, file.path));
                    let found = repeated.entry(pair).or_insert_with(|| key.to_owned());
                    if key < found.as_str() {
                        *found = key.to_owned();
                    }
                }
                MapEntry::Occupied(_) => {}
            }
        })
        .await?;
    }
    let repeated = repeated.into_iter();
    Ok(repeated
        .map(|(files, id)| RepeatedKey { id, files })
        .collect())
}

/// Calls `take` with the key of each row of a file.
async fn each_key(
    lake: &Lake,
    shape: &SilverShape,
    file: &TableFile,
    mut take: impl FnMut(&str),
) -> Result<(), SilverError> {
    for batch in read(lake, (&shape.name, &shape.prefix), file, &[ID]).await? {
        let batch = batch?;
        let ids = batch.column_by_name(ID);
        let Some(ids) = ids.and_then(|ids| ids.as_string_opt::<i32>()) else {
            continue;
        };
        (0..ids.len())
            .filter(|row| ids.is_valid(*row))
            .for_each(|row| take(ids.value(row)));
    }
    Ok(())
}
