//! `bronzed backfill`: completes a range of days, alone or as one of several shards.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use crate::backfill::{DayOrder, DaySelection, Told, orders, work};
use crate::cli::forecast::forecast;
use crate::cli::progress::DayBar;
use crate::cli::signal::cancel_on_signal;
use crate::cli::text::Screen;
use crate::cli::{CliContext, CliError, Exit, say, show, summary, target};
use crate::schedule::shard::Shard;
use crate::session::AppContext;
use bronzed_engine::ingest::report::RunReport;
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::Status;
use bronzed_model::settings::{LakeSettings, Settings};
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::table;

/// Variable in which Kubernetes gives a process of an Indexed Job its index.
const INDEX: &str = "JOB_COMPLETION_INDEX";
/// Variable with the number of processes of the job; the manifest must set it, because Kubernetes does not.
const COUNT: &str = "JOB_COMPLETION_COUNT";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: String,
    #[command(flatten)]
    range: target::TypedRange,
    /// Order of the days
    #[arg(long, value_enum, default_value = "newest")]
    order: OrderArg,
    /// Days to read: only incomplete ones, or all
    #[arg(long, value_enum, default_value = "incomplete")]
    only: OnlyArg,
    /// Read only the i-th of n shares of the days, at an n-th of the source's limits. Default: from
    /// JOB_COMPLETION_INDEX (from 0) and JOB_COMPLETION_COUNT, if both are set
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Longest outage of the API or the lake to wait for, before giving up with exit code 3; 0 does not wait
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = patience)]
    max_outage: Duration,
    /// Only print the days, the number of requests and the estimated duration
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: one object per run, or one per dataset in a dry run
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum OrderArg {
    Newest,
    Oldest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnlyArg {
    Incomplete,
    All,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let mut settings = shell.settings()?;
    let clock = SystemClock;
    let (source, datasets) = target::find(&settings, &args.target)?;
    let datasets = target::of_past_days(datasets)?;
    let today = Day::of(clock.now(), source.timezone);
    let named = args.target.contains('.');
    let (target::Range { from, to }, datasets) =
        target::cut(args.range.on(today), &source, datasets, today, named)?;
    let Ok(shard) = share(&mut settings, &source, shard(args.shard)?) else {
        say("nothing to do: there are more shards than requests may be in flight");
        return Ok(Exit::Done);
    };
    shell.log(&settings, std::io::stderr().is_terminal())?;
    let shared = settings.sources[&source.name].clone();
    let session = match args.dry_run {
        true => only_read(settings, &datasets).await?,
        false => AppContext::open(settings, Arc::new(clock)).await?,
    };
    cancel_on_signal(session.cancel().clone());
    let bar = DayBar::new(shell, &source.name, source.timezone);
    let Some(context) = session.context(&source.name, bar.clone()) else {
        return Ok(Exit::Failed);
    };
    let wanted = DaySelection {
        from,
        to,
        order: match args.order {
            OrderArg::Newest => DayOrder::Newest,
            OrderArg::Oldest => DayOrder::Oldest,
        },
        complete_too: args.only == OnlyArg::All,
        shard,
    };
    let orders = orders(&context, &datasets, &wanted)
        .await
        .map_err(anyhow::Error::from)?;
    if args.dry_run {
        return forecast(&context, &datasets, &orders, &shared, args.json).await;
    }
    if orders.is_empty() && !args.json {
        let days: usize = datasets.iter().map(|one| wanted.days_of(one).count()).sum();
        say(&format!("all {days} days are complete already"));
        return Ok(Exit::Done);
    }
    bar.begin(orders.len());
    let (mut reports, mut cut, mut open) = (Vec::new(), Vec::new(), 0);
    let outage = work(&context, &orders, args.max_outage, |told| match told {
        Told::Waits(outage) => bar.waits(outage),
        Told::Tries => bar.tries(),
        Told::Begins(order) => bar.reads(order),
        Told::Cut(report) => cut.push(report.clone()),
        Told::Done(report) => {
            bar.day_done();
            if args.json {
                say(&report.to_json().to_string());
            }
            open += usize::from(!matches!(report.status(), Status::Ok));
            reports.push(report.clone());
        }
    })
    .await;
    session.close().await;
    bar.finish();
    let unread = orders.len() - reports.len();
    if !args.json {
        tell(&reports, &cut, unread);
    }
    if let Some(outage) = outage {
        let (what, reason) = (&*outage.what, &*outage.reason);
        let max_outage = humantime::format_duration(args.max_outage);
        tracing::error!(what, reason, unread, %max_outage, "backfill gave up");
    }
    Ok(if open + unread > 0 {
        Exit::Partial
    } else {
        Exit::Done
    })
}

/// Returns a session that writes nothing: a lake that doesn't exist isn't created, and is taken for an empty one.
async fn only_read(settings: Settings, datasets: &[Arc<Dataset>]) -> anyhow::Result<AppContext> {
    let lake = match Lake::open_existing(&settings.lake).await {
        Err(LakeError::Absent { .. }) => Lake::open(&LakeSettings {
            url: "memory:///".to_owned(),
            ..settings.lake.clone()
        })?,
        opened => opened?,
    };
    for dataset in datasets {
        table::look(&lake, dataset).await?;
    }
    let entropy = Arc::new(Entropy::from_system());
    AppContext::over(settings, lake, Arc::new(SystemClock), entropy)
}

/// Parses a duration; `0` needs no unit.
fn patience(text: &str) -> Result<Duration, humantime::DurationError> {
    match text {
        "0" => Ok(Duration::ZERO),
        text => humantime::parse_duration(text),
    }
}

/// Returns the requested shard, or the one of this process in an Indexed Job. `None` if there is neither.
fn shard(asked: Option<Shard>) -> Result<Option<Shard>, CliError> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    indexed(asked, variable(INDEX), variable(COUNT)).map_err(CliError::Usage)
}

