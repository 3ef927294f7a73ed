//! Status of datasets, from the lake alone: what is complete, what is wrong, why, and when the daemon tries
//! again.
//!
//! The lake is read as the daemon reads it ([`crate::daemon::read_knowledge`]), and next attempts are those of
//! the daemon's planner ([`crate::schedule::plan`]): nothing here decides anything by itself.
//!
//! For each dataset: one LIST of states and markers, one of the files, up to two small documents, and the state documents of days that are begun and
//! open, so that the cost doesn't depend on the number of complete days.

pub mod ahead;
mod reading;
pub mod runs;
#[cfg(test)]
mod tests;
pub mod trouble;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::schedule::backlog::Backlog;
use crate::schedule::knowledge::MistypedDataset;
use crate::schedule::plan::next_tries;
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::execution::{Execution, Status, StopReason};
use bronzed_storage::lake::{Lake, LakeError};
use bronzed_storage::state::{Listing, StateSummary, glance};

pub use reading::{DatasetReading, SourceReading};

/// Number of the newest open days of a dataset whose reasons are read.
const TOLD: usize = 10;

/// Status of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetStatus {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// `false` if the dataset or its source is switched off: no job reads it.
    pub enabled: bool,
    /// Time zone of the dataset's days.
    pub zone: Tz,
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
    /// Wanted days that have ended, newest first: begun, named or covered, and neither complete nor accepted.
    pub open: Vec<StandingDay>,
    /// Backlog: counts of the wanted days that could be complete by now.
    pub backlog: Backlog,
    /// The last run of any day, with its day.
    pub last_run: Option<(Day, Execution)>,
    /// Values that declared columns couldn't hold, of the runs of the last week.
    pub mistyped: Option<MistypedDataset>,
    /// Next attempt at the day of the last run. `None` if it needs none, or depends on a future slot.
    pub last_run_again: Option<DateTime<Utc>>,
}

/// A wanted day that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingDay {
    /// The day.
    pub day: Day,
    /// Outcome of the last run. `None` if the day was never read.
    pub status: Option<Status>,
    /// Reason why the last run ended early.
    pub stop: Option<StopReason>,
    /// Number of known runs.
    pub runs: usize,
    /// Reasons why the last run left the day open. Known for the newest open days only.
    pub reasons: Vec<String>,
    /// `true` if the day could be complete by now: it has settled, and a slot has come since.
    pub could_be_complete: bool,
    /// `true` if the day was first named a short while ago, as at a first start, and wasn't read since: no fault.
    pub unread: bool,
    /// Time of the daemon's next attempt. `None` if the next attempt depends on a future slot.
    pub next_try: Option<DateTime<Utc>>,
}

/// Returns the reasons that a run gives: those of its slices, equal ones together, and that of the run.
pub fn reasons(run: &Execution) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for (label, reason) in &run.failed_slices {
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, labels)) => labels.push(label),
            None => by_reason.push((reason, vec![label])),
        }
    }
    let slices = by_reason.iter().map(|(reason, labels)| {
        let more = labels.len().saturating_sub(SLICES);
        let labels = labels.iter().take(SLICES).copied().collect::<Vec<_>>();
        match more {
            0 => format!("{}: {reason}", labels.join(", ")),
            more => format!("{} and {more} more: {reason}", labels.join(", ")),
        }
    });
    let mut told: Vec<_> = slices.collect();
    // The error of a run in which every slice failed repeats the reason of the first slice.
    let error = run.error.iter().filter(|error| {
        let mut reasons = run.failed_slices.iter();
        !reasons.any(|(_, reason)| error.contains(reason.as_str()))
    });
    told.extend(error.cloned());
    if told.is_empty()
        && let Some(stop) = run.stop
    {
        told.push(stop_in_words(stop).to_owned());
    }
    told
}

/// Reason why a day is open whose marker is there, and whose files aren't.
const FILES_GONE: &str = "a file of the day is gone or cut off: its records are read again";

/// Returns the reasons why a day is open after a run, if it has lost this many files so far.
pub fn open_reasons(run: &Execution, lost_files: usize) -> Vec<String> {
    let told = reasons(run);
    if !told.is_empty() {
        return told;
    }
    vec![
        match (run.status, run.again_at) {
            (Status::Recovered, _) if lost_files > 0 => FILES_GONE,
            (Status::Recovered, _) => {
                "a later run has found a file of a run that was killed, and hasn't read the day itself"
            }
            (Status::Adopted, _) => "taken over from the earlier pipeline, and not read since",
            (Status::Ok, Some(_)) => "the answer was empty, and a second one like it is needed",
            (Status::Ok, None) => "the day had not settled yet by the API's clock",
            (Status::Running | Status::Partial | Status::Failed, _) => return told,
        }
        .to_owned(),
    ]
}

/// Number of slices that are named for one reason.
const SLICES: usize = 4;

/// Describes why a run ended early.
pub fn stop_in_words(stop: StopReason) -> &'static str {
    match stop {
        StopReason::Cancelled => "told to stop",
        StopReason::Deadline => "the job's deadline passed",
        StopReason::SourceDown => "the source was down",
        StopReason::LakeRefused => "the lake refused a write",
        StopReason::Interrupted => "interrupted: killed, or the machine died",
    }
}

