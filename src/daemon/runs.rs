//! Runs of this process: requested and queued, active, and recently ended.
//!
//! A day of a dataset has at most one active run.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::schedule::plan::{Running, RunningRead};
use crate::server::view::{self, FailedSlice, RunStatus, RunView};
use bronzed_engine::ingest::progress::{Observer, Progress};
use bronzed_engine::ingest::report::RunReport;
use bronzed_engine::requests::RequestRecorder;
use bronzed_engine::verify::{Verification, VerifyOutcome};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Mode, Priority};

/// Maximum number of ended runs kept for display.
const KEPT: usize = 200;

/// Key of a run; unique among active runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunKey {
    /// The source's name.
    pub source: Arc<str>,
    /// The dataset's short name.
    pub dataset: Arc<str>,
    /// The day.
    pub day: Day,
}

/// Parameters of a run.
#[derive(Debug, Clone)]
pub(super) struct RunRequest {
    /// Run id, as in the day's state.
    pub run_id: Uuid,
    /// Name of the job.
    pub job: Arc<str>,
    /// Mode of the run.
    pub mode: Mode,
    /// Priority of the run.
    pub priority: Priority,
}

/// Circumstances of a run's start.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    /// Start time.
    pub at: DateTime<Utc>,
    /// `true` if a person requested the run.
    pub by_hand: bool,
    /// Unavailable host or endpoint that this run probes.
    pub probes: Option<Arc<str>>,
}

/// An active run.
#[derive(Debug)]
pub(super) struct ActiveRun {
    /// Parameters of the run.
    pub asked: RunRequest,
    /// Circumstances of its start.
    pub beginning: Beginning,
    /// Progress counters.
    pub watch: Arc<RunProgress>,
}

/// Runs of this process.
#[derive(Debug, Default)]
pub(super) struct RunTable {
    waiting: BTreeMap<RunKey, RunRequest>,
    under_way: BTreeMap<RunKey, ActiveRun>,
    ended: VecDeque<RunView>,
    last_of_job: BTreeMap<(Arc<str>, Arc<str>), RunView>,
}

impl RunTable {
    /// Queues a run. If an active or queued run of the day reads it thoroughly enough, the request joins that
    /// run. Returns the run that will have read the day.
    pub(super) fn ask(&mut self, key: RunKey, asked: RunRequest) -> RunView {
        if let Some(run) = self.under_way.get(&key)
            && run.asked.mode.covers(asked.mode)
        {
            return shown_under_way(&key, run);
        }
        let waiting = self.waiting.entry(key.clone()).or_insert(asked.clone());
        waiting.priority = waiting.priority.max(asked.priority);
        if !waiting.mode.covers(asked.mode) {
            waiting.mode = asked.mode;
        }
        shown_waiting(&key, waiting)
    }

