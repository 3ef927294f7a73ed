//! Runs of all datasets, newest first, from the states of their days: they outlive the daemon that made them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::reasons;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::execution::{Execution, Status};
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::state::{Listing, glance};

/// A run with its dataset and day.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// Time zone of the day.
    pub zone: Tz,
    /// Day that was read.
    pub day: Day,
    /// The run's audit entry.
    pub run: Execution,
}

/// Runs to return.
#[derive(Debug, Clone, Copy)]
pub struct RunQuery {
    /// Outcome. `None`: any.
    pub status: Option<Status>,
    /// Earliest start.
    pub since: DateTime<Utc>,
    /// Greatest number of runs.
    pub limit: usize,
}

/// Returns the last runs, newest first.
///
/// States are read from the one that was written last on, until no earlier one can have a run that belongs
/// to the result.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn past_runs(
    lake: &Lake,
    datasets: &[(Arc<Dataset>, Tz, Listing)],
    filter: RunQuery,
) -> Result<Vec<RecordedRun>, LakeError> {
    let mut states: Vec<_> = datasets
        .iter()
        .flat_map(|(dataset, zone, listing)| {
            let states = listing.states.iter();
            states.map(move |(day, entry)| (entry.modified, dataset, *zone, *day))
        })
        .collect();
    states.sort_by_key(|(modified, ..)| std::cmp::Reverse(*modified));
    let mut found: Vec<RecordedRun> = Vec::new();
    for (modified, dataset, zone, day) in states {
        // A run is never later than the last write of its state.
        let oldest = found.get(filter.limit.saturating_sub(1));
        let is_settled = oldest.is_some_and(|oldest| oldest.run.timestamp > modified);
        if is_settled || modified < filter.since {
            break;
        }
        let summary = glance(lake, &dataset.prefix, day, zone).await?;
        let runs = summary.unwrap_or_default().runs.into_iter();
        let wanted = runs.filter(|run| {
            run.started_at >= filter.since && filter.status.is_none_or(|one| one == run.status)
        });
        found.extend(wanted.map(|run| RecordedRun {
            dataset: dataset.full_name(),
            zone,
            day,
            run,
        }));
        found.sort_by_key(|one| std::cmp::Reverse(one.run.timestamp));
        found.truncate(filter.limit);
    }
    Ok(found)
}

impl RecordedRun {
    /// Serializes the run as a JSON object. Times are in the source's zone.
    pub fn to_json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.with_timezone(&self.zone).to_rfc3339();
        let run = &self.run;
        json!({
            "dataset": self.dataset,
            "day": self.day,
            "run_id": run.run_id.to_string(),
            "job": run.job,
            "status": run.status,
            "started_at": time(run.started_at),
            "ended_at": time(run.timestamp),
            "fetched": run.counts.fetched,
            "new": run.counts.new,
            "duplicates": run.counts.duplicates,
            "requests": run.counts.requests,
            "retries": run.counts.retries,
            "stop": run.stop,
            "reasons": reasons(run),
        })
    }
}
