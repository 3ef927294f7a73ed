//! Backfill of a range of days: selects the remaining days, estimates their cost, and reads them one after
//! another.
//!
//! Progress is kept only in the lake's `complete` markers, and a marker whose files are gone isn't believed, so a backfill that was stopped, killed or left
//! incomplete is resumed by starting it again. A day that can't be read, or not in full, doesn't block the
//! others, and an outage of the API or of the lake is waited out ([`work()`]).

mod outlook;
mod work;

use std::sync::Arc;

use crate::schedule::shard::Shard;
use bronzed_engine::ingest::{Context, Order};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode, Priority};
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::listing_with_files;

pub use outlook::outlook;
pub use work::{Outage, Told, work};

/// Job name in the executions of a backfill.
pub const JOB: &str = "backfill";

/// Order of the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOrder {
    /// Newest first, because recent days are in most demand.
    Newest,
    /// Oldest first.
    Oldest,
}

/// Selection of days to be completed.
#[derive(Debug, Clone)]
pub struct DaySelection {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Order of the days.
    pub order: DayOrder,
    /// `true` if complete days are read again, too.
    pub complete_too: bool,
    /// Restriction to the days of this shard.
    pub shard: Option<Shard>,
}

impl DaySelection {
    /// Returns the selected days of a dataset, none before its earliest day.
    pub fn days_of(&self, dataset: &Dataset) -> impl Iterator<Item = Day> + use<> {
        let from = dataset
            .days
            .earliest
            .map_or(self.from, |first| first.max(self.from));
        let shard = self.shard;
        let days = dataset.days.period.through(from, self.to);
        days.filter(move |day| shard.is_none_or(|shard| shard.owns(*day)))
    }
}

/// Returns the orders for the remaining days, grouped by day, each for all datasets that lack it.
///
/// # Errors
/// Returns an error if the complete days can't be listed.
pub async fn orders(
    context: &Context,
    datasets: &[Arc<Dataset>],
    wanted: &DaySelection,
) -> Result<Vec<Order>, LakeError> {
    let mut orders = Vec::new();
    for dataset in datasets {
        let listed = listing_with_files(&context.lake, &dataset.prefix).await?;
        let days = wanted.days_of(dataset);
        let days = days.filter(|day| wanted.complete_too || !listed.complete.contains(day));
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
