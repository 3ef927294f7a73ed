//! Backfills that people have asked this daemon for: start, forecast, progress, stop. They are forgotten with
//! the process; what they have read is in the lake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::backfill;
use crate::daemon::DaemonInner;
use crate::daemon::board::DaemonState;
use crate::daemon::day::unavailable;
use crate::daemon::look::backfill_job;
use crate::daemon::runs::RunKey;
use crate::schedule::estimate::Basis;
use crate::server::daemon::ServiceError;
use crate::server::order::BackfillOrder;
use crate::server::view::{Backfill, BackfillForecast, BackfillView};
use bronzed_engine::ingest::progress::Unwatched;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Mode};

/// Backfills by source and short name of the dataset.
#[derive(Debug, Default)]
pub(super) struct AskedBackfills(BTreeMap<(Arc<str>, Arc<str>), AskedBackfill>);

/// Backfill of a dataset; a further one adds its days.
#[derive(Debug)]
struct AskedBackfill {
    asked_at: DateTime<Utc>,
    days: BTreeSet<Day>,
    stopped: bool,
}

/// Days of a range.
struct RangeDays {
    source: Arc<str>,
    dataset: Arc<Dataset>,
    open: Vec<Day>,
    complete: usize,
}

impl DaemonInner {
    /// Queues the incomplete days of a range.
    pub(super) fn start_backfill(&self, order: &BackfillOrder) -> Result<Backfill, ServiceError> {
        let RangeDays {
            source,
            dataset,
            open,
            complete,
        } = self.range(order)?;
        let days = open.iter().copied();
        self.ask(&source, &dataset, days, Mode::Full, backfill_job())?;
        let found = Backfill {
            queued_days: open.len() as u64,
            complete_days: complete as u64,
        };
        if !open.is_empty() {
            let asked_at = self.now();
            let key = (source, Arc::from(&*dataset.name));
            let mut board = self.board();
            let asked = board.backfills.0.entry(key).or_insert(AskedBackfill {
                asked_at,
                days: BTreeSet::new(),
                stopped: false,
            });
            if asked.stopped {
                asked.days.clear();
                asked.asked_at = asked_at;
            }
            asked.stopped = false;
            asked.days.extend(open);
        }
        Ok(found)
    }

    /// Estimates the cost of a backfill, as `bronzed backfill --dry-run` does.
    pub(super) async fn forecast_backfill(
        &self,
        order: &BackfillOrder,
    ) -> Result<BackfillForecast, ServiceError> {
        let range = self.range(order)?;
        let one = self.scheduled(&range.source)?;
        let context = self.session.context(&range.source, Arc::new(Unwatched));
        let context = context.ok_or_else(|| ServiceError::NotFound {
            what: format!("source `{}`", range.source),
        })?;
        let _turn = self.readings.acquire().await;
        let cost = backfill::outlook(&context, &range.dataset, &range.open, &one.source).await;
        let cost = cost.map_err(unavailable)?;
        Ok(BackfillForecast {
            open_days: range.open.len() as u64,
            complete_days: range.complete as u64,
            requests: cost.requests,
            requests_at_most: cost.requests_to,
            seconds: cost.time.as_secs(),
            seconds_at_most: cost.time_to.as_secs(),
            sampled_days: match cost.basis {
                Basis::Days(days) => days as u64,
                Basis::Cost | Basis::Slices => 0,
            },
        })
    }

    /// Returns the backfills, the one that was asked for last first.
    pub(super) fn backfills(&self) -> Vec<BackfillView> {
        let (board, now) = (self.board(), self.now());
        let backfills = board.backfills.0.iter();
        let mut shown: Vec<_> = backfills
            .filter_map(|(of, asked)| self.shown(&board, of, asked, now))
            .collect();
        shown.sort_by_key(|one| std::cmp::Reverse(one.asked_at));
        shown
    }

    /// Takes the waiting days of a backfill out of the queue.
    pub(super) fn stop_backfill(
        &self,
        source: &str,
        dataset: &str,
    ) -> Result<BackfillView, ServiceError> {
        let (source, dataset) = self.find(source, dataset)?;
        let of: (Arc<str>, Arc<str>) = (source, Arc::from(&*dataset.name));
        let now = self.now();
        let mut board = self.board();
        let board = &mut *board;
        let not_found = || ServiceError::NotFound {
            what: format!("backfill of `{}`", dataset.full_name()),
        };
        let asked = board.backfills.0.get_mut(&of).ok_or_else(not_found)?;
        let (job, _) = backfill_job();
        board
            .runs
            .cancel(|key, request| key.source == of.0 && key.dataset == of.1 && request.job == job);
        asked.stopped = true;
        let asked = board.backfills.0.get(&of).ok_or_else(not_found)?;
        self.shown(board, &of, asked, now).ok_or_else(not_found)
    }

    /// Splits a range into days that are complete, and those that aren't, newest first.
    fn range(&self, order: &BackfillOrder) -> Result<RangeDays, ServiceError> {
        let (source, dataset) = self.find(&order.source, &order.dataset)?;
        self.readable(&source, &dataset, order.from)?;
        self.readable(&source, &dataset, order.to)?;
        let period = dataset.days.period;
        let days: Vec<_> = period.through(order.from, order.to).collect();
        let board = self.board();
        let known = board.knowledge(&source, &dataset)?;
        let open = days.iter().copied();
        let open: Vec<_> = open.filter(|day| !known.is_complete(*day)).collect();
        drop(board);
        Ok(RangeDays {
            complete: days.len() - open.len(),
            source,
            dataset,
            open,
        })
    }

    fn shown(
        &self,
        board: &DaemonState,
        (source, dataset): &(Arc<str>, Arc<str>),
        asked: &AskedBackfill,
        now: DateTime<Utc>,
    ) -> Option<BackfillView> {
        let declared = self.sources.get(source)?.source.datasets.get(&**dataset)?;
        let known = board.knowledge(source, declared).ok()?;
        let mut view = BackfillView {
            source: source.to_string(),
            dataset: dataset.to_string(),
            from: *asked.days.first()?,
            to: *asked.days.last()?,
            asked_at: asked.asked_at,
            days: asked.days.len() as u64,
            waiting_days: 0,
            running_days: 0,
            complete_days: 0,
            incomplete_days: 0,
            expected_end: None,
            stopped: asked.stopped,
        };
        for day in &asked.days {
            let key = RunKey {
                source: Arc::clone(source),
                dataset: Arc::clone(dataset),
                day: *day,
            };
            let count = if board.runs.is_under_way(&key) {
                &mut view.running_days
            } else if board.runs.is_waiting(&key) {
                &mut view.waiting_days
            } else if known.is_complete(*day) {
                &mut view.complete_days
            } else {
                &mut view.incomplete_days
            };
            *count += 1;
        }
        view.expected_end = expected_end(&view, now);
        Some(view)
    }
}

/// Returns the expected end at the pace so far. `None` if nothing was read, or everything was.
fn expected_end(view: &BackfillView, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let read = i64::try_from(view.complete_days + view.incomplete_days).ok()?;
    let left = i64::try_from(view.waiting_days + view.running_days).ok()?;
    if view.stopped || left == 0 {
        return None;
    }
    let elapsed = (now - view.asked_at).num_seconds().max(0);
    let rest = elapsed.checked_mul(left)?.checked_div(read)?;
    Some(now + TimeDelta::try_seconds(rest)?)
}
