//! The slices of a day: combinations of request parameters.

use std::sync::Arc;

/// Slice variable and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceVariable {
    /// Name, used in templates as `{modalidade}`.
    pub name: String,
    /// Values of the variable.
    pub values: SliceValues,
}

/// Values of a slice variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceValues {
    /// Listed values, in the order of the file.
    Listed(Vec<String>),
    /// Values of a field in the rows of another dataset's newest snapshot.
    OfDataset {
        /// Name of the dataset, a snapshot of the same source.
        dataset: String,
        /// Table of the dataset.
        prefix: String,
        /// JSON pointer to the field in the dataset's records.
        field: String,
    },
}

/// One combination of slice values needed to cover a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Key of the state's `slices`: `modalidade=6`; several pairs are joined with `&`.
    pub label: Arc<str>,
    /// Pairs of variable and value.
    pub values: Vec<(String, String)>,
    /// For a child: id of the requested parent, without its version.
    pub parent: Option<Arc<str>>,
}
