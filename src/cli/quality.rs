//! `bronzed quality`: the expectations of datasets with their last results, worst first, from the states of the lake.

use std::cmp::Reverse;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, brief};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, reading, say, show, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Expectation, ExpectationSeverity};
use bronzed_model::quality::{self, Example, Results};
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::state::glance;

/// Number of a dataset's newest days that are looked at without a range.
const DAYS: usize = 7;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: bronzed quality pncp.contratacoes --from 2025-10-01 --to 2025-10-31"
)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// One day. Default: the newest seven days of each dataset
    #[arg(long, value_name = DAY, conflicts_with_all = ["from", "to"])]
    day: Option<TypedDay>,
    /// First day
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
    /// Print one JSON object per expectation
    #[arg(long)]
    json: bool,
}

/// An expectation with its results over some days.
#[derive(Debug)]
struct QualityRow {
    dataset: String,
    expectation: Expectation,
    evaluated: u64,
    unexpected: u64,
    /// Days on which it failed, newest first.
    failed: Vec<Day>,
    /// Newest day on which it was evaluated.
    last: Option<Day>,
    /// Unexpected rows of the newest day that has some.
    examples: Vec<Example>,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let now = SystemClock.now();
    let (first, last) = (args.day.or(args.from), args.day.or(args.to));
    target::typed_in_order(first, last, &settings, now)?;
    shell.log(&settings, true)?;
    let targets: Vec<_> = args.target.into_iter().collect();
    let (lake, readings) = reading::read(shell, &settings, &targets, now).await?;
    let mut rows = Vec::new();
    for reading in readings {
        let zone = reading.schedule.zone;
        let on = |typed: TypedDay| typed.at(now, zone);
        let (from, to) = (first.map(on), last.map(on));
        for one in reading.datasets {
            let period = one.dataset.days.period;
            let from = from.map(|from| period.first(from));
            let wanted =
                |day: &Day| from.is_none_or(|from| from <= *day) && to.is_none_or(|to| *day <= to);
            let days = one.listing.states.keys().rev().copied().filter(wanted);
            let most = match (from, to) {
                (None, None) => DAYS,
                _ => usize::MAX,
            };
            let days = days.take(most).collect();
            let found = look(&lake, &one.dataset, zone, days).await;
            rows.extend(found.map_err(anyhow::Error::from)?);
        }
    }
    rows.sort_by_key(QualityRow::rank);
    match args.json {
        true => rows.iter().for_each(|row| say(&row.to_json().to_string())),
        false => show(&page(&rows, Screen::stdout())),
    }
    let severe = rows.iter().any(QualityRow::is_error);
    Ok(if severe { Exit::Partial } else { Exit::Done })
}

/// Reads the results of a dataset's expectations on some days, newest first.
async fn look(
    lake: &Lake,
    dataset: &Arc<Dataset>,
    zone: Tz,
    days: Vec<Day>,
) -> Result<Vec<QualityRow>, LakeError> {
    let declared = &dataset.expectations;
    let rows = declared.iter().map(|expectation| QualityRow {
        dataset: dataset.full_name(),
        expectation: expectation.clone(),
        evaluated: 0,
        unexpected: 0,
        failed: Vec::new(),
        last: None,
        examples: Vec::new(),
    });
    let mut rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(rows);
    }
    for day in days {
        let summary = glance(lake, &dataset.prefix, day, zone).await?;
        let mut results = Results::new();
        for run in summary.unwrap_or_default().runs {
            quality::add(&mut results, &run.expectations, declared);
        }
        rows.iter_mut().for_each(|row| row.add(day, &results));
    }
    Ok(rows)
}

impl QualityRow {
    /// Adds the results of a day before those that were added.
    fn add(&mut self, day: Day, results: &Results) {
        let Some(result) = results.get(&self.expectation.name) else {
            return;
        };
        self.evaluated += result.evaluated;
        self.unexpected += result.unexpected;
        self.last = self.last.or(Some(day));
        if !result.success {
            self.failed.push(day);
        }
        if self.examples.is_empty() {
            self.examples.clone_from(&result.examples);
        }
    }

    /// Returns the place in the order from the worst to the best.
    fn rank(&self) -> (Reverse<bool>, Reverse<bool>, Reverse<u64>, bool, String) {
        let fails = !self.failed.is_empty();
        let per_million = self.unexpected.saturating_mul(1_000_000) / self.evaluated.max(1);
        let name = format!("{} {}", self.dataset, self.expectation.name);
        (
            Reverse(self.is_error()),
            Reverse(fails),
            Reverse(per_million),
            self.last.is_none(),
            name,
        )
    }

    fn is_error(&self) -> bool {
        !self.failed.is_empty() && self.expectation.severity == ExpectationSeverity::Error
    }

    fn word(&self) -> &'static str {
        match (self.failed.is_empty(), self.last) {
            (false, _) => "fails",
            (true, Some(_)) => "holds",
            (true, None) => "not evaluated",
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "dataset": self.dataset,
            "expectation": self.expectation.name,
            "check": self.expectation.check.word(),
            "severity": self.expectation.severity,
            "result": self.word(),
            "evaluated": self.evaluated,
            "unexpected": self.unexpected,
            "failed_days": self.failed,
            "last_day": self.last,
            "examples": self.examples,
        })
    }
}

fn page(rows: &[QualityRow], screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let mut table = Table::new([
        TableColumn::text("dataset"),
        TableColumn::text("expectation"),
        TableColumn::text("result"),
        TableColumn::number("unexpected"),
        TableColumn::number("of"),
        TableColumn::text("severity").spare(3),
        TableColumn::text("check").spare(1),
        TableColumn::text("last day").spare(2),
    ]);
    for row in rows {
        let paint = match row.word() {
            "fails" if row.is_error() => Paint::Bad,
            "fails" => Paint::Warn,
            "holds" => Paint::Good,
            _ => Paint::Dim,
        };
        table.row([
            Cell::from(row.dataset.clone()),
            row.expectation.name.clone().into(),
            Cell::painted(paint, row.word()),
            row.unexpected.to_string().into(),
            row.evaluated.to_string().into(),
            row.expectation.severity.word().to_owned().into(),
            row.expectation.check.word().to_owned().into(),
            row.last
                .map_or("-".to_owned(), |day| day.to_string())
                .into(),
        ]);
        if row.failed.is_empty() {
            continue;
        }
        let newest: Vec<_> = row.failed.iter().take(3).map(Day::to_string).collect();
        let days = format!(
            "{} failed, at last {}",
            days(row.failed.len()),
            newest.join(", ")
        );
        table.note(&days);
        for example in &row.examples {
            table.note(&brief(&in_words(example)));
        }
    }
    match table.is_empty() {
        true => page.painted(&[(
            Paint::Dim,
            "no expectations: declare them under [dataset.NAME.expect.NAME]",
        )]),
        false => page.table(&table),
    }
    page
}

fn days(count: usize) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

fn in_words(example: &Example) -> String {
    match (&*example.id, &example.value) {
        ("", value) => value.clone().unwrap_or_default(),
        (id, Some(value)) => format!("{id}: {value}"),
        (id, None) => id.to_owned(),
    }
}
