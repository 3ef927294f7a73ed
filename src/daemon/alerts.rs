//! Snapshot of the daemon for its alerts: taken once a minute in a reconcile pass, and handed over without
//! waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Days, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::alerts::facts::{
    AlertFacts, DatasetDays, DatasetFacts, HeldFacts, JobFacts, LakeFacts, LakeRefusal,
    OutageFacts, RunEnding, RunFacts, SilverFacts, SourceFacts,
};
use crate::alerts::{AlertContext, run};
use crate::daemon::board::{DaemonState, SourceState};
use crate::daemon::learn::enabled;
use crate::daemon::runs::RunKey;
use crate::daemon::{DaemonInner, Scheduled};
use crate::schedule::knowledge::DatasetKnowledge;
use crate::silver::HeldPartition;
use bronzed_engine::ingest::report::RunReport;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, ExpectationSeverity};
use bronzed_model::execution::{Status, StopReason};
use bronzed_model::quality::{ExpectationResult, Results};
use bronzed_model::redact::redact;

/// Interval between snapshots.
const EVERY: TimeDelta = TimeDelta::minutes(1);
/// Maximum number of ended runs that wait for a snapshot; older ones are dropped.
const MAX_RUNS: usize = 1_000;
/// Number of days back to which complete days are reported: nine weeks.
const WEEKS: Days = Days::new(64);
/// Maximum number of characters of a run's reason.
const REASON: usize = 300;

/// Facts that the next snapshot needs beside the state of the daemon.
#[derive(Debug, Default)]
pub(super) struct SnapshotState {
    /// Time of the last snapshot, and the health of the lake in it.
    last: Option<(DateTime<Utc>, LakeFacts)>,
    /// Runs that have ended since then.
    runs: Vec<RunFacts>,
    /// Datasets, with their sources, whose API has answered a run since this process started.
    answered: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl SnapshotState {
    /// Adds a run that has ended.
    pub(super) fn hear(&mut self, key: &RunKey, report: &RunReport) {
        let (execution, counts) = (&report.execution, report.counts());
        if !report.put_off && report.unanswered == 0 && counts.requests > 0 {
            let of = (Arc::clone(&key.source), Arc::clone(&key.dataset));
            self.answered.insert(of);
        }
        let is_attempt = execution.stop.is_none_or(StopReason::is_attempt);
        self.runs.push(RunFacts {
            source: Arc::clone(&key.source),
            dataset: Arc::clone(&key.dataset),
            day: key.day,
            at: execution.timestamp,
            outcome: match execution.status {
                Status::Ok => RunEnding::Ok,
                Status::Failed if is_attempt => RunEnding::Failed(reason(report)),
                _ => RunEnding::Other,
            },
            drift: counts.drift,
            expectations: errors(&execution.expectations),
        });
        let surplus = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..surplus);
    }
}

/// Returns the results of severity `error`, without examples.
fn errors(results: &Results) -> Results {
    let errors = results
        .iter()
        .filter(|(_, one)| one.severity == ExpectationSeverity::Error);
    let bare = errors.map(|(name, result)| {
        let result = ExpectationResult {
            examples: Vec::new(),
            ..result.clone()
        };
        (name.clone(), result)
    });
    bare.collect()
}

/// Returns the reason of a failed run, short enough for a message.
fn reason(report: &RunReport) -> String {
    let reasons = report.reasons();
    let text = redact(reasons.trim_start_matches(": "));
    let text: String = text.chars().take(REASON).collect();
    match text.is_empty() {
        true => "no reason is known".to_owned(),
        false => text.replace(char::is_control, " "),
    }
}

impl DaemonInner {
    /// Starts the task that deals with snapshots. It ends at `stop`, or with the returned handle.
    pub(super) fn begin_alerts(&self, stop: CancellationToken) -> AbortOnDropHandle<()> {
        let (session, now) = (&self.session, self.now());
        let context = AlertContext {
            lake: session.lake().clone(),
            entropy: Arc::clone(session.entropy()),
            settings: session.settings().alerts.clone(),
            me: session.entropy().run_id(now).to_string(),
        };
        AbortOnDropHandle::new(tokio::spawn(run(self.alerts.clone(), context, stop)))
    }