    /// Returns the queued runs.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (&RunKey, &RunRequest)> {
        self.waiting.iter()
    }

    /// Removes the queued requests for which `is_meant` returns `true`.
    pub(super) fn cancel(&mut self, is_meant: impl Fn(&RunKey, &RunRequest) -> bool) {
        self.waiting.retain(|key, asked| !is_meant(key, asked));
    }

    /// `true` if the day has a queued request.
    pub(super) fn is_waiting(&self, key: &RunKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// Returns the run id of the queued request for a day. `None` if there is none, or if `mode` doesn't
    /// cover its mode.
    pub(super) fn promised(&self, key: &RunKey, mode: Mode) -> Option<Uuid> {
        let asked = self.waiting.get(key)?;
        mode.covers(asked.mode).then_some(asked.run_id)
    }

    /// Returns the active runs.
    pub(super) fn under_way(&self) -> impl Iterator<Item = (&RunKey, &ActiveRun)> {
        self.under_way.iter()
    }

    /// `true` if the day has an active run.
    pub(super) fn is_under_way(&self, key: &RunKey) -> bool {
        self.under_way.contains_key(key)
    }

    /// Returns the start time of an active run.
    pub(super) fn started_at(&self, key: &RunKey) -> Option<DateTime<Utc>> {
        self.under_way.get(key).map(|run| run.beginning.at)
    }

    /// Returns the active runs of a source, as input of the planner.
    pub(super) fn running(&self, source: &str) -> Running {
        let of_source = self
            .under_way
            .iter()
            .filter(|(key, _)| *key.source == *source);
        of_source
            .map(|(key, run)| {
                let read = RunningRead {
                    mode: run.asked.mode,
                    started_at: run.beginning.at,
                };
                ((Arc::clone(&key.dataset), key.day), read)
            })
            .collect()
    }

    /// Registers an active run, and removes a queued request that it covers.
    pub(super) fn begin(
        &mut self,
        key: RunKey,
        asked: RunRequest,
        beginning: Beginning,
    ) -> Arc<RunProgress> {
        if let Some(waiting) = self.waiting.get(&key)
            && asked.mode.covers(waiting.mode)
        {
            self.waiting.remove(&key);
        }
        let watch = Arc::new(RunProgress::default());
        let run = ActiveRun {
            asked,
            beginning,
            watch: Arc::clone(&watch),
        };
        self.last_of_job.insert(
            (Arc::clone(&key.source), Arc::clone(&run.asked.job)),
            shown_under_way(&key, &run),
        );
        debug_assert!(!self.under_way.contains_key(&key), "{key:?} is being read");
        self.under_way.insert(key, run);
        watch
    }

    /// Moves a run to the ended ones. With `again`, a requested run is queued again under that id.
    pub(super) fn end(&mut self, key: &RunKey, report: &RunReport, again: Option<Uuid>) {
        let Some(run) = self.under_way.remove(key) else {
            return;
        };
        let shown = shown_ended(shown_under_way(key, &run), report);
        self.keep(key, &run, shown);
        if again.is_some() {
            self.wait_again(key, &run, again);
        }
    }

    /// Ends the comparison of a day with the API, with its repair run if there was one.
    pub(super) fn end_verified(&mut self, key: &RunKey, found: &Verification, at: DateTime<Utc>) {
        let Some(run) = self.under_way.remove(key) else {
            return;
        };
        let shown = shown_under_way(key, &run);
        let shown = match &found.repair {
            Some(report) => shown_ended(shown, report),
            None => RunView {
                status: match found.outcome() {
                    VerifyOutcome::Same | VerifyOutcome::Repaired => RunStatus::Ok,
                    VerifyOutcome::Unknown | VerifyOutcome::Different => RunStatus::Partial,
                    VerifyOutcome::Failed => RunStatus::Failed,
                },
                ended_at: Some(at),
                error: found.obstacle().map(str::to_owned),
                ..shown
            },
        };
        self.keep(key, &run, shown);
    }

    fn keep(&mut self, key: &RunKey, run: &ActiveRun, shown: RunView) {
        let of_job = (Arc::clone(&key.source), Arc::clone(&run.asked.job));
        self.last_of_job.insert(of_job, shown.clone());
        self.ended.push_front(shown);
        self.ended.truncate(KEPT);
    }

    /// Queues a requested run again after a failure that is not its day's fault; under `run_id` if the
    /// previous id is already in the state.
    fn wait_again(&mut self, key: &RunKey, run: &ActiveRun, run_id: Option<Uuid>) {
        if run.beginning.by_hand {
            let asked = RunRequest {
                run_id: run_id.unwrap_or(run.asked.run_id),
                ..run.asked.clone()
            };
            self.waiting.entry(key.clone()).or_insert(asked);
        }
    }

    /// Removes an active run as if it had not started.
    pub(super) fn put_off(&mut self, key: &RunKey) {
        if let Some(run) = self.under_way.remove(key) {
            self.wait_again(key, &run, None);
        }
    }

    /// Removes an active run that was not needed, because another process had completed the day.
    pub(super) fn forget(&mut self, key: &RunKey) {
        self.under_way.remove(key);
    }

    /// Returns all runs, bounded in number: queued, active, and recently ended.
    pub(super) fn shown(&self) -> Vec<RunView> {
        let under_way = self
            .under_way
            .iter()
            .map(|(key, run)| shown_under_way(key, run));
        let mut lively: Vec<_> = under_way.collect();
        lively.sort_by_key(|run| std::cmp::Reverse(run.started_at));
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_by_key(|(key, asked)| std::cmp::Reverse((asked.priority, key.day)));
        let waiting = waiting.into_iter().take(KEPT);
        let waiting = waiting.map(|(key, asked)| shown_waiting(key, asked));
        waiting
            .chain(lively)
            .chain(self.ended.iter().cloned())
            .collect()
    }

    /// Returns the runs of this process that have ended lately, the last one first.
    pub(super) fn ended(&self) -> impl DoubleEndedIterator<Item = &RunView> {
        self.ended.iter()
    }

    /// Returns the run of a day that waits or is active.
    pub(super) fn of_day(&self, key: &RunKey) -> Option<RunView> {
        let active = self.under_way.get(key);
        let active = active.map(|run| shown_under_way(key, run));
        active.or_else(|| Some(shown_waiting(key, self.waiting.get(key)?)))
    }

    /// Returns the recorder of the requests of an active run.
    pub(super) fn requests(&self, run_id: Uuid) -> Option<Arc<RequestRecorder>> {
        let mut under_way = self.under_way.values();
        let run = under_way.find(|run| run.asked.run_id == run_id)?;
        run.watch.requests.get().cloned()
    }

    /// Returns the run of a job that started last.
    pub(super) fn last_of(&self, source: &Arc<str>, job: &Arc<str>) -> Option<RunView> {
        let under_way = self
            .under_way
            .iter()
            .filter(|(key, run)| key.source == *source && run.asked.job == *job);
        let newest = under_way.max_by_key(|(_, run)| run.beginning.at);
        let of_job = (Arc::clone(source), Arc::clone(job));
        newest
            .map(|(key, run)| shown_under_way(key, run))
            .or_else(|| self.last_of_job.get(&of_job).cloned())
    }
}

