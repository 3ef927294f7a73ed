//! Progress of runs on a terminal: what, where, how fast, and why it stands still.
//!
//! ```text
//! pncp.contratacoes 2025-10-22  [=========>            ] 18 of 41 pages, 9s left
//!   850 records, 41/s, 12 new
//! ```
//!
//! While a request waits to be sent again, the second line says so: `again in 7.8 s: 429 …`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono_tz::Tz;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::backfill::Outage;
use crate::cli::CliContext;
use crate::cli::text::time;
use crate::telemetry::short::ProblemLines;
use bronzed_engine::ingest::Order;
use bronzed_engine::ingest::progress::{Observer, Progress};

/// Number of records since reading began, to compute the rate.
#[derive(Default)]
struct Records {
    count: AtomicU64,
    begun: OnceLock<Instant>,
}

impl Records {
    fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// Adds to the count; returns the total and the rate per second.
    fn add(&self, more: u64) -> (u64, f64) {
        let count = self.count.fetch_add(more, Ordering::Relaxed) + more;
        let seconds = self
            .begun
            .get()
            .map_or(0.0, |at| at.elapsed().as_secs_f64());
        (count, count as f64 / seconds.max(0.001))
    }
}

/// Two lines on standard error: nothing is drawn unless that is a terminal.
struct Lines {
    bar: ProgressBar,
    problems: Arc<ProblemLines>,
}

impl Lines {
    fn new(bars: &MultiProgress, problems: &Arc<ProblemLines>, parts: &str) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        let template = format!(
            "{{prefix}}  [{{wide_bar}}] {{pos}} of {{len}} {parts}, {{eta}} left\n  {{wide_msg}}"
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        let shown = bar.clone();
        problems.on_wait(Some(Box::new(move |reason| {
            shown.set_message(reason.to_owned());
        })));
        Self {
            bar,
            problems: problems.clone(),
        }
    }

    /// Removes the lines, because the summary follows.
    fn finish(&self) {
        self.problems.on_wait(None);
        self.bar.finish_and_clear();
    }
}

/// Progress of one run.
pub struct Bar {
    lines: Lines,
    records: Records,
    new: AtomicU64,
}

impl Bar {
    /// Starts the progress of the run of `order`.
    pub fn of(shell: &CliContext, order: &Order) -> Arc<Self> {
        let lines = Lines::new(&shell.bars, &shell.problems, "pages");
        let prefix = format!("{} {}", order.dataset.full_name(), order.day);
        lines.bar.set_prefix(prefix);
        lines.bar.enable_steady_tick(Duration::from_millis(200));
        let records = Records::default();
        records.begin();
        Arc::new(Self {
            lines,
            records,
            new: AtomicU64::new(0),
        })
    }

    /// Ends the progress.
    pub fn finish(&self) {
        self.lines.finish();
    }
}

impl Observer for Bar {
    fn notice(&self, progress: Progress) {
        match progress {
            Progress::Pages { more } => self.lines.bar.inc_length(more),
            Progress::Page { records, new } => {
                let (records, rate) = self.records.add(records);
                let new = self.new.fetch_add(new, Ordering::Relaxed) + new;
                self.lines.bar.inc(1);
                let message = format!("{records} records, {rate:.0}/s, {new} new");
                self.lines.bar.set_message(message);
            }
            Progress::Started { .. } | Progress::SliceDone | Progress::Committed { .. } => {}
        }
    }
}

/// Progress of the build of a silver table, in bronze days.
#[cfg(feature = "delta")]
pub struct StepBar(Lines);

#[cfg(feature = "delta")]
impl StepBar {
    /// Starts the progress of a table.
    pub fn new(shell: &CliContext, table: &str) -> Self {
        let lines = Lines::new(&shell.bars, &shell.problems, "days");
        lines.bar.set_prefix(table.to_owned());
        lines.bar.enable_steady_tick(Duration::from_millis(200));
        Self(lines)
    }

    /// Shows a step that is done.
    pub fn notice(&self, at: &bronzed_tables::silver::BuildProgress) {
        let bar = &self.0.bar;
        bar.set_length(at.days + at.days_left);
        bar.set_position(at.days);
        bar.set_message(format!("{} rows read, {} steps", at.rows_read, at.steps));
    }

    /// Ends the progress.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// Progress of an export, in files.
pub struct FileBar(Lines);

impl FileBar {
    /// Starts the progress of a table with so many files.
    pub fn new(shell: &CliContext, table: &str, files: usize) -> Self {
        let lines = Lines::new(&shell.bars, &shell.problems, "files");
        lines.bar.set_prefix(table.to_owned());
        lines.bar.set_length(files as u64);
        lines.bar.enable_steady_tick(Duration::from_millis(200));
        Self(lines)
    }

    /// Shows a file that is done, and the rows so far.
    pub fn file_done(&self, rows: u64) {
        self.0.bar.inc(1);
        self.0.bar.set_message(format!("{rows} rows"));
    }

    /// Ends the progress.
    pub fn finish(&self) {
        self.0.finish();
    }
}

/// Progress over days: of a backfill, or of a comparison.
pub struct DayBar {
    lines: Lines,
    zone: Tz,
    records: Records,
    /// Dataset and day that are read.
    at: Mutex<String>,
}

impl DayBar {
    /// Creates the progress of `source`; not drawn yet.
    pub fn new(shell: &CliContext, source: &str, zone: Tz) -> Arc<Self> {
        let lines = Lines::new(&shell.bars, &shell.problems, "days");
        lines.bar.set_prefix(source.to_owned());
        Arc::new(Self {
            lines,
            zone,
            records: Records::default(),
            at: Mutex::default(),
        })
    }

    /// Starts the progress with the number of days to read.
    pub fn begin(&self, days: usize) {
        self.records.begin();
        self.lines.bar.set_length(days as u64);
        self.lines
            .bar
            .enable_steady_tick(Duration::from_millis(200));
    }

    /// Shows the day that is read now.
    pub fn reads(&self, order: &Order) {
        let at = format!("{} {}", order.dataset.full_name(), order.day);
        self.lines.bar.set_message(at.clone());
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Shows that the backfill waits for the end of an outage.
    pub fn waits(&self, outage: &Outage) {
        self.lines.bar.set_message(format!(
            "waits for {}, tried again at {} (down since {}: {})",
            outage.what,
            time::at(outage.probe_at, self.zone),
            time::at(outage.since, self.zone),
            outage.reason,
        ));
    }

    /// Shows that requests are retried after an outage.
    pub fn tries(&self) {
        self.lines.bar.set_message("tries again");
    }

    /// Counts a finished day, whatever its outcome.
    pub fn day_done(&self) {
        self.lines.bar.inc(1);
    }

    /// Ends the progress.
    pub fn finish(&self) {
        self.lines.finish();
    }
}

impl Observer for DayBar {
    fn notice(&self, progress: Progress) {
        if let Progress::Page { records, .. } = progress {
            let (records, rate) = self.records.add(records);
            let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
            let message = format!("{at}: {records} records so far, {rate:.0}/s");
            self.lines.bar.set_message(message);
        }
    }
}
