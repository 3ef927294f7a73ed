//! Misfires: slots that passed without a run of their own, counted once each for the metrics.
//!
//! Only slots since the previous plan are counted, so that a counter can add them up. For the first plan of a
//! process, that is since the last known run of the dataset, by any process. Misfired slots are still caught
//! up.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::schedule::due::LATE;
use crate::schedule::jobs::Schedule;
use crate::schedule::plan::{CoalescedSlot, PlanInput};
use bronzed_model::declaration::JobDays;

/// Maximum age of counted slots.
const LONGEST: TimeDelta = TimeDelta::days(7);

/// Number of slots of a job that passed without a run of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfires {
    /// Name of the job.
    pub job: Arc<str>,
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// Reason of the misfire.
    pub reason: MisfireReason,
    /// Number of slots, at least one.
    pub slots: u64,
}

/// Reason of a misfire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MisfireReason {
    /// No daemon was running: the slot was found more than a minute late.
    Downtime,
    /// The day had an active run, which the slot joined.
    Overlap,
    /// The job was paused.
    Paused,
}

impl MisfireReason {
    /// Label value in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::Overlap => "overlap",
            Self::Paused => "paused",
        }
    }
}

/// Counts misfires of the jobs of a dataset, except those of incomplete days, which can't misfire.
pub(super) fn count(
    schedule: &Schedule,
    situation: PlanInput<'_>,
    dataset: &str,
    joined: &[CoalescedSlot],
) -> Vec<Misfires> {
    let (Some((dataset, _)), Some(since)) = (
        schedule.datasets.get_key_value(dataset),
        since(dataset, situation),
    ) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, job) in schedule.jobs_of(dataset) {
        if job.job.days == JobDays::Incomplete {
            continue;
        }
        let paused = situation.paused.contains(&**name);
        let gone = job.cron.slots(since, situation.now);
        let slots = match paused {
            true => gone.count(),
            false => gone
                .take_while(|slot| situation.now - slot.at > LATE)
                .count(),
        };
        let overlaps: BTreeSet<_> = joined
            .iter()
            .filter(|join| join.job == *name)
            .map(|join| join.slot)
            .filter(|slot| *slot > since && situation.now - *slot <= LATE)
            .collect();
        let why = match paused {
            true => MisfireReason::Paused,
            false => MisfireReason::Downtime,
        };
        for (reason, slots) in [(why, slots), (MisfireReason::Overlap, overlaps.len())] {
            if slots > 0 {
                found.push(Misfires {
                    job: Arc::clone(name),
                    dataset: Arc::clone(dataset),
                    reason,
                    slots: slots as u64,
                });
            }
        }
    }
    found
}

/// Returns the start of the period whose slots are not yet counted. `None` for a dataset that was never read.
fn since(dataset: &str, situation: PlanInput<'_>) -> Option<DateTime<Utc>> {
    let seen = || situation.knowledge.of(dataset)?.last_seen(situation.now);
    Some(
        situation
            .previous
            .or_else(seen)?
            .max(situation.now - LONGEST),
    )
}
