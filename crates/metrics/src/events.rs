//! Recording functions, one for each event to be counted or measured, so that no caller spells a metric's
//! name.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::catalogue as names;
use bronzed_model::counts::Counts;
use bronzed_model::execution::Status;
use bronzed_model::quality::ExpectationResult;

/// A finished run, with any outcome.
#[derive(Debug, Clone, Copy)]
pub struct RunFinished<'a> {
    /// `pncp`
    pub source: &'a str,
    /// `contratacoes`
    pub dataset: &'a str,
    /// Job that requested the run; `manual` from the command line and the API.
    pub job: &'a str,
    /// Outcome of the run. A run that is still `running` by its audit entry counts as failed, because it was
    /// abandoned.
    pub status: Status,
    /// Numbers of rows read and stored.
    pub counts: &'a Counts,
    /// Time from the start to the entry in the state.
    pub duration: Duration,
}

impl RunFinished<'_> {
    /// Records the metrics.
    pub fn record(&self) {
        let dataset = DatasetCounters::new(self.source, self.dataset);
        dataset.runs(self.job, status(self.status)).increment(1);
        histogram!(names::RUN_DURATION.name, &dataset.labels()).record(self.duration);
        dataset.records("new").increment(self.counts.new);
        dataset
            .records("duplicate")
            .increment(self.counts.duplicates);
        dataset.records("off_day").increment(self.counts.off_day);
        dataset.unidentified().increment(self.counts.unidentified);
        dataset.schema_drift().increment(self.counts.drift);
    }
}

/// An expectation that a run has evaluated.
#[derive(Debug, Clone, Copy)]
pub struct ExpectationEvaluated<'a> {
    /// `pncp`
    pub source: &'a str,
    /// `contratacoes`
    pub dataset: &'a str,
    /// Name of the expectation.
    pub expectation: &'a str,
    /// Result on the rows of the run.
    pub result: &'a ExpectationResult,
}

impl ExpectationEvaluated<'_> {
    /// Records the metrics.
    pub fn record(&self) {
        let [source, dataset] = DatasetCounters::new(self.source, self.dataset).labels();
        let labels = [
            source,
            dataset,
            ("expectation", self.expectation.to_owned()),
        ];
        counter!(names::EXPECTATION_EVALUATED.name, &labels).increment(self.result.evaluated);
        counter!(names::EXPECTATION_UNEXPECTED.name, &labels).increment(self.result.unexpected);
        let [source, dataset, expectation] = labels;
        let severity = ("severity", self.result.severity.word().to_owned());
        let labels = [source, dataset, expectation, severity];
        let failed = u64::from(!self.result.success);
        counter!(names::EXPECTATION_FAILED.name, &labels).increment(failed);
    }
}

/// A finished request to an API, with or without a response.
#[derive(Debug, Clone, Copy)]
pub struct RequestFinished<'a> {
    /// `pncp`
    pub source: &'a str,
    /// `contratacoes`
    pub dataset: &'a str,
    /// HTTP status. `None` if the request timed out, or the connection failed or broke.
    pub status: Option<u16>,
    /// Time from sending to the end of the body.
    pub duration: Duration,
}

impl RequestFinished<'_> {
    /// Records the metrics.
    pub fn record(&self) {
        DatasetCounters::new(self.source, self.dataset)
            .requests()
            .increment(1);
        let labels = [
            ("source", self.source.to_owned()),
            ("status", http_status(self.status).to_owned()),
        ];
        histogram!(names::REQUEST_DURATION.name, &labels).record(self.duration);
    }
}

/// Counts a retry; `reason` is a name from `source::failure`.
pub fn request_retried(source: &str, reason: &'static str) {
    debug_assert!(
        names::RETRY_REASON.contains(&reason),
        "undocumented: {reason}"
    );
    counter!(names::RETRIES.name, "source" => source.to_owned(), "reason" => reason).increment(1);
}

/// Gauges of a dataset. Set before each scrape, because ages grow with time.
#[derive(Debug, Clone, Copy)]
pub struct DatasetGauges<'a> {
    /// `pncp`
    pub source: &'a str,
    /// `contratacoes`
    pub dataset: &'a str,
    /// Time since the start of the last successful run. `None` if there was none.
    pub freshness: Option<Duration>,
    /// Number of complete days, required or not.
    pub complete_days: u64,
    /// Number of days that a person has accepted.
    pub accepted_days: u64,
    /// Number of wanted days.
    pub incomplete_days: u64,
    /// Number of days in the backlog.
    pub backlog_days: u64,
    /// Age of the oldest day of the backlog; `None` if it is empty.
    pub oldest_backlog_seconds: Option<u64>,
    /// Number of overdue days.
    pub overdue_days: u64,
    /// Number of stuck days.
    pub stuck_days: u64,
    /// `true` while the circuit breaker of its host or endpoint is open.
    pub down: bool,
}

