//! `bronzed demo --serve`: a lake with weeks of history, and a daemon that keeps it, against simulated APIs.
//!
//! One day is read while a slice of it fails, so that the page has a partial day with a reason. The daemon
//! tries it again after ten minutes, as it would any other.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::Args;
use crate::backfill::{DayOrder, DaySelection, orders};
use crate::cli::progress::DayBar;
use crate::cli::signal::cancel_quietly;
use crate::cli::{CliContext, CliError, Exit, daemon, say};
use crate::session::AppContext;
use bronzed_engine::ingest::{Order, run as run_order};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority};
use bronzed_model::settings::Settings;
use bronzed_simulator::Simulator;
use bronzed_simulator::command::{self, Args as SimulatorArgs};
use bronzed_simulator::faults::{Fault, Faults, Rule};
use bronzed_simulator::provider::Provider;

/// Datasets with history, by source.
const HISTORY: [(&str, &[&str]); 2] = [
    ("pncp", &["contratacoes", "contratos", "atas"]),
    ("comprasnet", &["contratacoes"]),
];
/// Dataset, slice and age in days of the day that stays partial.
const PARTIAL: (&str, &str, usize) = ("pncp.contratacoes", "modalidade=8", 3);

/// Fills the lake, and runs the daemon until Ctrl-C.
pub(super) async fn run(shell: &CliContext, args: &Args) -> Result<Exit, CliError> {
    let folder = args.folder.clone().unwrap_or_else(|| super::LAKE.into());
    let stop = CancellationToken::new();
    cancel_quietly(stop.clone());
    // The source's zone isn't known yet; a day more or less of simulated records doesn't matter.
    let today = Day::of(SystemClock.now(), chrono_tz::America::Sao_Paulo);
    let days = history(today, args.days);
    let simulator = command::start(&simulated(args, &days)).await?;
    let settings = settings(&folder, &simulator, args.port)?;
    shell.log(&settings, true)?;
    say(&format!(
        "Simulated APIs of PNCP, Compras.gov.br and TCU answer on {}.\nThe lake is {}: reading {} days of history …",
        simulator.base_url().trim_end_matches("/api"),
        folder.display(),
        args.days
    ));
    fill(shell, settings.clone(), &simulator, &days, &stop).await?;
    if stop.is_cancelled() {
        return Ok(Exit::Partial);
    }
    let lake = folder.display().to_string();
    daemon::serve(settings, stop, |address| tell(address, &lake)).await
}

/// Returns the days before today, oldest first, and today.
fn history(today: Day, count: u16) -> Vec<Day> {
    let days = std::iter::successors(Some(today), |day| Some(day.previous()));
    let mut days: Vec<_> = days.take(usize::from(count) + 1).collect();
    days.reverse();
    days
}

fn simulated(args: &Args, days: &[Day]) -> SimulatorArgs {
    SimulatorArgs {
        port: 0,
        seed: args.seed,
        days: days.to_vec(),
        records: args.records.min(120),
        record_bytes: super::BYTES_PER_RECORD,
        others: 40,
        updated: 0.0,
        compras: 20,
        feed: 2_000,
        list: 300,
        faults: 0.0,
        odd: 0.0,
        late: 0.0,
        now: None,
        latency: Duration::from_millis(5),
        max_in_flight: 6,
    }
}

/// Loads the embedded configuration, with the simulator as every API and short delays.
fn settings(folder: &Path, simulator: &Simulator, port: u16) -> Result<Settings, CliError> {
    let lake = folder.to_str().ok_or_else(|| {
        let folder = folder.display();
        CliError::Usage(format!("the folder `{folder}` isn't valid Unicode"))
    })?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut overrides = vec![
        ("BRONZED__LAKE__URL".to_owned(), lake.to_owned()),
        ("BRONZED__SERVER__LISTEN".to_owned(), listen.to_string()),
        ("BRONZED__TELEMETRY__FORMAT".to_owned(), "pretty".to_owned()),
    ];
    for source in ["PNCP", "COMPRASNET", "TCU"] {
        for (key, value) in [("RETRY__INITIAL", "50ms"), ("RETRY__MAX", "1s")] {
            let key = format!("BRONZED__SOURCES__{source}__{key}");
            overrides.push((key, value.to_owned()));
        }
    }
    for provider in Provider::ALL {
        let url = simulator.base_url_of(provider);
        let names = provider.variables().iter();
        overrides.extend(names.map(|name| ((*name).to_owned(), url.clone())));
    }
    super::load(overrides)
}

/// Reads the days of history that the lake doesn't have yet.
async fn fill(
    shell: &CliContext,
    settings: Settings,
    simulator: &Simulator,
    days: &[Day],
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let session = AppContext::open(settings, Arc::new(SystemClock)).await?;
    let (Some(from), Some(to)) = (days.first(), days.iter().rev().nth(1)) else {
        return Ok(());
    };
    let wanted = DaySelection {
        from: *from,
        to: *to,
        order: DayOrder::Oldest,
        complete_too: false,
        shard: None,
    };
    for (source, names) in HISTORY {
        let declared = session.settings().sources.get(source);
        let declared = declared.context("the configuration that the program carries")?;
        let datasets = names.iter().filter_map(|name| declared.datasets.get(*name));
        let datasets: Vec<_> = datasets.cloned().collect();
        let bar = DayBar::new(shell, source, declared.timezone);
        let context = session.context(source, bar.clone());
        let context = context.context("the configuration that the program carries")?;
        let orders = orders(&context, &datasets, &wanted).await;
        let orders = orders.map_err(anyhow::Error::from)?;
        bar.begin(orders.len());
        for order in orders.iter().take_while(|_| !stop.is_cancelled()) {
            bar.reads(order);
            let order = Order {
                mode: Mode::Full,
                job: "daily".to_owned(),
                priority: Priority::Daily,
                ..order.clone()
            };
            let fails = is_partial(&order, days);
            if fails {
                let (dataset, slice, _) = PARTIAL;
                let rule = Rule::always(Fault::Unavailable)
                    .dataset(dataset)
                    .slice(slice);
                simulator.set_faults(Faults::by_rule([rule]));
            }
            run_order(&context, &order).await;
            if fails {
                simulator.heal();
            }
            bar.day_done();
        }
        bar.finish();
    }
    session.close().await;
    Ok(())
}

/// Returns `true` for the day that is read while a slice of it fails.
fn is_partial(order: &Order, days: &[Day]) -> bool {
    let (dataset, _, age) = PARTIAL;
    order.dataset.full_name() == dataset && days.iter().rev().nth(age) == Some(&order.day)
}

fn tell(address: SocketAddr, lake: &str) {
    say(&format!(
        "\nThe daemon runs; its page is http://{address}/\n\n\
         In another terminal:\n  export BRONZED__LAKE__URL={lake}\n  \
         bronzed status      what is wrong, why, and when it is tried again\n  \
         bronzed coverage    the days of all datasets\n  \
         bronzed watch       the same, refreshed\n\n\
         Ctrl-C ends it.",
    ));
}
