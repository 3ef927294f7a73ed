//! Validates the source, datasets and days that a command is given, before any work starts.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliError, complain};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::settings::Settings;

/// Returns the source, and the selected datasets of it: the one that is named, enabled or not, or all enabled
/// ones.
pub fn find(
    settings: &Settings,
    target: &str,
) -> Result<(Arc<Source>, Vec<Arc<Dataset>>), CliError> {
    let (name, dataset) = match target.split_once('.') {
        Some((name, dataset)) => (name, Some(dataset)),
        None => (target, None),
    };
    let source = settings
        .sources
        .get(name)
        .ok_or_else(|| CliError::Usage(no_source(settings, name, dataset)))?;
    let datasets = match dataset {
        None => {
            let datasets = source.datasets.values();
            let enabled: Vec<_> = datasets
                .filter(|dataset| dataset.enabled)
                .cloned()
                .collect();
            if enabled.is_empty() {
                let names = list(source.datasets.keys());
                return Err(CliError::Usage(format!(
                    "no dataset of `{name}` is enabled; name one: `{name}.NAME` with one of {names}"
                )));
            }
            enabled
        }
        Some(dataset) => {
            let found = source.datasets.get(dataset).cloned();
            vec![found.ok_or_else(|| CliError::Usage(no_dataset(source, dataset)))?]
        }
    };
    Ok((source.clone(), datasets))
}

/// Returns the datasets that targets name, by source, each once; without targets, all enabled ones.
///
/// # Errors
/// Returns an error if a source or dataset does not exist.
pub fn find_all(settings: &Settings, targets: &[String]) -> Result<Vec<Selected>, CliError> {
    let mut found: Vec<Selected> = Vec::new();
    if targets.is_empty() {
        for source in settings.sources.values().filter(|source| source.enabled) {
            let datasets = source.datasets.values();
            let enabled = datasets.filter(|dataset| dataset.enabled).cloned();
            found.push((source.clone(), enabled.collect()));
        }
    }
    for target in targets {
        let (source, datasets) = find(settings, target)?;
        let known = found
            .iter_mut()
            .find(|(known, _)| known.name == source.name);
        let Some((_, known)) = known else {
            found.push((source, datasets));
            continue;
        };
        for dataset in datasets {
            if !known.iter().any(|other| other.name == dataset.name) {
                known.push(dataset);
            }
        }
    }
    Ok(found)
}

/// A source, and the selected datasets of it.
pub type Selected = (Arc<Source>, Vec<Arc<Dataset>>);

/// Returns the datasets that targets name; without targets all declared ones, enabled or not.
///
/// # Errors
/// Returns an error if a source or dataset does not exist.
pub fn declared(settings: &Settings, targets: &[String]) -> Result<Vec<Arc<Dataset>>, CliError> {
    if targets.is_empty() {
        let sources = settings.sources.values();
        let all = sources.flat_map(|source| source.datasets.values());
        return Ok(all.cloned().collect());
    }
    let found = find_all(settings, targets)?;
    let datasets = found.into_iter().flat_map(|(_, datasets)| datasets);
    Ok(datasets.collect())
}

/// Returns the full names of the datasets that targets leave out because they are switched off, by themselves or
/// with their source. A dataset that is named is never left out.
pub fn switched_off(settings: &Settings, targets: &[String]) -> Vec<String> {
    let named = |source: &Source| {
        let mut sources = targets.iter().filter(|target| !target.contains('.'));
        targets.is_empty() || sources.any(|target| *target == source.name)
    };
    let sources = settings.sources.values().filter(|source| named(source));
    let off = sources.flat_map(|source| {
        // A source that is named is read, switched off or not.
        let is_read = source.enabled || !targets.is_empty();
        let datasets = source.datasets.values();
        datasets.filter(move |dataset| !(is_read && dataset.enabled))
    });
    let names = off.map(|dataset| dataset.full_name());
    names.filter(|name| !targets.contains(name)).collect()
}

