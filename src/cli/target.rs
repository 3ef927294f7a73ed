//! What commands on a source and a range of days are asked for, checked before anything begins.

use std::sync::Arc;

use crate::cli::{Stop, complain};
use crate::config::settings::Settings;
use crate::day::Day;
use crate::source::declaration::{Dataset, Source};

/// The source, and those of its datasets that were asked for: the one that is named, enabled or not,
/// or all that are enabled.
pub fn find(settings: &Settings, target: &str) -> Result<(Arc<Source>, Vec<Arc<Dataset>>), Stop> {
    let (name, dataset) = match target.split_once('.') {
        Some((name, dataset)) => (name, Some(dataset)),
        None => (target, None),
    };
    let known = |names: Vec<&String>| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let source = settings.sources.get(name).ok_or_else(|| {
        let names = known(settings.sources.keys().collect());
        Stop::Usage(format!("there is no source `{name}`; there is {names}"))
    })?;
    let datasets = match dataset {
        None => {
            let datasets = source.datasets.values();
            let enabled: Vec<_> = datasets
                .filter(|dataset| dataset.enabled)
                .cloned()
                .collect();
            if enabled.is_empty() {
                let names = known(source.datasets.keys().collect());
                return Err(Stop::Usage(format!(
                    "no dataset of `{name}` is enabled; name one: `{name}.NAME` with one of {names}"
                )));
            }
            enabled
        }
        Some(dataset) => vec![source.datasets.get(dataset).cloned().ok_or_else(|| {
            let names = known(source.datasets.keys().collect());
            Stop::Usage(format!(
                "the source `{name}` has no dataset `{dataset}`; it has {names}"
            ))
        })?],
    };
    Ok((source.clone(), datasets))
}

/// Leaves out the datasets of which only the day that is under way can be read, with a word about
/// each.
///
/// # Errors
/// When none is left.
pub fn of_past_days(datasets: Vec<Arc<Dataset>>) -> Result<Vec<Arc<Dataset>>, Stop> {
    let (out, of_days): (Vec<_>, Vec<_>) = datasets
        .into_iter()
        .partition(|dataset| dataset.kind.is_of_today());
    if of_days.is_empty()
        && let Some(dataset) = out.first()
    {
        return Err(Stop::Usage(only_today(dataset)));
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

/// A range of days that a command must be given.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Range {
    /// The first day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Day,
    /// The last day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Day,
}

/// A range, open at either end or not, doesn't end before it begins.
pub fn in_order(from: Option<Day>, to: Option<Day>) -> Result<(), Stop> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Stop::Usage(format!(
            "--from {from} is after --to {to}; the first day of the range comes first"
        ))),
        _ => Ok(()),
    }
}

/// Every day of the range must be one that can be read.
pub fn check_days(
    from: Day,
    to: Day,
    source: &Source,
    datasets: &[Arc<Dataset>],
    today: Day,
) -> Result<(), Stop> {
    in_order(Some(from), Some(to))?;
    if to > today {
        return Err(Stop::Usage(format!(
            "{to} is in the future: today is {today} in {}",
            source.timezone
        )));
    }
    for dataset in datasets {
        if let Some(earliest) = dataset.days.earliest.filter(|earliest| from < *earliest) {
            return Err(Stop::Usage(format!(
                "`{}` has nothing before {earliest} (window.earliest), so {from} can't be read",
                dataset.full_name()
            )));
        }
    }
    Ok(())
}