/// Progress of a run, updated by the run itself.
#[derive(Debug, Default)]
pub(super) struct RunProgress {
    slices_read: AtomicU64,
    slices_known: AtomicU64,
    pages_read: AtomicU64,
    pages_known: AtomicU64,
    records: AtomicU64,
    new: AtomicU64,
    requests: OnceLock<Arc<RequestRecorder>>,
}

impl RunProgress {
    pub(super) fn progress(&self) -> view::ProgressView {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        view::ProgressView {
            slices_read: of(&self.slices_read),
            slices_known: of(&self.slices_known),
            pages_read: of(&self.pages_read),
            pages_known: of(&self.pages_known),
            records: of(&self.records),
            new: of(&self.new),
        }
    }
}

impl Observer for RunProgress {
    fn notice(&self, progress: Progress) {
        match progress {
            Progress::Pages { more } => drop(self.pages_known.fetch_add(more, Ordering::Relaxed)),
            Progress::Page { records, new } => {
                self.pages_read.fetch_add(1, Ordering::Relaxed);
                self.records.fetch_add(records, Ordering::Relaxed);
                self.new.fetch_add(new, Ordering::Relaxed);
            }
            Progress::Started { slices } => {
                self.slices_known
                    .fetch_add(slices as u64, Ordering::Relaxed);
            }
            Progress::SliceDone => {
                self.slices_read.fetch_add(1, Ordering::Relaxed);
            }
            Progress::Committed { .. } => {}
        }
    }

    fn records(&self, requests: &Arc<RequestRecorder>) {
        let _ = self.requests.set(Arc::clone(requests));
    }
}

fn shown_waiting(key: &RunKey, asked: &RunRequest) -> RunView {
    RunView {
        run_id: asked.run_id,
        source: key.source.to_string(),
        dataset: key.dataset.to_string(),
        day: key.day,
        job: asked.job.to_string(),
        mode: asked.mode,
        status: RunStatus::Queued,
        started_at: None,
        ended_at: None,
        progress: view::ProgressView::default(),
        counts: None,
        failed_slices: Vec::new(),
        error: None,
    }
}

fn shown_under_way(key: &RunKey, run: &ActiveRun) -> RunView {
    RunView {
        status: RunStatus::Running,
        started_at: Some(run.beginning.at),
        progress: run.watch.progress(),
        ..shown_waiting(key, &run.asked)
    }
}

fn shown_ended(run: RunView, report: &RunReport) -> RunView {
    let execution = &report.execution;
    let failed = execution
        .failed_slices
        .iter()
        .map(|(slice, reason)| FailedSlice {
            slice: slice.clone(),
            reason: reason.clone(),
        });
    RunView {
        status: RunStatus::of_ended(execution.status),
        ended_at: Some(execution.timestamp),
        counts: Some(execution.counts),
        failed_slices: failed.collect(),
        error: execution.error.clone(),
        ..run
    }
}
