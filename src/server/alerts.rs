//! Active alerts: `GET /api/v1/alerts`.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::alerts::key::{AlertRuleName, AlertSeverity};
use crate::alerts::ledger::AlertEntry;
use crate::server::App;
use crate::server::error::ApiError;

/// An alert that has started and not ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Alert")]
pub struct AlertView {
    /// Identity: `down/pncp`, `stale/pncp/contratacoes`, `lake`.
    pub key: String,
    /// Rule.
    pub rule: AlertRuleName,
    /// Severity.
    pub severity: AlertSeverity,
    /// Source; null if it is about the lake.
    pub source: Option<String>,
    /// Dataset, by short name; null if it is about the whole source.
    pub dataset: Option<String>,
    /// Time since which the condition holds.
    pub since: DateTime<Utc>,
    /// Time at which the alert was told.
    pub started_at: DateTime<Utc>,
    /// Statement of what is wrong, in one line.
    pub summary: String,
    /// Reason or consequence.
    pub detail: String,
    /// Commands to type, and what to look for.
    pub hint: String,
}

/// Every active alert.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AlertsView {
    /// Oldest first.
    pub alerts: Vec<AlertView>,
}

impl From<AlertEntry> for AlertView {
    fn from(entry: AlertEntry) -> Self {
        Self {
            key: entry.key.to_string(),
            rule: entry.key.rule,
            severity: entry.key.rule.severity(),
            source: entry.key.source,
            dataset: entry.key.dataset,
            since: entry.since,
            started_at: entry.changed_at,
            summary: entry.summary,
            detail: entry.detail,
            hint: entry.hint,
        }
    }
}

pub(super) async fn alerts(State(app): State<App>) -> Result<Json<AlertsView>, ApiError> {
    let alerts = app.daemon.alerts();
    let alerts = alerts.into_iter().map(AlertView::from).collect();
    Ok(Json(AlertsView { alerts }))
}
