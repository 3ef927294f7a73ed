//! Event loop of the daemon: reconciles when woken, tracks its tasks, and shuts down in order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::daemon::board::{DaemonState, RunEffect};
use crate::daemon::learn::{Refreshed, learn};
use crate::daemon::paused::Paused;
use crate::daemon::runs::{RunKey, RunRequest};
use crate::daemon::silver::{self, SilverResult};
use crate::daemon::work::RunResult;
use crate::daemon::{Daemon, DaemonInner};
use crate::session::NotReady;
use bronzed_model::execution::StopReason;
use bronzed_model::redact::redact;
use bronzed_storage::lake::LakeError;
use bronzed_storage::lake::document::DocumentError;

/// Interval between loads of a source from the lake, which find the work of other processes.
const LEARN_EVERY: TimeDelta = TimeDelta::hours(1);
/// Interval after a failed load.
const LEARN_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// Interval between loads of the paused jobs, which also check that the lake is reachable.
const PAUSED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Interval between attempts to reach the lake at startup.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Error that ends the daemon.
#[derive(Debug, thiserror::Error)]
pub enum DaemonStartError {
    /// The lake is reachable but unusable, or conflicts with the configuration.
    #[error(transparent)]
    Lake(#[from] NotReady),
}

/// Result of a task.
enum TaskResult {
    /// A run, or the audit of one that panicked.
    Run(RunResult),
    /// A load of a source from the lake.
    Refreshed(Arc<str>, Refreshed),
    /// A load of the paused jobs.
    Paused(Result<(), DocumentError>),
    /// The build of a silver table.
    Silver(SilverResult),
    /// A probe of a lake that refused writes.
    Probed(Result<(), LakeError>),
    /// A removal of old requests.
    Removed,
    /// A round of compaction.
    #[cfg(feature = "delta")]
    Compacted,
}

/// Active tasks; dropping aborts them.
#[derive(Default)]
struct Tasks {
    set: JoinSet<TaskResult>,
    /// Tasks that are runs.
    runs: HashMap<Id, (RunKey, RunRequest)>,
    /// Task that builds a silver table.
    silver: Option<Id>,
}

impl Daemon {
    /// Runs until `stop`. Then no new run is started, and active runs have the configured grace period to
    /// commit their rows. Dropping the future is equivalent to killing the process.
    ///
    /// # Errors
    /// Returns an error if the lake is unusable for a reason that is not transient.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), DaemonStartError> {
        let inner = &self.0;
        let alerts = inner.begin_alerts(stop.clone());
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            probed = inner.probe() => probed?,
        }
        let mut tasks = Tasks::default();
        self.wake();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = tasks.set.join_next_with_id() => {
                    inner.done(&mut tasks, done);
                    self.wake();
                }
                () = inner.woken.notified() => inner.answer(&mut tasks),
                source = inner.a_source_is_back() => {
                    inner.go_on(&source);
                    self.wake();
                }
            }
        }
        // Messages that are being sent have as long as the runs have.
        let grace = inner.session.settings().shutdown.grace;
        let (_, ()) = tokio::join!(tokio::time::timeout(grace, alerts), inner.end(tasks));
        Ok(())
    }
}

impl DaemonInner {
    /// Checks the lake's guarantees before the first run. Retries while the lake is unreachable.
    async fn probe(&self) -> Result<(), NotReady> {
        loop {
            let probed = self.session.make_ready().await;
            {
                let mut board = self.board();
                let error = probed.as_ref().err();
                board.lake_answered(error.map(|error| error as &dyn std::error::Error));
                self.tell_alerts(&mut board);
            }
            match probed {
                Err(NotReady::Lake(error)) if may_pass(&error) => {
                    tracing::warn!(%error, "lake not reached");
                    tokio::time::sleep(PROBE_EVERY).await;
                }
                probed => return probed.map(|_| ()),
            }
        }
    }

