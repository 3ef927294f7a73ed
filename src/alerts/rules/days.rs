//! Rules on the days of a dataset: overdue, stuck, stale.

use chrono::{DateTime, Utc};

use super::{Condition, Findings, RuleInput, days_in_words, delta, local};
use crate::alerts::evidence::full_name;
use crate::alerts::facts::{DatasetDays, DatasetFacts, JobFacts, SourceFacts};
use crate::alerts::key::{AlertKey, AlertRuleName};

/// Days are overdue, and none of them was proven for two days.
pub(super) fn unproven(input: RuleInput<'_>, found: &mut Findings) {
    each(
        input,
        AlertRuleName::Unproven,
        found,
        |source, dataset, days| {
            let name = full_name(&source.name, &dataset.name);
            let is_shrinking = input.evidence.is_shrinking(&name, input.facts.at);
            if days.overdue == 0 || is_shrinking {
                return None;
            }
            let oldest = days.oldest.map(|day| format!(", the oldest is {day}"));
            let example = days.oldest.map(|day| format!(" --day {day}"));
            let (are, what) = match days.overdue {
                1 => ("is", "it"),
                _ => ("are", "one"),
            };
            Some(Condition {
            since: None,
            summary: format!(
                "{name}: {} {are} overdue{}",
                days_in_words(days.overdue),
                oldest.unwrap_or_default()
            ),
            detail:
                "They could have been complete for longer than `complete_by` of their job, and none of \
                     them was proven for two days."
                    .to_owned(),
            hint: format!(
                "`bronzed status {name}` names the days and their next tries, `bronzed state show \
                 {name}{}` says why {what} isn't complete.",
                example.unwrap_or_default()
            ),
        })
        },
    );
}

/// Days were tried eight times or more since they settled. Beside a backlog that shrinks, too: these days
/// won't become complete by waiting.
pub(super) fn stuck(input: RuleInput<'_>, found: &mut Findings) {
    each(
        input,
        AlertRuleName::Stuck,
        found,
        |source, dataset, days| {
            if days.stuck == 0 {
                return None;
            }
            let name = full_name(&source.name, &dataset.name);
            let (was, is) = match days.stuck {
                1 => ("was", "isn't"),
                _ => ("were", "aren't"),
            };
            Some(Condition {
                since: None,
                summary: format!(
                    "{name}: {} {was} tried eight times or more, and {is} complete",
                    days_in_words(days.stuck)
                ),
                detail: "They won't become complete by waiting.".to_owned(),
                hint: format!(
                    "`bronzed status {name}` names them. What can't be proven, a person can accept: `bronzed \
                 state accept`."
                ),
            })
        },
    );
}

/// A job has had no good run for longer than its `freshness`.
pub(super) fn stale(input: RuleInput<'_>, found: &mut Findings) {
    let now = input.facts.at;
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let key = AlertKey::of_dataset(AlertRuleName::Stale, &source.name, &dataset.name);
            let Some(days) = &dataset.days else {
                found.unknown(key);
                continue;
            };
            let stale: Vec<_> = days
                .jobs
                .iter()
                .filter(|job| stale_since(job) <= now)
                .collect();
            if let Some(worst) = stale.iter().min_by_key(|job| stale_since(job)) {
                let condition = of_stale(source, dataset, worst, &stale);
                found.hold(key, condition);
            } else if days.jobs.iter().any(|job| job.served.is_none()) {
                found.unknown(key);
            }
        }
    }
}

fn of_stale(
    source: &SourceFacts,
    dataset: &DatasetFacts,
    worst: &JobFacts,
    all: &[&JobFacts],
) -> Condition {
    let name = full_name(&source.name, &dataset.name);
    let jobs: Vec<_> = all.iter().map(|job| &*job.job).collect();
    let since = match worst.served {
        Some(at) => format!("since {}", local(at, source.zone)),
        None => "as far as is known".to_owned(),
    };
    Condition {
        since: Some(stale_since(worst)),
        summary: format!(
            "{name}: job {} has had no good run {since}",
            jobs.join(", ")
        ),
        detail: format!(
            "Its data are stale after {}.",
            humantime::format_duration(worst.bound)
        ),
        hint: format!(
            "`bronzed status {name}` has the last run and its reason; try `bronzed check --online \
             {}`.",
            source.name
        ),
    }
}

fn stale_since(job: &JobFacts) -> DateTime<Utc> {
    let served = job.served.unwrap_or(job.since_start);
    served
        .checked_add_signed(delta(job.bound))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Applies a rule to each dataset whose days are known.
fn each(
    input: RuleInput<'_>,
    rule: AlertRuleName,
    found: &mut Findings,
    judge: impl Fn(&SourceFacts, &DatasetFacts, &DatasetDays) -> Option<Condition>,
) {
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let key = AlertKey::of_dataset(rule, &source.name, &dataset.name);
            match &dataset.days {
                None => found.unknown(key),
                Some(days) => {
                    if let Some(condition) = judge(source, dataset, days) {
                        found.hold(key, condition);
                    }
                }
            }
        }
    }
}
