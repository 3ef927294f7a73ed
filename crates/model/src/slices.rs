//! The slices of a day: the Cartesian product of the values of the slice variables.
//!
//! ```text
//! modalidade = [1, 2]                    modalidade=1, modalidade=2
//! modalidade = [1, 2], uf = [AC, AL]     modalidade=1&uf=AC, modalidade=1&uf=AL, modalidade=2&uf=AC, …
//! no variables                           all
//! ```
//!
//! Labels are keys of the state's `slices`, so they must never change.

use crate::declaration::{Dataset, Slice, SliceValues, SliceVariable};

/// Label of the only slice of a dataset without variables.
pub const WHOLE_DAY: &str = "all";

/// Returns the slices that cover a day of `dataset`; the first variable varies slowest.
pub fn slices(dataset: &Dataset) -> Vec<Slice> {
    let mut products = vec![Vec::new()];
    for variable in &dataset.slices {
        products = products
            .iter()
            .flat_map(|prefix| extended(prefix, variable))
            .collect();
    }
    products.into_iter().map(slice).collect()
}

type Values = Vec<(String, String)>;

fn extended(prefix: &Values, variable: &SliceVariable) -> Vec<Values> {
    let with = |value: &String| {
        let mut values = prefix.clone();
        values.push((variable.name.clone(), value.clone()));
        values
    };
    match &variable.values {
        SliceValues::Listed(values) => values.iter().map(with).collect(),
        SliceValues::OfDataset { .. } => Vec::new(),
    }
}

fn slice(values: Values) -> Slice {
    let pairs: Vec<_> = values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let label = match pairs.is_empty() {
        true => WHOLE_DAY.into(),
        false => pairs.join("&").into(),
    };
    Slice {
        label,
        values,
        parent: None,
    }
}

#[cfg(test)]
mod tests;
