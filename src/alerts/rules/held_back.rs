//! Rule on silver tables of which partitions are held back.

use std::collections::BTreeSet;

use super::{Condition, Findings, RuleInput};
use crate::alerts::facts::HeldFacts;
use crate::alerts::key::{AlertKey, AlertRuleName};

/// Maximum number of partitions that are named.
const NAMED: usize = 5;

/// The last build of a silver table has held partitions back. Unknown before the first build of this process.
pub(super) fn held_back(input: RuleInput<'_>, found: &mut Findings) {
    for source in &input.facts.sources {
        for table in &source.tables {
            let key = AlertKey::of_table(AlertRuleName::HeldBack, &source.name, &table.name);
            let Some(held) = &table.held_back else {
                found.unknown(key);
                continue;
            };
            let Some(first) = held.first() else {
                continue;
            };
            let name = key.subject();
            let partitions: BTreeSet<_> = held.iter().map(|one| &one.partition).collect();
            let count = match partitions.len() {
                1 => "a partition".to_owned(),
                count => format!("{count} partitions"),
            };
            let condition = Condition {
                since: None,
                summary: format!(
                    "{name} holds {count} back: `{}` fails in {}",
                    first.expectation, first.partition
                ),
                detail: format!(
                    "Readers see these partitions as they were before. Unexpected: {}. Bronze is whole.",
                    counts(held)
                ),
                hint: format!(
                    "`bronzed silver status {name}` names the bronze days. They are tried again by each build: as soon as a \
                     later version of the rows is as expected, or the expectation is declared otherwise."
                ),
            };
            found.hold(key, condition);
        }
    }
}

/// Returns the counts of the first partitions: `2025-10: known_value, 1 of 20`.
fn counts(held: &[HeldFacts]) -> String {
    let told = held.iter().take(NAMED).map(|one| {
        let (unexpected, evaluated) = (one.unexpected, one.evaluated);
        let place = &one.partition;
        format!("{place}: {}, {unexpected} of {evaluated}", one.expectation)
    });
    let mut told: Vec<_> = told.collect();
    if held.len() > NAMED {
        told.push(format!("and {} more", held.len() - NAMED));
    }
    told.join("; ")
}
