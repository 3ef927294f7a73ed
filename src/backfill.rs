//! A range of days, made complete: which days are left, what they will cost, and the reading of
//! them one after another.
//!
//! There is no list of what was done but the lake's own `complete` markers, so a backfill that was
//! stopped, killed or left incomplete is resumed by starting it again. A day that can't be read, or
//! not in full, holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Datelike, Weekday};

use crate::day::Day;
use crate::ingest::report::RunReport;
use crate::ingest::{Context, Order, run};
use crate::lake::LakeError;
use crate::schedule::estimate::{Estimate, Sample, estimate};
use crate::schedule::shard::Shard;
use crate::source::declaration::{Dataset, Limits, Mode, Priority};
use crate::source::slices;
use crate::state::{StateError, complete_days};

/// The job that executions of a backfill name.
pub const JOB: &str = "backfill";

/// What one request is taken to last in an estimate: of PNCP, what a page near the start takes on
/// a good day.
pub const LATENCY: Duration = Duration::from_secs(1);

/// How many days of each weekday an estimate looks at.
const ALIKE: usize = 4;

/// Which days come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOrder {
    /// From the last day to the first: what is asked for most is there soonest.
    Newest,
    /// From the first day to the last.
    Oldest,
}

/// What is to be made complete.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Which of them come first.
    pub order: DayOrder,
    /// Days that are complete are read, too.
    pub complete_too: bool,
    /// Only the days of this shard.
    pub shard: Option<Shard>,
}

/// The days that are left of what is wanted, day by day, each for all datasets that lack it.
///
/// # Errors
/// When the lake can't be asked which days are complete.
pub async fn orders(
    context: &Context,
    datasets: &[Arc<Dataset>],
    wanted: &Wanted,
) -> Result<Vec<Order>, LakeError> {
    let mut orders = Vec::new();
    for dataset in datasets {
        let complete = complete_days(&context.lake, &dataset.prefix).await?;
        let days = wanted.from.through(wanted.to).filter(|day| {
            let mine = wanted.shard.is_none_or(|shard| shard.owns(*day));
            mine && (wanted.complete_too || !complete.contains(day))
        });
        orders.extend(days.map(|day| Order {
            dataset: dataset.clone(),
            day,
            mode: Mode::Full,
            job: JOB.to_owned(),
            priority: Priority::Backfill,
        }));
    }
    orders.sort_by_key(|order| order.day);
    if wanted.order == DayOrder::Newest {
        orders.reverse();
    }
    Ok(orders)
}

/// Carries out the orders one by one, and tells `done` of each. Ends early only where the context
/// is cancelled: the day under way has committed what was read of it.
pub async fn work(context: &Context, orders: &[Order], mut done: impl FnMut(&RunReport)) {
    for order in orders {
        if context.cancel.is_cancelled() {
            break;
        }
        done(&run(context, order).await);
    }
}

/// What reading `days` of a dataset in full will cost, by what complete days of the same weekdays
/// in the lake have cost.
///
/// # Errors
/// When the lake can't be asked. Nothing is written, whatever is found.
pub async fn outlook(
    context: &Context,
    dataset: &Arc<Dataset>,
    days: &[Day],
    limits: &Limits,
) -> Result<Estimate, StateError> {
    let samples = match days.first() {
        Some(near) => samples(context, dataset, *near).await?,
        None => Vec::new(),
    };
    let slices = slices(dataset).len() as u64;
    let days = days.iter().copied();
    Ok(estimate(days, &samples, slices, limits, LATENCY))
}

/// The complete days nearest to `near`, some of each weekday, with the requests that they took.
async fn samples(
    context: &Context,
    dataset: &Arc<Dataset>,
    near: Day,
) -> Result<Vec<Sample>, StateError> {
    let complete = complete_days(&context.lake, &dataset.prefix).await?;
    let mut nearest: Vec<_> = complete.into_iter().collect();
    nearest.sort_by_key(|day| (day.date() - near.date()).num_days().abs());
    let mut alike: BTreeMap<u32, usize> = BTreeMap::new();
    nearest.retain(|day| {
        let weekday: Weekday = day.date().weekday();
        let count = alike.entry(weekday.num_days_from_monday()).or_default();
        *count += 1;
        *count <= ALIKE
    });
    let mut samples = Vec::new();
    for day in nearest {
        let store = context.day(dataset, day);
        let state = store.look().await?;
        samples.extend(
            state
                .most_requests()
                .map(|requests| Sample { day, requests }),
        );
    }
    Ok(samples)
}
