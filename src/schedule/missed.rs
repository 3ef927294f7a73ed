//! Slots that passed without a run of their own, counted once each for the metrics.
//!
//! Only slots since the previous plan are counted, so that a counter can simply add them up. At
//! the first plan of a process that is the time since the lake last saw a run of the dataset: a
//! predecessor's work, or nobody's. A slot that is missed is caught up with all the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schedule::due::LATE;
use crate::schedule::jobs::Schedule;
use crate::schedule::plan::{Joined, Situation};
use crate::source::declaration::JobDays;

/// Slots that are longer ago aren't counted any more.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// How many slots of a job passed without a run of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedSlots {
    /// Whose slots.
    pub job: Arc<str>,
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// Why.
    pub reason: MissedReason,
    /// How many, at least one.
    pub slots: u64,
}

/// Why a slot passed without a run of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MissedReason {
    /// Nobody was there: found more than a minute late.
    Downtime,
    /// The day was being read; it joined that run.
    Overlap,
    /// The job was paused.
    Paused,
}

impl MissedReason {
    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::Overlap => "overlap",
            Self::Paused => "paused",
        }
    }
}

/// Counts for all jobs but those of incomplete days: they have no slot to miss.
pub(super) fn count(
    schedule: &Schedule,
    situation: Situation<'_>,
    joined: &[Joined],
) -> Vec<MissedSlots> {
    let mut found = Vec::new();
    for (name, job) in &schedule.jobs {
        if job.job.days == JobDays::Incomplete {
            continue;
        }
        let paused = situation.paused.contains(&**name);
        for (dataset, _) in schedule.datasets_of(&job.job) {
            let Some(since) = since(dataset, situation) else {
                continue;
            };
            let gone = job.cron.slots(since, situation.now);
            let slots = match paused {
                true => gone.count(),
                false => gone
                    .take_while(|slot| situation.now - slot.at > LATE)
                    .count(),
            };
            let overlaps: BTreeSet<_> = joined
                .iter()
                .filter(|join| join.dataset == *dataset && join.job == *name)
                .map(|join| join.slot)
                .filter(|slot| *slot > since && situation.now - *slot <= LATE)
                .collect();
            let why = match paused {
                true => MissedReason::Paused,
                false => MissedReason::Downtime,
            };
            for (reason, slots) in [(why, slots), (MissedReason::Overlap, overlaps.len())] {
                if slots > 0 {
                    found.push(MissedSlots {
                        job: Arc::clone(name),
                        dataset: Arc::clone(dataset),
                        reason,
                        slots: slots as u64,
                    });
                }
            }
        }
    }
    found
}

/// From when on slots haven't been counted yet. `None`: a dataset that was never read, of which
/// nobody can say that it should have been.
fn since(dataset: &str, situation: Situation<'_>) -> Option<DateTime<Utc>> {
    let seen = || situation.knowledge.of(dataset)?.last_seen(situation.now);
    Some(
        situation
            .previous
            .or_else(seen)?
            .max(situation.now - LONGEST),
    )
}