impl DatasetGauges<'_> {
    /// Sets the gauges.
    pub fn record(&self) {
        let labels = DatasetCounters::new(self.source, self.dataset).labels();
        if let Some(age) = self.freshness {
            gauge!(names::FRESHNESS.name, &labels).set(age);
        }
        for (metric, count) in [
            (&names::COMPLETE, self.complete_days),
            (&names::ACCEPTED, self.accepted_days),
            (&names::INCOMPLETE, self.incomplete_days),
            (&names::BACKLOG, self.backlog_days),
            (
                &names::BACKLOG_AGE,
                self.oldest_backlog_seconds.unwrap_or(0),
            ),
            (&names::OVERDUE, self.overdue_days),
            (&names::STUCK, self.stuck_days),
            (&names::API_DOWN, u64::from(self.down)),
        ] {
            gauge!(metric.name, &labels).set(lossy(count));
        }
    }
}

/// Sets the age of the last run that served a job (by source, dataset and name), and its limit.
pub fn job_freshness((source, dataset, job): (&str, &str, &str), age: Duration, limit: Duration) {
    let labels = [
        ("source", source.to_owned()),
        ("dataset", dataset.to_owned()),
        ("job", job.to_owned()),
    ];
    gauge!(names::JOB_FRESHNESS.name, &labels).set(age);
    gauge!(names::JOB_FRESHNESS_LIMIT.name, &labels).set(limit);
}

/// Counts a clock jump: the clock was set, or the machine slept.
pub fn clock_jumped() {
    counter!(names::CLOCK_JUMPS.name).increment(1);
}

/// Counts the comparison of a day with the API, by the name of its outcome.
pub fn day_verified(source: &str, dataset: &str, outcome: &'static str) {
    let counter = DatasetCounters::new(source, dataset).verified(outcome);
    counter.increment(1);
}

/// Counts a run that the table's index had to follow; `late`: it didn't.
pub fn index_followed(source: &str, dataset: &str, late: bool) {
    let outcome = if late { "late" } else { "written" };
    DatasetCounters::new(source, dataset)
        .index(outcome)
        .increment(1);
}

/// Counts days whose files were compacted.
pub fn days_compacted(source: &str, dataset: &str, days: u64) {
    DatasetCounters::new(source, dataset)
        .compacted()
        .increment(days);
}

/// Sets the size of a written state document.
pub fn state_written(source: &str, dataset: &str, bytes: u64) {
    let labels = DatasetCounters::new(source, dataset).labels();
    gauge!(names::STATE_SIZE.name, &labels).set(lossy(bytes));
}

/// Records the delay between a slot and the start of its runs.
pub fn slot_started(source: &str, job: &str, delay: Duration) {
    let labels = [("source", source.to_owned()), ("job", job.to_owned())];
    histogram!(names::SCHEDULE_DELAY.name, &labels).record(delay);
}

/// Counts slots of a job that passed without a run of their own.
pub fn slots_missed((source, dataset, job): (&str, &str, &str), reason: &'static str, slots: u64) {
    let counter = DatasetCounters::new(source, dataset).missed(job, reason);
    counter.increment(slots);
}

/// Operation on the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeOperation {
    /// Reads an object, or checks its existence.
    Get,
    /// Lists the keys under a prefix.
    List,
    /// Puts an object if absent.
    Create,
    /// Replaces an object if its version is unchanged.
    Replace,
}

/// Outcome of an operation on the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeOutcome {
    /// Success.
    Ok,
    /// Another writer was first; not an error.
    LostRace,
    /// Failure after the store's retries.
    Error,
}

/// Records an operation on the lake.
pub fn lake_operation(operation: LakeOperation, outcome: LakeOutcome, duration: Duration) {
    let operation = match operation {
        LakeOperation::Get => "get",
        LakeOperation::List => "list",
        LakeOperation::Create => "create",
        LakeOperation::Replace => "replace",
    };
    let outcome = match outcome {
        LakeOutcome::Ok => "ok",
        LakeOutcome::LostRace => "lost_race",
        LakeOutcome::Error => "error",
    };
    histogram!(names::LAKE_DURATION.name, "operation" => operation, "outcome" => outcome)
        .record(duration);
}

