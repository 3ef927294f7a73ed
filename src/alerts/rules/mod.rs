//! Rules: conditions that hold in a snapshot, as pure functions.
//!
//! A rule says of each source or dataset that its condition holds, or that it can't be told yet: a daemon that
//! has just started doesn't know if an API that was down is still down. Anything else is over.

mod days;
mod down;
mod held_back;
mod lake;
mod quality;
mod runs;
mod volume;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::alerts::evidence::Evidence;
use crate::alerts::facts::AlertFacts;
use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::volume::VolumeHistory;
use bronzed_model::alerts::{AlertRule, AlertRules};

pub(super) use volume::weeks_before;

/// A condition that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Time since which it holds. `None` if only its presence is known.
    pub since: Option<DateTime<Utc>>,
    /// Statement of what is wrong, in one line.
    pub summary: String,
    /// Reason or consequence.
    pub detail: String,
    /// Commands to type, and what to look for.
    pub hint: String,
}

/// Result of all rules for one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Conditions that hold.
    pub holds: BTreeMap<AlertKey, Condition>,
    /// Conditions that can't be told yet.
    pub unknown: BTreeSet<AlertKey>,
}

impl Findings {
    fn hold(&mut self, key: AlertKey, condition: Condition) {
        self.holds.insert(key, condition);
    }

    fn unknown(&mut self, key: AlertKey) {
        self.unknown.insert(key);
    }
}

/// Input of the rules.
#[derive(Debug, Clone, Copy)]
struct RuleInput<'a> {
    facts: &'a AlertFacts,
    evidence: &'a Evidence,
    volumes: &'a VolumeHistory,
    rules: &'a AlertRules,
}

/// Applies all enabled rules to a snapshot, with what earlier ones have shown.
pub fn evaluate(
    facts: &AlertFacts,
    evidence: &Evidence,
    volumes: &VolumeHistory,
    rules: &AlertRules,
) -> Findings {
    let input = RuleInput {
        facts,
        evidence,
        volumes,
        rules,
    };
    let mut found = Findings::default();
    for rule in AlertRuleName::ALL {
        if !of(rules, rule).enabled {
            continue;
        }
        match rule {
            AlertRuleName::Unproven => days::unproven(input, &mut found),
            AlertRuleName::Stuck => days::stuck(input, &mut found),
            AlertRuleName::Stale => days::stale(input, &mut found),
            AlertRuleName::Failing => runs::failing(input, &mut found),
            AlertRuleName::Down => down::down(input, &mut found),
            AlertRuleName::Volume => volume::volume(input, &mut found),
            AlertRuleName::Drift => runs::drift(input, &mut found),
            AlertRuleName::Quality => quality::quality(input, &mut found),
            AlertRuleName::HeldBack => held_back::held_back(input, &mut found),
            AlertRuleName::Lake => lake::lake(input, &mut found),
        }
    }
    found
}

/// Returns the settings of a rule.
pub fn of(rules: &AlertRules, rule: AlertRuleName) -> AlertRule {
    match rule {
        AlertRuleName::Unproven => rules.unproven,
        AlertRuleName::Stuck => rules.stuck,
        AlertRuleName::Stale => rules.stale,
        AlertRuleName::Failing => rules.failing,
        AlertRuleName::Down => rules.down,
        AlertRuleName::Volume => rules.volume,
        AlertRuleName::Drift => rules.drift,
        AlertRuleName::Quality => rules.quality,
        AlertRuleName::HeldBack => rules.held_back,
        AlertRuleName::Lake => rules.lake,
    }
}

/// Returns a count with its noun: `1 day`, `3 days`.
fn days_in_words(count: u64) -> String {
    match count {
        1 => "1 day".to_owned(),
        count => format!("{count} days"),
    }
}

/// Returns a time in a source's zone: `2025-10-22 02:07-03:00`.
fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%Y-%m-%d %H:%M%:z")
        .to_string()
}

pub(super) fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
