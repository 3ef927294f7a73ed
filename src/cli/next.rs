//! `bronzed next`: what the daemon would do now and later, by its own planner.

use chrono::{DateTime, Utc};

use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, counted, time};
use crate::cli::{CliContext, CliError, Exit, reading, say, show};
use crate::standing::ahead::{NextDays, NextRuns, next_runs, reason_in_words};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::declaration::{JobDays, Mode};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Greatest number of lines
    #[arg(long, value_name = "N", default_value_t = 30)]
    limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let now = SystemClock.now();
    let targets: Vec<_> = args.target.into_iter().collect();
    let (_, mut readings) = reading::read(shell, &settings, &targets, now).await?;
    let next = next_runs(&mut readings, now);
    match args.json {
        true => next.iter().for_each(|one| say(&one.to_json().to_string())),
        false => show(&page(&next, now, args.limit, Screen::stdout())),
    }
    Ok(Exit::Done)
}

fn page(next: &[NextRuns], now: DateTime<Utc>, limit: usize, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let next = &merged(next);
    let due = next.iter().filter(|one| one.at.is_none());
    let due = due.map(|one| match &one.what {
        NextDays::Days(days, _) => days.len(),
        _ => 0,
    });
    let due: usize = due.sum();
    page.line(&match due {
        0 => "nothing is due now".to_owned(),
        due => format!(
            "{} due now: a daemon starts them in this order",
            counted(due, "run")
        ),
    });
    let mut table = Table::new([
        TableColumn::text("when"),
        TableColumn::text("what"),
        TableColumn::text("days"),
        TableColumn::number("runs").if_used().spare(4),
        TableColumn::text("job").spare(2),
        TableColumn::text("how").spare(3),
        TableColumn::text("why").spare(1),
    ]);
    for one in next.iter().take(limit) {
        let (days, runs, why) = what(one);
        let when = match (one.at, &one.what) {
            (_, NextDays::Paused) => Cell::painted(Paint::Warn, "paused"),
            (None, _) => Cell::painted(Paint::Good, "now"),
            (Some(at), _) => time::at(at.max(now), one.zone).into(),
        };
        let how = match one.mode {
            Mode::Full => "in full",
            Mode::New => "what is new",
            Mode::Verify => "compared",
        };
        table.row([
            when,
            target(one).into(),
            days.into(),
            runs.into(),
            one.job.clone().into(),
            how.into(),
            why.into(),
        ]);
    }
    if !table.is_empty() {
        page.blank();
        page.table(&table);
    }
    if next.len() > limit {
        let more = counted(next.len() - limit, "more line");
        page.painted(&[(Paint::Dim, &format!("and {more}: --limit"))]);
    }
    page
}

/// Merges the later runs of a dataset that have the same job and reason, at the time of the first: days that
/// settle are read again each at a time of its own.
fn merged(next: &[NextRuns]) -> Vec<NextRuns> {
    let mut merged: Vec<NextRuns> = Vec::new();
    for one in next {
        let same = |other: &&mut NextRuns| {
            let names = (&other.target, &other.job) == (&one.target, &one.job);
            let alike = matches!(
                (&other.what, &one.what),
                (NextDays::Days(_, reason), NextDays::Days(_, of)) if reason == of
            );
            names && alike && other.at.is_some() && one.at.is_some()
        };
        let known = merged.iter_mut().find(same).map(|known| &mut known.what);
        match (known, &one.what) {
            (Some(NextDays::Days(days, _)), NextDays::Days(more, _)) => days.extend(more),
            _ => merged.push(one.clone()),
        }
    }
    merged
}

/// Returns the name of a line: the dataset, or the job whose slot comes.
fn target(one: &NextRuns) -> String {
    match one.what {
        NextDays::Days(..) => one.target.clone(),
        NextDays::OfSlot(..) | NextDays::Paused => format!("{} {}", one.target, one.job),
    }
}

