//! Catalogue of all metrics; `docs/operate/metrics.md` is generated from it.
//!
//! Names follow the Prometheus conventions: prefix `bronzed_`, base units, `_total` for counters.
//! Label values are bounded: names from the configuration, or a fixed list.

use std::fmt::Write as _;

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// `bronzed_runs_total`
    pub name: &'static str,
    /// Type of the metric.
    pub kind: MetricKind,
    /// Base unit: `seconds`, `bytes`, or the counted noun.
    pub unit: &'static str,
    /// Labels in the order in which they are recorded.
    pub labels: &'static [Label],
    /// Description in one sentence, shown as `# HELP`.
    pub help: &'static str,
}

/// Type of a metric.
#[derive(Debug, Clone, Copy)]
pub enum MetricKind {
    /// Value that only increases.
    Counter,
    /// Value that can increase and decrease.
    Gauge,
    /// Distribution of values, with these upper bounds.
    Histogram(&'static [f64]),
}

/// A label with its possible values.
#[derive(Debug)]
pub struct Label {
    /// `source`
    pub name: &'static str,
    /// Possible values.
    pub values: LabelValues,
}

/// Possible values of a label.
#[derive(Debug, Clone, Copy)]
pub enum LabelValues {
    /// Names from the configuration.
    Configured,
    /// A fixed list.
    OneOf(&'static [&'static str]),
}

const SOURCE: Label = configured("source");
const DATASET: Label = configured("dataset");
const TABLE: Label = configured("table");
const JOB: Label = configured("job");

