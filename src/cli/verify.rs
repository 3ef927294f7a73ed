//! `bronzed verify`: compares what the API states of days now with what the lake holds.

use std::io::IsTerminal;
use std::sync::Arc;

use crate::cli::progress::DayBar;
use crate::cli::signal::cancel_on_signal;
use crate::cli::text::{Cell, Screen, Table, TableColumn, TextPage};
use crate::cli::{CliContext, CliError, Exit, complain, say, show, target};
use crate::session::AppContext;
use bronzed_engine::ingest::{Context, Order};
use bronzed_engine::verify::compare::{SliceComparison, SliceFinding};
use bronzed_engine::verify::{Repair, Verification, VerifyOutcome, left_out, verify_day};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority};
use bronzed_storage::lake::Lake;

#[derive(Debug, clap::Args)]
#[command(mut_arg("to", |to| to.help("The last day; it must be over")))]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: String,
    #[command(flatten)]
    range: target::TypedRange,
    /// Read days that differ again: add new records, and note those that the API no longer lists
    #[arg(long)]
    repair: bool,
    /// Print one JSON object per dataset and day instead of a table of differences
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let clock = SystemClock;
    let (source, datasets) = target::find(&settings, &args.target)?;
    let today = Day::of(clock.now(), source.timezone);
    let range = args.range.on(today);
    let target::Range { from, to } = range;
    target::check_days(from, to, &source, &datasets, today)?;
    if to == today {
        return Err(CliError::Usage(format!(
            "--to {today} isn't over yet in {}: what is stated of it grows by the hour",
            source.timezone
        )));
    }
    let datasets = chosen(&datasets)?;
    shell.log(&settings, std::io::stderr().is_terminal())?;
    let lake = Lake::open_existing(&settings.lake).await;
    lake.map_err(anyhow::Error::from)?;
    let session = AppContext::open(settings, Arc::new(clock)).await?;
    cancel_on_signal(session.cancel().clone());
    let bar = DayBar::new(shell, &source.name, source.timezone);
    let Some(context) = session.context(&source.name, bar.clone()) else {
        return Ok(Exit::Failed);
    };
    let orders = orders(range, &datasets);
    bar.begin(orders.len());
    let found = verify_all(&context, &orders, &args, &bar).await;
    session.close().await;
    bar.finish();
    let unread = orders.len() - found.len();
    if !args.json {
        tell(&found, unread);
    }
    Ok(exit(&found, unread))
}

/// Returns the datasets that can be compared; prints the others with the reason.
fn chosen(datasets: &[Arc<Dataset>]) -> Result<Vec<Arc<Dataset>>, CliError> {
    let mut reasons = Vec::new();
    let mut chosen = Vec::new();
    for dataset in datasets {
        match left_out(dataset) {
            None => chosen.push(dataset.clone()),
            Some(why) => reasons.push(format!("`{}` is left out: {why}", dataset.full_name())),
        }
    }
    if chosen.is_empty() {
        return Err(CliError::Usage(reasons.join("\n")));
    }
    reasons.iter().for_each(|reason| complain(reason));
    Ok(chosen)
}

/// Builds the orders, newest day first, because recent days are of most interest.
fn orders(target::Range { from, to }: target::Range, datasets: &[Arc<Dataset>]) -> Vec<Order> {
    let mut days: Vec<_> = from.through(to).collect();
    days.reverse();
    let order = |day: Day| {
        let read = target::on_day(datasets, day, from);
        read.map(|(dataset, day)| Order {
            dataset: dataset.clone(),
            day,
            mode: Mode::Verify,
            job: "manual".to_owned(),
            priority: Priority::Hourly,
        })
    };
    days.into_iter().flat_map(order).collect()
}

async fn verify_all(
    context: &Context,
    orders: &[Order],
    args: &Args,
    bar: &DayBar,
) -> Vec<Verification> {
    let mut found = Vec::new();
    for order in orders {
        if context.cancel.is_cancelled() {
            break;
        }
        let repair = match args.repair {
            true => Repair::Different,
            false => Repair::Never,
        };
        bar.reads(order);
        let verification = verify_day(context, order, repair).await;
        bar.day_done();
        if context.cancel.is_cancelled() && verification.outcome() == VerifyOutcome::Failed {
            break;
        }
        if args.json {
            say(&verification.to_json().to_string());
        }
        found.push(verification);
    }
    found
}