    /// Waits until a source that was down responds again; returns its name.
    async fn a_source_is_back(&self) -> Arc<str> {
        let clients = self.sources.keys();
        let clients = clients.filter_map(|name| Some((name, self.session.client(name)?)));
        let back = clients.map(|(name, client)| {
            Box::pin(async move {
                client.back().await;
                Arc::clone(name)
            })
        });
        let mut back: futures::stream::FuturesUnordered<_> = back.collect();
        match back.next().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }

    /// Resets the back-off of all datasets of a recovered source.
    fn go_on(&self, source: &str) {
        if let Some(of_source) = self.board().sources.get_mut(source) {
            of_source.troubles.forget();
        }
    }

    /// Performs a reconcile pass, and starts the selected runs.
    fn answer(self: &Arc<Self>, tasks: &mut Tasks) {
        let mut board = self.board();
        let calls = board.calls;
        self.ask_lake(&mut board, tasks);
        let starts = self.look(&mut board);
        self.tell_alerts(&mut board);
        for start in starts {
            let run = (start.key.clone(), start.asked.clone());
            let inner = Arc::clone(self);
            let task = async move { TaskResult::Run(inner.work(start).await) };
            let id = tasks.set.spawn(task).id();
            tasks.runs.insert(id, run);
        }
        if let Some(table) = self.silver_due(&mut board) {
            let id = silver::spawn(self, table, &mut tasks.set, TaskResult::Silver);
            tasks.silver = Some(id);
        }
        let silver = self.silver_next(&board);
        board.next_wake = [board.next_wake, silver].into_iter().flatten().min();
        if board.begin_removal(self.now()) {
            let inner = Arc::clone(self);
            tasks.set.spawn(async move {
                inner.remove_old_requests().await;
                TaskResult::Removed
            });
        }
        #[cfg(feature = "delta")]
        if board.begin_compaction(self.session.settings().delta, self.now()) {
            let inner = Arc::clone(self);
            tasks.set.spawn(async move {
                inner.compact_tables().await;
                TaskResult::Compacted
            });
        }
        board.answered = calls;
        board.looked_at = Some(tokio::time::Instant::now());
        board.tasks = tasks.set.len();
        drop(board);
        self.changed.notify_waiters();
    }

    /// Starts the loads and the probe of the lake that are due.
    fn ask_lake(self: &Arc<Self>, board: &mut DaemonState, tasks: &mut Tasks) {
        let now = self.now();
        if board.lake.begin_probe(now) {
            let inner = Arc::clone(self);
            tasks.set.spawn(async move {
                let token = inner.session.entropy().run_id(now).to_string();
                TaskResult::Probed(inner.session.lake().probe_room(&token).await)
            });
        }
        if board.lake.is_closed() {
            // Loads resume after a successful probe.
            return;
        }
        for (name, of_source) in &mut board.sources {
            let every = match of_source.told {
                true => LEARN_EVERY,
                false => LEARN_AGAIN,
            };
            if of_source.learning.is_some() || !is_over(of_source.asked_at, now, every) {
                continue;
            }
            of_source.asked_at = Some(now);
            of_source.learning = Some(Vec::new());
            let (inner, name) = (Arc::clone(self), Arc::clone(name));
            tasks.set.spawn(async move {
                let learned = match inner.sources.get(&name) {
                    None => Vec::new(),
                    Some(one) => {
                        let lake = inner.session.lake();
                        let asked = (&*one.source, &one.schedule);
                        learn(lake, inner.session.entropy(), asked, &one.memory, now).await
                    }
                };
                TaskResult::Refreshed(name, learned)
            });
        }
        let every = match board.is_paused_known {
            true => PAUSED_EVERY,
            false => LEARN_AGAIN,
        };
        if is_over(board.paused_at, now, every) {
            board.paused_at = Some(now);
            let inner = Arc::clone(self);
            tasks
                .set
                .spawn(async move { TaskResult::Paused(inner.paused().await) });
        }
    }