/// Returns the status of a dataset at `now`.
///
/// # Errors
/// Returns an error if the lake can't be read.
pub async fn standing(
    lake: &Lake,
    source: &SourceReading,
    reading: &DatasetReading,
    now: DateTime<Utc>,
) -> Result<DatasetStatus, LakeError> {
    let (schedule, dataset) = (&source.schedule, &*reading.dataset);
    let (name, zone) = (&*dataset.name, schedule.zone);
    let Some(known) = source.knowledge.of(name) else {
        return Ok(DatasetStatus::unknown(source, dataset));
    };
    let listing = &reading.listing;
    let wanted = schedule.wanted(name, known, now);
    let ripe = schedule.backlog_days(name, known, now);
    let next = next_tries(schedule, source.situation(now));
    let next = |day: Day| next.get(&(name.into(), day)).copied();
    let mut open: Vec<_> = wanted
        .iter()
        .rev()
        .map(|day| {
            let runs = known.executions(*day);
            StandingDay {
                day: *day,
                status: runs.last().map(|run| run.status),
                stop: runs.last().and_then(|run| run.stop),
                runs: runs.len(),
                reasons: Vec::new(),
                could_be_complete: ripe.contains(day),
                unread: schedule.is_unread(name, *day, known, now),
                next_try: next(*day),
            }
        })
        .collect();
    let begun = open.iter_mut().filter(|open| open.status.is_some());
    for open in begun.take(TOLD) {
        if listing.lost.contains(&open.day) {
            open.reasons = vec![FILES_GONE.to_owned()];
            continue;
        }
        let glance = glance(lake, &dataset.prefix, open.day, zone).await?;
        let StateSummary {
            runs, lost_files, ..
        } = glance.unwrap_or_default();
        let last = runs.iter().max_by_key(|run| run.timestamp);
        let why = last.map(|run| open_reasons(run, lost_files));
        open.reasons = why.unwrap_or_default();
    }
    let last_run = last_run(lake, &dataset.prefix, listing, zone).await?;
    let scheduled = schedule.datasets.get(name);
    let days_can_be_asked_for = scheduled.is_some_and(|one| !one.only_today);
    let covered = dataset.days.coverage_from.filter(|_| days_can_be_asked_for);
    Ok(DatasetStatus {
        dataset: dataset.full_name(),
        enabled: source.source.enabled && dataset.enabled,
        zone,
        complete: listing.complete.clone(),
        accepted: known.accepted().collect(),
        known: listing.states.keys().copied().collect(),
        days_can_be_asked_for,
        since: covered.into_iter().chain(known.named_from()).min(),
        open,
        backlog: schedule.backlog(name, known, now),
        mistyped: known.mistyped(now),
        last_run_again: last_run.as_ref().and_then(|(day, _)| next(*day)),
        last_run,
    })
}

async fn last_run(
    lake: &Lake,
    prefix: &str,
    listing: &Listing,
    zone: Tz,
) -> Result<Option<(Day, Execution)>, LakeError> {
    let written = listing
        .states
        .iter()
        .max_by_key(|(_, entry)| entry.modified);
    let Some((day, _)) = written else {
        return Ok(None);
    };
    let glance = glance(lake, prefix, *day, zone).await?;
    let runs = glance.into_iter().flat_map(|glance| glance.runs);
    Ok(runs.max_by_key(|run| run.timestamp).map(|run| (*day, run)))
}

impl DatasetStatus {
    /// Returns the status of a dataset of which nothing is known.
    fn unknown(source: &SourceReading, dataset: &Dataset) -> Self {
        Self {
            dataset: dataset.full_name(),
            enabled: source.source.enabled && dataset.enabled,
            zone: source.schedule.zone,
            complete: BTreeSet::new(),
            accepted: BTreeSet::new(),
            known: BTreeSet::new(),
            days_can_be_asked_for: !dataset.kind.is_of_today(),
            since: None,
            open: Vec::new(),
            backlog: Backlog::default(),
            last_run: None,
            mistyped: None,
            last_run_again: None,
        }
    }

    /// Returns `true` if the lake has nothing of the dataset, and wants nothing.
    pub fn is_blank(&self) -> bool {
        self.known.is_empty() && self.open.is_empty()
    }

    /// Serializes the status as a JSON object. Times are in the source's zone.
    pub fn to_json(&self) -> Value {
        let time = |at: DateTime<Utc>| at.with_timezone(&self.zone).to_rfc3339();
        let last_run = self.last_run.as_ref().map(|(day, run)| {
            json!({
                "run_id": run.run_id.to_string(),
                "day": day,
                "job": run.job,
                "status": run.status,
                "started_at": time(run.started_at),
                "ended_at": time(run.timestamp),
                "fetched": run.counts.fetched,
                "new": run.counts.new,
                "error": run.error,
                "reasons": reasons(run),
            })
        });
        let open = self.open.iter().map(|open| {
            json!({
                "day": open.day,
                "status": open.status,
                "runs": open.runs,
                "reasons": open.reasons,
                "could_be_complete": open.could_be_complete,
                "unread": open.unread,
                "next_try": open.next_try.map(time),
            })
        });
        let incomplete: Vec<_> = self.open.iter().rev().map(|open| open.day).collect();
        json!({
            "dataset": self.dataset,
            "enabled": self.enabled,
            "complete_days": self.complete.len(),
            "first_complete": self.complete.first(),
            "newest_complete": self.complete.last(),
            "days_with_state": self.known.len(),
            "since": self.since,
            "incomplete_days": incomplete.len(),
            "incomplete": incomplete,
            "accepted_days": self.accepted.len(),
            "accepted": self.accepted,
            "backlog_days": self.backlog.days,
            "overdue_days": self.backlog.overdue,
            "unread_days": self.backlog.unread,
            "stuck_days": self.backlog.stuck,
            "oldest_backlog_day": self.backlog.oldest,
            "needs_attention": !self.troubles().is_empty(),
            "mistyped": self.mistyped.as_ref().map(|found| json!({
                "since": time(found.since),
                "day": found.day,
                "field": &*found.field,
                "values": found.values,
                "runs": found.runs,
            })),
            "open": open.collect::<Vec<_>>(),
            "last_run": last_run,
        })
    }
}