/// Half a second to half a day: from a slice without new records to a day of 100,000 records.
const RUN_SECONDS: &[f64] = &[
    0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0,
];
/// Up to the time-outs that requests usually have.
const REQUEST_SECONDS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// From a poll of the clock to a day of downtime.
const DELAY_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 86_400.0];
/// From a local folder to an object store that is throttled.
const LAKE_SECONDS: &[f64] = &[
    0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Outcomes of a run.
pub(crate) const RUN_STATUS: &[&str] = &["ok", "partial", "failed"];
/// Outcomes of a row; their counts add up to all fetched rows (promise P2).
pub(crate) const OUTCOME: &[&str] = &["new", "duplicate", "off_day"];
/// Outcomes of letting a table's index follow a run.
pub(crate) const TABLE_INDEX_OUTCOME: &[&str] = &["written", "late"];
/// Outcomes of building a silver table.
pub(crate) const SILVER_OUTCOME: &[&str] = &["written", "unchanged", "held_back", "failed"];
/// Outcomes of the comparison of a day with the API: `verify::Outcome`.
pub(crate) const VERIFIED_OUTCOME: &[&str] =
    &["same", "repaired", "unknown", "different", "failed"];
/// HTTP statuses with a label value of their own; others are counted by class. `none` is a request without a
/// response.
pub(crate) const HTTP_STATUS: &[&str] = &[
    "200", "204", "400", "401", "403", "404", "408", "422", "425", "429", "500", "502", "503",
    "504", "1xx", "2xx", "3xx", "4xx", "5xx", "none",
];
/// Reasons of a retry: `source::failure` has the same names.
pub(crate) const RETRY_REASON: &[&str] = &[
    "status",
    "rate_limited",
    "html",
    "not_json",
    "empty_body",
    "bad_body",
    "timed_out",
    "no_connection",
    "broke_off",
];
/// Reasons that a slot passed without a run of its own: `schedule::missed::MissedReason`.
pub(crate) const MISSED_REASON: &[&str] = &["downtime", "overlap", "paused"];
/// Operations on the lake.
pub(crate) const LAKE_OPERATION: &[&str] = &["get", "list", "create", "replace"];
/// Outcomes of an operation on the lake; `lost_race` is a conditional write that lost to another writer.
pub(crate) const ALERT_RULE: &[&str] = &[
    "unproven",
    "stuck",
    "stale",
    "failing",
    "down",
    "volume",
    "drift",
    "quality",
    "held_back",
    "lake",
];
/// Severities of an expectation.
pub(crate) const SEVERITY: &[&str] = &["warn", "error"];
pub(crate) const LAKE_OUTCOME: &[&str] = &["ok", "lost_race", "error"];

pub(crate) const RUNS: Metric = Metric {
    name: "bronzed_runs_total",
    kind: MetricKind::Counter,
    unit: "runs",
    labels: &[SOURCE, DATASET, JOB, one_of("status", RUN_STATUS)],
    help: "Runs that have ended, by how they ended.",
};
pub(crate) const RUN_DURATION: Metric = Metric {
    name: "bronzed_run_duration_seconds",
    kind: MetricKind::Histogram(RUN_SECONDS),
    unit: "seconds",
    labels: &[SOURCE, DATASET],
    help: "How long runs took, from their start to their entry in the state.",
};
pub(crate) const RECORDS: Metric = Metric {
    name: "bronzed_records_total",
    kind: MetricKind::Counter,
    unit: "records",
    labels: &[SOURCE, DATASET, one_of("outcome", OUTCOME)],
    help: "Records of accepted pages, by what became of them; the sum is what was fetched.",
};
pub(crate) const UNIDENTIFIED: Metric = Metric {
    name: "bronzed_unidentified_records_total",
    kind: MetricKind::Counter,
    unit: "records",
    labels: &[SOURCE, DATASET],
    help: "Fetched records without a usable id, kept under the hash of their content.",
};
pub(crate) const SCHEMA_DRIFT: Metric = Metric {
    name: "bronzed_schema_drift_total",
    kind: MetricKind::Counter,
    unit: "values",
    labels: &[SOURCE, DATASET],
    help: "Values that went into _extra: undeclared, or not what the schema declares.",
};
pub(crate) const EXPECTATION_EVALUATED: Metric = Metric {
    name: "bronzed_expectation_evaluated_total",
    kind: MetricKind::Counter,
    unit: "rows",
    labels: &[SOURCE, DATASET, configured("expectation")],
    help: "New rows that an expectation was evaluated on; of a check of a day as a whole, evaluations.",
};
pub(crate) const EXPECTATION_UNEXPECTED: Metric = Metric {
    name: "bronzed_expectation_unexpected_total",
    kind: MetricKind::Counter,
    unit: "rows",
    labels: &[SOURCE, DATASET, configured("expectation")],
    help: "Those of them that weren't as expected.",
};
pub(crate) const EXPECTATION_FAILED: Metric = Metric {
    name: "bronzed_expectation_failed_runs_total",
    kind: MetricKind::Counter,
    unit: "runs",
    labels: &[
        SOURCE,
        DATASET,
        configured("expectation"),
        one_of("severity", SEVERITY),
    ],
    help: "Runs in which fewer rows were as expected than the expectation asks for.",
};
pub(crate) const REQUESTS: Metric = Metric {
    name: "bronzed_requests_total",
    kind: MetricKind::Counter,
    unit: "requests",
    labels: &[SOURCE, DATASET],
    help: "Requests sent to the API, retries included.",
};
pub(crate) const REQUEST_DURATION: Metric = Metric {
    name: "bronzed_request_duration_seconds",
    kind: MetricKind::Histogram(REQUEST_SECONDS),
    unit: "seconds",
    labels: &[SOURCE, one_of("status", HTTP_STATUS)],
    help: "How long requests took, from sending to the end of the body, by HTTP status.",
};
pub(crate) const RETRIES: Metric = Metric {
    name: "bronzed_retries_total",
    kind: MetricKind::Counter,
    unit: "requests",
    labels: &[SOURCE, one_of("reason", RETRY_REASON)],
    help: "Requests sent again, by what was wrong with the try before.",
};
pub(crate) const FRESHNESS: Metric = Metric {
    name: "bronzed_dataset_freshness_seconds",
    kind: MetricKind::Gauge,
    unit: "seconds",
    labels: &[SOURCE, DATASET],
    help: "Time since the start of the last run that ended well, whatever its job; the age of the newest data.",
};
pub(crate) const JOB_FRESHNESS: Metric = Metric {
    name: "bronzed_job_freshness_seconds",
    kind: MetricKind::Gauge,
    unit: "seconds",
    labels: &[SOURCE, DATASET, JOB],
    help: "Time since a run last did well what the job asks for; where none is known, since the daemon started.",
};
pub(crate) const JOB_FRESHNESS_LIMIT: Metric = Metric {
    name: "bronzed_job_freshness_limit_seconds",
    kind: MetricKind::Gauge,
    unit: "seconds",
    labels: &[SOURCE, DATASET, JOB],
    help: "The age beyond which data are stale: the job's `freshness`.",
};
pub(crate) const COMPLETE: Metric = Metric {
    name: "bronzed_complete_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Days that are complete.",
};
pub(crate) const ACCEPTED: Metric = Metric {
    name: "bronzed_accepted_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Days that a person has accepted as they are, and that are not complete.",
};
pub(crate) const INCOMPLETE: Metric = Metric {
    name: "bronzed_incomplete_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Past days that are wanted (begun, or named by a job or coverage once) and neither complete nor accepted.",
};
pub(crate) const BACKLOG: Metric = Metric {
    name: "bronzed_backlog_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Incomplete days that could be complete: they have settled, and a slot has come since.",
};
pub(crate) const BACKLOG_AGE: Metric = Metric {
    name: "bronzed_backlog_oldest_seconds",
    kind: MetricKind::Gauge,
    unit: "seconds",
    labels: &[SOURCE, DATASET],
    help: "How long the oldest day of the backlog has been settled; 0 where there is none.",
};
pub(crate) const OVERDUE: Metric = Metric {
    name: "bronzed_overdue_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Days of the backlog that could be complete for longer than their job's `complete_by`.",
};
pub(crate) const STUCK: Metric = Metric {
    name: "bronzed_stuck_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Days of the backlog that were tried eight times or more since they settled.",
};
pub(crate) const VERIFIED: Metric = Metric {
    name: "bronzed_verified_partitions_total",
    kind: MetricKind::Counter,
    unit: "days",
    labels: &[SOURCE, DATASET, one_of("outcome", VERIFIED_OUTCOME)],
    help: "Days compared with what the API states, by what that came to.",
};
pub(crate) const STATE_SIZE: Metric = Metric {
    name: "bronzed_state_bytes",
    kind: MetricKind::Gauge,
    unit: "bytes",
    labels: &[SOURCE, DATASET],
    help: "Size of the state document that was written last.",
};
pub(crate) const TABLE_INDEX: Metric = Metric {
    name: "bronzed_table_index_total",
    kind: MetricKind::Counter,
    unit: "runs",
    labels: &[SOURCE, DATASET, one_of("outcome", TABLE_INDEX_OUTCOME)],
    help: "Runs that the table's Delta log had to follow, by whether it did.",
};
pub(crate) const SILVER_BUILDS: Metric = Metric {
    name: "bronzed_silver_builds_total",
    kind: MetricKind::Counter,
    unit: "builds",
    labels: &[SOURCE, TABLE, one_of("outcome", SILVER_OUTCOME)],
    help: "Builds of a silver table by the daemon, by what they came to.",
};
pub(crate) const SILVER_ROWS: Metric = Metric {
    name: "bronzed_silver_rows",
    kind: MetricKind::Gauge,
    unit: "rows",
    labels: &[SOURCE, TABLE],
    help: "Rows of a silver table after its last build.",
};
pub(crate) const SILVER_DAYS_BEHIND: Metric = Metric {
    name: "bronzed_silver_behind_partitions",
    kind: MetricKind::Gauge,
    unit: "days",
    labels: &[SOURCE, TABLE],
    help: "Bronze days with commits that a silver table didn't have after its last build.",
};
pub(crate) const SILVER_HELD_BACK: Metric = Metric {
    name: "bronzed_silver_held_back_partitions",
    kind: MetricKind::Gauge,
    unit: "partitions",
    labels: &[SOURCE, TABLE],
    help: "Partitions that the last build of a silver table has held back, because an expectation failed.",
};
pub(crate) const SILVER_UNFIT: Metric = Metric {
    name: "bronzed_silver_unfit_values_total",
    kind: MetricKind::Counter,
    unit: "values",
    labels: &[SOURCE, TABLE],
    help: "Values that are null in a silver table, because the type of their column can't hold them.",
};
pub(crate) const COMPACTED_DAYS: Metric = Metric {
    name: "bronzed_compacted_partitions_total",
    kind: MetricKind::Counter,
    unit: "days",
    labels: &[SOURCE, DATASET],
    help: "Days whose files the daemon has compacted for readers of the table's Delta log.",
};
pub(crate) const SCHEDULE_DELAY: Metric = Metric {
    name: "bronzed_schedule_delay_seconds",
    kind: MetricKind::Histogram(DELAY_SECONDS),
    unit: "seconds",
    labels: &[SOURCE, JOB],
    help: "Time from the slot of a job to the start of its runs.",
};
pub(crate) const MISSED_SLOTS: Metric = Metric {
    name: "bronzed_missed_slots_total",
    kind: MetricKind::Counter,
    unit: "slots",
    labels: &[SOURCE, DATASET, JOB, one_of("reason", MISSED_REASON)],
    help: "Slots that passed without a run of their own, by reason.",
};
pub(crate) const API_DOWN: Metric = Metric {
    name: "bronzed_api_down",
    kind: MetricKind::Gauge,
    unit: "1",
    labels: &[SOURCE, DATASET],
    help: "1 while the circuit breaker of the dataset's host or endpoint is open: only probes are sent.",
};
pub(crate) const CLOCK_JUMPS: Metric = Metric {
    name: "bronzed_clock_jumps_total",
    kind: MetricKind::Counter,
    unit: "jumps",
    labels: &[],
    help: "How often the clock was set, or the machine slept.",
};
pub(crate) const LAKE_DURATION: Metric = Metric {
    name: "bronzed_lake_operation_duration_seconds",
    kind: MetricKind::Histogram(LAKE_SECONDS),
    unit: "seconds",
    labels: &[
        one_of("operation", LAKE_OPERATION),
        one_of("outcome", LAKE_OUTCOME),
    ],
    help: "How long the lake took, by operation and outcome.",
};
pub(crate) const ALERTS_ACTIVE: Metric = Metric {
    name: "bronzed_alerts_active",
    kind: MetricKind::Gauge,
    unit: "alerts",
    labels: &[one_of("rule", ALERT_RULE)],
    help: "Alerts that have started and not ended, by rule.",
};
pub(crate) const BUILD_INFO: Metric = Metric {
    name: "bronzed_build_info",
    kind: MetricKind::Gauge,
    unit: "1",
    labels: &[one_of("version", &[env!("CARGO_PKG_VERSION")])],
    help: "Always 1; the label tells the version that is running.",
};

/// Every metric, in the order of the docs.
pub const CATALOGUE: &[&Metric] = &[
    &RUNS,
    &RUN_DURATION,
    &RECORDS,
    &UNIDENTIFIED,
    &SCHEMA_DRIFT,
    &EXPECTATION_EVALUATED,
    &EXPECTATION_UNEXPECTED,
    &EXPECTATION_FAILED,
    &REQUESTS,
    &REQUEST_DURATION,
    &RETRIES,
    &FRESHNESS,
    &JOB_FRESHNESS,
    &JOB_FRESHNESS_LIMIT,
    &COMPLETE,
    &ACCEPTED,
    &INCOMPLETE,
    &BACKLOG,
    &BACKLOG_AGE,
    &OVERDUE,
    &STUCK,
    &VERIFIED,
    &STATE_SIZE,
    &TABLE_INDEX,
    &SILVER_BUILDS,
    &SILVER_ROWS,
    &SILVER_DAYS_BEHIND,
    &SILVER_HELD_BACK,
    &SILVER_UNFIT,
    &COMPACTED_DAYS,
    &SCHEDULE_DELAY,
    &MISSED_SLOTS,
    &API_DOWN,
    &CLOCK_JUMPS,
    &LAKE_DURATION,
    &ALERTS_ACTIVE,
    &BUILD_INFO,
];

/// Renders the catalogue as `docs/operate/metrics.md`.
pub fn to_markdown() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Served at `/metrics` in the Prometheus text format, without a token. This page is written \
         from the\ncatalogue in `crates/metrics/src/catalogue.rs` \
         (`UPDATE_DOCS=1 cargo test -p bronzed-metrics`).\n\n\
         | metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in CATALOGUE {
        let labels: Vec<_> = metric
            .labels
            .iter()
            .map(|l| format!("`{}`", l.name))
            .collect();
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        let Metric {
            name, unit, help, ..
        } = metric;
        let labels = labels.join(", ");
        // Writing to a string can't fail.
        let _ = writeln!(page, "| `{name}` | {kind} | {unit} | {labels} | {help} |");
    }
    page.push_str(
        "\n`source`, `dataset` and `job` are names of the configuration; `job` may also be \
         `manual`. The other labels:\n\n| metric | label | values |\n|---|---|---|\n",
    );
    for metric in CATALOGUE {
        for label in metric.labels {
            let values = match label.values {
                LabelValues::Configured => continue,
                // The page must not change with each release.
                LabelValues::OneOf(_) if label.name == "version" => "the version".to_owned(),
                LabelValues::OneOf(values) => format!("`{}`", values.join("`, `")),
            };
            let _ = writeln!(page, "| `{}` | `{}` | {values} |", metric.name, label.name);
        }
    }
    page
}

const fn configured(name: &'static str) -> Label {
    Label {
        name,
        values: LabelValues::Configured,
    }
}

const fn one_of(name: &'static str, values: &'static [&'static str]) -> Label {
    Label {
        name,
        values: LabelValues::OneOf(values),
    }
}