fn indexed(
    asked: Option<Shard>,
    index: Option<String>,
    count: Option<String>,
) -> Result<Option<Shard>, String> {
    match (asked, index, count) {
        (Some(shard), _, _) => Ok(Some(shard)),
        (None, None, _) => Ok(None),
        (None, Some(index), Some(count)) => {
            let of = count
                .parse()
                .map_err(|_| format!("{COUNT} is `{count}`: write the job's `completions`"))?;
            let shard = Shard::of_indexed_job(&index, of).map_err(|error| error.to_string())?;
            Ok(Some(shard))
        }
        // Reading all days would read each day once per process of the job.
        (None, Some(_), None) => Err(format!(
            "{INDEX} is set, and {COUNT} isn't: set it to the job's `completions`, or give --shard"
        )),
    }
}

/// Nothing is left for the shard, because there are more shards than requests in flight.
struct Idle;

/// Reduces the source's limits to the shard's share.
fn share(
    settings: &mut Settings,
    source: &Source,
    shard: Option<Shard>,
) -> Result<Option<Shard>, Idle> {
    let Some(shard) = shard else {
        return Ok(None);
    };
    let (shard, limits) = shard.share(&source.limits).ok_or(Idle)?;
    let shared = Source {
        limits,
        ..source.clone()
    };
    let sources = &mut settings.sources;
    sources.insert(source.name.clone(), Arc::new(shared));
    Ok(Some(shard))
}

/// Prints a line for each incomplete day, and totals over all days, including runs that an outage has cut
/// short.
fn tell(reports: &[RunReport], cut: &[RunReport], unread: usize) {
    let left: Vec<_> = reports
        .iter()
        .filter(|report| !report.complete)
        .cloned()
        .collect();
    if !left.is_empty() {
        show(&summary::page(&left, Screen::stdout()));
    }
    let sum = |of: fn(&RunReport) -> u64| reports.iter().chain(cut).map(of).sum::<u64>();
    say(&format!(
        "{} of {} days complete; {} new records, {} duplicates, {} requests",
        reports.len() - left.len(),
        reports.len() + unread,
        sum(|report| report.counts().new),
        sum(|report| report.counts().duplicates),
        sum(|report| report.counts().requests),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn an_indexed_job_tells_its_shard_and_an_argument_goes_first() {
        let third: Shard = "3/4".parse().unwrap();
        assert_eq!(indexed(None, text("2"), text("4")), Ok(Some(third)));
        let first: Shard = "1/2".parse().unwrap();
        let asked = indexed(Some(first), text("2"), text("4"));
        assert_eq!(asked, Ok(Some(first)));
        assert_eq!(indexed(None, None, text("4")), Ok(None));
    }

    #[test]
    fn half_an_indexed_job_is_refused() {
        let error = indexed(None, text("2"), None).unwrap_err();
        assert!(error.contains("set it to the job's `completions`"));
        assert!(indexed(None, text("2"), text("four")).is_err());
        assert!(indexed(None, text("4"), text("4")).is_err());
    }
}
