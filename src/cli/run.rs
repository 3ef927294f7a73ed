//! `bronzed run`: reads datasets for a day or a range of days, now.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::progress::Bar;
use crate::cli::signal::cancel_on_signal;
use crate::cli::text::{Screen, time};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, say, show, summary, target};
use crate::session::AppContext;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::ingest::{Order, run as run_order};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority, Source};
use bronzed_model::execution::Status;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: String,
    /// Day to read, complete or not. Default: today in the source's time zone
    #[arg(long, value_name = DAY, conflicts_with_all = ["from", "to"])]
    day: Option<TypedDay>,
    /// First day of a range
    #[arg(long, value_name = DAY, requires = "to")]
    from: Option<TypedDay>,
    /// Last day of a range
    #[arg(long, value_name = DAY, requires = "from")]
    to: Option<TypedDay>,
    /// Read every page, or only new records
    #[arg(long, value_enum, default_value = "full")]
    mode: ModeArg,
    /// Print one JSON object per run instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ModeArg {
    Full,
    New,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Full => Self::Full,
            ModeArg::New => Self::New,
        }
    }
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    let clock = SystemClock;
    let (source, datasets) = target::find(&settings, &args.target)?;
    let orders = orders(
        &args,
        &source,
        datasets,
        Day::of(clock.now(), source.timezone),
    )?;
    shell.log(&settings, std::io::stderr().is_terminal())?;
    let session = AppContext::open(settings, Arc::new(clock)).await?;
    cancel_on_signal(session.cancel().clone());
    let (mut reports, mut put_off, mut reason) = (Vec::new(), 0_usize, None);
    for order in &orders {
        if session.cancel().is_cancelled() {
            break;
        }
        let client = session.client(&source.name);
        if let Some(down) = client.and_then(|client| client.down(&order.dataset))
            && !down.probe_in.is_zero()
        {
            // The circuit breaker is open, so the run would only fail.
            put_off += 1;
            reason = Some(down);
            continue;
        }
        let bar = Bar::of(shell, order);
        let Some(context) = session.context(&source.name, bar.clone()) else {
            break;
        };
        let report = run_order(&context, order).await;
        bar.finish();
        if args.json {
            say(&report.to_json().to_string());
        }
        reports.push(report);
    }
    session.close().await;
    if !args.json {
        show(&summary::page(&reports, Screen::stdout()));
    }
    let unread = orders.len() - reports.len();
    if let Some(down) = reason {
        let (what, since) = (&*down.what, down.since.to_rfc3339());
        let again = humantime::format_duration(Duration::from_secs(down.probe_in.as_secs()));
        let hint = format!(
            "{what} is down since {}, and may be asked again in {again}: run it again then, or let `bronzed \
             backfill` wait for it; `bronzed check --online {}` shows its answer",
            time::at(down.since, source.timezone),
            args.target
        );
        tracing::warn!(
            put_off,
            what,
            since,
            reason = down.last,
            hint,
            "days put off"
        );
    }
    if unread > put_off {
        let unread = unread - put_off;
        tracing::warn!(unread, "stopped before all days were read");
    }
    Ok(exit(&reports, unread))
}

/// Returns one order for each day and dataset, after checking that every day can be read.
fn orders(
    args: &Args,
    source: &Source,
    mut datasets: Vec<Arc<Dataset>>,
    today: Day,
) -> Result<Vec<Order>, CliError> {
    let on = |typed: Option<TypedDay>| typed.map(|typed| typed.on(today));
    let (from, to) = match (on(args.day), on(args.from), on(args.to)) {
        (Some(day), _, _) => (day, day),
        (None, Some(from), Some(to)) => (from, to),
        _ => (today, today),
    };
    if (from, to) != (today, today) {
        datasets = target::of_past_days(datasets)?;
    }
    target::check_days(from, to, source, &datasets, today)?;
    Ok(from
        .through(to)
        .flat_map(|day| {
            let read = target::on_day(&datasets, day, from);
            read.map(|(dataset, day)| Order {
                dataset: dataset.clone(),
                day,
                mode: args.mode.into(),
                job: "manual".to_owned(),
                priority: Priority::Hourly,
            })
            .collect::<Vec<_>>()
        })
        .collect())
}

/// Returns the worst outcome of all runs; at least `Partial` if days are unread.
pub fn exit(reports: &[RunReport], unread: usize) -> Exit {
    let worst = reports.iter().map(|report| match report.status() {
        Status::Failed => Exit::Failed,
        Status::Partial => Exit::Partial,
        _ => Exit::Done,
    });
    let stopped = if unread > 0 {
        Exit::Partial
    } else {
        Exit::Done
    };
    worst.max().unwrap_or(Exit::Done).max(stopped)
}
