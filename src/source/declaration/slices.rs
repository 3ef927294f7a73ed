//! The slices of a day: combinations of request parameters.

use std::sync::Arc;

/// A variable of the slices, and the values it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceVariable {
    /// As templates name it: `{modalidade}`.
    pub name: String,
    /// Which values.
    pub values: SliceValues,
}

/// The values that a variable takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceValues {
    /// These, in the order of the file.
    Listed(Vec<String>),
    /// Those that a field has in the rows of another dataset's newest snapshot.
    OfDataset {
        /// The dataset's name; it is a snapshot of the same source.
        dataset: String,
        /// Its table.
        prefix: String,
        /// JSON pointer into its records.
        field: String,
    },
}

/// One combination of slice values needed to cover a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `modalidade=6`; several are joined with `&`. The key of the state's `slices`.
    pub label: Arc<str>,
    /// Variable and value.
    pub values: Vec<(String, String)>,
    /// Of a child: the id, without its version, of the parent that is asked for.
    pub parent: Option<Arc<str>>,
}
