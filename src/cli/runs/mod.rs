//! `bronzed runs`: the last runs, newest first, from the states of the lake; and the requests of one.

mod requests;

use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::cli::status::status_cell;
use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage, brief, time};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, reading, say, show};
use crate::standing::reasons;
use crate::standing::runs::{RecordedRun, RunQuery, past_runs};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::execution::Status;

/// Default of `--since`, before now.
const SINCE: TimeDelta = TimeDelta::days(30);

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: bronzed runs pncp --status failed")]
pub struct Args {
    /// Source (`pncp`), or one of its datasets (`pncp.contratacoes`). Default: all enabled datasets
    #[arg(value_name = "SOURCE[.DATASET]")]
    target: Option<String>,
    /// Only runs with this outcome
    #[arg(long, value_enum)]
    status: Option<StatusArg>,
    /// Only runs that started on this day or later. Default: 30 days ago
    #[arg(long, value_name = DAY)]
    since: Option<TypedDay>,
    /// Greatest number of runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Show the requests of this run instead: sums by slice, those that failed or were sent again with the reason, and the
    /// slowest. They are kept for 30 days
    #[arg(long, value_name = "RUN_ID", conflicts_with_all = ["target", "status", "since", "limit"])]
    requests: Option<Uuid>,
    /// Print one JSON object per run
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum StatusArg {
    Ok,
    Partial,
    Failed,
    Running,
}

impl From<StatusArg> for Status {
    fn from(status: StatusArg) -> Self {
        match status {
            StatusArg::Ok => Self::Ok,
            StatusArg::Partial => Self::Partial,
            StatusArg::Failed => Self::Failed,
            StatusArg::Running => Self::Running,
        }
    }
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    if let Some(run_id) = args.requests {
        return requests::run(shell, run_id, args.json).await;
    }
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let now = SystemClock.now();
    let targets: Vec<_> = args.target.into_iter().collect();
    let (lake, readings) = reading::read(shell, &settings, &targets, now).await?;
    // The days of `--since` begin in the zone of the first source; all that are shipped have the same.
    let zone = readings.first().map(|reading| reading.schedule.zone);
    let since = args.since.zip(zone);
    let since = since.map(|(day, zone)| day.at(now, zone).start(zone));
    let datasets: Vec<_> = readings
        .into_iter()
        .flat_map(|reading| {
            let zone = reading.schedule.zone;
            let datasets = reading.datasets.into_iter();
            datasets.map(move |one| (one.dataset, zone, one.listing))
        })
        .collect();
    let filter = RunQuery {
        status: args.status.map(Into::into),
        since: since.unwrap_or(now - SINCE),
        limit: args.limit,
    };
    let found = past_runs(&lake, &datasets, filter).await;
    let found = found.map_err(anyhow::Error::from)?;
    match args.json {
        true => found.iter().for_each(|one| say(&one.to_json().to_string())),
        false => show(&page(&found, Screen::stdout())),
    }
    Ok(Exit::Done)
}

fn page(found: &[RecordedRun], screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let mut table = Table::new([
        TableColumn::text("started"),
        TableColumn::text("dataset"),
        TableColumn::text("day"),
        TableColumn::text("status"),
        TableColumn::number("new"),
        TableColumn::number("duplicates").if_used().spare(4),
        TableColumn::text("job").spare(1),
        TableColumn::number("took").spare(2),
        TableColumn::number("requests").spare(3),
        TableColumn::text("run id").spare(5),
    ]);
    for RecordedRun {
        dataset,
        zone,
        day,
        run,
    } in found
    {
        let took = (run.timestamp - run.started_at).to_std();
        let took = took.map_or("-".to_owned(), |took: Duration| time::took(took));
        table.row([
            Cell::from(time::at(run.started_at, *zone)),
            dataset.clone().into(),
            day.to_string().into(),
            status_cell(run.status),
            run.counts.new.to_string().into(),
            run.counts.duplicates.to_string().into(),
            run.job.clone().into(),
            took.into(),
            run.counts.requests.to_string().into(),
            run.run_id.to_string().into(),
        ]);
        if run.status != Status::Ok {
            for reason in reasons(run) {
                table.note(&brief(&reason));
            }
        }
    }
    match table.is_empty() {
        true => page.painted(&[(
            Paint::Dim,
            "no run like that in this time: see --since and --status",
        )]),
        false => page.table(&table),
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_model::execution::Execution;
    use uuid::Uuid;

    fn runs() -> Vec<RecordedRun> {
        let begun = "2025-10-23T06:00:00Z".parse().unwrap();
        let mut ok = Execution::begun(Uuid::from_u128(1), "daily", begun);
        ok.status = Status::Ok;
        ok.timestamp = begun + TimeDelta::seconds(200);
        (ok.counts.new, ok.counts.requests) = (1_200, 40);
        let mut failed = Execution::begun(Uuid::from_u128(2), "daily", begun);
        failed.status = Status::Failed;
        let reason = "gave up on https://pncp.gov.br/api/consulta/v1/atas after 4 tries: 503 Service Unavailable";
        failed.failed_slices = vec![("all".to_owned(), reason.to_owned())];
        let of = |dataset: &str, run| RecordedRun {
            dataset: dataset.to_owned(),
            zone: chrono_tz::America::Sao_Paulo,
            day: "2025-10-22".parse().unwrap(),
            run,
        };
        vec![of("pncp.contratacoes", ok), of("pncp.atas", failed)]
    }

    fn shown(width: usize) -> String {
        let screen = Screen {
            width: Some(width),
            color: false,
        };
        page(&runs(), screen).text()
    }

    #[test]
    fn runs_fit_80_columns_and_the_reason_of_a_failure_stands_below_it() {
        assert_eq!(
            shown(80),
            "\
started                  dataset            day         status   new  job
───────────────────────  ─────────────────  ──────────  ──────  ────  ─────
2025-10-23 03:00 -03:00  pncp.contratacoes  2025-10-22  ok      1200  daily
2025-10-23 03:00 -03:00  pncp.atas          2025-10-22  failed     0  daily
    all: gave up on …/v1/atas after 4 tries: 503 Service Unavailable"
        );
    }
}
