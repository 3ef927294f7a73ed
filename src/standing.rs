//! Status of a dataset, from the lake alone: complete days, wanted days that are incomplete, their next
//! attempt, and the last run.
//!
//! Reads one LIST, `_bronzed/named` and a few state documents for each dataset, independent of its number of
//! days.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::schedule::backlog::Backlog;
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts, Knowledge};
use crate::schedule::plan::{PlanInput, Running, next_tries};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::execution::{Execution, Status};
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::lake::{Entry, Lake, LakeError};
use bronzed_storage::named::FirstNamedDay;
use bronzed_storage::state::{Listing, glance, listing};

/// Number of the newest incomplete days that are reported with their error and next attempt.
const TOLD: usize = 5;

/// Status of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetStatus {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// Complete days.
    pub complete: BTreeSet<Day>,
    /// Accepted days that are not complete.
    pub accepted: BTreeSet<Day>,
    /// Days that have a state.
    pub known: BTreeSet<Day>,
    /// `true` if days can be read after their end. `false` for snapshots and feeds.
    pub days_can_be_asked_for: bool,
    /// First day that coverage requires, or that a job of a daemon has named.
    pub since: Option<Day>,
    /// Wanted days that have ended: begun, named or covered, and neither complete nor accepted.
    pub incomplete: Vec<Day>,
    /// Backlog: counts of the wanted days that could be complete by now.
    pub backlog: Backlog,
    /// The newest incomplete days that were begun, with their last run.
    pub open: Vec<OpenDayStatus>,
    /// The last run of any day, with its day.
    pub last_run: Option<(Day, Execution)>,
}

/// A day that was begun and is not complete.
#[derive(Debug, Clone)]
pub struct OpenDayStatus {
    /// The day.
    pub day: Day,
    /// Outcome of the last run.
    pub status: Status,
    /// Error of the last run.
    pub error: Option<String>,
    /// Time of the daemon's next attempt. `None` if the next attempt depends on a future slot.
    pub next_try: Option<DateTime<Utc>>,
}

/// Reads the status of a dataset at `now` from the lake.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn standing(
    lake: &Lake,
    schedule: &Schedule,
    dataset: &Dataset,
    now: DateTime<Utc>,
) -> Result<DatasetStatus, LakeError> {
    let (prefix, name, zone) = (&dataset.prefix, &*dataset.name, schedule.zone);
    let listing = listing(lake, prefix).await?;
    let last_run = last_run(lake, prefix, &listing, zone).await?;
    let mut known = knowledge(lake, prefix, &listing).await?;
    let incomplete = schedule.wanted(name, &known, now);
    let begun = incomplete.iter().rev();
    let begun = begun.filter(|day| listing.states.contains_key(day));
    let mut newest = Vec::new();
    for day in begun.take(TOLD) {
        let glance = glance(lake, prefix, *day, zone).await?.unwrap_or_default();
        for run in &glance.runs {
            known.note_at(*day, ExecutionFacts::from(run), now);
        }
        let last = glance.runs.into_iter().max_by_key(|run| run.timestamp);
        newest.extend(last.map(|run| (*day, run)));
    }
    let days_can_be_asked_for = schedule
        .datasets
        .get(name)
        .is_some_and(|one| !one.only_today);
    let covered = dataset.days.coverage_from.filter(|_| days_can_be_asked_for);
    Ok(DatasetStatus {
        dataset: dataset.full_name(),
        accepted: known.accepted().collect(),
        backlog: schedule.backlog(name, &known, now),
        complete: listing.complete,
        known: listing.states.into_keys().collect(),
        days_can_be_asked_for,
        since: covered.into_iter().chain(known.named_from()).min(),
        incomplete: incomplete.into_iter().collect(),
        last_run,
        open: open_days(schedule, name, known, newest, now),
    })
}

/// Builds the knowledge of a dataset from the listing and the first named day.
async fn knowledge(
    lake: &Lake,
    prefix: &str,
    listing: &Listing,
) -> Result<DatasetKnowledge, LakeError> {
    let mut known = DatasetKnowledge::new(listing.complete.iter().copied());
    known.begin(listing.states.keys().copied());
    listing.accepted.iter().for_each(|day| known.accept(*day));
    match FirstNamedDay::load(lake, prefix).await {
        Ok(named) => named
            .into_iter()
            .for_each(|named| known.name_from(named.from)),
        Err(DocumentError::Lake(error)) => return Err(error),
        // The daemon logs this; the days that jobs name now are known without the document.
        Err(DocumentError::Unreadable { .. } | DocumentError::Contended { .. }) => {}
    }
    Ok(known)
}

fn open_days(
    schedule: &Schedule,
    name: &str,
    known: DatasetKnowledge,
    newest: Vec<(Day, Execution)>,
    now: DateTime<Utc>,
) -> Vec<OpenDayStatus> {
    let mut knowledge = Knowledge::default();
    knowledge.learn(name, known);
    let situation = PlanInput {
        now,
        previous: Some(now),
        knowledge: &knowledge,
        running: &Running::new(),
        paused: &BTreeSet::new(),
    };
    let next = next_tries(schedule, situation);
    let open = newest.into_iter().map(|(day, run)| OpenDayStatus {
        day,
        status: run.status,
        error: run.error,
        next_try: next.get(&(name.into(), day)).copied(),
    });
    open.collect()
}

async fn last_run(
    lake: &Lake,
    prefix: &str,
    listing: &Listing,
    zone: Tz,
) -> Result<Option<(Day, Execution)>, LakeError> {
    let written = |(_, entry): &(&Day, &Entry)| entry.modified;
    let Some((day, _)) = listing.states.iter().max_by_key(written) else {
        return Ok(None);
    };
    let glance = glance(lake, prefix, *day, zone).await?;
    let runs = glance.into_iter().flat_map(|glance| glance.runs);
    Ok(runs.max_by_key(|run| run.timestamp).map(|run| (*day, run)))
}

impl DatasetStatus {
    /// Serializes the status as a JSON object.
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
        let open = self.open.iter().map(|open| {
            json!({
                "day": open.day,
                "status": open.status,
                "error": open.error,
                "next_try": open.next_try.map(|at| at.to_rfc3339()),
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
            "accepted_days": self.accepted.len(),
            "accepted": self.accepted,
            "backlog_days": self.backlog.days,
            "overdue_days": self.backlog.overdue,
            "oldest_backlog_day": self.backlog.oldest,
            "open": open.collect::<Vec<_>>(),
            "last_run": last_run,
        })
    }
}
