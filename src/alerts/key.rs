//! Identity of an alert: rule, and source and dataset, or silver table, that it is about.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rule of an alert.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertRuleName {
    /// Days are overdue, and none of them was proven for two days.
    Unproven,
    /// Days were tried again and again, and aren't complete.
    Stuck,
    /// A job has had no good run for longer than its `freshness`.
    Stale,
    /// Runs fail.
    Failing,
    /// A source or an endpoint is down.
    Down,
    /// A day has far more or far fewer records than usual for its weekday.
    Volume,
    /// Records have fields that no column holds.
    Drift,
    /// An expectation of severity `error` fails.
    Quality,
    /// A partition of a silver table is held back.
    HeldBack,
    /// The lake can't be reached, or refuses writes.
    Lake,
}

/// Severity of an alert.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Nothing is lost; to be looked at some day.
    Info,
    /// To be looked at.
    Warning,
    /// Nothing works while it lasts.
    Critical,
}

impl AlertRuleName {
    /// All rules, in the order of the docs.
    pub const ALL: [Self; 10] = [
        Self::Unproven,
        Self::Stuck,
        Self::Stale,
        Self::Failing,
        Self::Down,
        Self::Volume,
        Self::Drift,
        Self::Quality,
        Self::HeldBack,
        Self::Lake,
    ];

    /// Returns the name of the rule in configuration, metrics and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Stuck => "stuck",
            Self::Stale => "stale",
            Self::Failing => "failing",
            Self::Down => "down",
            Self::Volume => "volume",
            Self::Drift => "drift",
            Self::Quality => "quality",
            Self::HeldBack => "held_back",
            Self::Lake => "lake",
        }
    }

    /// Returns the severity of the rule's alerts.
    pub fn severity(self) -> AlertSeverity {
        match self {
            Self::Lake => AlertSeverity::Critical,
            Self::Drift => AlertSeverity::Info,
            _ => AlertSeverity::Warning,
        }
    }
}

impl AlertSeverity {
    /// Returns the name of the severity.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Identity of an alert: `down/pncp`, `stale/pncp/contratacoes`, `lake`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AlertKey {
    /// Rule.
    pub rule: AlertRuleName,
    /// Source. `None` if it is about all of them.
    pub source: Option<String>,
    /// Dataset, by short name; of the rule `held_back`, silver table. `None` if it is about the whole source.
    pub dataset: Option<String>,
}

impl AlertKey {
    /// Returns the key of an alert about everything.
    pub fn of_all(rule: AlertRuleName) -> Self {
        Self {
            rule,
            source: None,
            dataset: None,
        }
    }

    /// Returns the key of an alert about a source.
    pub fn of_source(rule: AlertRuleName, source: &str) -> Self {
        Self {
            source: Some(source.to_owned()),
            ..Self::of_all(rule)
        }
    }

    /// Returns the key of an alert about a dataset.
    pub fn of_dataset(rule: AlertRuleName, source: &str, dataset: &str) -> Self {
        Self {
            dataset: Some(dataset.to_owned()),
            ..Self::of_source(rule, source)
        }
    }

    /// Returns the key of the alert about the whole source. `None` unless this one is about a dataset.
    pub fn parent(&self) -> Option<Self> {
        let source = self.source.as_deref()?;
        self.dataset
            .as_ref()
            .map(|_| Self::of_source(self.rule, source))
    }

    /// Returns the key of an alert about a silver table.
    pub fn of_table(rule: AlertRuleName, source: &str, table: &str) -> Self {
        Self::of_dataset(rule, source, table)
    }

    /// Returns `true` if the alert is about a silver table.
    pub fn is_of_table(&self) -> bool {
        self.rule == AlertRuleName::HeldBack
    }

    /// Returns the subject of the alert: `pncp.contratacoes`, `silver.pncp.contratacoes`, `pncp`, `the lake`.
    pub fn subject(&self) -> String {
        match (&self.source, &self.dataset) {
            (Some(source), Some(table)) if self.is_of_table() => format!("silver.{source}.{table}"),
            (Some(source), Some(dataset)) => format!("{source}.{dataset}"),
            (Some(source), None) => source.clone(),
            (None, _) => "the lake".to_owned(),
        }
    }
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.name())?;
        for step in self.source.iter().chain(&self.dataset) {
            write!(f, "/{step}")?;
        }
        Ok(())
    }
}
