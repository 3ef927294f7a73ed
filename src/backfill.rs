//! A range of days, made complete: which days are left, what they will cost, and the reading of
//! them one after another.
//!
//! There is no list of what was done but the lake's own `complete` markers, so a backfill that was
//! stopped, killed or left incomplete is resumed by starting it again. A day that can't be read, or
//! not in full, holds up no other, and an outage of the API or of the lake is waited for ([`work()`]).

mod outlook;
mod work;

use std::sync::Arc;

use crate::day::Day;
use crate::ingest::{Context, Order};
use crate::lake::LakeError;
use crate::schedule::shard::Shard;
use crate::source::declaration::{Dataset, Mode, Priority};
use crate::state::complete_days;

pub use outlook::outlook;
pub use work::{Outage, Told, work};

/// The job that executions of a backfill name.
pub const JOB: &str = "backfill";

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

impl Wanted {
    /// The days that are wanted of a dataset: none before its first one.
    pub fn days_of(&self, dataset: &Dataset) -> impl Iterator<Item = Day> + use<> {
        let from = dataset
            .days
            .earliest
            .map_or(self.from, |first| first.max(self.from));
        let shard = self.shard;
        let days = from.through(self.to);
        days.filter(move |day| shard.is_none_or(|shard| shard.owns(*day)))
    }
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
        let days = wanted.days_of(dataset);
        let days = days.filter(|day| wanted.complete_too || !complete.contains(day));
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
