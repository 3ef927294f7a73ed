//! The outbox: at least once, in order, by one process.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::at;
use crate::alerts::key::{AlertKey, AlertRuleName};
use crate::alerts::ledger::{AlertEntry, AlertState};
use crate::alerts::outbox::Outbox;
use crate::alerts::tracker::Transitions;

fn entry(key: AlertKey) -> AlertEntry {
    AlertEntry {
        key,
        state: AlertState::Active,
        since: at("01:00"),
        changed_at: at("03:00"),
        ended_at: None,
        summary: "it is down".to_owned(),
        detail: String::new(),
        hint: String::new(),
    }
}

fn channels(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn started(keys: &[AlertKey]) -> Transitions {
    Transitions {
        started: keys.iter().cloned().map(entry).collect(),
        ended: Vec::new(),
    }
}

fn queued(times: &[&str]) -> Outbox {
    let mut outbox = Outbox::default();
    for time in times {
        let of = started(&[AlertKey::of_source(AlertRuleName::Down, "pncp")]);
        outbox.queue(&of, &channels(&["ops"]), at(time));
    }
    outbox
}

fn ids(outbox: &mut Outbox, me: &str, time: &str) -> Vec<String> {
    let claimed = outbox.claim(me, at(time));
    claimed.into_iter().map(|one| one.id).collect()
}

#[test]
fn alerts_of_one_source_are_one_message_for_each_channel() {
    let mut of = started(&[
        AlertKey::of_dataset(AlertRuleName::Stale, "pncp", "atas"),
        AlertKey::of_dataset(AlertRuleName::Stale, "pncp", "contratos"),
        AlertKey::of_source(AlertRuleName::Down, "tcu"),
    ]);
    of.ended = vec![entry(AlertKey::of_all(AlertRuleName::Lake))];
    let mut outbox = Outbox::default();
    outbox.queue(&of, &channels(&["ops", "boss"]), at("03:00"));
    let sent = outbox.deliveries().iter();
    let sent: Vec<_> = sent
        .map(|one| {
            let (started, ended) = (one.message.started.len(), one.message.ended.len());
            (&*one.id, started, ended)
        })
        .collect();
    assert_eq!(
        sent,
        [
            ("2025-10-22T03:00:00.000Z/lake/boss", 0, 1),
            ("2025-10-22T03:00:00.000Z/lake/ops", 0, 1),
            ("2025-10-22T03:00:00.000Z/pncp/boss", 2, 0),
            ("2025-10-22T03:00:00.000Z/pncp/ops", 2, 0),
            ("2025-10-22T03:00:00.000Z/tcu/boss", 1, 0),
            ("2025-10-22T03:00:00.000Z/tcu/ops", 1, 0),
        ]
    );
}

#[test]
fn without_a_channel_nothing_is_queued() {
    let mut outbox = Outbox::default();
    let of = started(&[AlertKey::of_all(AlertRuleName::Lake)]);
    outbox.queue(&of, &channels(&[]), at("03:00"));
    assert_eq!(outbox, Outbox::default());
}

#[test]
fn what_one_process_has_claimed_another_leaves_alone_until_the_claim_ends() {
    let mut outbox = queued(&["03:00"]);
    assert_eq!(ids(&mut outbox, "one", "03:00").len(), 1);
    assert!(ids(&mut outbox, "two", "03:04").is_empty());
    assert_eq!(
        ids(&mut outbox, "two", "03:05").len(),
        1,
        "the first one is gone"
    );
    assert!(ids(&mut outbox, "one", "03:06").is_empty());
}

#[test]
fn a_failed_delivery_is_tried_again_at_a_distance_that_doubles() {
    let mut outbox = queued(&["03:00"]);
    let (mut now, mut waited) = (at("03:00"), Vec::new());
    for _ in 0..9 {
        let claimed = outbox.claim("me", now);
        let failed: Vec<_> = claimed.into_iter().map(|one| one.id).collect();
        assert_eq!(failed.len(), 1);
        outbox.settle("me", &[], &failed, now);
        let next = outbox.deliveries()[0].next_at;
        assert!(outbox.claim("me", next - TimeDelta::seconds(1)).is_empty());
        waited.push((next - now).num_minutes());
        now = next;
    }
    assert_eq!(waited, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let delivered = vec![outbox.deliveries()[0].id.clone()];
    outbox.settle("me", &delivered, &[], now);
    assert_eq!(outbox, Outbox::default());
}

#[test]
fn an_end_is_not_told_before_its_start() {
    let mut outbox = queued(&["03:00", "09:00"]);
    let first = ids(&mut outbox, "me", "03:00");
    assert_eq!(first.len(), 2, "both are due");
    outbox.settle("me", &[], &first[..1], at("09:00"));
    assert!(
        ids(&mut outbox, "me", "09:00").is_empty(),
        "the first one waits"
    );
    assert_eq!(ids(&mut outbox, "me", "09:01"), first);
}

#[test]
fn a_message_is_given_up_after_three_days_and_of_a_hundred_the_oldest() {
    let (ops, late) = (channels(&["ops"]), at("03:00") + TimeDelta::days(4));
    let mut outbox = queued(&["03:00"]);
    assert!(
        outbox.give_up(&ops, late).is_empty(),
        "nobody has tried it yet"
    );
    let failed = ids(&mut outbox, "me", "03:00");
    outbox.settle("me", &[], &failed, at("03:00"));
    assert!(outbox.give_up(&ops, at("23:00")).is_empty());
    assert_eq!(outbox.give_up(&ops, late).len(), 1);
    let mut outbox = queued(&["03:00"; 103]);
    assert_eq!(outbox.give_up(&ops, at("03:00")).len(), 3);
    assert_eq!(outbox.deliveries().len(), 100);
    outbox.give_up(&channels(&["boss"]), at("03:00"));
    assert_eq!(
        outbox,
        Outbox::default(),
        "the channel isn't configured any more"
    );
}

#[test]
fn what_was_delivered_without_the_lake_is_not_sent_again_with_it() {
    let in_lake = queued(&["01:00"]);
    let mut known = in_lake.clone();
    let of = started(&[AlertKey::of_all(AlertRuleName::Lake)]);
    known.queue(&of, &channels(&["ops"]), at("03:00"));
    known.queue(&of, &channels(&["ops"]), at("04:00"));
    let delivered = vec![
        known.deliveries()[0].id.clone(),
        known.deliveries()[1].id.clone(),
    ];
    let mut merged = in_lake;
    merged.merge(&known, at("02:00"), &delivered);
    assert_eq!(merged.deliveries(), &known.deliveries()[2..]);
    // A message that another daemon has delivered since isn't brought back.
    let mut merged = Outbox::default();
    merged.merge(&queued(&["01:00"]), at("02:00"), &[]);
    assert_eq!(merged, Outbox::default());
}
