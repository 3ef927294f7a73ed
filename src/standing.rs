//! How a dataset stands, as the lake alone tells it: which days are complete, which aren't and should
//! be, and what the last run did.
//!
//! One LIST and one state document a dataset, however many days it has.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::bronze::layout;
use crate::day::Day;
use crate::lake::{Lake, LakeError};
use crate::source::declaration::{Dataset, Kind};
use crate::state::execution::Execution;
use crate::state::glance;

/// How a dataset stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// The days that are complete.
    pub complete: BTreeSet<Day>,
    /// The days that have a state.
    pub known: BTreeSet<Day>,
    /// The first day that should be complete: the one that coverage asks for, else the first that
    /// the lake knows. `None`: none, or the dataset's days can't be asked for again.
    pub since: Option<Day>,
    /// The ended days since then that aren't complete.
    pub incomplete: Vec<Day>,
    /// The last run of any day, with its day.
    pub last_run: Option<(Day, Execution)>,
}

/// Asks the lake how a dataset stands at `now`; its days and times are in `zone`.
///
/// # Errors
/// When the lake can't be asked.
pub async fn standing(
    lake: &Lake,
    dataset: &Dataset,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Standing, LakeError> {
    let prefix = &dataset.prefix;
    let (mut complete, mut known) = (BTreeSet::new(), BTreeSet::new());
    let mut newest: Option<(DateTime<Utc>, Day)> = None;
    for entry in lake.list(&layout::state_folder(prefix)).await? {
        complete.extend(layout::complete_day(prefix, &entry.key));
        if let Some(day) = layout::state_day(prefix, &entry.key) {
            known.insert(day);
            newest = newest.max(Some((entry.modified, day)));
        }
    }
    let last_run = match newest {
        Some((_, day)) => last_run(lake, prefix, day, zone).await?,
        None => None,
    };
    let since = first_of_coverage(dataset, &complete, &known);
    let yesterday = Day::of(now, zone).previous();
    let days = since.into_iter().flat_map(|day| day.through(yesterday));
    let incomplete = days.filter(|day| !complete.contains(day)).collect();
    Ok(Standing {
        dataset: dataset.full_name(),
        complete,
        known,
        since,
        incomplete,
        last_run,
    })
}

async fn last_run(
    lake: &Lake,
    prefix: &str,
    day: Day,
    zone: Tz,
) -> Result<Option<(Day, Execution)>, LakeError> {
    let glance = glance(lake, prefix, day, zone).await?;
    let runs = glance.into_iter().flat_map(|glance| glance.runs);
    Ok(runs.max_by_key(|run| run.timestamp).map(|run| (day, run)))
}

fn first_of_coverage(
    dataset: &Dataset,
    complete: &BTreeSet<Day>,
    known: &BTreeSet<Day>,
) -> Option<Day> {
    // Days of snapshots and feeds pass without being asked for again.
    if matches!(dataset.kind, Kind::Snapshot | Kind::Feed) {
        return None;
    }
    let first_known = || complete.first().into_iter().chain(known.first()).min();
    dataset
        .days
        .coverage_from
        .or_else(|| first_known().copied())
}

impl Standing {
    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        let last_run = self.last_run.as_ref().map(|(day, run)| {
            json!({
                "run_id": run.run_id.to_string(),
                "day": day,
                "job": run.job,
                "status": run.status,
                "started_at": run.started_at.to_rfc3339(),
                "ended_at": run.timestamp.to_rfc3339(),
                "fetched": run.counts.fetched,
                "new": run.counts.new,
                "error": run.error,
            })
        });
        json!({
            "dataset": self.dataset,
            "complete_days": self.complete.len(),
            "first_complete": self.complete.first(),
            "newest_complete": self.complete.last(),
            "days_with_state": self.known.len(),
            "since": self.since,
            "incomplete_days": self.incomplete.len(),
            "incomplete": self.incomplete,
            "last_run": last_run,
        })
    }
}