/// Returns the days of a line, the number of runs if it is known, and the reason.
fn what(one: &NextRuns) -> (String, String, String) {
    match &one.what {
        NextDays::Days(days, reason) => {
            let (from, to) = (days.iter().min(), days.iter().max());
            let range = from.zip(to).map(|(from, to)| match from == to {
                true => to.to_string(),
                false => format!("{from} … {to}"),
            });
            let why = reason_in_words(*reason);
            let why = match one.at {
                Some(_) if days.len() > 1 => format!("{why}, the first then"),
                _ => why.to_owned(),
            };
            (range.unwrap_or_default(), days.len().to_string(), why)
        }
        NextDays::OfSlot(days, datasets) => {
            let days = match days {
                JobDays::Today => "today".to_owned(),
                JobDays::Yesterday => "yesterday".to_owned(),
                JobDays::Last(days) => format!("the last {days} days"),
                JobDays::Incomplete => "what is incomplete".to_owned(),
            };
            let why = format!("next slot, {}", counted(*datasets, "dataset"));
            (days, "-".to_owned(), why)
        }
        NextDays::Paused => {
            let none = || "-".to_owned();
            (none(), none(), "a person has paused it".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::day::Day;

    fn next() -> Vec<NextRuns> {
        let of = |at: Option<&str>, mode, what| NextRuns {
            target: "pncp.contratacoes".to_owned(),
            zone: chrono_tz::America::Sao_Paulo,
            at: at.map(|at| at.parse().unwrap()),
            job: "daily".to_owned(),
            mode,
            what,
        };
        let days: Vec<Day> = ["2025-10-21", "2025-10-20"]
            .map(|day| day.parse().unwrap())
            .to_vec();
        let retry = crate::schedule::plan::Reason::Retry;
        vec![
            of(None, Mode::Full, NextDays::Days(days, retry)),
            of(
                Some("2025-10-23T06:00:00Z"),
                Mode::Full,
                NextDays::OfSlot(JobDays::Yesterday, 1),
            ),
        ]
    }

    #[test]
    fn days_that_settle_each_at_its_own_time_are_one_line() {
        let settle = crate::schedule::plan::Reason::Settle;
        let mut next = next();
        for (day, at) in [
            ("2025-10-19", "2025-10-22T13:00:00Z"),
            ("2025-10-18", "2025-10-22T14:00:00Z"),
        ] {
            next.push(NextRuns {
                at: at.parse().ok(),
                what: NextDays::Days(vec![day.parse().unwrap()], settle),
                ..next[0].clone()
            });
        }
        let merged = merged(&next);
        assert_eq!(merged.len(), 3);
        let (days, runs, why) = what(&merged[2]);
        assert_eq!(
            (days.as_str(), runs.as_str(), why.as_str()),
            (
                "2025-10-18 … 2025-10-19",
                "2",
                "read until settled, the first then"
            )
        );
        assert_eq!(merged[2].at, "2025-10-22T13:00:00Z".parse().ok());
    }

    fn shown(width: usize) -> String {
        let screen = Screen {
            width: Some(width),
            color: false,
        };
        let now = "2025-10-22T12:00:00Z".parse().unwrap();
        page(&next(), now, 10, screen).text()
    }

    #[test]
    fn what_is_due_comes_first_and_the_table_fits_80_and_120_columns() {
        assert_eq!(
            shown(80),
            "\
2 runs due now: a daemon starts them in this order

when                     what                     days
───────────────────────  ───────────────────────  ───────────────────────
now                      pncp.contratacoes        2025-10-20 … 2025-10-21
2025-10-23 03:00 -03:00  pncp.contratacoes daily  yesterday"
        );
        assert_eq!(
            shown(120).lines().skip(2).collect::<Vec<_>>(),
            [
                "when                     what                     days                     runs  job    how      why",
                "───────────────────────  ───────────────────────  ───────────────────────  ────  ─────  ───────  ────────────────────",
                "now                      pncp.contratacoes        2025-10-20 … 2025-10-21     2  daily  in full  tried again",
                "2025-10-23 03:00 -03:00  pncp.contratacoes daily  yesterday                   -  daily  in full  next slot, 1 dataset",
            ]
        );
    }
}
