//! Structured logs on standard error: one JSON object a line, or pretty on a terminal; and [`traces`].
//!
//! Messages are constants, the names of the [`events`]; data is in fields. Every line of a run carries
//! `run_id`, `source`, `dataset`, `day` and `job` from the run's span. [`bronzed_metrics`] has the numbers.

pub mod events;
mod json;
#[cfg(test)]
mod secret_tests;
pub mod short;
pub mod traces;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use indicatif::MultiProgress;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use self::short::{ProblemLines, ShortLines};
use self::traces::Traces;
use bronzed_model::redact::redact;
use bronzed_model::settings::{LogFormat, TelemetrySettings};

/// Invalid log filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log filter `{filter}` isn't one: {reason}; write it as `info` or `bronzed=debug,warn`"
)]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// Starts logging, and sending `traces` if there are any. `filter` overrides the filter of the settings; lines are
/// written above the progress bars of `bars`. With `short`, lines that aren't JSON are short ones: see [`short`].
///
/// # Errors
/// Returns an error if the filter is invalid.
pub fn init(
    settings: &TelemetrySettings,
    filter: Option<&str>,
    bars: &MultiProgress,
    short: Option<Arc<ProblemLines>>,
    traces: Option<&Traces>,
) -> Result<(), FilterError> {
    let filter = filter.unwrap_or(&settings.log);
    // Hide the cron crate's messages below `warn`, and the Delta kernel's: it is asked again with each object that it lacks,
    // and logs an error each time. Errors that count are returned. `filter` may enable both.
    let quiet = format!("tokio_cron_scheduler=warn,delta_kernel=off,{filter}");
    let env_filter = EnvFilter::try_new(quiet).map_err(|error| FilterError {
        filter: filter.to_owned(),
        reason: error.to_string(),
    })?;
    let terminal = io::stderr().is_terminal();
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let lines = fmt::layer().with_writer(AboveBars(bars.clone()));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match short {
        _ if json => lines
            .fmt_fields(JsonFields::new())
            .event_format(json::JsonLines)
            .boxed(),
        Some(problems) => lines
            .fmt_fields(JsonFields::new())
            .event_format(ShortLines(problems))
            .boxed(),
        None => lines
            .with_ansi(console::colors_enabled_stderr())
            .with_target(false)
            .boxed(),
    };
    let mut layers = vec![lines.with_filter(env_filter).boxed()];
    layers.extend(traces.map(|traces| traces.layer().boxed()));
    // A second call, as in tests, keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

/// Logs panics as events, with their location.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panicked");
    }));
}

/// Writer to standard error that redacts secrets and suspends progress bars while a line is written. Each
/// line is one write.
#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let shown = redact(&text);
        self.0
            .suspend(|| io::stderr().write_all(shown.as_bytes()))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