/// Prints a line for each slice that differs, the result of each repair, and the number of days that match.
fn tell(found: &[Verification], unread: usize) {
    let mut table = Table::new([
        TableColumn::text("dataset"),
        TableColumn::text("day"),
        TableColumn::text("slice"),
        TableColumn::number("API states"),
        TableColumn::number("lake has"),
        TableColumn::number("difference"),
    ]);
    for day in found {
        let told = day.slices.iter().filter(|slice| {
            matches!(slice.finding, SliceFinding::Differs)
                || (day.outcome() == VerifyOutcome::Unknown && slice.finding != SliceFinding::Same)
        });
        for slice in told {
            table.row(row(day, slice));
            let note = note(slice);
            note.iter().for_each(|note| table.note(note));
        }
    }
    if !table.is_empty() {
        let mut page = TextPage::new(Screen::stdout());
        page.table(&table);
        show(&page);
    }
    for day in found {
        if let Some(repair) = &day.repair {
            let counts = repair.counts();
            say(&format!(
                "{}.{} {} read again: {}, {} new, {} withdrawn, {} returned{}",
                day.source,
                day.dataset,
                day.day,
                repair.status().name(),
                counts.new,
                counts.withdrawn,
                counts.returned,
                repair.reasons()
            ));
        }
    }
    let count = |outcome| found.iter().filter(|day| day.outcome() == outcome).count();
    let total = found.len() + unread;
    let mut parts = vec![format!(
        "{} of {total} days are as the API states",
        count(VerifyOutcome::Same) + count(VerifyOutcome::Repaired)
    )];
    for (outcome, what) in [
        (VerifyOutcome::Repaired, "read again"),
        (VerifyOutcome::Different, "different"),
        (VerifyOutcome::Unknown, "compared in part"),
        (VerifyOutcome::Failed, "not compared"),
    ] {
        let days = count(outcome)
            + if outcome == VerifyOutcome::Failed {
                unread
            } else {
                0
            };
        if days > 0 {
            parts.push(format!("{days} {what}"));
        }
    }
    say(&parts.join(", "));
    if let Some(sampled) = sampled(found) {
        say(&sampled);
    }
    if let Some(obstacle) = found.iter().find_map(Verification::obstacle) {
        complain(&format!("not all could be compared: {obstacle}"));
    }
}

/// Returns a note on slices of which only the first page was compared. `None` if there are none.
fn sampled(found: &[Verification]) -> Option<String> {
    let slices = found.iter().flat_map(|day| &day.slices);
    let sampled = slices.filter(|slice| slice.finding == SliceFinding::Sampled);
    let count = sampled.count();
    (count > 0).then(|| {
        format!("{count} slices state no total and have several pages: only the first was compared")
    })
}

fn row(day: &Verification, slice: &SliceComparison) -> Vec<Cell> {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
    let difference = slice.difference().map(|difference| match difference {
        0 => "0".to_owned(),
        more => format!("{more:+}"),
    });
    vec![
        format!("{}.{}", day.source, day.dataset).into(),
        day.day.to_string().into(),
        slice.slice.clone().into(),
        number(slice.stated).into(),
        number(slice.held).into(),
        difference.unwrap_or("-".to_owned()).into(),
    ]
}

/// Returns what the numbers of a slice don't say.
fn note(slice: &SliceComparison) -> Option<String> {
    match (&slice.finding, slice.missing) {
        (SliceFinding::Unasked(reason), _) => Some(reason.clone()),
        (_, missing) if missing > 0 => Some(format!(
            "of the first and last page, {missing} not in the lake"
        )),
        _ if slice.held.is_none() => Some("never proven".to_owned()),
        _ => None,
    }
}

fn exit(found: &[Verification], unread: usize) -> Exit {
    let good = |outcome| matches!(outcome, VerifyOutcome::Same | VerifyOutcome::Repaired);
    if unread == 0 && found.iter().all(|day| good(day.outcome())) {
        Exit::Done
    } else if found
        .iter()
        .all(|day| day.outcome() == VerifyOutcome::Failed)
        && !found.is_empty()
    {
        Exit::Failed
    } else {
        Exit::Partial
    }
}
