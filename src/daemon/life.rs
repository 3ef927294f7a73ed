//! The daemon's life: it looks when it is woken, keeps its tasks, and ends in order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::daemon::board::{Board, News};
use crate::daemon::learn::{Learned, learn};
use crate::daemon::paused::Paused;
use crate::daemon::runs::{Asked, Key};
use crate::daemon::work::Came;
use crate::daemon::{Daemon, Inner};
use crate::lake::LakeError;
use crate::lake::document::DocumentError;
use crate::secrets::hide;
use crate::session::NotReady;
use crate::state::execution::StopReason;

/// After so long the lake is asked again what others may have done.
const LEARN_EVERY: TimeDelta = TimeDelta::hours(1);
/// After so long, where it didn't answer.
const LEARN_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// After so long the lake is asked again which jobs are paused, and whether it is there at all.
const PAUSED_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Between tries to reach a lake at the start.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Why the daemon ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The lake is there, and can't be used, or not as the configuration says.
    #[error(transparent)]
    Lake(#[from] NotReady),
}

/// What a task has done.
enum Done {
    /// A run, or the audit of one that panicked.
    Run(Came),
    /// The lake was asked about a source.
    Learned(Arc<str>, Learned),
    /// The lake was asked for the paused jobs.
    Paused(Result<Paused, DocumentError>),
    /// A probe was written into a lake that refuses writes.
    Probed(Result<(), LakeError>),
}

/// The tasks under way. Dropped, they end with it.
#[derive(Default)]
struct Tasks {
    set: JoinSet<Done>,
    /// Which of them are runs.
    runs: HashMap<Id, (Key, Asked)>,
}

impl Daemon {
    /// Lives until `stop`. Then nothing new is begun, and the runs under way have the configured
    /// grace to commit what they have read. Dropped, it ends like a process that is killed.
    ///
    /// # Errors
    /// When the lake can't be used in a way that won't pass by itself.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), DaemonError> {
        let inner = &self.0;
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
        inner.end(tasks).await;
        Ok(())
    }
}

impl Inner {
    /// Makes sure that the lake keeps its promises before anything rests on them. One that can't be
    /// reached may come yet.
    async fn probe(&self) -> Result<(), NotReady> {
        loop {
            let probed = self.session.make_ready().await;
            self.board().lake_reachable = Some(probed.is_ok());
            match probed {
                Err(NotReady::Lake(error)) if may_pass(&error) => {
                    tracing::warn!(%error, "lake not reached");
                    tokio::time::sleep(PROBE_EVERY).await;
                }
                probed => return probed.map(|_| ()),
            }
        }
    }

    /// Waits until a source that was down answers again, and says which.
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

    /// A source is well again: nobody waits any longer for what happened while it was down.
    fn go_on(&self, source: &str) {
        if let Some(of_source) = self.board().sources.get_mut(source) {
            of_source.troubles.forget();
        }
    }

    /// Has a look, and begins what it calls for.
    fn answer(self: &Arc<Self>, tasks: &mut Tasks) {
        let mut board = self.board();
        let calls = board.calls;
        self.ask_lake(&mut board, tasks);
        let starts = self.look(&mut board);
        for start in starts {
            let run = (start.key.clone(), start.asked.clone());
            let inner = Arc::clone(self);
            let task = async move { Done::Run(inner.work(start).await) };
            let id = tasks.set.spawn(task).id();
            tasks.runs.insert(id, run);
        }
        board.answered = calls;
        board.looked_at = Some(tokio::time::Instant::now());
        board.tasks = tasks.set.len();
        drop(board);
        self.changed.notify_waiters();
    }

