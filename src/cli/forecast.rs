//! Output of `bronzed backfill --dry-run`: days, number of requests, and duration.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::backfill::outlook;
use crate::cli::text::spans;
use crate::cli::{CliError, Exit, say};
use crate::schedule::estimate::{Basis, Estimate};
use bronzed_engine::ingest::{Context, Order};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Limits, Source};

pub async fn forecast(
    context: &Context,
    datasets: &[Arc<Dataset>],
    orders: &[Order],
    source: &Source,
    as_json: bool,
) -> Result<Exit, CliError> {
    for dataset in datasets {
        let mine = orders.iter().filter(|o| o.dataset.name == dataset.name);
        let days: Vec<_> = mine.map(|order| order.day).collect();
        let found = outlook(context, dataset, &days, source)
            .await
            .map_err(anyhow::Error::from)?;
        if as_json {
            say(&in_json(dataset, &days, &found));
        } else {
            say(&in_words(
                &dataset.full_name(),
                &days,
                &found,
                &source.limits,
            ));
        }
    }
    Ok(Exit::Done)
}

/// Formats the estimate as JSON; `requests_to` and `seconds_to` are the upper bounds if it is a range.
fn in_json(dataset: &Dataset, days: &[Day], found: &Estimate) -> String {
    let (basis, known_days) = match found.basis {
        Basis::Days(known) => ("days", known),
        Basis::Cost => ("cost", 0),
        Basis::Slices => ("slices", 0),
    };
    let said = json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "days": days,
        "requests": found.requests,
        "requests_to": found.requests_to,
        "seconds": found.time.as_secs_f64(),
        "seconds_to": found.time_to.as_secs_f64(),
        "seconds_per_request": found.latency.as_secs_f64(),
        "basis": basis,
        "known_days": known_days,
    });
    said.to_string()
}

fn in_words(name: &str, days: &[Day], found: &Estimate, limits: &Limits) -> String {
    if days.is_empty() {
        return format!("{name}: nothing is left to read");
    }
    let (time, time_to) = (span(found.time), span(found.time_to));
    let cost = match found.basis {
        Basis::Days(known) => format!(
            "about {} requests (by {known} complete days), about {time}",
            found.requests
        ),
        Basis::Cost => format!(
            "about {} requests (by the declared cost), about {time}",
            found.requests
        ),
        Basis::Slices if found.requests == found.requests_to => format!(
            "{} requests where slices have one page, in {time}, and more where they have more \
             (no day in the lake tells)",
            found.requests
        ),
        Basis::Slices => format!(
            "{} to {} requests where slices have one page, in {time} to {time_to}, and more where \
             they have more (no day in the lake tells)",
            found.requests, found.requests_to
        ),
    };
    let rate = limits.requests_per_second.map_or(String::new(), |rate| {
        format!(", {rate:.2} a second at most")
    });
    let told = match found.basis {
        Basis::Days(_) => "each of which took",
        _ => "each taken to last",
    };
    format!(
        "{name}: {} days, {cost}\n  with {} in flight, {told} {:.1} s{rate}\n  {}",
        days.len(),
        found.in_flight,
        found.latency.as_secs_f64(),
        spans(days)
    )
}

fn span(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}
