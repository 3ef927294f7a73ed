//! Metrics in the Prometheus text format.
//!
//! [`events`] and [`silver`] have the recording functions, [`catalogue`] the metrics and their meaning. [`Metrics`] installs
//! the recorder and renders it: the server serves the text at `/metrics`. Without a recorder (`bronzed run`),
//! recording does nothing and costs nothing.
//!
//! ```text
//! # HELP bronzed_runs_total Runs that have ended, by how they ended.
//! # TYPE bronzed_runs_total counter
//! bronzed_runs_total{source="pncp",dataset="contratacoes",job="hourly",status="ok"} 3
//! ```

pub mod catalogue;
pub mod events;
pub mod silver;

use metrics::{Recorder, Unit, gauge};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use catalogue::{CATALOGUE, MetricKind};

/// Error of setting up metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A histogram of the catalogue has no bounds.
    #[error("the histogram `{name}` can't be set up: give it at least one bound")]
    Bounds {
        /// The metric's name.
        name: &'static str,
    },
    /// The process already has a recorder.
    #[error("metrics are recorded elsewhere already: install them once in a process")]
    Installed,
}

/// Handle to the recorder. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder for the whole process.
    ///
    /// # Errors
    /// Returns an error if the process already has a recorder.
    pub fn install() -> Result<Self, MetricsError> {
        let (metrics, recorder) = Self::detached()?;
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Installed)?;
        Ok(metrics)
    }

    /// Creates a recorder without installing it, for [`metrics::with_local_recorder`].
    ///
    /// # Errors
    /// Returns an error if the catalogue is invalid.
    pub fn detached() -> Result<(Self, PrometheusRecorder), MetricsError> {
        let mut builder = PrometheusBuilder::new();
        for metric in CATALOGUE {
            if let MetricKind::Histogram(bounds) = metric.kind {
                let matcher = Matcher::Full(metric.name.to_owned());
                builder = builder
                    .set_buckets_for_metric(matcher, bounds)
                    .map_err(|_| MetricsError::Bounds { name: metric.name })?;
            }
        }
        let recorder = builder.build_recorder();
        metrics::with_local_recorder(&recorder, || {
            gauge!(catalogue::BUILD_INFO.name, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        });
        describe(&recorder);
        Ok((Self(recorder.handle()), recorder))
    }

    /// Renders all metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Aggregates recorded durations into their histograms. To be called about every minute, because single
    /// values are kept in memory between calls and scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

fn describe(recorder: &impl Recorder) {
    for metric in CATALOGUE {
        let unit = match metric.unit {
            "seconds" => Some(Unit::Seconds),
            "bytes" => Some(Unit::Bytes),
            _ => None,
        };
        let (name, help) = (metric.name.into(), metric.help.into());
        match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram(_) => recorder.describe_histogram(name, unit, help),
        }
    }
}

#[cfg(test)]
mod tests;
