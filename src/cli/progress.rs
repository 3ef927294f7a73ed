//! Progress of a run on a terminal: pages, records, rate, time left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::ingest::Order;
use crate::ingest::progress::{Observer, Progress};

/// One run's line. Where standard error is no terminal, nothing is drawn.
pub struct Bar {
    line: ProgressBar,
    records: AtomicU64,
    new: AtomicU64,
}

impl Bar {
    /// The line of the run that `order` asks for.
    pub fn of(bars: &MultiProgress, order: &Order) -> Arc<Self> {
        let line = bars.add(ProgressBar::new(0));
        let template = "{prefix} [{bar:24}] {pos}/{len} pages  {msg}  {per_sec}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style.progress_chars("=> "));
        }
        line.set_prefix(format!("{} {}", order.dataset.full_name(), order.day));
        line.enable_steady_tick(Duration::from_millis(200));
        Arc::new(Self {
            line,
            records: AtomicU64::new(0),
            new: AtomicU64::new(0),
        })
    }

    /// Takes the line away: the summary follows.
    pub fn finish(&self) {
        self.line.finish_and_clear();
    }
}

impl Observer for Bar {
    fn notice(&self, progress: Progress) {
        match progress {
            Progress::Pages { more } => self.line.inc_length(more),
            Progress::Page { records, new } => {
                let records = self.records.fetch_add(records, Ordering::Relaxed) + records;
                let new = self.new.fetch_add(new, Ordering::Relaxed) + new;
                self.line.inc(1);
                self.line
                    .set_message(format!("{records} records, {new} new"));
            }
            Progress::Started { .. } | Progress::SliceDone | Progress::Committed { .. } => {}
        }
    }
}

/// The line of a backfill: days, records, rate, time left.
pub struct DayBar {
    line: ProgressBar,
    records: AtomicU64,
    begun: OnceLock<Instant>,
}

impl DayBar {
    /// The line of a backfill of `source`, not drawn yet.
    pub fn new(bars: &MultiProgress, source: &str) -> Arc<Self> {
        let line = bars.add(ProgressBar::new(0));
        let template = "{prefix} [{bar:24}] {pos}/{len} days  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            line.set_style(style.progress_chars("=> "));
        }
        line.set_prefix(source.to_owned());
        Arc::new(Self {
            line,
            records: AtomicU64::new(0),
            begun: OnceLock::new(),
        })
    }

    /// So many days are to be read.
    pub fn begin(&self, days: usize) {
        self.begun.get_or_init(Instant::now);
        self.line.set_length(days as u64);
        self.line.enable_steady_tick(Duration::from_millis(200));
    }

    /// A day is done, however it ended.
    pub fn day_done(&self) {
        self.line.inc(1);
    }

    /// Takes the line away: the summary follows.
    pub fn finish(&self) {
        self.line.finish_and_clear();
    }
}

impl Observer for DayBar {
    fn notice(&self, progress: Progress) {
        if let Progress::Page { records, .. } = progress {
            let records = self.records.fetch_add(records, Ordering::Relaxed) + records;
            let seconds = self
                .begun
                .get()
                .map_or(0.0, |at| at.elapsed().as_secs_f64());
            let rate = records as f64 / seconds.max(0.001);
            self.line
                .set_message(format!("{records} records, {rate:.0}/s"));
        }
    }
}
