//! The simulated clock of the providers.
//!
//! It adds an offset to a base clock. Over a [`ManualClock`] it stands still between settings; over the
//! system's clock it continues from the time to which it was set.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;

use bronzed_model::clock::{Clock, ManualClock, SystemClock};

/// The provider's clock. Clones share one time.
#[derive(Debug, Clone)]
pub struct SimClock {
    base: Arc<dyn Clock>,
    offset: Arc<Mutex<TimeDelta>>,
}

impl SimClock {
    /// Shows the time of `base` until it is set.
    pub fn over(base: Arc<dyn Clock>) -> Self {
        Self {
            base,
            offset: Arc::new(Mutex::new(TimeDelta::zero())),
        }
    }

    /// Stands still at `now` until it is set.
    pub fn standing(now: DateTime<Utc>) -> Self {
        Self::over(Arc::new(ManualClock::new(now)))
    }

    /// Follows the machine's clock until it is set, and continues at its pace from then on.
    pub fn running() -> Self {
        Self::over(Arc::new(SystemClock))
    }

    /// Sets the time, forwards or backwards.
    pub fn set(&self, now: DateTime<Utc>) {
        let offset = now - self.base.now();
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = offset;
    }

    /// Advances the time.
    pub fn advance(&self, by: TimeDelta) {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// Returns the time in Brasília without an offset, as PNCP writes times.
    pub fn brasilia(&self) -> NaiveDateTime {
        self.now().with_timezone(&Sao_Paulo).naive_local()
    }
}

impl Clock for SimClock {
    fn now(&self) -> DateTime<Utc> {
        self.base.now() + *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_goes_on_at_the_pace_of_its_base() {
        let base = ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap());
        let clock = SimClock::over(Arc::new(base.clone()));
        clock.set("2025-10-22T11:00:00Z".parse().unwrap());
        base.advance(TimeDelta::minutes(5));
        assert_eq!(clock.brasilia().to_string(), "2025-10-22 08:05:00");
        clock.advance(TimeDelta::hours(4));
        assert_eq!(clock.brasilia().to_string(), "2025-10-22 12:05:00");
    }
}
