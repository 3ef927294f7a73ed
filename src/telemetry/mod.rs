//! Structured logs on standard error: one JSON object a line, or pretty on a terminal.
//!
//! Messages are constants, the names of the [`events`]; data is in fields. Every line of a run
//! carries `run_id`, `source`, `dataset`, `day` and `job` from the run's span. Numbers are in
//! [`metrics`].

pub mod events;
mod json;
pub mod metrics;

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;

use crate::config::settings::{LogFormat, TelemetrySettings};
use crate::secrets::hide;

/// A log filter that can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the log filter `{filter}` isn't one: {reason}; write it as `info` or `bronzed=debug,warn`"
)]
pub struct FilterError {
    filter: String,
    reason: String,
}

/// Begins to log. `filter` replaces the settings' where a command or a person asks for another
/// one; lines are written above the progress bars of `bars`.
///
/// # Errors
/// When the filter can't be read.
pub fn init(
    settings: &TelemetrySettings,
    filter: Option<&str>,
    bars: &MultiProgress,
) -> Result<(), FilterError> {
    let filter = filter.unwrap_or(&settings.log);
    // How the cron crate starts and stops is nobody's business, unless somebody asks for it.
    let quiet = format!("tokio_cron_scheduler=warn,{filter}");
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
    let builder = tracing_subscriber::fmt()
        .with_env_filter(env_filter)
        .with_writer(AboveBars(bars.clone()));
    // A second call, as tests make it, keeps the first one's subscriber.
    let _ = if json {
        builder
            .fmt_fields(JsonFields::new())
            .event_format(json::Lines)
            .try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).try_init()
    };
    Ok(())
}

/// Lets panics be lines of the log, with their place, rather than text between them.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panicked");
    }));
}

/// Standard error without secrets, with progress bars out of the way while a line is written: each
/// line is one write.
#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let shown = hide(&text);
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
