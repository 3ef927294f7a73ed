//! Page of `bronzed status`.

use chrono::{DateTime, Utc};

use crate::cli::text::{Cell, Column, Page, Paint, Screen, Table, brief, counted, days, time};
use crate::standing::DatasetStatus;
use crate::standing::trouble::Trouble;
use bronzed_model::day::Day;
use bronzed_model::execution::Status;

/// Number of groups of days that are shown for one dataset.
const TOLD: usize = 3;
/// Width of the names of facts.
const NAMES: usize = 10;

/// Returns the page: troubles first, then a table of the datasets. `all`: those without anything in the lake
/// are listed, too.
pub fn page(found: &[DatasetStatus], now: DateTime<Utc>, screen: Screen, all: bool) -> Page {
    let mut page = Page::new(screen);
    let troubled: Vec<_> = found
        .iter()
        .map(|one| (one, one.troubles()))
        .filter(|(_, troubles)| !troubles.is_empty())
        .collect();
    headline(&mut page, found, troubled.len());
    for (status, troubles) in &troubled {
        page.blank();
        dataset(&mut page, status, troubles, now);
    }
    let shown: Vec<_> = found.iter().filter(|one| all || !one.is_blank()).collect();
    if !shown.is_empty() {
        page.blank();
        page.table(&table(&shown));
    }
    let blank = found.len() - shown.len();
    if blank > 0 && !shown.is_empty() {
        let more = counted(blank, "more dataset");
        let hint = format!("{more}, of which the lake has nothing yet: `bronzed status --all`");
        page.painted(&[(Paint::Dim, &hint)]);
    }
    page
}

fn headline(page: &mut Page, found: &[DatasetStatus], troubled: usize) {
    let begun: Vec<_> = found.iter().filter(|one| !one.is_blank()).collect();
    let complete: usize = begun.iter().map(|one| one.complete.len()).sum();
    let sum = format!(
        "{} with data, {} complete",
        counted(begun.len(), "dataset"),
        counted(complete, "day")
    );
    match troubled {
        _ if begun.is_empty() => {
            page.line("nothing is in the lake yet: `bronzed run SOURCE` reads today, `bronzed daemon` keeps everything complete");
        }
        0 => page.painted(&[
            (Paint::Good, "all is well"),
            (Paint::Plain, ": "),
            (Paint::Plain, &sum),
        ]),
        1 => page.painted(&[
            (Paint::Bad, "1 dataset needs attention"),
            (Paint::Plain, "; "),
            (Paint::Plain, &sum),
        ]),
        many => {
            let many = format!("{many} datasets need attention");
            page.painted(&[
                (Paint::Bad, &many),
                (Paint::Plain, "; "),
                (Paint::Plain, &sum),
            ]);
        }
    }
}

/// Adds what is wrong with a dataset, and the commands that tell more and mend it.
fn dataset(page: &mut Page, status: &DatasetStatus, troubles: &[Trouble], now: DateTime<Utc>) {
    let name = &status.dataset;
    let total: usize = troubles.iter().map(|trouble| trouble.days.len()).sum();
    let overdue = match status.backlog.overdue {
        0 => String::new(),
        overdue => format!(", {overdue} overdue"),
    };
    let stuck = match status.backlog.stuck {
        0 => String::new(),
        stuck => format!(", {stuck} stuck after many tries"),
    };
    let sum = format!(": {} not complete{overdue}{stuck}", counted(total, "day"));
    page.painted(&[(Paint::Bold, name), (Paint::Plain, &sum)]);
    for trouble in troubles.iter().take(TOLD) {
        page.indented(2, &days::short(&trouble.days));
        let (paint, why) = why(trouble);
        page.fact(4, ("why", NAMES), &why, paint);
        let next = trouble.next_try.map(|at| time::ahead(at, now, status.zone));
        let next = next.unwrap_or_else(|| "at a slot to come".to_owned());
        page.fact(4, ("next try", NAMES), &next, Paint::Plain);
    }
    let untold: usize = troubles.iter().skip(TOLD).map(|one| one.days.len()).sum();
    if untold > 0 {
        let rest = format!(
            "and {}: `bronzed coverage {name}`",
            counted(untold, "more day")
        );
        page.indented(2, &rest);
    }
    let named: Vec<Day> = troubles.iter().flat_map(|one| one.days.clone()).collect();
    if let Some(newest) = named.first().filter(|_| status.days_can_be_asked_for) {
        let details = format!("bronzed day {name} {newest}");
        page.fact(2, ("more", NAMES + 2), &details, Paint::Plain);
    }
    page.fact(2, ("mend", NAMES + 2), &mend(status, &named), Paint::Plain);
}

