//! Rule on outages: of a whole source, or of single endpoints.

use std::collections::BTreeSet;

use super::{Condition, Findings, RuleInput, local};
use crate::alerts::facts::{DatasetFacts, OutageFacts, SourceFacts};
use crate::alerts::key::{AlertKey, AlertRuleName};

/// A host that is down is one alert of its source, and so are all its endpoints; an endpoint that is down while
/// others answer is one of its dataset.
pub(super) fn down(input: RuleInput<'_>, found: &mut Findings) {
    for source in &input.facts.sources {
        let is_all = outages(source).count() == source.datasets.len();
        let hosts: Vec<_> = outages(source)
            .filter(|(_, outage)| outage.whole || is_all)
            .collect();
        let of_source = AlertKey::of_source(AlertRuleName::Down, &source.name);
        if let Some((_, first)) = hosts.iter().min_by_key(|(_, outage)| outage.since) {
            found.hold(of_source, of_host(source, first, &hosts));
        } else if !source.datasets.iter().any(|dataset| dataset.answered) {
            found.unknown(of_source);
        }
        for dataset in &source.datasets {
            let key = AlertKey::of_dataset(AlertRuleName::Down, &source.name, &dataset.name);
            match &dataset.outage {
                Some(outage) if !outage.whole && !is_all => {
                    found.hold(key, of_endpoint(source, dataset, outage));
                }
                None if dataset.answered => {}
                _ => found.unknown(key),
            }
        }
    }
}

fn outages(source: &SourceFacts) -> impl Iterator<Item = (&DatasetFacts, &OutageFacts)> {
    let datasets = source.datasets.iter();
    datasets.filter_map(|dataset| Some((dataset, dataset.outage.as_ref()?)))
}

fn of_host(
    source: &SourceFacts,
    first: &OutageFacts,
    all: &[(&DatasetFacts, &OutageFacts)],
) -> Condition {
    let name = &source.name;
    let whole = all.len() == source.datasets.len();
    let waiting: BTreeSet<_> = all.iter().map(|(dataset, _)| &*dataset.name).collect();
    let waiting: Vec<_> = waiting.into_iter().collect();
    let what = match whole {
        true => String::new(),
        false => format!(" for {}", waiting.join(", ")),
    };
    Condition {
        since: Some(first.since),
        summary: format!(
            "{name}: the API has been down{what} since {}",
            local(first.since, source.zone)
        ),
        detail: failures(first),
        hint: format!(
            "Nothing has to be done: only probes are sent meanwhile, no day pays for it, and all goes on \
             at once when it is well. To look: `bronzed check --online {name}`."
        ),
    }
}

fn of_endpoint(source: &SourceFacts, dataset: &DatasetFacts, outage: &OutageFacts) -> Condition {
    let name = format!("{}.{}", source.name, dataset.name);
    Condition {
        since: Some(outage.since),
        summary: format!(
            "{name}: its endpoint has been down since {}",
            local(outage.since, source.zone)
        ),
        detail: failures(outage),
        hint: format!(
            "The other datasets of {} go on. Only probes are sent to this endpoint, and it goes on at once \
             when it is well. To look: `bronzed check --online {name}`.",
            source.name
        ),
    }
}

fn failures(outage: &OutageFacts) -> String {
    format!(
        "{} failures in a row at {}, the last: {}.",
        outage.failures, outage.what, outage.last
    )
}
