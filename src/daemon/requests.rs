//! Requests of a run, for its page: of one that is under way from memory, else as the lake has them. Old ones are removed.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::daemon::DaemonInner;
use crate::daemon::board::DaemonState;
use crate::daemon::day::unavailable;
use crate::server::daemon::ServiceError;
use bronzed_model::requests::RunRequests;
use bronzed_storage::requests::{self, RequestsError};

/// Interval between removals of old requests.
const REMOVE_EVERY: TimeDelta = TimeDelta::days(1);
/// Time from the start to the first removal: the first hour is the runs'.
const FIRST_REMOVAL: TimeDelta = TimeDelta::hours(1);

/// Time of the next removal of old requests.
#[derive(Debug, Default)]
pub(super) struct RemovalTurn(Option<DateTime<Utc>>);

impl RemovalTurn {
    /// Returns `true` if old requests are to be removed now, and notes that they are.
    pub(super) fn begins(&mut self, now: DateTime<Utc>) -> bool {
        let due = *self.0.get_or_insert(now + FIRST_REMOVAL);
        // The clock may have been set back.
        let is_due = now >= due || due - now > REMOVE_EVERY;
        if is_due {
            self.0 = Some(now + REMOVE_EVERY);
        }
        is_due
    }
}

impl DaemonState {
    /// Returns `true` if old requests are to be removed now.
    pub(super) fn begin_removal(&mut self, now: DateTime<Utc>) -> bool {
        !self.stopping && !self.lake.is_closed() && self.removal.begins(now)
    }
}

impl DaemonInner {
    /// Returns the requests of a run. `None` if none are known.
    pub(super) async fn requests(&self, run_id: Uuid) -> Result<Option<RunRequests>, ServiceError> {
        let under_way = self.board().runs.requests(run_id);
        if let Some(requests) = under_way {
            return Ok(requests.so_far());
        }
        let _turn = self.readings.acquire().await;
        match requests::read(self.session.lake(), run_id).await {
            Ok(found) => Ok(found),
            Err(RequestsError::Lake(error)) => Err(unavailable(error)),
            Err(error) => {
                tracing::warn!(%run_id, %error, "requests not read");
                Ok(None)
            }
        }
    }

    /// Removes the requests of old runs.
    pub(super) async fn remove_old_requests(&self) {
        match requests::remove_old(self.session.lake(), self.now()).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "old requests removed"),
            Err(error) => tracing::warn!(%error, "old requests not removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_requests_are_removed_once_a_day_and_not_in_the_first_hour() {
        let at = |hour| DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let mut turn = RemovalTurn::default();
        let begun: Vec<_> = (1_000..1_060)
            .filter(|hour| turn.begins(at(*hour)))
            .collect();
        assert_eq!(begun, [1_001, 1_025, 1_049]);
        assert!(turn.begins(at(10)), "the clock was set back");
        assert!(!turn.begins(at(11)));
    }
}