    /// Loads the paused jobs, after checking that it is still the same lake.
    async fn paused(&self) -> Result<(), DocumentError> {
        self.session.check_lake().await?;
        let _pausing = self.pausing.lock().await;
        let paused = Paused::load(self.session.lake()).await?;
        self.board().paused = paused;
        Ok(())
    }

    fn done(self: &Arc<Self>, tasks: &mut Tasks, done: Result<(Id, TaskResult), JoinError>) {
        let mut board = self.board();
        match done {
            Ok((id, TaskResult::Run(came))) => {
                if let Some((key, _)) = tasks.runs.remove(&id) {
                    let now = self.now();
                    let again = self.session.entropy().run_id(now);
                    board.came(key, came, now, again);
                }
            }
            Ok((_, TaskResult::Silver(built))) => {
                tasks.silver = None;
                board.silver.ended(Some(built), self.now());
            }
            Ok((_, TaskResult::Removed)) => {}
            #[cfg(feature = "delta")]
            Ok((_, TaskResult::Compacted)) => {}
            Ok((_, TaskResult::Probed(probed))) => {
                board.lake.probed(probed.is_ok(), self.now());
            }
            Ok((_, TaskResult::Refreshed(source, learned))) => {
                if let Some(of_source) = board.sources.get_mut(&source) {
                    let all = of_source.learn(&source, learned);
                    match all {
                        true => board.lake_answered(None),
                        // Each dataset that wasn't told has logged its error.
                        false => board.lake_reachable = Some(false),
                    }
                }
            }
            Ok((_, TaskResult::Paused(Ok(())))) => {
                board.lake_answered(None);
                board.is_paused_known = true;
            }
            Ok((_, TaskResult::Paused(Err(error)))) => {
                let of_the_lake = matches!(error, DocumentError::Lake(_));
                // A document that stays unreadable must not stop every job.
                board.is_paused_known |= !of_the_lake;
                board.lake_answered(of_the_lake.then_some(&error as &dyn std::error::Error));
                tracing::warn!(%error, "paused jobs not read");
            }
            Err(failed) if tasks.silver == Some(failed.id()) => {
                tasks.silver = None;
                let panic = failed.is_panic().then(|| panic_message(failed));
                if let Some(panic) = &panic {
                    tracing::error!(panic, "silver build panicked");
                }
                board.silver.ended(panic.map(Err), self.now());
            }
            Err(failed) => self.failed(&board, tasks, failed),
        }
        board.tasks = tasks.set.len();
    }

    /// Handles a task that panicked or was aborted.
    fn failed(self: &Arc<Self>, board: &DaemonState, tasks: &mut Tasks, failed: JoinError) {
        let run = tasks.runs.remove(&failed.id());
        let Some((key, asked)) = run.filter(|_| failed.is_panic()) else {
            return;
        };
        let panic = panic_message(failed);
        tracing::error!(
            run_id = %asked.run_id,
            source = &*key.source,
            dataset = &*key.dataset,
            day = %key.day,
            job = &*asked.job,
            panic,
            "run panicked"
        );
        let (inner, run) = (Arc::clone(self), (key.clone(), asked.clone()));
        let began = board.runs.started_at(&key).unwrap_or_else(|| self.now());
        let audit = async move { TaskResult::Run(inner.audit(key, asked, began, panic).await) };
        let id = tasks.set.spawn(audit).id();
        tasks.runs.insert(id, run);
    }

