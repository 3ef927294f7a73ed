//! Rule on the number of records of a day.

use chrono::{Datelike, Days};

use super::{Condition, Findings, RuleInput};
use crate::alerts::evidence::full_name;
use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::volume::{VolumeHistory, WEEKS};
use bronzed_model::day::Day;

/// Minimum number of earlier weeks with a complete day, for a number to be usual.
const LEAST_WEEKS: usize = 4;
/// Minimum difference to the usual number: few records vary by chance.
const LEAST_DIFFERENCE: u64 = 100;

/// The newest complete day has far more or far fewer records than the same weekday has in the median of the
/// weeks before.
pub(super) fn volume(input: RuleInput<'_>, found: &mut Findings) {
    for source in &input.facts.sources {
        for dataset in &source.datasets {
            let key = AlertKey::of_dataset(AlertRuleName::Volume, &source.name, &dataset.name);
            let Some(days) = &dataset.days else {
                found.unknown(key);
                continue;
            };
            let Some(newest) = days.complete.last() else {
                continue;
            };
            let name = full_name(&source.name, &dataset.name);
            let Some(records) = input.volumes.of(&name, *newest) else {
                found.unknown(key);
                continue;
            };
            let Some(usual) = usual(input.volumes, &name, *newest) else {
                continue;
            };
            if is_usual(records, usual, input.rules.volume_factor) {
                continue;
            }
            found.hold(key, of_day(&name, *newest, records, usual));
        }
    }
}

fn of_day(name: &str, day: Day, records: u64, usual: u64) -> Condition {
    let weekday = day.date().weekday();
    let word = match records < usual {
        true => "only ",
        false => "",
    };
    Condition {
        since: None,
        summary: format!("{name}: {day} has {word}{records} records, and {usual} are usual"),
        detail: format!(
            "The usual number is the median of the same weekday ({weekday}) in the {WEEKS} weeks before. \
             The day is proven: the API has stated this number itself."
        ),
        hint: format!(
            "A holiday explains few. Otherwise compare it with the API: `bronzed verify {name} --from {day} \
             --to {day}`."
        ),
    }
}

/// Returns the median number of records of the same weekday in the weeks before. `None` if too few are known.
fn usual(volumes: &VolumeHistory, name: &str, day: Day) -> Option<u64> {
    let mut known: Vec<_> = weeks_before(day)
        .filter_map(|day| volumes.of(name, day))
        .collect();
    known.sort_unstable();
    (known.len() >= LEAST_WEEKS).then(|| known[known.len() / 2])
}

/// Returns the same weekday of the weeks before a day, newest first.
pub(in crate::alerts) fn weeks_before(day: Day) -> impl Iterator<Item = Day> {
    let weeks = (1..=WEEKS).map(|week| Days::new(7 * week));
    weeks.filter_map(move |days| Some(Day::new(day.date().checked_sub_days(days)?)))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of records stay far below 2^53"
)]
fn is_usual(records: u64, usual: u64, factor: f64) -> bool {
    let (records_f, usual_f) = (records as f64, usual as f64);
    let within = records_f * factor >= usual_f && records_f <= usual_f * factor;
    within || records.abs_diff(usual) < LEAST_DIFFERENCE
}
