//! Progress of a run on a terminal: pages, records, rate, time left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

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
