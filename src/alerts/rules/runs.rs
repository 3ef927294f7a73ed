//! Rules on the outcomes of runs: failures, and fields that no column holds.

use super::{Condition, Findings, RuleInput, delta, local};
use crate::alerts::evidence::full_name;
use crate::alerts::key::{AlertKey, AlertRuleName};

/// Runs of a dataset have failed several times, without a good one in between.
pub(super) fn failing(input: RuleInput<'_>, found: &mut Findings) {
    let earliest = input.facts.at - delta(input.rules.failing_within);
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let name = full_name(&source.name, &dataset.name);
            let failures = input.evidence.failures(&name);
            let recent = failures.iter().filter(|run| run.at >= earliest);
            let recent: Vec<_> = recent.collect();
            let (Some(first), Some(last), count) = (recent.first(), recent.last(), recent.len())
            else {
                continue;
            };
            if count < input.rules.failing_times as usize {
                continue;
            }
            let key = AlertKey::of_dataset(AlertRuleName::Failing, &source.name, &dataset.name);
            let condition = Condition {
                since: Some(first.at),
                summary: format!(
                    "{name}: {count} runs have failed since {}, and none was good",
                    local(first.at, source.zone)
                ),
                detail: format!("The last one, of {}: {}.", last.day, last.reason),
                hint: format!(
                    "`bronzed state show {name} --day {}` has the runs of that day; try `bronzed check \
                     --online {name}`.",
                    last.day
                ),
            };
            found.hold(key, condition);
        }
    }
}

/// Records had fields that no column holds, within the last day.
pub(super) fn drift(input: RuleInput<'_>, found: &mut Findings) {
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let name = full_name(&source.name, &dataset.name);
            let Some(drift) = input.evidence.drift(&name, input.facts.at) else {
                continue;
            };
            let key = AlertKey::of_dataset(AlertRuleName::Drift, &source.name, &dataset.name);
            let condition = Condition {
                since: Some(drift.since),
                summary: format!("{name} has fields that its schema doesn't declare so"),
                detail: format!(
                    "Nothing is lost, it is in `_extra`: {} values of {}.",
                    drift.values, drift.day
                ),
                hint: format!("`bronzed schema drift {name}` names the fields."),
            };
            found.hold(key, condition);
        }
    }
}
