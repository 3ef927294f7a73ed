//! Slices of a day by the declarations of datasets.

use crate::declaration::{SliceValues, SliceVariable};
use crate::slices::{WHOLE_DAY, slices};
use crate::testing;

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
