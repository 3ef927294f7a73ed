//! How a dataset stands, as the lake alone tells it: which days are complete, which aren't and should
//! be, when they are tried next, and what the last run did.
//!
//! One LIST, `_bronzed/named`, and a few state documents a dataset, however many days it has.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::day::Day;
use crate::lake::document::DocumentError;
use crate::lake::{Entry, Lake, LakeError};
use crate::named::Named;
use crate::schedule::backlog::Backlog;
use crate::schedule::jobs::Schedule;
use crate::schedule::knowledge::{DatasetKnowledge, ExecutionFacts, Knowledge};
use crate::schedule::plan::{Running, Situation, next_tries};
use crate::source::declaration::Dataset;
use crate::state::execution::{Execution, Status};
use crate::state::{Listing, glance, listing};

/// Of so many of the newest incomplete days it is told why, and when they are tried next.
const TOLD: usize = 5;

/// How a dataset stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// `pncp.contratacoes`
    pub dataset: String,
    /// The days that are complete.
    pub complete: BTreeSet<Day>,
    /// The days that a person has accepted as they are, and that aren't complete.
    pub accepted: BTreeSet<Day>,
    /// The days that have a state.
    pub known: BTreeSet<Day>,
    /// Whether its days can be asked for when they are over. Those of snapshots and feeds can't.
    pub days_can_be_asked_for: bool,
    /// The first day that coverage asks for, or that a job of a daemon has named.
    pub since: Option<Day>,
    /// The ended days that are wanted: begun, named once or covered, and neither complete nor accepted.
    pub incomplete: Vec<Day>,
    /// Those of them that could be complete.
    pub backlog: Backlog,
    /// The newest of the incomplete days that were begun, with their last run.
    pub open: Vec<OpenDay>,
    /// The last run of any day, with its day.
    pub last_run: Option<(Day, Execution)>,
}

/// A day that was begun and isn't complete.
#[derive(Debug, Clone)]
pub struct OpenDay {
    /// The day.
    pub day: Day,
    /// How its last run ended.
    pub status: Status,
    /// What was wrong.
    pub error: Option<String>,
    /// When a daemon tries it again. `None`: a slot that has yet to come decides that.
    pub next_try: Option<DateTime<Utc>>,
}

/// Asks the lake how a dataset stands at `now`.
///
/// # Errors
/// When the lake can't be asked.
pub async fn standing(
    lake: &Lake,
    schedule: &Schedule,
    dataset: &Dataset,
    now: DateTime<Utc>,
) -> Result<Standing, LakeError> {
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
    Ok(Standing {
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

/// What the LIST tells, and the first day that was ever named.
async fn knowledge(
    lake: &Lake,
    prefix: &str,
    listing: &Listing,
) -> Result<DatasetKnowledge, LakeError> {
    let mut known = DatasetKnowledge::new(listing.complete.iter().copied());
    known.begin(listing.states.keys().copied());
    listing.accepted.iter().for_each(|day| known.accept(*day));
    match Named::load(lake, prefix).await {
        Ok(named) => named
            .into_iter()
            .for_each(|named| known.name_from(named.from)),
        Err(DocumentError::Lake(error)) => return Err(error),
        // The daemon warns of it; what jobs name now is known without.
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
) -> Vec<OpenDay> {
    let mut knowledge = Knowledge::default();
    knowledge.learn(name, known);
    let situation = Situation {
        now,
        previous: Some(now),
        knowledge: &knowledge,
        running: &Running::new(),
        paused: &BTreeSet::new(),
    };
    let next = next_tries(schedule, situation);
    let open = newest.into_iter().map(|(day, run)| OpenDay {
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
