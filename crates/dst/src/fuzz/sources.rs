//! Datasets for the targets: the shipped ones, and those of `odd.toml`, which cover what the shipped ones
//! lack.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::Input;
use bronzed_model::declaration::{Dataset, Source};

/// Bearer token of the odd source. No error may contain it.
pub const TOKEN: &str = "odd-token-1234567890";

/// All datasets.
static DATASETS: LazyLock<Vec<Arc<Dataset>>> = LazyLock::new(|| {
    let settings = bronzed_config::load_given(files(), environment());
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let all = settings.sources.values().flat_map(|source| {
        let Source { datasets, .. } = &**source;
        datasets.values().cloned()
    });
    all.collect()
});

/// Files of all sources, by name.
pub fn files() -> BTreeMap<String, String> {
    let mut files = bronzed_config::carried();
    let columns = include_str!("odd-columns.toml").to_owned();
    files.insert(
        "sources/odd.toml".to_owned(),
        include_str!("odd.toml").to_owned(),
    );
    files.insert("sources/odd/columns.toml".to_owned(), columns);
    files
}

/// Environment variables that the files refer to.
pub fn environment() -> Vec<(String, String)> {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        variable("ODD_TOKEN", TOKEN),
        variable("ODD_KEY", "a key of more than sixteen characters"),
    ]
}

/// Returns the dataset named by the next line.
pub fn dataset(input: &mut Input<'_>) -> &'static Arc<Dataset> {
    let all: Vec<_> = DATASETS.iter().collect();
    input.choice(&all, |dataset| dataset.full_name())
}