/// Describes why days are not complete.
fn why(trouble: &Trouble) -> (Paint, String) {
    let runs = match trouble.runs {
        0 | 1 => String::new(),
        runs => format!(", {runs} runs so far"),
    };
    let (paint, outcome) = match trouble.status {
        None => return (Paint::Warn, "never read".to_owned()),
        Some(Status::Ok) => (Paint::Warn, "read, not proven"),
        Some(Status::Running) => (Paint::Warn, "running, or killed"),
        Some(status @ Status::Failed) => (Paint::Bad, status.name()),
        Some(status) => (Paint::Warn, status.name()),
    };
    match trouble.reasons.as_slice() {
        [] => (paint, format!("{outcome}{runs}")),
        reasons => (
            paint,
            format!("{outcome}{runs}: {}", brief(&reasons.join("\n"))),
        ),
    }
}

/// Returns the command that reads the days now.
fn mend(status: &DatasetStatus, days: &[Day]) -> String {
    let name = &status.dataset;
    match (days.iter().min(), days.iter().max()) {
        _ if !status.days_can_be_asked_for => format!("bronzed run {name}"),
        (Some(from), Some(to)) if from == to => format!("bronzed run {name} --day {to}"),
        (Some(from), Some(to)) => format!("bronzed backfill {name} --from {from} --to {to}"),
        _ => format!("bronzed run {name}"),
    }
}

fn table(found: &[&DatasetStatus]) -> Table {
    let mut table = Table::new([
        Column::text("dataset"),
        Column::number("complete"),
        Column::text("first").spare(3),
        Column::text("newest").spare(2),
        Column::number("open"),
        Column::number("accepted").if_used(),
        Column::text("last run"),
        Column::text("of day").spare(4),
        Column::text("job").spare(5),
        Column::text("status"),
    ]);
    for status in found {
        let or_none = |text: Option<String>| text.unwrap_or("-".to_owned());
        let day = |day: Option<&Day>| or_none(day.map(ToString::to_string)).into();
        let run = status.last_run.as_ref();
        let outcome = run.map(|(_, run)| run.status);
        table.row([
            Cell::from(status.dataset.clone()),
            status.complete.len().to_string().into(),
            day(status.complete.first()),
            day(status.complete.last()),
            match status.days_can_be_asked_for {
                true => status.open.len().to_string().into(),
                false => "-".into(),
            },
            status.accepted.len().to_string().into(),
            or_none(run.map(|(_, run)| time::at(run.timestamp, status.zone))).into(),
            or_none(run.map(|(day, _)| day.to_string())).into(),
            or_none(run.map(|(_, run)| run.job.clone())).into(),
            outcome.map_or_else(|| "-".into(), status_cell),
        ]);
    }
    table
}

/// Returns a run's outcome in its colour.
pub fn status_cell(status: Status) -> Cell {
    let paint = match status {
        Status::Ok | Status::Recovered | Status::Adopted => Paint::Good,
        Status::Partial | Status::Running => Paint::Warn,
        Status::Failed => Paint::Bad,
    };
    Cell::painted(paint, status.name())
}