    /// Asks the lake what it was asked too long ago.
    fn ask_lake(self: &Arc<Self>, board: &mut Board, tasks: &mut Tasks) {
        let now = self.now();
        if board.lake.begin_probe(now) {
            let inner = Arc::clone(self);
            tasks.set.spawn(async move {
                let token = inner.session.entropy().run_id(now).to_string();
                Done::Probed(inner.session.lake().probe_room(&token).await)
            });
        }
        if board.lake.is_closed() {
            // It is asked again when it takes a probe.
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
                Done::Learned(name, learned)
            });
        }
        if is_over(board.paused_at, now, PAUSED_EVERY) {
            board.paused_at = Some(now);
            let inner = Arc::clone(self);
            tasks
                .set
                .spawn(async move { Done::Paused(inner.paused().await) });
        }
    }

    /// What is paused, in the lake that it must still be.
    async fn paused(&self) -> Result<Paused, DocumentError> {
        self.session.check_lake().await?;
        Paused::load(self.session.lake()).await
    }

    fn done(self: &Arc<Self>, tasks: &mut Tasks, done: Result<(Id, Done), JoinError>) {
        let mut board = self.board();
        match done {
            Ok((id, Done::Run(came))) => {
                if let Some((key, _)) = tasks.runs.remove(&id) {
                    let now = self.now();
                    let again = self.session.entropy().run_id(now);
                    board.came(key, came, now, again);
                }
            }
            Ok((_, Done::Probed(probed))) => {
                board.lake.probed(probed.is_ok(), self.now());
            }
            Ok((_, Done::Learned(source, learned))) => {
                if let Some(of_source) = board.sources.get_mut(&source) {
                    let all = of_source.learn(&source, learned);
                    board.lake_reachable = Some(all);
                }
            }
            Ok((_, Done::Paused(Ok(paused)))) => {
                board.lake_reachable = Some(true);
                board.paused = paused;
            }
            Ok((_, Done::Paused(Err(error)))) => {
                board.lake_reachable = Some(!matches!(error, DocumentError::Lake(_)));
                tracing::warn!(%error, "paused jobs not read");
            }
            Err(failed) => self.failed(&board, tasks, failed),
        }
        board.tasks = tasks.set.len();
    }

    /// A task panicked, or was taken down with the daemon.
    fn failed(self: &Arc<Self>, board: &Board, tasks: &mut Tasks, failed: JoinError) {
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
        let audit = async move { Done::Run(inner.audit(key, asked, began, panic).await) };
        let id = tasks.set.spawn(audit).id();
        tasks.runs.insert(id, run);
    }

    /// Ends: the runs are told to stop, and those that don't in time are abandoned.
    async fn end(self: &Arc<Self>, mut tasks: Tasks) {
        self.board().stopping = true;
        self.session.cancel().cancel();
        let grace = self.session.settings().shutdown.grace;
        let runs = tasks.runs.len();
        tracing::info!(runs, grace_seconds = grace.as_secs_f64(), "daemon stopping");
        let drained = tokio::time::timeout(grace, async {
            while !tasks.runs.is_empty() {
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

impl Board {
    /// A run has ended; one that was cut short by what isn't its day's fault, and that somebody asked
    /// for, waits as `again`.
    fn came(&mut self, key: Key, came: Came, now: DateTime<Utc>, again: Uuid) {
        let news = match came {
            Came::PutOff => return self.runs.put_off(&key),
            Came::Out(report) if report.put_off => return self.runs.put_off(&key),
            Came::Out(report) => {
                let stop = report.execution.stop;
                let cut = matches!(stop, Some(StopReason::SourceDown | StopReason::LakeRefused));
                self.runs.end(&key, &report, Some(again).filter(|_| cut));
                if let Some(of_source) = self.sources.get_mut(&key.source) {
                    of_source.troubles.hear(&key.dataset, &report, now);
                }
                let news = News::of_run(key.clone(), &report);
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
            Came::Verified(verification, mark) => {
                self.runs.end_verified(&key, &verification, mark.at);
                News::of_verification(key.clone(), &verification, mark)
            }
            Came::Unneeded => {
                self.runs.forget(&key);
                News::complete(key.clone())
            }
            Came::Unknown => return self.runs.forget(&key),
        };
        if let Some(of_source) = self.sources.get_mut(&key.source) {
            of_source.hear(news);
        }
    }
}

/// Whether so long has passed since, by a clock that may have been set in between.
fn is_over(since: Option<DateTime<Utc>>, now: DateTime<Utc>, every: TimeDelta) -> bool {
    since.is_none_or(|since| (now - since).abs() >= every)
}

/// Whether what keeps the lake from being used may pass by itself: a store that is restarted, or
/// credentials that come late. A wrong configuration doesn't.
fn may_pass(error: &LakeError) -> bool {
    matches!(
        error,
        LakeError::Unreachable { .. } | LakeError::Failed { .. } | LakeError::Denied { .. }
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
    // It becomes part of the day's state.
    text.map_or_else(|| "no message".to_owned(), |text| hide(&text).into_owned())
}
