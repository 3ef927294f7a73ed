//! `bronzed coverage`: which days are complete, as a calendar in the terminal.

mod view;

use std::collections::BTreeMap;

use serde_json::json;

use crate::cli::text::Screen;
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, reading, say, show, target};
use crate::standing::{DatasetReading, SourceReading};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Period;
use bronzed_model::execution::Status;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bronzed coverage                     all datasets, the last weeks
  bronzed coverage pncp.contratacoes   one dataset, month by month
  bronzed coverage pncp.contratacoes --from 2025-01-01 --to 2025-12-31
                                       how many days of the year are proven")]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// First day. Default: the first of one dataset; of several, as many days as fit the screen
    #[arg(long, value_name = DAY)]
    from: Option<TypedDay>,
    /// Last day. Default: the last that is read or wanted
    #[arg(long, value_name = DAY)]
    to: Option<TypedDay>,
    /// Print one JSON object per dataset
    #[arg(long)]
    json: bool,
}

/// Coverage of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DayMark {
    /// Proven to be complete.
    Complete,
    /// Accepted by a person.
    Accepted,
    /// Read without a failure; not proven, or a snapshot or feed.
    Read,
    /// The last run was partial, or was cut off; or a file is gone.
    Partial,
    /// The last run failed.
    Failed,
    /// Wanted, and never read.
    Missing,
}

/// Days of one dataset that are marked; all other days are of no interest to anyone.
pub struct Covered {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// Marks by day.
    pub marks: BTreeMap<Day, DayMark>,
    /// Span of time that one partition holds; marks are those of its first day.
    pub period: Period,
    /// First and last day that were asked for, if both were.
    pub range: Option<(Day, Day)>,
}

/// Number of days, months or years of a range, marked or not, and of those among them that are proven or accepted.
struct Proven {
    from: Day,
    to: Day,
    partitions: usize,
    complete: usize,
    accepted: usize,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let now = SystemClock.now();
    target::typed_in_order(args.from, args.to, &settings, now)?;
    shell.log(&settings, true)?;
    let targets: Vec<_> = args.target.clone().into_iter().collect();
    let (_, readings) = reading::read(shell, &settings, &targets, now).await?;
    let mut found = Vec::new();
    for reading in &readings {
        let on = |typed: TypedDay| typed.at(now, reading.schedule.zone);
        let (from, to) = (args.from.map(on), args.to.map(on));
        for one in &reading.datasets {
            let mut covered = covered(reading, one, now);
            let first = from.map(|from| covered.period.first(from));
            covered.marks.retain(|day, _| {
                first.is_none_or(|first| first <= *day) && to.is_none_or(|to| *day <= to)
            });
            covered.range = from.zip(to);
            found.push(covered);
        }
    }
    let zone = readings.first().map(|reading| reading.schedule.zone);
    let from = args.from.zip(zone).map(|(typed, zone)| typed.at(now, zone));
    if args.json {
        found.iter().for_each(|one| say(&to_json(one).to_string()));
        return Ok(Exit::Done);
    }
    let screen = Screen::stdout();
    show(&match found.as_slice() {
        [one] => view::calendar(one, screen),
        several => view::grid(several, from, screen),
    });
    Ok(Exit::Done)
}

/// Returns the marks of a dataset.
fn covered(
    source: &SourceReading,
    reading: &DatasetReading,
    now: chrono::DateTime<chrono::Utc>,
) -> Covered {
    let name = &*reading.dataset.name;
    let listing = &reading.listing;
    let mut marks = BTreeMap::new();
    if let Some(known) = source.knowledge.of(name) {
        let wanted = source.schedule.wanted(name, known, now);
        marks.extend(wanted.into_iter().map(|day| (day, DayMark::Missing)));
        for day in listing.states.keys() {
            marks.insert(
                *day,
                match known.executions(*day).last() {
                    _ if listing.lost.contains(day) => DayMark::Partial,
                    Some(run) if run.status == Status::Failed => DayMark::Failed,
                    Some(run) if run.status == Status::Ok => DayMark::Read,
                    Some(_) => DayMark::Partial,
                    None => DayMark::Read,
                },
            );
        }
    }
    marks.extend(listing.accepted.iter().map(|day| (*day, DayMark::Accepted)));
    marks.extend(listing.complete.iter().map(|day| (*day, DayMark::Complete)));
    Covered {
        dataset: reading.dataset.full_name(),
        marks,
        period: reading.dataset.days.period,
        range: None,
    }
}

impl Covered {
    /// Counts the partitions of the range that was asked for. `None` if it has an open end.
    fn proven(&self) -> Option<Proven> {
        let (from, to) = self.range?;
        let marked = |wanted| self.marks.values().filter(|mark| **mark == wanted).count();
        Some(Proven {
            from,
            to,
            partitions: self.period.through(from, to).count(),
            complete: marked(DayMark::Complete),
            accepted: marked(DayMark::Accepted),
        })
    }
}

impl DayMark {
    /// Returns the name in JSON and in the legend.
    fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Accepted => "accepted",
            Self::Read => "read",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Missing => "not read",
        }
    }
}

fn to_json(covered: &Covered) -> serde_json::Value {
    let mut days: BTreeMap<String, Vec<Day>> = BTreeMap::new();
    for (day, mark) in &covered.marks {
        let key = mark.name().replace(' ', "_");
        days.entry(key).or_default().push(*day);
    }
    let mut object = json!({"dataset": covered.dataset, "days": days});
    if let Some(proven) = covered.proven() {
        object["proven"] = json!({
            "from": proven.from,
            "to": proven.to,
            "period": covered.period.word(),
            "days": proven.partitions,
            "complete": proven.complete,
            "accepted": proven.accepted,
        });
    }
    object
}
