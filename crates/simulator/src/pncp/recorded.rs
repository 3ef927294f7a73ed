//! Real records of `contratacoes`, as PNCP served them: public data, values unchanged.
//!
//! Five were published on 2025-10-22; the others, of 2026, are templates of generated records.

use std::sync::LazyLock;

use super::record::Record;
use crate::tree::Tree;

const DAY_20251022: &str = include_str!("../recorded/pncp/contratacoes_20251022.json");
const OTHERS: [&str; 3] = [
    include_str!("../recorded/pncp/contratacoes_modalidade4.json"),
    include_str!("../recorded/pncp/contratacoes_modalidade5.json"),
    include_str!("../recorded/pncp/contratacoes_modalidade6.json"),
];

static TREES: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let files = std::iter::once(DAY_20251022).chain(OTHERS);
    files.flat_map(trees).collect()
});

/// Every recorded record, parsed.
pub(super) fn templates() -> &'static [Tree] {
    &TREES
}

/// The five records of 2025-10-22 (modalidades 3 and 4), each visible from its publication on.
pub fn day_20251022() -> Vec<Record> {
    records(trees(DAY_20251022))
}

/// All recorded records, of several days.
pub fn all() -> Vec<Record> {
    records(templates().iter().cloned())
}

fn records(trees: impl IntoIterator<Item = Tree>) -> Vec<Record> {
    trees
        .into_iter()
        .filter_map(|tree| Record::new(tree).ok())
        .collect()
}

/// Returns the elements of an embedded file. The files are part of the program, and a test parses them.
fn trees(file: &str) -> Vec<Tree> {
    match Tree::parse(file) {
        Ok(Tree::Array(elements)) => elements,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_record_can_be_served() {
        assert_eq!(day_20251022().len(), 5);
        assert_eq!(all().len(), 40);
    }
}
