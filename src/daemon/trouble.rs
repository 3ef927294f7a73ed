//! Datasets whose last run failed at the API: each has one run at a time, and a distance of its own,
//! so that one bad endpoint doesn't hold up its siblings.
//!
//! After the first failure it rests for 10 s; after further ones in a row for twice as long each time,
//! and for nine times as long as the run took: of the places it takes a tenth at most. A run that ends
//! without a page given up ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ingest::report::RunReport;
use crate::state::execution::Status;

/// The first rest.
const FIRST: TimeDelta = TimeDelta::seconds(10);
/// No rest is longer.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// So many times as long as its run took, a dataset rests.
const REST: i32 = 9;

/// See the module. By dataset.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<Arc<str>, Trouble>);

#[derive(Debug)]
struct Trouble {
    failures: u32,
    began: DateTime<Utc>,
    rest: TimeDelta,
}

impl Troubles {
    /// A run has ended.
    pub(super) fn hear(&mut self, dataset: &Arc<str>, report: &RunReport, now: DateTime<Utc>) {
        let execution = &report.execution;
        if report.unanswered == 0 {
            // One that was stopped by something else says nothing.
            if execution.stop.is_none() {
                self.0.remove(dataset);
            }
            return;
        }
        if execution.status == Status::Ok || execution.stop.is_some() {
            return;
        }
        let trouble = self.0.entry(Arc::clone(dataset)).or_insert(Trouble {
            failures: 0,
            began: now,
            rest: FIRST,
        });
        trouble.failures += 1;
        trouble.began = now;
        let doubled = FIRST * (1 << trouble.failures.saturating_sub(1).min(9));
        let took = (execution.timestamp - execution.started_at).max(TimeDelta::zero());
        let took = took.max(TimeDelta::from_std(report.took).unwrap_or(LONGEST));
        // One bad day among good ones costs the others next to nothing.
        let share = match trouble.failures {
            1 => TimeDelta::zero(),
            _ => took.min(LONGEST) * REST,
        };
        trouble.rest = doubled.max(share).min(LONGEST);
    }

    /// Whether the last run of a dataset failed at the API.
    pub(super) fn has(&self, dataset: &str) -> bool {
        self.0.contains_key(dataset)
    }

    /// Until when a dataset rests; `None`: it doesn't.
    pub(super) fn rests_until(&self, dataset: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let trouble = self.0.get(dataset)?;
        // By a clock that may have been set in between.
        let left = trouble.rest - (now - trouble.began).abs();
        (left > TimeDelta::zero()).then(|| now + left)
    }

    /// The source is well again: nobody rests for what happened before.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
