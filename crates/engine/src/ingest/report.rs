//! Summary of a run, for people and programs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ingest::Order;
use bronzed_metrics::events::{ExpectationEvaluated, RunFinished};
use bronzed_model::counts::Counts;
use bronzed_model::day::Day;
use bronzed_model::declaration::Mode;
use bronzed_model::execution::{Execution, Status};

/// Result of a run.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Name of the source: `pncp`.
    pub source: String,
    /// Name of the dataset: `contratacoes`.
    pub dataset: String,
    /// Day that was read.
    pub day: Day,
    /// Mode of the run.
    pub mode: Mode,
    /// Audit entry, as in the day's state (if the lake could be reached).
    pub execution: Execution,
    /// `true` if the day is complete after the run.
    pub complete: bool,
    /// Duration of the run.
    pub took: Duration,
    /// `true` if the run got nothing because the source is down; the lake is then as if the run hadn't
    /// begun.
    pub put_off: bool,
    /// Number of pages that were given up after all retries.
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

    /// Status of the run.
    pub fn status(&self) -> Status {
        self.execution.status
    }

    /// Counts of the run.
    pub fn counts(&self) -> &Counts {
        &self.execution.counts
    }

    /// Returns the failures with their reasons as text: `: modalidade=6: …`; empty if nothing failed.
    pub fn reasons(&self) -> String {
        let failed = self.execution.failed_slices.iter();
        let failed = failed.map(|(label, reason)| format!(": {label}: {reason}"));
        let error = self.execution.error.iter();
        failed
            .chain(error.map(|error| format!(": {error}")))
            .collect()
    }

    /// Returns the summary as one JSON object.
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
            "retry_reasons": execution.retry_reasons,
            "repeats": counts.repeats,
            "vanished": counts.vanished,
            "withdrawn": counts.withdrawn,
            "returned": counts.returned,
            "expectations": execution.expectations,
            "failed_slices": failed,
            "files": files,
            "started_at": execution.started_at.to_rfc3339(),
            "duration_seconds": self.took.as_secs_f64(),
            "error": execution.error,
            "stop": execution.stop,
            "again_at": execution.again_at.map(|at| at.to_rfc3339()),
        })
    }

    /// Records the metrics of the run, unless it was put off.
    pub fn measure(&self) {
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
        for (name, result) in &self.execution.expectations {
            let evaluated = ExpectationEvaluated {
                source: &self.source,
                dataset: &self.dataset,
                expectation: name,
                result,
            };
            evaluated.record();
        }
    }

    /// Logs the summary event of the run.
    pub(super) fn log(&self) {
        let counts = self.counts();
        let execution = &self.execution;
        if self.put_off {
            let (requests, reason) = (counts.requests, execution.error.as_deref());
            tracing::info!(requests, reason, "run put off");
            return;
        }
        self.log_expectations();
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

    /// Logs each expectation that failed. Examples aren't logged: they are in the audit.
    fn log_expectations(&self) {
        for (expectation, result) in &self.execution.expectations {
            if !result.success {
                let (evaluated, unexpected) = (result.evaluated, result.unexpected);
                let (check, severity) = (result.check.as_str(), result.severity.word());
                tracing::warn!(
                    expectation,
                    check,
                    severity,
                    evaluated,
                    unexpected,
                    "expectation failed"
                );
            }
        }
    }
}
