//! Messages: the alerts of one source that have started or ended, in words.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::ledger::AlertEntry;

/// A message about alerts of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Time of the transitions.
    pub at: DateTime<Utc>,
    /// Source. `None` if it is about the lake, or a test.
    pub source: Option<String>,
    /// Alerts that have started.
    pub started: Vec<AlertText>,
    /// Alerts that have ended.
    pub ended: Vec<AlertText>,
    /// `true` for a message that only tests the channel.
    #[serde(default)]
    pub test: bool,
}

/// An alert in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertText {
    /// Identity of the alert.
    pub key: AlertKey,
    /// Time since which its condition holds, or held.
    pub since: DateTime<Utc>,
    /// Statement of what is wrong, in one line.
    pub summary: String,
    /// Reason or consequence.
    pub detail: String,
    /// Commands to type, and what to look for.
    pub hint: String,
}

impl From<&AlertEntry> for AlertText {
    fn from(entry: &AlertEntry) -> Self {
        Self {
            key: entry.key.clone(),
            since: entry.since,
            summary: entry.summary.clone(),
            detail: entry.detail.clone(),
            hint: entry.hint.clone(),
        }
    }
}

impl AlertText {
    /// Returns a statement of the alert's end: `pncp answers again, after 6h 3m`.
    pub fn end(&self, at: DateTime<Utc>) -> String {
        let subject = self.key.subject();
        let again = again(self.key.rule);
        let minutes = (at - self.since).num_minutes().max(1).unsigned_abs();
        let after = humantime::format_duration(Duration::from_secs(minutes * 60));
        format!("{subject} {again}, after {after}")
    }
}

/// Returns the words for the end of an alert, after its subject.
fn again(rule: AlertRuleName) -> &'static str {
    match rule {
        AlertRuleName::Unproven => "has no overdue day any more, or fewer of them",
        AlertRuleName::Stuck => "has no day any more that was tried again and again",
        AlertRuleName::Stale => "is fresh again",
        AlertRuleName::Failing => "has no runs that fail any more",
        AlertRuleName::Down => "answers again",
        AlertRuleName::Volume => "has a usual number of records again",
        AlertRuleName::Drift => "has had no undeclared field for a day",
        AlertRuleName::Quality => "is as expected again, or hasn't been evaluated for a week",
        AlertRuleName::HeldBack => "holds no partition back any more",
        AlertRuleName::Lake => "can be read and written again",
    }
}

impl Message {
    /// Returns a message that only tests a channel.
    pub fn test(at: DateTime<Utc>) -> Self {
        Self {
            at,
            source: None,
            started: Vec::new(),
            ended: Vec::new(),
            test: true,
        }
    }

    /// Returns the status of the message: `test`, `firing` if an alert has started, `resolved` otherwise.
    pub fn status(&self) -> &'static str {
        match (self.test, self.started.is_empty()) {
            (true, _) => "test",
            (false, false) => "firing",
            (false, true) => "resolved",
        }
    }

    /// Returns the title, in one line.
    pub fn title(&self) -> String {
        if self.test {
            return "bronzed: a test".to_owned();
        }
        let subject = self.source.as_deref().unwrap_or("lake");
        let count = |texts: &[AlertText], what: &str| match texts.len() {
            1 => format!("1 alert {what}"),
            count => format!("{count} alerts {what}"),
        };
        match (self.started.is_empty(), self.ended.is_empty()) {
            (false, true) => format!("bronzed: {subject}: {}", count(&self.started, "started")),
            (true, _) => format!("bronzed: {subject}: {}", count(&self.ended, "ended")),
            (false, false) => format!(
                "bronzed: {subject}: {}, {}",
                count(&self.started, "started"),
                count(&self.ended, "ended")
            ),
        }
    }

    /// Returns the text below the title, in plain lines.
    pub fn body(&self) -> String {
        if self.test {
            return "This channel works. Alerts arrive here once when they start, and once when they end."
                .to_owned();
        }
        let mut body = String::new();
        for text in &self.started {
            let severity = text.key.rule.severity().name();
            // Writing to a string can't fail.
            let _ = writeln!(body, "{severity}: {}", text.summary);
            let _ = writeln!(body, "{}\n{}\n", text.detail, text.hint);
        }
        for text in &self.ended {
            let _ = writeln!(body, "over: {}\n", text.end(self.at));
        }
        body.trim_end().to_owned()
    }

    /// Returns title and body.
    pub fn text(&self) -> String {
        format!("{}\n\n{}", self.title(), self.body())
    }
}
