//! Rule on expectations of severity `error`.

use super::{Condition, Findings, RuleInput};
use crate::alerts::evidence::full_name;
use crate::alerts::key::{AlertKey, AlertRuleName};

/// The last run that evaluated an expectation of severity `error` has found it to fail.
pub(super) fn quality(input: RuleInput<'_>, found: &mut Findings) {
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let name = full_name(&source.name, &dataset.name);
            let failing = input.evidence.failing_expectations(&name, input.facts.at);
            let Some(first) = failing.iter().map(|(_, failed)| failed.since).min() else {
                continue;
            };
            let names: Vec<_> = failing.iter().map(|(name, _)| *name).collect();
            let counts = failing.iter().map(|(name, failed)| {
                let (unexpected, evaluated) = (failed.unexpected, failed.evaluated);
                format!("{name}: {unexpected} of {evaluated} on {}", failed.day)
            });
            let counts: Vec<_> = counts.collect();
            let condition = Condition {
                since: Some(first),
                summary: format!("{name} isn't as expected: {}", names.join(", ")),
                detail: format!(
                    "The rows are stored all the same. Unexpected: {}.",
                    counts.join("; ")
                ),
                hint: format!("`bronzed quality {name}` shows counts and examples."),
            };
            let key = AlertKey::of_dataset(AlertRuleName::Quality, &source.name, &dataset.name);
            found.hold(key, condition);
        }
    }
}