    /// Takes a snapshot if it is due: after its interval, or at once if the health of the lake has changed.
    pub(super) fn tell_alerts(&self, board: &mut DaemonState) {
        let now = self.now();
        let lake = LakeFacts {
            reachable: board.lake_reachable,
            error: board.lake_error.clone(),
            refuses: board.lake.refusal().map(|(since, error)| LakeRefusal {
                since,
                error: redact(error).into_owned(),
            }),
        };
        let last = board.snapshot.last.as_ref();
        if last.is_some_and(|(at, then)| (now - *at).abs() < EVERY && *then == lake) {
            return;
        }
        board.snapshot.last = Some((now, lake.clone()));
        let runs = std::mem::take(&mut board.snapshot.runs);
        let sources = self.sources.iter().filter_map(|(name, scheduled)| {
            let of_source = board.sources.get(name)?;
            Some(self.source_facts(board, scheduled, of_source, now))
        });
        let sources = sources.collect();
        self.alerts.publish(AlertFacts {
            at: now,
            lake,
            sources,
            runs,
        });
    }

    fn source_facts(
        &self,
        board: &DaemonState,
        scheduled: &Scheduled,
        of_source: &SourceState,
        now: DateTime<Utc>,
    ) -> SourceFacts {
        let name = &scheduled.schedule.source;
        let datasets = enabled(&scheduled.source, &scheduled.schedule);
        let datasets = datasets.map(|(dataset, declared)| {
            let of = (Arc::clone(name), Arc::clone(dataset));
            let known = of_source.knowledge.as_ref();
            let known = known.and_then(|knowledge| knowledge.of(dataset));
            DatasetFacts {
                name: Arc::clone(dataset),
                prefix: declared.prefix.clone(),
                outage: self.outage(name, scheduled, declared),
                answered: board.snapshot.answered.contains(&of),
                days: known.map(|known| self.day_facts(scheduled, dataset, known, now)),
            }
        });
        SourceFacts {
            name: Arc::clone(name),
            zone: scheduled.schedule.zone,
            datasets: datasets.collect(),
            tables: self.table_facts(board, name),
        }
    }

    /// Returns the silver tables of a source that are kept.
    fn table_facts(&self, board: &DaemonState, source: &str) -> Vec<SilverFacts> {
        if self.session.silver().is_none() {
            return Vec::new();
        }
        let held = |held: &HeldPartition, has_months: bool| HeldFacts {
            partition: match (&held.partition, has_months) {
                (Some(month), _) => month.clone(),
                (None, true) => "the rows without a month".to_owned(),
                (None, false) => "the table".to_owned(),
            },
            expectation: held.expectation.clone(),
            unexpected: held.unexpected,
            evaluated: held.evaluated,
        };
        let tables = board.silver.tables().map(|(one, _)| one);
        let tables = tables.filter(|one| one.table.source == source);
        let tables = tables.map(|one| {
            let standing = one.standing.as_ref();
            let has_months = one.table.partition_by.is_some();
            let held = |of: &HeldPartition| held(of, has_months);
            SilverFacts {
                name: one.table.name.clone(),
                held_back: standing.map(|of| of.held_back.iter().map(held).collect()),
            }
        });
        tables.collect()
    }

    fn outage(
        &self,
        source: &str,
        scheduled: &Scheduled,
        dataset: &Dataset,
    ) -> Option<OutageFacts> {
        let down = self.session.client(source)?.down(dataset)?;
        let url = dataset.base_url.as_ref();
        let url = url.unwrap_or(&scheduled.source.base_url);
        Some(OutageFacts {
            whole: down.what == url.origin().ascii_serialization(),
            what: down.what,
            since: down.since,
            failures: down.failures,
            last: redact(&down.last).into_owned(),
        })
    }

    fn day_facts(
        &self,
        scheduled: &Scheduled,
        dataset: &str,
        known: &DatasetKnowledge,
        now: DateTime<Utc>,
    ) -> DatasetDays {
        let schedule = &scheduled.schedule;
        let backlog = schedule.backlog(dataset, known, now);
        let bounded = schedule.jobs_of(dataset).filter_map(|(name, declared)| {
            Some(JobFacts {
                job: Arc::clone(name),
                served: schedule.last_served(declared, dataset, known, now),
                since_start: self.started_at,
                bound: declared.job.freshness?,
            })
        });
        let today = Day::of(now, schedule.zone);
        let by_day = schedule.datasets.get(dataset);
        let by_day = by_day.is_some_and(|dataset| !dataset.only_today);
        let earliest = today.date().checked_sub_days(WEEKS).map(Day::new);
        let complete = earliest.filter(|_| by_day).into_iter();
        let complete = complete.flat_map(|earliest| known.complete_set().range(earliest..today));
        DatasetDays {
            overdue: backlog.overdue,
            stuck: backlog.stuck,
            oldest: backlog.oldest,
            jobs: bounded.collect(),
            complete: complete.copied().collect(),
        }
    }
}
