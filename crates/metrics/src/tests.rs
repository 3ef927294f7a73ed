//! Checks recorded metrics against the catalogue, the catalogue against the docs, and both against
//! Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::catalogue::{CATALOGUE, LabelValues, Metric, MetricKind, RETRY_REASON, to_markdown};
use super::events::{self, *};
use super::*;
use bronzed_model::counts::Counts;
use bronzed_model::declaration::ExpectationSeverity;
use bronzed_model::execution::Status;
use bronzed_model::quality::ExpectationResult;

/// Records every metric once; returns the rendered text.
fn sample() -> String {
    let (metrics, recorder) = Metrics::detached().unwrap();
    metrics::with_local_recorder(&recorder, || {
        let (source, dataset) = ("pncp", "contratacoes");
        start_at_zero(source, dataset, ["hourly", "daily"]);
        RunFinished {
            source,
            dataset,
            job: "hourly",
            status: Status::Ok,
            counts: &Counts {
                fetched: 12,
                new: 7,
                duplicates: 4,
                off_day: 1,
                unidentified: 2,
                drift: 3,
                requests: 5,
                retries: 1,
                ..Counts::default()
            },
            duration: Duration::from_millis(1500),
        }
        .record();
        let result = ExpectationResult {
            check: "not_null".to_owned(),
            severity: ExpectationSeverity::Error,
            evaluated: 5,
            unexpected: 1,
            success: false,
            examples: Vec::new(),
        };
        ExpectationEvaluated {
            source,
            dataset,
            expectation: "there",
            result: &result,
        }
        .record();
        let request = RequestFinished {
            source,
            dataset,
            status: Some(200),
            duration: Duration::from_millis(300),
        };
        request.record();
        RequestFinished {
            status: None,
            ..request
        }
        .record();
        for reason in RETRY_REASON {
            request_retried(source, reason);
        }
        DatasetGauges {
            source,
            dataset,
            freshness: Some(Duration::from_secs(90)),
            complete_days: 20,
            accepted_days: 2,
            incomplete_days: 4,
            backlog_days: 3,
            overdue_days: 1,
            stuck_days: 1,
            down: true,
            oldest_backlog_seconds: Some(90_000),
        }
        .record();
        job_freshness(
            (source, dataset, "hourly"),
            Duration::from_secs(90),
            Duration::from_secs(7_200),
        );
        clock_jumped();
        events::alerts_active("down", 1);
        let built = silver::SilverBuilt {
            source: "pncp",
            table: "contratacoes",
        };
        built.start_at_zero();
        built.ended(true, false);
        built.failed();
        built.unfit(2);
        built.stands(7, 1, 2);
        state_written(source, dataset, 4096);
        day_verified(source, dataset, "same");
        slot_started(source, "hourly", Duration::from_millis(20));
        slots_missed((source, dataset, "hourly"), "downtime", 4);
        events::lake_operation(LakeOperation::Create, LakeOutcome::LostRace, Duration::ZERO);
        events::lake_operation(
            LakeOperation::Get,
            LakeOutcome::Ok,
            Duration::from_millis(2),
        );
        events::lake_operation(LakeOperation::List, LakeOutcome::Error, Duration::ZERO);
        events::lake_operation(LakeOperation::Replace, LakeOutcome::Ok, Duration::ZERO);
    });
    metrics.upkeep();
    metrics.render()
}

/// A sample line of the text format.
#[derive(Debug)]
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    value: f64,
}

/// Parses the text format; label values have no quotes or commas in these tests.
fn samples(text: &str) -> Vec<Sample<'_>> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
                None => (series, ""),
            };
            let labels = labels.split(',').filter(|pair| !pair.is_empty());
            let labels = labels.map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name, value.trim_matches('"'))
            });
            Sample {
                name,
                labels: labels.collect(),
                value: value.parse().unwrap(),
            }
        })
        .collect()
}

fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: BTreeMap<_, _> = labels.iter().copied().collect();
    let found = samples(text)
        .into_iter()
        .find(|sample| sample.name == name && sample.labels == labels);
    found.unwrap_or_else(|| panic!("{name} {labels:?}")).value
}

