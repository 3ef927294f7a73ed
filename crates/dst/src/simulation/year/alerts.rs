//! Checks the alerts that the daemon raised against the injected faults.
//!
//! A stale alert is wrong if the endpoint, the lake and the daemon were available for nearly all of the
//! freshness bound before it. An alert is missing if an outage lasted for the bound and the interval between
//! two slots.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::model::{TABLES, Weather};
use super::time::{At, True, days};

/// Alert that the daemon logged, raised or resolved.
#[derive(Debug, Clone, Default)]
pub struct Alert {
    pub at: Option<At>,
    pub message: String,
    pub source: String,
    pub dataset: String,
    pub job: String,
}

/// Log message of a stale dataset.
pub const STALE: &str = "dataset stale";
pub const OVERDUE: &str = "days overdue";
/// Counts for every dataset: a daemon that starts while the lake is full or unavailable doesn't know any yet.
const NOT_REACHED: &str = "lake not reached";

/// Tracing layer that collects the alerts. Clones share one list.
#[derive(Clone)]
pub struct Ears {
    heard: Arc<Mutex<Vec<Alert>>>,
    truth: True,
}

impl Ears {
    pub fn new(truth: True) -> Self {
        let heard = Arc::default();
        Self { heard, truth }
    }

    pub fn heard(&self) -> Vec<Alert> {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<S: Subscriber> Layer<S> for Ears {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::INFO
            && ["daemon::freshness", "daemon::life"]
                .iter()
                .any(|of| metadata.target().ends_with(of))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut alert = Alert {
            at: Some(self.truth.now()),
            ..Alert::default()
        };
        event.record(&mut alert);
        let of_life = event.metadata().target().ends_with("daemon::life");
        if of_life && alert.message != NOT_REACHED {
            return;
        }
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(alert);
    }
}

impl Visit for Alert {
    fn record_str(&mut self, field: &Field, value: &str) {
        let place = match field.name() {
            "message" => &mut self.message,
            "source" => &mut self.source,
            "dataset" => &mut self.dataset,
            "job" => &mut self.job,
            _ => return,
        };
        value.clone_into(place);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Freshness bound of a job in the shipped configuration.
struct Promise {
    job: &'static str,
    bound: TimeDelta,
    /// Interval between two slots.
    slots: TimeDelta,
    /// Shortest outage within `bound` that justifies an alert.
    excuse: TimeDelta,
}

fn promises(table: usize) -> Vec<Promise> {
    let hours = TimeDelta::hours;
    let spec = &TABLES[table];
    let promise = |job, bound, slots, excuse| Promise {
        job,
        bound,
        slots,
        excuse,
    };
    let daily = || promise("daily", hours(36), days(1), hours(4));
    match (spec.source, spec.dataset) {
        ("pncp", "contratacoes" | "contratos") => {
            vec![daily(), promise("hourly", hours(24), hours(1), hours(20))]
        }
        ("comprasnet", "uasg" | "orgaos" | "materiais" | "servicos") => {
            vec![promise("weekly", days(8), days(7), hours(12))]
        }
        _ => vec![daily()],
    }
}

/// Returns the wrong stale alerts and the missing ones, each as text.
pub fn judge(alerts: &[Alert], weather: &Weather, tables: &BTreeSet<usize>) -> Vec<String> {
    let hours = TimeDelta::hours;
    let told = alerts.iter().filter_map(|alert| Some((alert.at?, alert)));
    let told: Vec<_> = told.collect();
    let not_reached = told
        .iter()
        .filter(|(_, alert)| alert.message == NOT_REACHED);
    let not_reached: Vec<_> = not_reached.map(|(at, _)| *at).collect();
    let mut faults = Vec::new();
    for &table in tables {
        let spec = &TABLES[table];
        for promise in promises(table) {
            let of_job = told.iter().filter(|(_, alert)| {
                (&*alert.source, &*alert.dataset, &*alert.job)
                    == (spec.source, spec.dataset, promise.job)
            });
            let of_job: Vec<_> = of_job
                .map(|(at, alert)| (*at, alert.message == STALE))
                .collect();
            let raised = of_job.iter().filter(|(_, stale)| *stale);
            let raised: Vec<_> = raised.map(|(at, _)| *at).collect();
            let (name, job) = (spec.name(), promise.job);
            for at in &raised {
                // With a clock months ahead all data looks months old. Alerts within the bound after it aren't
                // judged either, because what was read meanwhile is dated in the future.
                if weather.clock_was_wrong(*at - promise.bound - hours(1), *at) {
                    continue;
                }
                let away = promise.bound - weather.readable(table, *at - promise.bound, *at);
                if away < promise.excuse {
                    faults.push(format!("{name} {job}: stale at {at}, and all was well"));
                }
            }
            for (from, until) in weather.away(table) {
                let before = of_job.iter().take_while(|(at, _)| *at < from).last();
                let heard = before.is_some_and(|(_, stale)| *stale)
                    || raised
                        .iter()
                        .chain(&not_reached)
                        .any(|at| from <= *at && *at <= until);
                if until - from >= promise.bound + promise.slots && !heard {
                    faults.push(format!(
                        "{name} {job}: away {from} to {until}, and no alert"
                    ));
                }
            }
        }
    }
    faults
}
