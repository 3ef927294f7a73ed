//! The values of slices that come out of another dataset: those of a field in the rows that are in
//! force by the newest snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::bronze::writer::Op;
use crate::bronze::{BronzeError, layout, reader};
use crate::lake::{Lake, LakeError};
use crate::record;
use crate::source::declaration::{Dataset, SliceValues};

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
    /// Nothing is known of the other dataset.
    #[error(
        "the values of `{{{variable}}}` are those of `{dataset}`, which has no rows in the lake yet: \
         read that one first"
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

/// The values, sorted: what the rows of all days add up to, the newest of each key.
async fn values(
    lake: &Lake,
    variable: &str,
    prefix: &str,
    field: &str,
) -> Result<BTreeSet<String>, ValuesError> {
    let mut files = BTreeMap::new();
    for entry in lake.list(prefix).await? {
        let Some(day) = layout::file_day(prefix, &entry.key) else {
            continue;
        };
        if let Some(number) = layout::file_number(prefix, day, &entry.key) {
            files.insert((day, number), entry.key);
        }
    }
    let mut in_force: BTreeMap<Box<str>, String> = BTreeMap::new();
    for key in files.into_values() {
        let Some((bytes, _)) = lake.get(&key).await? else {
            continue;
        };
        let rows = reader::stored(&bytes, &[], &[field]);
        let rows = rows.map_err(|source| ValuesError::File {
            variable: variable.to_owned(),
            key,
            source,
        })?;
        for row in rows {
            let gone = row.op.as_deref() == Some(Op::Vanished.name());
            match record::field(&row.record, field).filter(|_| !gone) {
                Some(value) => _ = in_force.insert(row.key, value),
                None => _ = in_force.remove(&row.key),
            }
        }
    }
    Ok(in_force.into_values().collect())
}
