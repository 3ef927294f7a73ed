//! The slices of a day: the Cartesian product of the values of the slice variables.
//!
//! ```text
//! modalidade = [1, 2]                    modalidade=1, modalidade=2
//! modalidade = [1, 2], uf = [AC, AL]     modalidade=1&uf=AC, modalidade=1&uf=AL, modalidade=2&uf=AC, …
//! no variables                           all
//! ```
//!
//! Labels are keys of the state's `slices`, so they must never change.

use bronzed_model::declaration::{Dataset, Slice, SliceValues, SliceVariable};

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
mod tests {
    use super::*;
    use crate::source::testing;

    fn labels(variables: &[(&str, &[&str])]) -> Vec<String> {
        let mut dataset = testing::dataset();
        dataset.slices = variables
            .iter()
            .map(|(name, values)| SliceVariable {
                name: (*name).to_owned(),
                values: SliceValues::Listed(values.iter().map(|v| (*v).to_owned()).collect()),
            })
            .collect();
        let slices = slices(&dataset);
        slices.iter().map(|slice| slice.label.to_string()).collect()
    }

    #[test]
    fn one_slice_for_each_value_in_the_order_of_the_file() {
        assert_eq!(
            labels(&[("modalidade", &["6", "1", "13"])]),
            ["modalidade=6", "modalidade=1", "modalidade=13"]
        );
    }

    #[test]
    fn several_variables_give_their_product() {
        assert_eq!(
            labels(&[("m", &["1", "2"]), ("uf", &["AC", "AL"])]),
            ["m=1&uf=AC", "m=1&uf=AL", "m=2&uf=AC", "m=2&uf=AL"]
        );
    }

    #[test]
    fn without_variables_the_day_is_one_slice() {
        assert_eq!(labels(&[]), [WHOLE_DAY]);
    }
}
