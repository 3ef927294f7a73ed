//! Progress of a run on a terminal: pages, records, rate, time left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::backfill::Outage;
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

/// Progress line of one run. Nothing is drawn unless standard error is a terminal.
pub struct Bar {
    line: ProgressBar,
    records: Records,
    new: AtomicU64,
}

impl Bar {
    /// Creates the line for the run of `order`.
    pub fn of(bars: &MultiProgress, order: &Order) -> Arc<Self> {
        let line = bars.add(ProgressBar::new(0));
        let template = "{prefix} [{bar:24}] {pos}/{len} pages  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style.progress_chars("=> "));
        }
        line.set_prefix(format!("{} {}", order.dataset.full_name(), order.day));
        line.enable_steady_tick(Duration::from_millis(200));
        let records = Records::default();
        records.begin();
        Arc::new(Self {
            line,
            records,
            new: AtomicU64::new(0),
        })
    }

    /// Removes the line, because the summary follows.
    pub fn finish(&self) {
        self.line.finish_and_clear();
    }
}

impl Observer for Bar {
    fn notice(&self, progress: Progress) {
        match progress {
            Progress::Pages { more } => self.line.inc_length(more),
            Progress::Page { records, new } => {
                let (records, rate) = self.records.add(records);
                let new = self.new.fetch_add(new, Ordering::Relaxed) + new;
                self.line.inc(1);
                self.line
                    .set_message(format!("{records} records, {rate:.0}/s, {new} new"));
            }
            Progress::Started { .. } | Progress::SliceDone | Progress::Committed { .. } => {}
        }
    }
}

/// Progress line of a backfill: days, records, rate, time left.
pub struct DayBar {
    line: ProgressBar,
    records: Records,
}

impl DayBar {
    /// Creates the line for a backfill of `source`; not drawn yet.
    pub fn new(bars: &MultiProgress, source: &str) -> Arc<Self> {
        let line = bars.add(ProgressBar::new(0));
        let template = "{prefix} [{bar:24}] {pos}/{len} days  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style.progress_chars("=> "));
        }
        line.set_prefix(source.to_owned());
        Arc::new(Self {
            line,
            records: Records::default(),
        })
    }

    /// Starts the progress with the number of days to read.
    pub fn begin(&self, days: usize) {
        self.records.begin();
        self.line.set_length(days as u64);
        self.line.enable_steady_tick(Duration::from_millis(200));
    }

    /// Shows that the backfill waits for the end of an outage.
    pub fn waits(&self, outage: &Outage) {
        self.line.set_message(format!(
            "waits for {} (down since {} UTC: {}), tried again at {}",
            outage.what,
            outage.since.format("%Y-%m-%d %H:%M:%S"),
            outage.reason,
            outage.probe_at.format("%H:%M:%S")
        ));
    }

    /// Shows that requests are retried after an outage.
    pub fn tries(&self) {
        self.line.set_message("tries again");
    }

    /// Counts a finished day, whatever its outcome.
    pub fn day_done(&self) {
        self.line.inc(1);
    }

    /// Removes the line, because the summary follows.
    pub fn finish(&self) {
        self.line.finish_and_clear();
    }
}

impl Observer for DayBar {
    fn notice(&self, progress: Progress) {
        if let Progress::Page { records, .. } = progress {
            let (records, rate) = self.records.add(records);
            self.line
                .set_message(format!("{records} records, {rate:.0}/s"));
        }
    }
}
