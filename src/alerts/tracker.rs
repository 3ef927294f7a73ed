//! State machine of alerts: pending, active, ended. Pure.
//!
//! ```text
//!            holds               holds for `for`            over
//!   nothing ───────► pending ─────────────────────► active ──────► ended ──► nothing
//!              ▲        │ over                                       │ a day later
//!              └────────┘            ◄──── holds again (pending) ────┘
//! ```
//!
//! A condition that can't be told leaves its alert as it is; so does, for an alert of a dataset, the same
//! condition of its whole source: an endpoint that was down isn't well because its host is down, too.

use chrono::{DateTime, TimeDelta, Utc};

use crate::alerts::ledger::{AlertEntry, AlertState, Ledger};
use crate::alerts::rules::{self, Condition, Findings};
use bronzed_model::alerts::AlertRules;

/// Time after which an ended alert is forgotten. Until then, it must hold for its whole `for` again.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(1);

/// Transitions of one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transitions {
    /// Alerts that have become active.
    pub started: Vec<AlertEntry>,
    /// Alerts that have ended.
    pub ended: Vec<AlertEntry>,
}

/// Applies the findings of one snapshot to the ledger.
pub fn step(
    ledger: &mut Ledger,
    found: &Findings,
    rules: &AlertRules,
    now: DateTime<Utc>,
) -> Transitions {
    let mut transitions = Transitions::default();
    for (key, condition) in &found.holds {
        let since = condition.since.map_or(now, |since| since.min(now));
        let entry = ledger.alerts.entry(key.to_string());
        let entry = entry.or_insert_with(|| AlertEntry {
            key: key.clone(),
            state: AlertState::Pending,
            since,
            changed_at: now,
            ended_at: None,
            summary: String::new(),
            detail: String::new(),
            hint: String::new(),
        });
        hold(entry, condition, now);
        let hold = rules::delta(rules::of(rules, key.rule).hold);
        if entry.state == AlertState::Pending && now - entry.since >= hold {
            entry.state = AlertState::Active;
            entry.changed_at = now;
            transitions.started.push(entry.clone());
        }
    }
    ledger.alerts.retain(|_, entry| {
        let parent = entry.key.parent();
        let is_open = found.holds.contains_key(&entry.key)
            || found.unknown.contains(&entry.key)
            || parent.is_some_and(|parent| found.holds.contains_key(&parent));
        if is_open && entry.state != AlertState::Ended {
            return true;
        }
        if entry.state == AlertState::Active {
            entry.ended_at = Some(now);
            transitions.ended.push(entry.clone());
        }
        if entry.state != AlertState::Ended {
            entry.state = AlertState::Ended;
            entry.changed_at = now;
        }
        // One that was never told is forgotten at once.
        entry
            .ended_at
            .is_some_and(|at| (now - at).abs() < FORGOTTEN_AFTER)
    });
    transitions
}

/// Notes that the condition of an alert holds.
fn hold(entry: &mut AlertEntry, condition: &Condition, now: DateTime<Utc>) {
    let began = condition.since.map(|since| since.min(now));
    // A condition that held before the last end has been told.
    let began = began.max(began.and(entry.ended_at));
    match entry.state {
        // A process that has just started dates it later than the one before it did.
        AlertState::Active | AlertState::Pending => {}
        AlertState::Ended => {
            entry.since = began.unwrap_or(now);
            entry.state = AlertState::Pending;
            entry.changed_at = now;
        }
    }
    entry.summary.clone_from(&condition.summary);
    entry.detail.clone_from(&condition.detail);
    entry.hint.clone_from(&condition.hint);
}