/// Returns the metric of a sample; histograms have three suffixes.
fn metric_of(sample: &Sample) -> &'static Metric {
    let by_name = |name: &str| CATALOGUE.iter().find(|metric| metric.name == name);
    let endings = ["_bucket", "_sum", "_count"];
    let base = endings
        .iter()
        .find_map(|ending| sample.name.strip_suffix(ending));
    by_name(sample.name)
        .or_else(|| by_name(base?).filter(|metric| matches!(metric.kind, MetricKind::Histogram(_))))
        .unwrap_or_else(|| panic!("{} isn't in the catalogue", sample.name))
}

#[test]
fn what_is_recorded_is_what_the_catalogue_says() {
    let text = sample();
    let mut seen = BTreeSet::new();
    for sample in samples(&text) {
        let metric = metric_of(&sample);
        seen.insert(metric.name);
        let labels: BTreeSet<_> = sample
            .labels
            .keys()
            .copied()
            .filter(|l| *l != "le")
            .collect();
        let declared: BTreeSet<_> = metric.labels.iter().map(|label| label.name).collect();
        assert_eq!(labels, declared, "{}", sample.name);
        for label in metric.labels {
            if let LabelValues::OneOf(values) = label.values {
                let value = sample.labels[label.name];
                assert!(
                    values.contains(&value),
                    "{} {}={value}",
                    sample.name,
                    label.name
                );
            }
        }
    }
    let declared: BTreeSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
    assert_eq!(seen, declared);
}

#[test]
fn each_metric_says_what_it_is() {
    let text = sample();
    for metric in CATALOGUE {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        let (name, help) = (metric.name, metric.help);
        assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
    }
}

#[test]
fn names_follow_the_conventions() {
    for metric in CATALOGUE {
        let name = metric.name;
        let counter = matches!(metric.kind, MetricKind::Counter);
        assert!(name.starts_with("bronzed_"), "{name}");
        assert_eq!(name.ends_with("_total"), counter, "{name}");
        if matches!(metric.unit, "seconds" | "bytes") && !counter {
            assert!(name.ends_with(&format!("_{}", metric.unit)), "{name}");
        }
        // To Prometheus' checker any of these is a time in a wrong unit, a count of days, too.
        let words: BTreeSet<&str> = name.split('_').collect();
        for unit in ["milliseconds", "minutes", "hours", "days", "weeks"] {
            assert!(!words.contains(unit), "{name}: time is in seconds");
        }
    }
}

#[test]
fn the_fates_of_a_runs_records_add_up_to_what_was_fetched_p2() {
    let text = sample();
    let records = samples(&text)
        .into_iter()
        .filter(|sample| sample.name == "bronzed_records_total");
    assert_eq!(records.map(|sample| sample.value).sum::<f64>(), 12.0);
    let dataset = [("source", "pncp"), ("dataset", "contratacoes")];
    let new = [dataset[0], dataset[1], ("outcome", "new")];
    assert_eq!(value(&text, "bronzed_records_total", &new), 7.0);
    assert_eq!(
        value(&text, "bronzed_unidentified_records_total", &dataset),
        2.0
    );
    assert_eq!(value(&text, "bronzed_requests_total", &dataset), 2.0);
    assert_eq!(
        value(&text, "bronzed_run_duration_seconds_sum", &dataset),
        1.5
    );
}

#[test]
fn failures_are_visible_before_the_first_one() {
    let text = sample();
    let failed = [
        ("source", "pncp"),
        ("dataset", "contratacoes"),
        ("job", "daily"),
        ("status", "failed"),
    ];
    assert_eq!(value(&text, "bronzed_runs_total", &failed), 0.0);
}

#[test]
fn the_docs_are_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/metrics.md");
    let page = to_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/operate/metrics.md is out of step: run this test with UPDATE_DOCS=1"
    );
}

#[test]
#[ignore = "needs promtool, from the Debian package `prometheus`"]
fn promtool_has_nothing_to_say() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = sample();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}