/// Initializes the counters of a dataset and its jobs to zero, because an alert on an increase needs a value
/// before the first event.
pub fn start_at_zero<'a>(source: &str, dataset: &str, jobs: impl IntoIterator<Item = &'a str>) {
    let counters = DatasetCounters::new(source, dataset);
    for job in jobs {
        for status in names::RUN_STATUS {
            counters.runs(job, status).increment(0);
        }
        for reason in names::MISSED_REASON {
            counters.missed(job, reason).increment(0);
        }
    }
    for outcome in names::OUTCOME {
        counters.records(outcome).increment(0);
    }
    for outcome in names::VERIFIED_OUTCOME {
        counters.verified(outcome).increment(0);
    }
    for outcome in names::TABLE_INDEX_OUTCOME {
        counters.index(outcome).increment(0);
    }
    counters.compacted().increment(0);
    counters.unidentified().increment(0);
    counters.schema_drift().increment(0);
    counters.requests().increment(0);
}

/// Counters of one dataset.
struct DatasetCounters<'a> {
    source: &'a str,
    dataset: &'a str,
}

impl<'a> DatasetCounters<'a> {
    fn new(source: &'a str, dataset: &'a str) -> Self {
        Self { source, dataset }
    }

    fn labels(&self) -> [(&'static str, String); 2] {
        [
            ("source", self.source.to_owned()),
            ("dataset", self.dataset.to_owned()),
        ]
    }

    fn runs(&self, job: &str, status: &'static str) -> metrics::Counter {
        let [source, dataset] = self.labels();
        let labels = [
            source,
            dataset,
            ("job", job.to_owned()),
            ("status", status.to_owned()),
        ];
        counter!(names::RUNS.name, &labels)
    }

    fn records(&self, outcome: &'static str) -> metrics::Counter {
        let [source, dataset] = self.labels();
        counter!(
            names::RECORDS.name,
            &[source, dataset, ("outcome", outcome.to_owned())]
        )
    }

    fn missed(&self, job: &str, reason: &'static str) -> metrics::Counter {
        let [source, dataset] = self.labels();
        let reason = ("reason", reason.to_owned());
        let labels = [source, dataset, ("job", job.to_owned()), reason];
        counter!(names::MISSED_SLOTS.name, &labels)
    }

    fn verified(&self, outcome: &'static str) -> metrics::Counter {
        let [source, dataset] = self.labels();
        counter!(
            names::VERIFIED.name,
            &[source, dataset, ("outcome", outcome.to_owned())]
        )
    }

    fn index(&self, outcome: &'static str) -> metrics::Counter {
        let [source, dataset] = self.labels();
        counter!(
            names::TABLE_INDEX.name,
            &[source, dataset, ("outcome", outcome.to_owned())]
        )
    }

    fn compacted(&self) -> metrics::Counter {
        counter!(names::COMPACTED_DAYS.name, &self.labels())
    }

    fn unidentified(&self) -> metrics::Counter {
        counter!(names::UNIDENTIFIED.name, &self.labels())
    }

    fn schema_drift(&self) -> metrics::Counter {
        counter!(names::SCHEMA_DRIFT.name, &self.labels())
    }

    fn requests(&self) -> metrics::Counter {
        counter!(names::REQUESTS.name, &self.labels())
    }
}

/// Sets the number of active alerts of a rule.
pub fn alerts_active(rule: &'static str, count: u64) {
    debug_assert!(names::ALERT_RULE.contains(&rule), "undocumented: {rule}");
    gauge!(names::ALERTS_ACTIVE.name, "rule" => rule).set(lossy(count));
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Ok | Status::Recovered | Status::Adopted => "ok",
        Status::Partial => "partial",
        Status::Failed | Status::Running => "failed",
    }
}

/// Returns the status if it is a common one, else its class, because a server may send any number.
fn http_status(status: Option<u16>) -> &'static str {
    let Some(status) = status else {
        return "none";
    };
    let text = status.to_string();
    let known = names::HTTP_STATUS.iter().find(|known| **known == text);
    known.copied().unwrap_or(match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floats; days and bytes stay far below 2^53"
)]
fn lossy(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_not_invent_label_values() {
        let seen: std::collections::BTreeSet<_> = (0..=u16::MAX)
            .map(|status| http_status(Some(status)))
            .collect();
        assert!(seen.iter().all(|value| names::HTTP_STATUS.contains(value)));
        assert_eq!(http_status(Some(200)), "200");
        assert_eq!(http_status(Some(418)), "4xx");
        assert_eq!(http_status(None), "none");
    }

    #[test]
    fn a_run_that_was_abandoned_is_not_green() {
        assert_eq!(status(Status::Running), "failed");
        assert_eq!(status(Status::Partial), "partial");
    }
}
