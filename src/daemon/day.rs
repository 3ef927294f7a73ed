//! A day in detail, read from the lake: a bounded number of readings at a time, so that many viewers take
//! nothing from the runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::daemon::DaemonInner;
use crate::daemon::runs::RunKey;
use crate::schedule::calendar::DayStatus;
use crate::schedule::knowledge::Knowledge;
use crate::schedule::plan::{PlanInput, next_tries};
use crate::server::daemon::ServiceError;
use crate::server::view::{
    AcceptedView, DayView, ExecutionStatus, ExecutionView, FailedSlice, FileView, RunStatus,
    RunView, SliceView,
};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::quality::Results;
use bronzed_model::slices::slices;
use bronzed_storage::lake::LakeError;
use bronzed_storage::state::{DayReport, ReportedExecution, report};

/// Number of readings of a day's state at a time.
pub(super) const READINGS: usize = 2;

impl DaemonInner {
    /// Returns a day in detail.
    pub(super) async fn day(
        &self,
        source: &str,
        dataset: &str,
        day: Day,
    ) -> Result<DayView, ServiceError> {
        let (source, dataset) = self.find(source, dataset)?;
        let one = self.scheduled(&source)?;
        let day = dataset.days.period.first(day);
        let _turn = self.readings.acquire().await;
        let zone = one.schedule.zone;
        let found = report(self.session.lake(), &dataset.prefix, day, zone).await;
        let found = found.map_err(unavailable)?;
        let is_volume = found.as_ref().is_some_and(|found| found.records > 0) || found.is_none();
        let usual = match is_volume {
            true => self.usual(&dataset, day).await.map_err(unavailable)?,
            false => None,
        };
        let now = self.now();
        let board = self.board();
        let known = board.knowledge(&source, &dataset).ok();
        let key = RunKey {
            source: Arc::clone(&source),
            dataset: dataset.name.as_str().into(),
            day,
        };
        let paused = board.paused.of(&source);
        let next = known.filter(|known| !known.is_done(day)).and_then(|known| {
            let mut knowledge = Knowledge::default();
            knowledge.learn(&dataset.name, known.clone());
            let input = PlanInput {
                now,
                previous: Some(now),
                knowledge: &knowledge,
                running: &board.runs.running(&source),
                paused: &paused,
            };
            let tries = next_tries(&one.schedule, input);
            tries.get(&(Arc::clone(&key.dataset), day)).copied()
        });
        let known_status =
            known.map(|known| one.schedule.day_status(&dataset.name, known, day, now));
        let mut view = DayView {
            status: status(found.as_ref(), known_status),
            settles_at: one.schedule.settles_at(&dataset.name, day).unwrap_or(now),
            usual,
            next_attempt: next,
            current: board.runs.of_day(&key),
            timezone: zone.name().to_owned(),
            ..shown(&dataset, day, found, now)
        };
        let ended = board.runs.ended();
        let of_day = ended.filter(|run| {
            (&*run.source, &*run.dataset, run.day) == (&*source, &*dataset.name, day)
        });
        add_unaudited(&mut view.executions, of_day);
        Ok(view)
    }
}

/// Returns the error of a lake that couldn't be read.
pub(super) fn unavailable(error: LakeError) -> ServiceError {
    ServiceError::Unavailable {
        reason: error.to_string(),
    }
}

/// Returns the status of a day: as the lake has it now where that says more than what is known.
fn status(found: Option<&DayReport>, known: Option<DayStatus>) -> DayStatus {
    match (found, known) {
        (Some(found), _) if found.complete => DayStatus::Proven,
        (Some(found), _) if found.accepted.is_some() => DayStatus::Accepted,
        (_, Some(known)) => known,
        (Some(_), None) => DayStatus::Partial,
        (None, None) => DayStatus::NotDue,
    }
}

