//! Slice values taken from another dataset: a field of the rows that were in force on the newest complete
//! day of that dataset.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bronzed_model::declaration::{Dataset, SliceValues};
use bronzed_model::json::tape::Tape;
use bronzed_model::record;
use bronzed_storage::bronze::{BronzeError, layout, reader};
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::state::known::known_at;
use bronzed_storage::state::{StateError, complete_days};

/// Reason why there are no values.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the other dataset is invalid.
    #[error("the values of `{{{variable}}}` in {key} can't be read: {source}")]
    File {
        /// The slice variable.
        variable: String,
        /// Key of the file.
        key: String,
        /// Error while decoding the file.
        source: BronzeError,
    },
    /// The rows in force can't be derived from the files of the other dataset.
    #[error(transparent)]
    State(#[from] StateError),
    /// The other dataset has no complete day with rows.
    #[error(
        "the values of `{{{variable}}}` are those of `{dataset}`, which has no complete day with rows in \
         the lake yet: read that one first"
    )]
    None {
        /// The slice variable.
        variable: String,
        /// The other dataset.
        dataset: String,
    },
}

/// Returns the dataset with the values of all of its slices listed; the same `Arc` if they are listed
/// already.
///
/// # Errors
/// See [`ValuesError`].
pub async fn with_values(lake: &Lake, dataset: &Arc<Dataset>) -> Result<Arc<Dataset>, ValuesError> {
    let mut listed = Arc::clone(dataset);
    for (position, variable) in dataset.slices.iter().enumerate() {
        let SliceValues::OfDataset {
            dataset: other,
            prefix,
            field,
        } = &variable.values
        else {
            continue;
        };
        let values = values(lake, &variable.name, prefix, field).await?;
        if values.is_empty() {
            return Err(ValuesError::None {
                variable: variable.name.clone(),
                dataset: other.clone(),
            });
        }
        let slices = &mut Arc::make_mut(&mut listed).slices;
        if let Some(variable) = slices.get_mut(position) {
            variable.values = SliceValues::Listed(values.into_iter().collect());
        }
    }
    Ok(listed)
}

/// Returns the values, sorted, of the rows in force on the newest complete day of the other dataset.
async fn values(
    lake: &Lake,
    variable: &str,
    prefix: &str,
    field: &str,
) -> Result<BTreeSet<String>, ValuesError> {
    let mut values = BTreeSet::new();
    // Only complete days count: a partial reading may lack any row.
    let Some(newest) = complete_days(lake, prefix).await?.pop_last() else {
        return Ok(values);
    };
    let known = known_at(lake, prefix, newest).await?;
    let mut wanted: HashSet<_> = known.into_keys().collect();
    let mut files = BTreeMap::new();
    for entry in lake.list(prefix).await? {
        let day = layout::file_day(prefix, &entry.key).filter(|day| *day <= newest);
        if let Some(day) = day
            && let Some(number) = layout::file_number(prefix, day, &entry.key)
        {
            files.insert((day, number), entry.key);
        }
    }
    // Newest first: the first occurrence of a key is the row in force, and older files aren't read once all
    // keys have been seen.
    for key in files.into_values().rev() {
        if wanted.is_empty() {
            break;
        }
        let Some((bytes, _)) = lake.get(&key).await? else {
            continue;
        };
        let rows = reader::stored(&bytes, &[], &[field]);
        let rows = rows.map_err(|source| ValuesError::File {
            variable: variable.to_owned(),
            key,
            source,
        })?;
        for row in rows.into_iter().rev() {
            if wanted.remove(&row.key) {
                let tape = Tape::parse(&row.record).unwrap_or_default();
                values.extend(record::field(tape.root(&row.record), field));
            }
        }
    }
    Ok(values)
}
