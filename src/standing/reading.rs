//! Reading of the lake for display: the knowledge that the daemon plans with, and nothing is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};

use crate::daemon::{Paused, read_knowledge};
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::Knowledge;
use crate::schedule::plan::{PlanInput, Running};
use bronzed_model::declaration::{Dataset, Source};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::{Listing, listing_with_files};

/// Number of datasets read concurrently.
const AT_ONCE: usize = 4;

/// Datasets of one source, as the lake knows them.
#[derive(Debug)]
pub struct SourceReading {
    /// The source.
    pub source: Arc<Source>,
    /// Schedule of the source.
    pub schedule: Schedule,
    /// Knowledge of the datasets that were read.
    pub knowledge: Knowledge,
    /// Names of the paused jobs.
    pub paused: BTreeSet<String>,
    /// The datasets that were read, in the order of their names.
    pub datasets: Vec<DatasetReading>,
    running: Running,
}

/// One dataset with its listing.
#[derive(Debug)]
pub struct DatasetReading {
    /// The dataset.
    pub dataset: Arc<Dataset>,
    /// Complete and accepted days, and states.
    pub listing: Listing,
}

impl SourceReading {
    /// Reads datasets of a source from the lake. `seen` is called after each dataset.
    ///
    /// # Errors
    /// Returns an error if the lake can't be read, or a cron expression is invalid.
    pub async fn read(
        lake: &Lake,
        source: &Arc<Source>,
        datasets: &[Arc<Dataset>],
        now: DateTime<Utc>,
        seen: &(dyn Fn() + Sync),
    ) -> anyhow::Result<Self> {
        let schedule = Schedule::of(source)?;
        let paused = Paused::load(lake).await.context("the paused jobs")?;
        let paused = paused.of(&source.name);
        let read = futures::stream::iter(datasets.iter().cloned()).map(|dataset| {
            let schedule = &schedule;
            async move {
                let listing = listing_with_files(lake, &dataset.prefix).await?;
                let known = read_knowledge(lake, schedule, &dataset, &listing, now).await?;
                seen();
                let reading = DatasetReading { dataset, listing };
                anyhow::Ok((reading, known))
            }
        });
        let read: Vec<_> = read.buffered(AT_ONCE).try_collect().await?;
        let mut knowledge = Knowledge::default();
        let mut datasets = Vec::new();
        for (reading, known) in read {
            knowledge.learn(&reading.dataset.name, known);
            datasets.push(reading);
        }
        Ok(Self {
            source: source.clone(),
            schedule,
            knowledge,
            paused,
            datasets,
            running: Running::new(),
        })
    }

    /// Returns the input of the daemon's planner at `now`, without runs under way.
    pub fn situation(&self, now: DateTime<Utc>) -> PlanInput<'_> {
        PlanInput {
            now,
            previous: Some(now),
            knowledge: &self.knowledge,
            running: &self.running,
            paused: &self.paused,
        }
    }
}