/// Returns the part of the view that the report has.
fn shown(dataset: &Dataset, day: Day, found: Option<DayReport>, now: DateTime<Utc>) -> DayView {
    let slices = slice_views(dataset, found.as_ref());
    let empty = DayView {
        at: now,
        source: dataset.source.clone(),
        dataset: dataset.name.clone(),
        day,
        period: dataset.days.period,
        timezone: String::new(),
        status: DayStatus::NotDue,
        settles_at: now,
        accepted: None,
        records: 0,
        withdrawn: 0,
        usual: None,
        slices,
        expectations: Results::new(),
        executions: Vec::new(),
        files: Vec::new(),
        lost_files: Vec::new(),
        doubt: None,
        next_attempt: None,
        current: None,
    };
    let Some(found) = found else {
        return empty;
    };
    let expectations = found.expectations(&dataset.expectations);
    let files = found.files.into_iter().map(|file| FileView {
        key: file.key,
        bytes: file.bytes,
        stored_at: file.stored_at,
        rows: file.rows,
    });
    DayView {
        accepted: found.accepted.map(|accepted| AcceptedView {
            at: accepted.at,
            reason: accepted.reason,
        }),
        records: found.records,
        withdrawn: found.withdrawn,
        expectations,
        executions: found.executions.into_iter().rev().map(execution).collect(),
        files: files.collect(),
        lost_files: found.lost_files.into_iter().collect(),
        doubt: found.doubt,
        ..empty
    }
}

/// Returns the declared slices, and those that were read, each with the failure of the last run.
fn slice_views(dataset: &Dataset, found: Option<&DayReport>) -> Vec<SliceView> {
    let unread = |slice: &str| SliceView {
        slice: slice.to_owned(),
        stated: None,
        read: None,
        proven: false,
        empty_since: None,
        failure: None,
    };
    let declared = slices(dataset).into_iter();
    let mut views: BTreeMap<String, SliceView> = declared
        .map(|slice| (slice.label.to_string(), unread(&slice.label)))
        .collect();
    let Some(found) = found else {
        return Vec::new();
    };
    for (label, progress) in &found.slices {
        let view = SliceView {
            stated: Some(progress.total),
            read: Some(progress.seen),
            proven: progress.proven || found.complete,
            empty_since: progress.empty_since,
            ..unread(label)
        };
        views.insert(label.clone(), view);
    }
    let last = found.executions.iter().rfind(|run| run.status.is_some());
    for (label, reason) in last.into_iter().flat_map(|run| &run.failures) {
        let view = views.entry(label.clone()).or_insert_with(|| unread(label));
        view.failure = Some(reason.clone());
    }
    views.into_values().collect()
}

/// Adds the runs of this process that the audit doesn't have: the lake couldn't be read or written then.
fn add_unaudited<'a>(
    executions: &mut Vec<ExecutionView>,
    ended: impl DoubleEndedIterator<Item = &'a RunView>,
) {
    for run in ended.rev() {
        let is_known = |one: &ExecutionView| one.run_id == Some(run.run_id);
        if executions.iter().any(is_known) {
            continue;
        }
        let later = |one: &ExecutionView| one.ended_at <= run.ended_at;
        let place = executions.iter().position(later);
        executions.insert(place.unwrap_or(executions.len()), unaudited(run));
    }
}

fn unaudited(run: &RunView) -> ExecutionView {
    ExecutionView {
        run_id: Some(run.run_id),
        job: Some(run.job.clone()),
        status: Some(match run.status {
            RunStatus::Queued | RunStatus::Running => ExecutionStatus::Running,
            RunStatus::Ok => ExecutionStatus::Ok,
            RunStatus::Partial => ExecutionStatus::Partial,
            RunStatus::Failed => ExecutionStatus::Failed,
        }),
        stop: None,
        started_at: run.started_at,
        ended_at: run.ended_at,
        counts: run.counts.unwrap_or_default(),
        retry_reasons: BTreeMap::new(),
        expectations: Results::new(),
        failed_slices: run.failed_slices.clone(),
        error: run.error.clone(),
        again_at: None,
        reason: None,
        files: Vec::new(),
    }
}

fn execution(run: ReportedExecution) -> ExecutionView {
    let failed = run.failures.into_iter();
    ExecutionView {
        run_id: run.run_id,
        job: run.job,
        status: run.status.map(Into::into),
        stop: run.stop.map(Into::into),
        started_at: run.started_at,
        ended_at: run.ended_at,
        counts: run.counts,
        retry_reasons: run.retry_reasons,
        expectations: run.expectations,
        failed_slices: failed
            .map(|(slice, reason)| FailedSlice { slice, reason })
            .collect(),
        error: run.error,
        again_at: run.again_at,
        reason: run.reason,
        files: run.files,
    }
}