fn list<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn no_source(settings: &Settings, name: &str, dataset: Option<&str>) -> String {
    let names = list(settings.sources.keys());
    // A dataset without its source, as in `contratacoes`.
    let all = || {
        settings
            .sources
            .values()
            .flat_map(|one| one.datasets.values())
    };
    let same = all().filter(|one| dataset.is_none() && one.name == name);
    let same: Vec<_> = same.map(|one| format!("`{}`", one.full_name())).collect();
    let meant = match same.as_slice() {
        [] => {
            let near = nearest(name, settings.sources.keys());
            let near = near.map(|near| match dataset {
                Some(dataset) => format!("`{near}.{dataset}`"),
                None => format!("`{near}`"),
            });
            let of_dataset = || {
                let names: Vec<_> = all().map(|one| one.name.clone()).collect();
                let near = nearest(name, names.iter()).filter(|_| dataset.is_none())?;
                let found = all().find(|one| one.name == near)?;
                Some(format!("`{}`", found.full_name()))
            };
            near.or_else(of_dataset)
        }
        same => Some(same.join(" or ")),
    };
    match meant {
        Some(meant) => {
            format!("there is no source `{name}`; did you mean {meant}? There is {names}")
        }
        None => format!("there is no source `{name}`; there is {names}"),
    }
}

fn no_dataset(source: &Source, dataset: &str) -> String {
    let (name, names) = (&source.name, list(source.datasets.keys()));
    let missing = format!("the source `{name}` has no dataset `{dataset}`");
    match nearest(dataset, source.datasets.keys()) {
        Some(near) => format!("{missing}; did you mean `{name}.{near}`? It has {names}"),
        None => format!("{missing}; it has {names}"),
    }
}

/// Returns the known name that was probably meant, by edit distance. `None` if none is close.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let bound = name.chars().count().div_ceil(3);
    let near = known.filter_map(|known| {
        let distance = strsim::damerau_levenshtein(&name, &known.to_lowercase());
        (distance <= bound).then_some((distance, known.as_str()))
    });
    near.min().map(|(_, known)| known)
}

/// Removes the datasets of which only the current day can be read, and prints a message for each.
///
/// # Errors
/// Returns an error if no dataset is left.
pub fn of_past_days(datasets: Vec<Arc<Dataset>>) -> Result<Vec<Arc<Dataset>>, CliError> {
    let (out, of_days): (Vec<_>, Vec<_>) = datasets
        .into_iter()
        .partition(|dataset| dataset.kind.is_of_today());
    match out.as_slice() {
        _ if !of_days.is_empty() => {}
        [] => {}
        [dataset] => return Err(CliError::Usage(only_today(dataset))),
        several => {
            let named = several.iter();
            let named = named.map(|one| format!("`{}` is a {}", one.full_name(), one.kind.word()));
            let named: Vec<_> = named.collect();
            return Err(CliError::Usage(format!(
                "none of these has days that can be read later: {}. `bronzed run` reads them as they are today",
                named.join(", ")
            )));
        }
    }
    for dataset in out {
        complain(&format!("left out: {}", only_today(&dataset)));
    }
    Ok(of_days)
}

fn only_today(dataset: &Dataset) -> String {
    format!(
        "`{}` is a {}: it is read as it is today, and the days before can't be read any more",
        dataset.full_name(),
        dataset.kind.word()
    )
}

/// Required range of days of a command.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct TypedRange {
    /// First day
    #[arg(long, value_name = DAY)]
    from: TypedDay,
    /// Last day
    #[arg(long, value_name = DAY)]
    to: TypedDay,
}

impl TypedRange {
    /// Returns the days, on the day `today`.
    pub fn on(self, today: Day) -> Range {
        Range {
            from: self.from.on(today),
            to: self.to.on(today),
        }
    }
}

/// Range of days.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// Checks that a range, open at either end or not, does not end before it starts in the zone of any source.
pub fn typed_in_order(
    from: Option<TypedDay>,
    to: Option<TypedDay>,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<(), CliError> {
    let mut sources = settings.sources.values();
    sources.try_for_each(|source| {
        let day = |typed: TypedDay| typed.at(now, source.timezone);
        in_order(from.map(day), to.map(day))
    })
}

/// Checks that a range, open at either end or not, does not end before it starts.
pub fn in_order(from: Option<Day>, to: Option<Day>) -> Result<(), CliError> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(CliError::Usage(format!(
            "--from {from} is after --to {to}; the first day of the range comes first"
        ))),
        _ => Ok(()),
    }
}

/// Checks that every day of the range can be read: none in the future, or before `window.earliest`.
pub fn check_days(
    from: Day,
    to: Day,
    source: &Source,
    datasets: &[Arc<Dataset>],
    today: Day,
) -> Result<(), CliError> {
    in_order(Some(from), Some(to))?;
    if to > today {
        return Err(CliError::Usage(format!(
            "{to} is in the future: today is {today} in {}",
            source.timezone
        )));
    }
    for dataset in datasets {
        if let Some(earliest) = dataset.days.earliest.filter(|earliest| from < *earliest) {
            return Err(CliError::Usage(format!(
                "`{}` has nothing before {earliest} (window.earliest), so {from} can't be read",
                dataset.full_name()
            )));
        }
    }
    Ok(())
}

