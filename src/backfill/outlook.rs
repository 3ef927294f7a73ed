//! Cost estimate of a backfill, from complete days in the lake and the declared cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Datelike as _;

use crate::schedule::estimate::{Estimate, Facts, Sample, estimate};
use bronzed_engine::ingest::Context;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Require, Source};
use bronzed_model::execution::Status;
use bronzed_model::slices::slices;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::{complete_days, glance};

/// Number of sampled days of each weekday.
const ALIKE: usize = 4;

/// Estimates the cost of reading `days` of a dataset in full within the limits of `source`, from complete
/// days of the same weekdays in the lake. Writes nothing.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn outlook(
    context: &Context,
    dataset: &Arc<Dataset>,
    days: &[Day],
    source: &Source,
) -> Result<Estimate, LakeError> {
    let samples = match days.first() {
        Some(near) => samples(context, dataset, *near).await?,
        None => Vec::new(),
    };
    let days = days.iter().copied();
    Ok(estimate(days, &samples, &facts(dataset, source)))
}

fn facts(dataset: &Dataset, source: &Source) -> Facts {
    let pool = dataset.pool.as_ref();
    let pool = pool.and_then(|pool| source.pools.get(pool)).copied();
    let limits = &source.limits;
    Facts {
        slices: slices(dataset).len() as u64,
        walks: match dataset.completeness.require {
            Require::TwoWalks => 2,
            _ => 1,
        },
        cost: dataset.cost,
        latency: limits.latency,
        limits: [Some(limits.pool()), pool].into_iter().flatten().collect(),
        part: limits.concurrency.max(1) as f64 / limits.together.max(1) as f64,
    }
}

/// Returns the cost of the complete days nearest to `near`, some of each weekday.
async fn samples(
    context: &Context,
    dataset: &Arc<Dataset>,
    near: Day,
) -> Result<Vec<Sample>, LakeError> {
    let complete = complete_days(&context.lake, &dataset.prefix).await?;
    let mut nearest: Vec<_> = complete.into_iter().collect();
    nearest.sort_by_key(|day| (day.date() - near.date()).num_days().abs());
    let mut alike: BTreeMap<u32, usize> = BTreeMap::new();
    nearest.retain(|day| {
        let weekday = day.date().weekday().num_days_from_monday();
        let count = alike.entry(weekday).or_default();
        *count += 1;
        *count <= ALIKE
    });
    let mut samples = Vec::new();
    for day in nearest {
        let found = glance(&context.lake, &dataset.prefix, day, context.zone).await?;
        let runs = found.into_iter().flat_map(|glance| glance.runs);
        // The run with the most requests read the day in full.
        let ok = runs.filter(|run| run.status == Status::Ok);
        let longest = ok.max_by_key(|run| run.counts.requests);
        samples.extend(longest.map(|run| {
            Sample {
                day,
                requests: run.counts.requests,
                time: (run.timestamp - run.started_at)
                    .to_std()
                    .unwrap_or(Duration::ZERO),
            }
        }));
    }
    Ok(samples)
}