    /// Shuts down: cancels the runs, and abandons those that don't end within the grace period.
    async fn end(self: &Arc<Self>, mut tasks: Tasks) {
        self.board().stopping = true;
        self.session.cancel().cancel();
        let grace = self.session.settings().shutdown.grace;
        let runs = tasks.runs.len();
        tracing::info!(runs, grace_seconds = grace.as_secs_f64(), "daemon stopping");
        let drained = tokio::time::timeout(grace, async {
            while !tasks.runs.is_empty() || tasks.silver.is_some() {
                match tasks.set.join_next_with_id().await {
                    Some(done) => self.done(&mut tasks, done),
                    None => break,
                }
            }
        });
        if drained.await.is_err() {
            for (key, asked) in tasks.runs.values() {
                tracing::warn!(
                    run_id = %asked.run_id,
                    source = &*key.source,
                    dataset = &*key.dataset,
                    day = %key.day,
                    job = &*asked.job,
                    "run abandoned"
                );
            }
        }
        tasks.set.shutdown().await;
        self.session.close().await;
        tracing::info!("daemon stopped");
    }
}

impl DaemonState {
    /// Handles the end of a run. A requested run that was interrupted by an outage is queued again, with the
    /// run id `again`.
    fn came(&mut self, key: RunKey, came: RunResult, now: DateTime<Utc>, again: Uuid) {
        let news = match came {
            RunResult::PutOff => return self.runs.put_off(&key),
            RunResult::Out(report) if report.put_off => return self.runs.put_off(&key),
            RunResult::Out(report) => {
                let stop = report.execution.stop;
                let cut = matches!(stop, Some(StopReason::SourceDown | StopReason::LakeRefused));
                self.snapshot.hear(&key, &report);
                self.feeds_silver(&report);
                self.runs.end(&key, &report, Some(again).filter(|_| cut));
                if let Some(of_source) = self.sources.get_mut(&key.source) {
                    of_source.troubles.hear(&key.dataset, &report, now);
                }
                let news = RunEffect::of_run(key.clone(), &report);
                if stop == Some(StopReason::LakeRefused) {
                    let error = report.execution.error.as_deref().unwrap_or_default();
                    match self.lake.refused(&key, error, now) {
                        true => news.tried(),
                        false => news,
                    }
                } else {
                    self.lake.accepted(&key);
                    news
                }
            }
            RunResult::Verified(verification, mark) => {
                self.runs.end_verified(&key, &verification, mark.at);
                if let Some(report) = &verification.repair {
                    self.feeds_silver(report);
                }
                RunEffect::of_verification(key.clone(), &verification, mark)
            }
            RunResult::Unneeded => {
                self.runs.forget(&key);
                RunEffect::complete(key.clone())
            }
            RunResult::Unknown => return self.runs.forget(&key),
        };
        if let Some(of_source) = self.sources.get_mut(&key.source) {
            of_source.hear(news);
        }
    }
}

/// `true` if `every` has passed since `since`, forwards or backwards, because the clock may have been set.
fn is_over(since: Option<DateTime<Utc>>, now: DateTime<Utc>, every: TimeDelta) -> bool {
    since.is_none_or(|since| (now - since).abs() >= every)
}

/// `true` if an error of the lake may be transient: a restarting store, or credentials that are provided
/// late. A wrong configuration is not.
fn may_pass(error: &LakeError) -> bool {
    matches!(
        error,
        LakeError::Unreachable { .. }
            | LakeError::Failed { .. }
            | LakeError::Denied { .. }
            | LakeError::NotWritable { is_full: true, .. }
    )
}

fn panic_message(failed: JoinError) -> String {
    let payload = match failed.try_into_panic() {
        Ok(payload) => payload,
        Err(failed) => return failed.to_string(),
    };
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    // Redact the message, because it becomes part of the day's state.
    text.map_or_else(
        || "no message".to_owned(),
        |text| redact(&text).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon that started on a full lake ended, and was started again each minute: 211 times in one night.
    #[test]
    fn p11_a_daemon_that_starts_on_a_full_lake_waits_for_room() {
        let refused = |is_full| LakeError::NotWritable {
            lake: "file:///lake".to_owned(),
            detail: "no space left on device".to_owned(),
            is_full,
        };
        assert!(may_pass(&refused(true)));
        assert!(
            !may_pass(&refused(false)),
            "a permission is given by nobody"
        );
    }
}
