//! Two clocks over tokio's paused time, which stands still while any task has work: the true one, and the
//! daemon's, which can be set wrong. And the providers' civil day, three hours behind UTC.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use tokio::time::Instant;

use bronzed_model::clock::Clock;

pub type At = DateTime<Utc>;

/// The true time, on tokio's clock. Clones are one clock.
#[derive(Debug, Clone, Copy)]
pub struct True {
    origin: At,
    begun: Instant,
}

impl True {
    pub fn from(origin: At) -> Self {
        let begun = Instant::now();
        Self { origin, begun }
    }

    pub fn now(&self) -> At {
        self.origin + TimeDelta::from_std(self.begun.elapsed()).expect("within the life")
    }

    pub async fn sleep_until(&self, at: At) {
        let left = (at - self.now()).to_std().unwrap_or_default();
        tokio::time::sleep(left).await;
    }
}

/// The daemon's clock: the true time and a skew. Clones share the skew.
#[derive(Debug, Clone)]
pub struct Shown {
    pub truth: True,
    skew: Arc<Mutex<TimeDelta>>,
}

impl Shown {
    pub fn over(truth: True) -> Self {
        let skew = Arc::default();
        Self { truth, skew }
    }

    pub fn set_ahead(&self, by: TimeDelta) {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    pub fn ahead(&self) -> TimeDelta {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Shown {
    fn now(&self) -> At {
        self.truth.now() + self.ahead()
    }
}

/// Returns Brasília's civil time.
pub fn local(at: At) -> NaiveDateTime {
    at.naive_utc() - TimeDelta::hours(3)
}

pub fn day_of(at: At) -> NaiveDate {
    local(at).date()
}

/// Returns the first instant of a day.
pub fn start_of(day: NaiveDate) -> At {
    day.and_hms_opt(3, 0, 0).expect("a time").and_utc()
}

pub fn end_of(day: NaiveDate) -> At {
    start_of(day) + TimeDelta::days(1)
}

pub fn days(n: i64) -> TimeDelta {
    TimeDelta::days(n)
}

pub fn minutes(n: i64) -> TimeDelta {
    TimeDelta::minutes(n)
}
