//! Tests of alerts: rules and tracker as tables, channels over real sockets, the ledger over a store that fails.

mod channels;
mod email;
mod keeper;
mod outbox;
mod rules;
mod tracker;
mod volume;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::America::Sao_Paulo;

use crate::alerts::facts::{
    AlertFacts, DatasetDays, DatasetFacts, JobFacts, LakeFacts, OutageFacts, SilverFacts,
    SourceFacts,
};
use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::message::{AlertText, Message};

/// Returns a time of the test's day: `12:00`.
fn at(time: &str) -> DateTime<Utc> {
    format!("2025-10-22T{time}:00Z").parse().unwrap()
}

/// Returns facts in which all is well: two datasets of one source.
fn well(now: DateTime<Utc>) -> AlertFacts {
    let dataset = |name: &str| DatasetFacts {
        name: name.into(),
        prefix: format!("pncp_{name}"),
        outage: None,
        answered: true,
        days: Some(DatasetDays {
            jobs: vec![JobFacts {
                job: "daily".into(),
                served: Some(now - TimeDelta::hours(1)),
                since_start: now - TimeDelta::days(9),
                bound: Duration::from_secs(24 * 3600),
            }],
            ..DatasetDays::default()
        }),
    };
    AlertFacts {
        at: now,
        lake: LakeFacts {
            reachable: Some(true),
            error: None,
            refuses: None,
        },
        sources: vec![SourceFacts {
            name: "pncp".into(),
            zone: Sao_Paulo,
            datasets: vec![dataset("atas"), dataset("contratos")],
            tables: vec![SilverFacts {
                name: "atas".to_owned(),
                held_back: Some(Vec::new()),
            }],
        }],
        runs: Vec::new(),
    }
}

fn outage(whole: bool, since: DateTime<Utc>) -> OutageFacts {
    OutageFacts {
        what: "https://pncp.gov.br".to_owned() + if whole { "" } else { "/v1/atas" },
        whole,
        since,
        failures: 20,
        last: "answered status 503".to_owned(),
    }
}

/// Returns a message with an alert that started, and one that ended.
fn message() -> Message {
    let text = |key: AlertKey, summary: &str| AlertText {
        key,
        since: at("05:07"),
        summary: summary.to_owned(),
        detail: "20 failures in a row at <https://pncp.gov.br> & elsewhere.".to_owned(),
        hint: "To look: `bronzed check --online pncp`.".to_owned(),
    };
    Message {
        source: Some("pncp".to_owned()),
        started: vec![text(
            AlertKey::of_source(AlertRuleName::Down, "pncp"),
            "pncp: the API has been down since 2025-10-22 02:07-03:00",
        )],
        ended: vec![text(
            AlertKey::of_dataset(AlertRuleName::Stale, "pncp", "atas"),
            "pncp.atas: job daily has had no good run",
        )],
        test: false,
        ..Message::test(at("07:07"))
    }
}
