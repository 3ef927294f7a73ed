//! The state machine: one start and one end of each alert, whatever happens in between.

use chrono::{DateTime, TimeDelta, Utc};

use super::at;
use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::ledger::{AlertState, Ledger};
use crate::alerts::rules::{Condition, Findings};
use crate::alerts::tracker::step;
use bronzed_model::alerts::AlertRules;

fn condition(since: Option<DateTime<Utc>>) -> Condition {
    Condition {
        since,
        summary: "it is down".to_owned(),
        detail: "no answer".to_owned(),
        hint: "wait".to_owned(),
    }
}

fn source() -> AlertKey {
    AlertKey::of_source(AlertRuleName::Down, "pncp")
}

fn endpoint() -> AlertKey {
    AlertKey::of_dataset(AlertRuleName::Down, "pncp", "atas")
}

fn holds(key: AlertKey, since: Option<DateTime<Utc>>) -> Findings {
    Findings {
        holds: [(key, condition(since))].into(),
        ..Findings::default()
    }
}

fn unknown(key: AlertKey) -> Findings {
    Findings {
        unknown: [key].into(),
        ..Findings::default()
    }
}

/// Returns what a step tells: `+down/pncp` for a start, `-down/pncp` for an end.
fn told(ledger: &mut Ledger, found: &Findings, now: DateTime<Utc>) -> Vec<String> {
    let made = step(ledger, found, &AlertRules::default(), now);
    let started = made.started.iter().map(|entry| format!("+{}", entry.key));
    let ended = made.ended.iter().map(|entry| format!("-{}", entry.key));
    started.chain(ended).collect()
}

#[test]
fn an_alert_starts_once_after_its_time_and_ends_once() {
    let mut ledger = Ledger::default();
    let down = holds(source(), Some(at("05:07")));
    let steps = [
        ("05:10", &down, vec![]),
        ("07:06", &down, vec![]),
        ("07:07", &down, vec!["+down/pncp"]),
        ("07:08", &down, vec![]),
        ("11:00", &down, vec![]),
        ("11:07", &Findings::default(), vec!["-down/pncp"]),
        ("11:08", &Findings::default(), vec![]),
    ];
    for (time, found, expected) in steps {
        assert_eq!(told(&mut ledger, found, at(time)), expected, "{time}");
    }
}

#[test]
fn what_is_over_before_its_time_is_never_told() {
    let mut ledger = Ledger::default();
    assert!(
        told(
            &mut ledger,
            &holds(source(), Some(at("05:00"))),
            at("06:59")
        )
        .is_empty()
    );
    assert!(told(&mut ledger, &Findings::default(), at("07:00")).is_empty());
    assert_eq!(ledger, Ledger::default());
    let again = holds(source(), Some(at("08:00")));
    assert!(told(&mut ledger, &again, at("08:30")).is_empty());
    assert_eq!(told(&mut ledger, &again, at("10:00")), ["+down/pncp"]);
}

#[test]
fn a_condition_without_a_beginning_counts_from_the_first_snapshot_that_has_it() {
    let mut ledger = Ledger::default();
    let lake = holds(AlertKey::of_all(AlertRuleName::Lake), None);
    assert!(told(&mut ledger, &lake, at("05:00")).is_empty());
    assert!(told(&mut ledger, &lake, at("05:29")).is_empty());
    assert_eq!(told(&mut ledger, &lake, at("05:30")), ["+lake"]);
    assert_eq!(ledger.active()[0].since, at("05:00"));
}

#[test]
fn what_can_not_be_told_neither_starts_nor_ends_an_alert() {
    let mut ledger = Ledger::default();
    assert!(told(&mut ledger, &unknown(source()), at("04:00")).is_empty());
    told(
        &mut ledger,
        &holds(source(), Some(at("05:00"))),
        at("06:00"),
    );
    // A process that starts doesn't know, and then finds the API down since it looks.
    assert!(told(&mut ledger, &unknown(source()), at("06:30")).is_empty());
    assert_eq!(ledger.alerts["down/pncp"].state, AlertState::Pending);
    told(
        &mut ledger,
        &holds(source(), Some(at("05:00"))),
        at("07:00"),
    );
    assert!(told(&mut ledger, &unknown(source()), at("08:00")).is_empty());
    assert!(
        told(
            &mut ledger,
            &holds(source(), Some(at("08:01"))),
            at("08:10")
        )
        .is_empty()
    );
    assert_eq!(ledger.active()[0].since, at("05:00"));
    assert_eq!(
        told(&mut ledger, &Findings::default(), at("09:00")),
        ["-down/pncp"]
    );
}

#[test]
fn an_endpoint_is_not_well_because_its_host_is_down_too() {
    let mut ledger = Ledger::default();
    told(
        &mut ledger,
        &holds(endpoint(), Some(at("02:00"))),
        at("04:00"),
    );
    assert_eq!(ledger.active().len(), 1);
    let host = holds(source(), Some(at("05:00")));
    assert!(told(&mut ledger, &host, at("05:10")).is_empty());
    assert_eq!(told(&mut ledger, &host, at("07:10")), ["+down/pncp"]);
    let ended = ["-down/pncp", "-down/pncp/atas"];
    assert_eq!(told(&mut ledger, &Findings::default(), at("08:00")), ended);
}

/// Two daemons see an API differently for some minutes: the first one has had an answer, the other one hasn't
/// probed yet.
#[test]
fn an_alert_that_ended_is_not_told_again_because_of_an_old_outage() {
    let mut ledger = Ledger::default();
    let down = holds(source(), Some(at("01:00")));
    told(&mut ledger, &down, at("03:00"));
    assert_eq!(
        told(&mut ledger, &Findings::default(), at("07:00")),
        ["-down/pncp"]
    );
    for minute in ["07:01", "07:05", "07:10"] {
        assert!(told(&mut ledger, &down, at(minute)).is_empty(), "{minute}");
        assert!(told(&mut ledger, &Findings::default(), at(minute)).is_empty());
    }
}

#[test]
fn a_rule_that_was_switched_off_ends_its_alerts() {
    let mut ledger = Ledger::default();
    told(
        &mut ledger,
        &holds(source(), Some(at("01:00"))),
        at("03:00"),
    );
    assert_eq!(
        told(&mut ledger, &Findings::default(), at("03:01")),
        ["-down/pncp"]
    );
}

#[test]
fn a_clock_that_was_ahead_holds_no_alert_back() {
    let mut ledger = Ledger::default();
    let ahead = at("05:00") + TimeDelta::days(90);
    assert!(told(&mut ledger, &holds(source(), Some(ahead)), at("05:00")).is_empty());
    assert_eq!(ledger.alerts["down/pncp"].since, at("05:00"));
}

#[test]
fn an_ended_alert_is_forgotten_after_a_day() {
    let mut ledger = Ledger::default();
    told(
        &mut ledger,
        &holds(source(), Some(at("01:00"))),
        at("03:00"),
    );
    told(&mut ledger, &Findings::default(), at("04:00"));
    assert_eq!(ledger.alerts.len(), 1);
    told(
        &mut ledger,
        &Findings::default(),
        at("04:00") + TimeDelta::days(1),
    );
    assert_eq!(ledger, Ledger::default());
}