/// Returns the datasets of which a partition is read on a day of a range that starts `from`, each with the
/// partition's day: a month or a year is read on its first day within the range.
pub fn on_day(
    datasets: &[Arc<Dataset>],
    day: Day,
    from: Day,
) -> impl Iterator<Item = (&Arc<Dataset>, Day)> {
    datasets.iter().filter_map(move |dataset| {
        let first = dataset.days.period.first(day);
        (first == day || day == from).then_some((dataset, first))
    })
}

/// Reduces a range to what can be read: days up to today, and datasets that have days in it. Prints a message
/// for each reduction. `named`: the dataset was named explicitly, and is rejected if it lacks the first day.
///
/// # Errors
/// Returns an error if nothing of the range can be read.
pub fn cut(
    Range { from, to }: Range,
    source: &Source,
    datasets: Vec<Arc<Dataset>>,
    today: Day,
    named: bool,
) -> Result<(Range, Vec<Arc<Dataset>>), CliError> {
    if named || from > today {
        check_days(from, to.min(today.max(from)), source, &datasets, today)?;
    }
    in_order(Some(from), Some(to))?;
    if to > today {
        complain(&format!(
            "{to} is in the future: days up to today, {today} in {}, are read",
            source.timezone
        ));
    }
    let range = Range {
        from,
        to: to.min(today),
    };
    let mut with_days = Vec::new();
    for dataset in datasets {
        let earliest = dataset.days.earliest.filter(|earliest| *earliest > from);
        if let Some(earliest) = earliest {
            let name = dataset.full_name();
            let before = format!("`{name}` has nothing before {earliest} (window.earliest)");
            if earliest > range.to {
                complain(&format!("left out: {before}"));
                continue;
            }
            complain(&format!("{before}: it is read from then on"));
        }
        with_days.push(dataset);
    }
    if with_days.is_empty() {
        return Err(CliError::Usage(format!(
            "no dataset of `{}` has days from {from} to {}",
            source.name, range.to
        )));
    }
    Ok((range, with_days))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_source::testing;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// One dataset without an earliest day, and one that starts in 2025.
    fn datasets() -> (Source, Vec<Arc<Dataset>>) {
        let source = testing::source(&"http://localhost/".parse().unwrap());
        let mut late = testing::dataset();
        late.name = "instrumentos_cobranca".to_owned();
        late.days.earliest = Some(day("2025-01-01"));
        (source, vec![Arc::new(testing::dataset()), Arc::new(late)])
    }

    fn names(found: Result<(Range, Vec<Arc<Dataset>>), CliError>) -> (String, String, Vec<String>) {
        let Ok((range, datasets)) = found else {
            panic!("refused");
        };
        let names = datasets.iter().map(|dataset| dataset.name.clone());
        (
            range.from.to_string(),
            range.to.to_string(),
            names.collect(),
        )
    }

    #[test]
    fn a_backfill_of_2024_was_refused_as_a_whole_for_one_dataset_that_begins_in_2025() {
        let (source, both) = datasets();
        let today = day("2025-10-22");
        let year = |year: i32| Range {
            from: day(&format!("{year}-01-01")),
            to: day(&format!("{year}-12-31")),
        };
        let only = vec!["contratacoes".to_owned()];
        let found = names(cut(year(2024), &source, both.clone(), today, false));
        assert_eq!(found, ("2024-01-01".into(), "2024-12-31".into(), only));
        // A year that isn't over is read up to today.
        let found = names(cut(year(2025), &source, both.clone(), today, false));
        assert_eq!((found.1.as_str(), found.2.len()), ("2025-10-22", 2));
        let across = Range {
            from: day("2024-12-01"),
            to: day("2025-02-01"),
        };
        let found = names(cut(across, &source, both.clone(), today, false));
        assert_eq!((found.0.as_str(), found.2.len()), ("2024-12-01", 2));
        let late = vec![both[1].clone()];
        assert!(
            cut(across, &source, late.clone(), today, true).is_err(),
            "named itself"
        );
        assert!(
            cut(year(2024), &source, late, today, false).is_err(),
            "nothing is left"
        );
        assert!(
            cut(year(2026), &source, both, today, false).is_err(),
            "future"
        );
    }
}
