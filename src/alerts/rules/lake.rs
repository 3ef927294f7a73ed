//! Rule on the lake.

use chrono::SecondsFormat;

use super::{Condition, Findings, RuleInput};
use crate::alerts::key::{AlertKey, AlertRuleName};

/// The lake can't be read, or refuses writes.
pub(super) fn lake(input: RuleInput<'_>, found: &mut Findings) {
    let lake = &input.facts.lake;
    let key = AlertKey::of_all(AlertRuleName::Lake);
    let lost = "Runs fail without loss while this lasts, and go on by themselves.";
    if let Some(refusal) = &lake.refuses {
        let since = refusal.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        found.hold(
            key,
            Condition {
                since: Some(refusal.since),
                summary: format!("the lake has refused writes since {since}"),
                detail: format!("{}. {lost}", refusal.error.trim_end_matches('.')),
                hint: "Look at the room that is left, and at the permissions of the credentials. `bronzed \
                       check --online` writes a probe."
                    .to_owned(),
            },
        );
        return;
    }
    match lake.reachable {
        Some(true) => {}
        Some(false) => found.hold(
            key,
            Condition {
                since: None,
                summary: "the lake can't be read".to_owned(),
                detail: match &lake.error {
                    Some(error) => format!("{}. {lost}", error.trim_end_matches('.')),
                    None => lost.to_owned(),
                },
                hint:
                    "Look at the lake's address, its credentials and the network. `bronzed check \
                       --online` says what is wrong."
                        .to_owned(),
            },
        ),
        None => found.unknown(key),
    }
}
