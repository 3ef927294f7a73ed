//! In-memory state of the daemon, behind one lock that is never held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::daemon::alerts::SnapshotState;
use crate::daemon::backfills::AskedBackfills;
use crate::daemon::lake::LakeWriteBreaker;
use crate::daemon::learn::Refreshed;
use crate::daemon::paused::Paused;
use crate::daemon::planned::Plans;
use crate::daemon::requests::RemovalTurn;
use crate::daemon::runs::{RunKey, RunTable};
use crate::daemon::trouble::DatasetBackoff;
use crate::schedule::deal::FairQueue;
use crate::schedule::knowledge::{ExecutionFacts, Knowledge};
use crate::silver::keeper::SilverKeeper;
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::verify::Verification;
use bronzed_model::redact::redact;
use bronzed_model::verified::Verified;

/// In-memory state of the daemon.
#[derive(Debug, Default)]
pub(super) struct DaemonState {
    /// State of each source, by name.
    pub sources: BTreeMap<Arc<str>, SourceState>,
    /// Runs of this process.
    pub runs: RunTable,
    /// Backfills that people have asked for.
    pub backfills: AskedBackfills,
    /// Paused jobs, as last loaded from the lake.
    pub paused: Paused,
    /// `true` after the first load of the paused jobs. Nothing is planned before, because a job may be paused.
    pub is_paused_known: bool,
    /// Time at which the paused jobs were last requested from the lake.
    pub paused_at: Option<DateTime<Utc>>,
    /// Silver tables.
    pub silver: SilverKeeper,
    /// Write availability of the lake.
    pub lake: LakeWriteBreaker,
    /// Fair-queueing state.
    pub deal: FairQueue,
    /// `true` if the last read of the lake succeeded. `None` before the first read.
    pub lake_reachable: Option<bool>,
    /// First error since the lake can't be reached.
    pub lake_error: Option<String>,
    /// Facts that the next snapshot for the alerts needs.
    pub snapshot: SnapshotState,
    /// Time of the last reconcile pass.
    pub looked_at: Option<Instant>,
    /// Next time at which something may become due without a trigger.
    pub next_wake: Option<DateTime<Utc>>,
    /// Turns of the removal of old requests.
    pub removal: RemovalTurn,
    /// Turns of the compaction.
    #[cfg(feature = "delta")]
    pub compaction: super::compaction::CompactionTurns,
    /// `true` during shutdown: no new run is started.
    pub stopping: bool,
    /// Number of requested reconcile passes, and number of these requests that were served.
    pub calls: u64,
    pub answered: u64,
    /// Number of active tasks, including those that read the lake.
    pub tasks: usize,
}

/// State of one source.
#[derive(Debug, Default)]
pub(super) struct SourceState {
    /// Back-off of datasets whose last run failed at the API.
    pub troubles: DatasetBackoff,
    /// Knowledge loaded from the lake; `None` until the first load.
    pub knowledge: Option<Knowledge>,
    /// Time at which the last load was started.
    pub asked_at: Option<DateTime<Utc>>,
    /// `true` if the last load succeeded for every dataset.
    pub told: bool,
    /// Results of runs since the start of the load in progress, to be applied after it. `None` if no load is
    /// in progress.
    pub learning: Option<Vec<RunEffect>>,
    /// Last plan of each dataset.
    pub plans: Plans,
    /// Stale (dataset, job) pairs.
    pub stale: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Datasets with overdue days, and the time of the last check.
    pub overdue: BTreeSet<Arc<str>>,
    pub overdue_at: Option<DateTime<Utc>>,
}

/// Effect of a run on the knowledge of its day.
#[derive(Debug, Clone)]
pub(super) struct RunEffect {
    key: RunKey,
    /// `None` if there was no run, or the day was already complete.
    facts: Option<ExecutionFacts>,
    complete: bool,
    verified: Option<Verified>,
}

impl DaemonState {
    /// Records an attempt to read the lake; `error` is why it failed.
    pub(super) fn lake_answered(&mut self, error: Option<&dyn std::error::Error>) {
        self.lake_reachable = Some(error.is_none());
        match error {
            None => self.lake_error = None,
            Some(error) => {
                let text = || redact(&error.to_string()).into_owned();
                self.lake_error.get_or_insert_with(text);
            }
        }
    }
}

impl RunEffect {
    /// Effect of a finished run.
    pub(super) fn of_run(key: RunKey, report: &RunReport) -> Self {
        Self {
            key,
            facts: Some(ExecutionFacts::from(&report.execution)),
            complete: report.complete,
            verified: None,
        }
    }

    /// Effect of the comparison of a day with the API.
    pub(super) fn of_verification(key: RunKey, found: &Verification, mark: Verified) -> Self {
        let repair = found.repair.as_ref();
        Self {
            key,
            facts: repair.map(|report| ExecutionFacts::from(&report.execution)),
            complete: found.complete,
            verified: Some(mark),
        }
    }

    /// Effect of a day found to be completed by another process.
    pub(super) fn complete(key: RunKey) -> Self {
        Self {
            key,
            facts: None,
            complete: true,
            verified: None,
        }
    }

    /// Counts the run as an attempt of its day, regardless of its stop reason.
    pub(super) fn tried(mut self) -> Self {
        if let Some(facts) = &mut self.facts {
            facts.stop = None;
        }
        self
    }

    fn tell(&self, knowledge: &mut Knowledge) {
        // An unknown dataset isn't planned either; the next load from the lake includes the run.
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

impl SourceState {
    /// Applies the effect of a run.
    pub(super) fn hear(&mut self, news: RunEffect) {
        self.plans.forget(&news.key.dataset);
        if let Some(knowledge) = &mut self.knowledge {
            news.tell(knowledge);
        }
        if let Some(since) = &mut self.learning {
            since.push(news);
        }
    }

    /// Applies knowledge loaded from the lake. If a dataset failed to load, its previous knowledge stays.
    /// Returns `true` if all datasets were loaded.
    pub(super) fn learn(&mut self, source: &str, learned: Refreshed) -> bool {
        let since = self.learning.take().unwrap_or_default();
        let knowledge = self.knowledge.get_or_insert_default();
        let mut all = true;
        for (dataset, known) in learned {
            match known {
                Ok(known) => {
                    knowledge.learn(&dataset, known);
                    self.plans.forget(&dataset);
                }
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
