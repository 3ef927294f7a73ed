//! `bronzed simulate` and `bronzed-sim`: simulated provider APIs on this machine, for experiments.
//!
//! It prints one line for each provider, PNCP's first, and serves until Ctrl-C or SIGTERM:
//!
//! ```text
//! PNCP is simulated at http://127.0.0.1:41234/api: set BRONZED__SOURCES__PNCP__BASE_URL=http://127.0.0.1:41234/api
//! Compras.gov.br is simulated at http://127.0.0.1:41234/comprasnet: set BRONZED__SOURCES__COMPRASNET__BASE_URL=…
//! TCU is simulated at http://127.0.0.1:41234/tcu: set BRONZED__SOURCES__TCU__BASE_URL=…
//! ```

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Days, FixedOffset, NaiveTime};
use tokio::signal::unix::{SignalKind, signal};

use crate::churn::Churn;
use crate::clock::SimClock;
use crate::comprasnet::generated::DayOf;
use crate::comprasnet::{self, ComprasDay, datasets as compras};
use crate::faults::Faults;
use crate::pncp::catalog::Catalog;
use crate::pncp::generated::GeneratedDay;
use crate::pncp::oddity::Oddities;
use crate::provider::Provider;
use crate::table::Tables;
use crate::tcu::generated::AcordaoFeed;
use crate::{SimConfig, Simulator, pncp, tcu};
use bronzed_model::day::Day;

