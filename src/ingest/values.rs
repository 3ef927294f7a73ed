//! The values of slices that come out of another dataset: those of a field in the rows that were in
//! force on the newest day on which that one was read as a whole.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::bronze::{BronzeError, layout, reader};
use crate::lake::{Lake, LakeError};
use crate::record;
use crate::source::declaration::{Dataset, SliceValues};
use crate::state::known::known_at;
use crate::state::{StateError, complete_days};

/// Why there are no values.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A file of the other dataset isn't what it should be.
    #[error("the values of `{{{variable}}}` in {key} can't be read: {source}")]
    File {
        /// The slice variable.
        variable: String,
        /// The file.
        key: String,
        /// What is wrong with it.
        source: BronzeError,
    },
    /// Its known rows can't be made of its files.
    #[error(transparent)]
    State(#[from] StateError),
    /// The other dataset was never read as a whole.
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

/// The dataset with the values of all of its slices listed; the same one where they are.
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

/// The values, sorted: those of the rows in force when the other dataset was last read as a whole.
async fn values(
    lake: &Lake,
    variable: &str,
    prefix: &str,
    field: &str,
) -> Result<BTreeSet<String>, ValuesError> {
    let mut values = BTreeSet::new();
    // What was read in part may lack any row, and says nothing of those that it lacks.
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
    // The newest first: of each row its first sight is the one in force, and older files needn't be
    // read when all have been seen.
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
                values.extend(record::field(&row.record, field));
            }
        }
    }
    Ok(values)
}
