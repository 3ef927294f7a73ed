//! Compaction of tables, when nothing else is at work: one table at a time, some days an hour.
//!
//! It gives way: a round begins only while no run is under way, and ends before its next table when one is. After a day
//! without such a moment it has one table's turn all the same. A shutdown drops it at its next step: what a crash would leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use bronzed_metrics::events;
use bronzed_model::declaration::Dataset;
use bronzed_model::settings::DeltaSettings;
use bronzed_tables::{Compacted, CompactionScope, DeltaError, compact};
use chrono::{DateTime, TimeDelta, Utc};

use crate::daemon::DaemonInner;
use crate::daemon::board::DaemonState;
use crate::table_worker::on_worker;

/// Interval between rounds.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// Interval between turns of a table.
const TABLE_EVERY: TimeDelta = TimeDelta::hours(6);
/// Time without a moment of rest, after which a round begins beside runs.
const LATEST: TimeDelta = TimeDelta::hours(24);
/// Maximum number of days of a table's turn.
const DAYS: usize = 32;

/// Turns of the compaction.
#[derive(Debug, Default)]
pub(super) struct CompactionTurns {
    /// Start of the last round, or of the daemon.
    began: Option<DateTime<Utc>>,
    /// `true` while a round is under way.
    active: bool,
    /// Last turn of each table, by prefix.
    turns: BTreeMap<String, DateTime<Utc>>,
}

impl DaemonState {
    /// Returns `true` if a round is to begin now, and notes that it does.
    pub(super) fn begin_compaction(&mut self, settings: DeltaSettings, now: DateTime<Utc>) -> bool {
        if !settings.enabled || !settings.compact || self.stopping || self.lake.is_closed() {
            return false;
        }
        let busy = self.is_busy();
        let turns = &mut self.compaction;
        // The first hour is the runs'.
        let began = *turns.began.get_or_insert(now);
        let wait = if busy { LATEST } else { EVERY };
        let begins = !turns.active && (now - began).abs() >= wait;
        if begins {
            (turns.began, turns.active) = (Some(now), true);
        }
        begins
    }

    fn is_busy(&self) -> bool {
        self.runs.under_way().next().is_some()
    }
}

/// A round under way; its end is noted however it ends.
struct CompactionRound<'a>(&'a DaemonInner);

impl Drop for CompactionRound<'_> {
    fn drop(&mut self) {
        self.0.board().compaction.active = false;
    }
}

impl DaemonInner {
    /// Does a round: a turn of each table that had none for some hours.
    pub(super) async fn compact_tables(&self) {
        let _round = CompactionRound(self);
        let datasets = self
            .sources
            .values()
            .flat_map(|scheduled| scheduled.source.datasets.values())
            .filter(|dataset| dataset.enabled && dataset.delta);
        let datasets: Vec<Arc<Dataset>> = datasets.cloned().collect();
        for dataset in datasets {
            let now = self.now();
            let last = self.board().compaction.turns.get(&dataset.prefix).copied();
            if last.is_some_and(|last| (now - last).abs() < TABLE_EVERY) {
                continue;
            }
            let scope = CompactionScope {
                from: None,
                to: None,
                now,
                most_days: DAYS,
            };
            let (lake, of) = (self.session.lake().clone(), Arc::clone(&dataset));
            let done = on_worker(async move { compact(&lake, &of, scope).await }).await;
            let left = tell(&dataset, &done);
            let mut board = self.board();
            // What is left has its turn with the next round.
            if !left {
                board.compaction.turns.insert(dataset.prefix.clone(), now);
            }
            if board.is_busy() || board.stopping {
                break;
            }
        }
    }
}

/// Logs and counts a turn. Returns `true` if days are left.
fn tell(dataset: &Dataset, done: &Result<Compacted, DeltaError>) -> bool {
    let (source, name) = (&*dataset.source, &*dataset.name);
    match done {
        Ok(done) if done.days == 0 => false,
        Ok(done) => {
            let Compacted {
                days,
                files,
                bytes,
                left,
                ..
            } = done;
            events::days_compacted(source, name, *days);
            tracing::info!(
                source,
                dataset = name,
                days,
                files,
                bytes,
                left,
                "table compacted"
            );
            *left > 0
        }
        Err(error) => {
            tracing::warn!(source, dataset = name, %error, "table not compacted");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    #[test]
    fn a_round_begins_at_most_once_an_hour_and_never_beside_another() {
        let settings = DeltaSettings::default();
        let mut board = DaemonState::default();
        assert!(!board.begin_compaction(settings, at(0)), "the runs begin");
        assert!(board.begin_compaction(settings, at(1)));
        assert!(!board.begin_compaction(settings, at(9)), "one is under way");
        board.compaction.active = false;
        assert!(board.begin_compaction(settings, at(9)));
        board.compaction.active = false;
        assert!(!board.begin_compaction(settings, at(9)));
        board.stopping = true;
        assert!(!board.begin_compaction(settings, at(12)));
    }

    #[test]
    fn a_lake_may_do_without() {
        let mut board = DaemonState::default();
        for (enabled, compact) in [(false, true), (true, false)] {
            let settings = DeltaSettings { enabled, compact };
            assert!(!board.begin_compaction(settings, at(0)));
            assert!(!board.begin_compaction(settings, at(9)));
        }
    }
}
