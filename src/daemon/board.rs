//! What the daemon knows and does at this moment, behind one lock that is never held while
//! anything is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::daemon::lake::LakeWatch;
use crate::daemon::learn::Learned;
use crate::daemon::paused::Paused;
use crate::daemon::runs::{Key, Runs};
use crate::daemon::trouble::Troubles;
use crate::ingest::report::RunReport;
use crate::schedule::deal::Deal;
use crate::schedule::knowledge::{ExecutionFacts, Knowledge, Verified};
use crate::schedule::plan::{Running, Task};
use crate::verify::Verification;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// By source.
    pub sources: BTreeMap<Arc<str>, SourceBoard>,
    /// The runs of this process.
    pub runs: Runs,
    /// Jobs that a person has paused, as the lake said when it was asked last.
    pub paused: Paused,
    /// When the lake was asked for them.
    pub paused_at: Option<DateTime<Utc>>,
    /// Whether the lake takes what is written.
    pub lake: LakeWatch,
    /// Whose turn it was.
    pub deal: Deal,
    /// Whether the lake answered when it was asked last. `None`: it wasn't asked yet.
    pub lake_reachable: Option<bool>,
    /// When the jobs were looked at last.
    pub looked_at: Option<Instant>,
    /// When something can become due without anything having happened.
    pub next_wake: Option<DateTime<Utc>>,
    /// Nothing new is begun.
    pub stopping: bool,
    /// How often somebody called for a look, and how many of these calls were answered.
    pub calls: u64,
    pub answered: u64,
    /// Tasks under way, those that ask the lake included.
    pub tasks: usize,
}

/// What is known of one source.
#[derive(Debug, Default)]
pub(super) struct SourceBoard {
    /// Datasets whose last run failed at the API.
    pub troubles: Troubles,
    /// What the lake tells; `None` until it was asked.
    pub knowledge: Option<Knowledge>,
    /// When the lake was asked last.
    pub asked_at: Option<DateTime<Utc>>,
    /// It told of every dataset then.
    pub told: bool,
    /// The lake is being asked; what runs have done since comes on top of its answer.
    pub learning: Option<Vec<News>>,
    /// The plan that was made last, as long as nothing has changed that it was made of.
    pub plan: Option<Planned>,
    /// When the plan before the next one was made.
    pub planned_at: Option<DateTime<Utc>>,
    /// Datasets, with the job that says so, whose data are too old.
    pub stale: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Datasets of which days are overdue, and when that was looked at last.
    pub overdue: BTreeSet<Arc<str>>,
    pub overdue_at: Option<DateTime<Utc>>,
}

/// A plan, and what it was made of beside the source's knowledge: planning goes through every day that is
/// wanted, and each run that ends, of whichever source, calls for a look at all of them.
#[derive(Debug)]
pub(super) struct Planned {
    pub at: DateTime<Utc>,
    pub running: Running,
    pub paused: BTreeSet<String>,
    pub tasks: Vec<Task>,
    pub next_wake: DateTime<Utc>,
}

impl Planned {
    /// Whether a plan that is made now would be the same.
    pub(super) fn is_of(
        &self,
        now: DateTime<Utc>,
        running: &Running,
        paused: &BTreeSet<String>,
    ) -> bool {
        self.at <= now && now < self.next_wake && self.running == *running && self.paused == *paused
    }
}

/// What a run has done to its day.
#[derive(Debug, Clone)]
pub(super) struct News {
    key: Key,
    /// `None`: the run wasn't needed, for the day is complete.
    facts: Option<ExecutionFacts>,
    complete: bool,
    verified: Option<Verified>,
}

impl News {
    /// A run has ended.
    pub(super) fn of_run(key: Key, report: &RunReport) -> Self {
        Self {
            key,
            facts: Some(ExecutionFacts::from(&report.execution)),
            complete: report.complete,
            verified: None,
        }
    }

    /// A day was compared with what the API states.
    pub(super) fn of_verification(key: Key, found: &Verification, mark: Verified) -> Self {
        let repair = found.repair.as_ref();
        Self {
            key,
            facts: repair.map(|report| ExecutionFacts::from(&report.execution)),
            complete: found.complete,
            verified: Some(mark),
        }
    }

    /// Somebody else has completed the day.
    pub(super) fn complete(key: Key) -> Self {
        Self {
            key,
            facts: None,
            complete: true,
            verified: None,
        }
    }

    /// The run counts as a try of its day, whatever ended it.
    pub(super) fn tried(mut self) -> Self {
        if let Some(facts) = &mut self.facts {
            facts.stop = None;
        }
        self
    }

    fn tell(&self, knowledge: &mut Knowledge) {
        // A dataset that isn't known of can't be planned for either: the lake will tell.
        let Some(known) = knowledge.of_mut(&self.key.dataset) else {
            return;
        };
        if let Some(facts) = &self.facts {
            known.note(self.key.day, facts.clone());
        }
        if self.complete {
            known.complete(self.key.day);
        }
        known.verified(self.verified.map(|mark| (self.key.day, mark)));
    }
}

impl SourceBoard {
    /// Takes in what a run has done.
    pub(super) fn hear(&mut self, news: News) {
        self.plan = None;
        if let Some(knowledge) = &mut self.knowledge {
            news.tell(knowledge);
        }
        if let Some(since) = &mut self.learning {
            since.push(news);
        }
    }

    /// Takes in what the lake tells. Of a dataset that it doesn't tell of, what was known stays.
    /// Says whether it told of all.
    pub(super) fn learn(&mut self, source: &str, learned: Learned) -> bool {
        self.plan = None;
        let since = self.learning.take().unwrap_or_default();
        let knowledge = self.knowledge.get_or_insert_default();
        let mut all = true;
        for (dataset, known) in learned {
            match known {
                Ok(known) => knowledge.learn(&dataset, known),
                Err(error) => {
                    all = false;
                    tracing::warn!(source, dataset = &*dataset, %error, "lake not read");
                }
            }
        }
        for news in since {
            news.tell(knowledge);
        }
        self.told = all;
        all
    }
}
