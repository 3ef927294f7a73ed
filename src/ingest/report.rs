//! What a run leaves behind for people and programs: the summary.

use std::time::Duration;

use serde_json::{Value, json};

use crate::day::Day;
use crate::ingest::Order;
use crate::ingest::counts::Counts;
use crate::source::declaration::Mode;
use crate::state::execution::{Execution, Status};
use crate::telemetry::metrics::events::RunFinished;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// `pncp`
    pub source: String,
    /// `contratacoes`
    pub dataset: String,
    /// The day that was read.
    pub day: Day,
    /// How it was read.
    pub mode: Mode,
    /// The audit entry, as the day's state has it (where the lake could be reached).
    pub execution: Execution,
    /// Whether the day is complete now.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
    /// It got nothing because the source is down, and has left nothing behind: as if it hadn't begun.
    pub put_off: bool,
    /// Pages that were given up after all tries.
    pub unanswered: u64,
}

impl RunReport {
    pub(super) fn new(order: &Order, execution: Execution, complete: bool, took: Duration) -> Self {
        Self {
            source: order.dataset.source.clone(),
            dataset: order.dataset.name.clone(),
            day: order.day,
            mode: order.mode,
            execution,
            complete,
            took,
            put_off: false,
            unanswered: 0,
        }
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.execution.status
    }

    /// What it read and stored.
    pub fn counts(&self) -> &Counts {
        &self.execution.counts
    }

    /// What failed and why, in words: `: modalidade=6: …`; nothing where nothing did.
    pub fn reasons(&self) -> String {
        let failed = self.execution.failed_slices.iter();
        let failed = failed.map(|(label, reason)| format!(": {label}: {reason}"));
        let error = self.execution.error.iter();
        failed
            .chain(error.map(|error| format!(": {error}")))
            .collect()
    }

    /// The summary as one JSON object.
    pub fn to_json(&self) -> Value {
        let execution = &self.execution;
        let counts = self.counts();
        let failed: serde_json::Map<_, _> = execution
            .failed_slices
            .iter()
            .map(|(label, reason)| (label.clone(), Value::from(reason.as_str())))
            .collect();
        let files: Vec<_> = execution.files.iter().map(|(key, _)| key).collect();
        json!({
            "source": self.source,
            "dataset": self.dataset,
            "day": self.day.to_string(),
            "mode": self.mode,
            "job": execution.job,
            "run_id": execution.run_id.to_string(),
            "status": execution.status,
            "complete": self.complete,
            "fetched": counts.fetched,
            "new": counts.new,
            "duplicates": counts.duplicates,
            "off_day": counts.off_day,
            "misplaced": counts.misplaced,
            "unidentified": counts.unidentified,
            "drift": counts.drift,
            "requests": counts.requests,
            "retries": counts.retries,
            "repeats": counts.repeats,
            "vanished": counts.vanished,
            "withdrawn": counts.withdrawn,
            "returned": counts.returned,
            "failed_slices": failed,
            "files": files,
            "started_at": execution.started_at.to_rfc3339(),
            "duration_seconds": self.took.as_secs_f64(),
            "error": execution.error,
            "stop": execution.stop,
            "again_at": execution.again_at.map(|at| at.to_rfc3339()),
        })
    }

    /// Counts the run, if it was one.
    pub(crate) fn measure(&self) {
        if self.put_off {
            return;
        }
        let run = RunFinished {
            source: &self.source,
            dataset: &self.dataset,
            job: &self.execution.job,
            status: self.status(),
            counts: self.counts(),
            duration: self.took,
        };
        run.record();
    }

    /// Writes the run's summary event.
    pub(super) fn log(&self) {
        let counts = self.counts();
        let execution = &self.execution;
        if self.put_off {
            let (requests, reason) = (counts.requests, execution.error.as_deref());
            tracing::info!(requests, reason, "run put off");
            return;
        }
        let failed = execution.failed_slices.iter();
        let failed: Vec<_> = failed.map(|(label, _)| label.as_str()).collect();
        let failed = failed.join(", ");
        macro_rules! summary {
            ($level:ident) => {
                tracing::$level!(
                    status = execution.status.name(),
                    complete = self.complete,
                    fetched = counts.fetched,
                    new = counts.new,
                    duplicates = counts.duplicates,
                    off_day = counts.off_day,
                    misplaced = counts.misplaced,
                    unidentified = counts.unidentified,
                    drift = counts.drift,
                    requests = counts.requests,
                    retries = counts.retries,
                    repeats = counts.repeats,
                    vanished = counts.vanished,
                    withdrawn = counts.withdrawn,
                    returned = counts.returned,
                    files = execution.files.len(),
                    failed_slices = failed,
                    duration_seconds = self.took.as_secs_f64(),
                    error = execution.error.as_deref().unwrap_or_default(),
                    "run finished"
                )
            };
        }
        match execution.status {
            Status::Failed => summary!(error),
            Status::Partial => summary!(warn),
            _ => summary!(info),
        }
    }
}