/// Serves generated records as the providers do, including faults.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Port on loopback; 0 selects a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Random seed: the same seed gives the same records and faults.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Publication day that has records; may be repeated.
    #[arg(long = "day", value_name = "DAY", default_value = "2025-10-22")]
    pub days: Vec<Day>,
    /// Number of PNCP records per day.
    #[arg(long, default_value_t = 2_000)]
    pub records: u32,
    /// Size of a record in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 2_400)]
    pub record_bytes: usize,
    /// Number of contracts, price registers, plan items and invoices, each, per PNCP day.
    #[arg(long, value_name = "RECORDS", default_value_t = 200)]
    pub others: u32,
    /// Share of PNCP's records that are updated in the three weeks after their publication.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub updated: f64,
    /// Number of contratações per day at Compras.gov.br, with eight items each; price registers, the archive
    /// and contracts of three organs have a tenth of it each.
    #[arg(long, value_name = "RECORDS", default_value_t = 300)]
    pub compras: u32,
    /// Number of acórdãos in the TCU's feed; it grows by 600 a week.
    #[arg(long, value_name = "RECORDS", default_value_t = 5_000)]
    pub feed: u32,
    /// Number of rows of each snapshot list; on each of the 30 days before and after the start, 20 rows
    /// change, 5 are added and 3 removed.
    #[arg(long, value_name = "ROWS", default_value_t = 1_400)]
    pub list: u32,
    /// Share of requests that fail in each of five ways: 500, 429, truncated body, HTML with status 200,
    /// connection reset.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, value_parser = failing_share)]
    pub faults: f64,
    /// Share of records without an id, of those with unknown fields, and of those with mistyped fields.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub odd: f64,
    /// Share of records that appear some time after their publication.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub late: f64,
    /// Simulated start time, from which the clock runs: 2025-10-22T12:00:00-03:00. Default: now.
    #[arg(long, value_name = "TIME")]
    pub now: Option<DateTime<FixedOffset>>,
    /// Latency of each response.
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// Maximum number of requests in flight; more are rejected.
    #[arg(long, value_name = "REQUESTS", default_value_t = 6)]
    pub max_in_flight: usize,
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// Returns an error if the port is not available, or a line can't be printed.
pub async fn run(args: Args) -> anyhow::Result<()> {
    // Installed before the line is printed, because its reader may send a signal at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let simulator = start(&args).await?;
    for provider in Provider::ALL {
        let url = simulator.base_url_of(provider);
        let set = provider
            .variables()
            .iter()
            .map(|name| format!("{name}={url}"));
        let set = set.collect::<Vec<_>>().join(" ");
        // Standard output is line-buffered, so the reader of a pipe sees the line at once.
        writeln!(
            io::stdout(),
            "{} is simulated at {url}: set {set}",
            provider.title()
        )?;
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Starts the simulated APIs.
///
/// # Errors
/// Returns an error if the port is not available.
pub async fn start(args: &Args) -> anyhow::Result<Simulator> {
    let simulator = Simulator::start(config(args)).await;
    simulator.with_context(|| format!("can't listen on port {}: choose another, or 0", args.port))
}

fn config(args: &Args) -> SimConfig {
    let catalog = Catalog::new();
    for day in &args.days {
        let day = GeneratedDay {
            bytes_per_record: args.record_bytes,
            oddities: Oddities::each(args.odd),
            late: args.late,
            updated: args.updated,
            ..GeneratedDay::new(args.seed, *day, args.records)
        };
        catalog.extend(day.records());
    }
    let clock = SimClock::running();
    if let Some(now) = args.now {
        clock.set(now.to_utc());
    }
    SimConfig {
        seed: args.seed,
        faults: Faults::bad_day(args.faults),
        latency: args.latency,
        max_in_flight: Some(args.max_in_flight),
        port: args.port,
        tables: tables(args, &clock),
        ..SimConfig::new(catalog, clock)
    }
}

/// Builds the datasets besides PNCP's contratações; they grow and change around the simulated time.
fn tables(args: &Args, clock: &SimClock) -> Tables {
    let today = clock.brasilia().date();
    let list = Churn {
        days: 60,
        changed: 20,
        added: 5,
        removed: 3,
        ..Churn::still(
            args.seed,
            args.list,
            (today - Days::new(30)).and_time(NaiveTime::MIN),
        )
    };
    let feed = |last, records| AcordaoFeed::new(args.seed, Day::new(last), records).rows();
    // Growth of the feed: eight weeks of three sessions each.
    let (weeks, growth) = (Days::new(56), 24 * 200);
    let tables = Tables::default();
    for day in &args.days {
        let others = pncp::days::DayOf {
            updated: args.updated,
            ..pncp::days::DayOf::new(args.seed, *day, args.others)
        };
        others.add_contratos(&tables);
        others.add_atas(&tables);
        others.add_pca(&tables);
        // One invoice in six is repeated, and one item of price registers in five.
        let invoices = pncp::days::DayOf {
            repeated: 0.167,
            ..others
        };
        invoices.add_instrumentos(&tables);
        ComprasDay::new(args.seed, *day, args.compras).add_to(&tables);
        let tenth = DayOf::new(args.seed, *day, args.compras / 10);
        let registers = DayOf {
            repeated: 0.22,
            ..tenth
        };
        registers.add_arp(&tables);
        tenth.add_legado(&tables);
        for organ in 20_000..20_003 {
            tenth.add_contratos(&tables, organ);
        }
    }
    tables
        .with(&compras::UASG, comprasnet::generated::uasg(&list))
        .with(&compras::ORGAOS, comprasnet::generated::orgaos(&list))
        .with(
            &compras::FORNECEDORES,
            comprasnet::generated::fornecedores(&list),
        )
        .with(&compras::MATERIAIS, comprasnet::generated::materiais(&list))
        .with(&compras::SERVICOS, comprasnet::generated::servicos(&list))
        .with(&tcu::ACORDAOS, feed(today, args.feed))
        .with(&tcu::ACORDAOS, feed(today + weeks, growth))
        .with(
            &tcu::INIDONEOS,
            tcu::recorded::inidoneos((today - Days::new(30)).into()),
        )
        .with(&tcu::INABILITADOS, tcu::generated::inabilitados(&list))
        .with(&tcu::TERMOS, tcu::generated::termos_contratuais(&list))
        .with(&tcu::PEDIDOS, tcu::generated::pedidos_congresso(&list))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a share as a number from 0 to 1".to_owned())
}

fn failing_share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=0.2).contains(share));
    share.ok_or_else(|| "there are five ways to fail: write a number from 0 to 0.2".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("simulate").chain(line.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args)
    }

    fn served(args: &Args) -> usize {
        let config = config(args);
        let ids = args.days.iter().map(|day| {
            let end = day.next().date().and_time(NaiveTime::MIN);
            config.catalog.ids(*day, end).len()
        });
        ids.sum()
    }

    #[test]
    fn each_day_has_its_records() {
        assert_eq!(served(&parse("").unwrap()), 2_000);
        let two = parse("--day 2025-10-21 --day 2025-10-22 --records 30 --odd 0.2 --late 0.2");
        assert_eq!(served(&two.unwrap()), 60);
    }

    #[test]
    fn the_time_goes_on_from_the_one_given() {
        let args = parse("--now 2025-10-22T08:00:00-03:00 --records 1").unwrap();
        let clock = config(&args).clock;
        assert_eq!(clock.brasilia().date(), args.days[0].date());
    }

    #[test]
    fn impossible_shares_are_refused_with_what_would_be_right() {
        let message = |line| parse(line).unwrap_err().to_string();
        assert!(message("--faults 0.5").contains("from 0 to 0.2"));
        assert!(message("--odd=-1").contains("from 0 to 1"));
        assert!(message("--late x").contains("from 0 to 1"));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = start(&parse("--records 1").unwrap()).await.unwrap();
        let port = url::Url::parse(&taken.base_url()).unwrap().port().unwrap();
        let error = start(&parse(&format!("--records 1 --port {port}")).unwrap())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }
}
