//! The task over a store that fails, with a receiver that refuses: exact counts of messages.

use std::sync::Arc;

use bronzed_storage::lake::Lake;
use chrono::TimeDelta;
use object_store::memory::InMemory;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::channels::Receiver;
use super::{at, outage, well};
use crate::alerts::facts::{AlertFacts, LakeRefusal};
use crate::alerts::ledger::{KEY, Ledger};
use crate::alerts::{AlertContext, Alerts, run};
use bronzed_model::alerts::{AlertChannel, AlertSettings, WebhookShape};
use bronzed_model::entropy::Entropy;
use bronzed_model::quality::Results;

/// A daemon's alerts on a lake, which others may share.
struct Process {
    alerts: Alerts,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Process {
    fn start(lake: &Lake, receiver: &Receiver, me: &str) -> Self {
        let channel = AlertChannel::Webhook {
            shape: WebhookShape::Generic,
            url: format!("{}/hook", receiver.base).into(),
        };
        let settings = AlertSettings {
            channels: [("ops".to_owned(), channel)].into(),
            ..AlertSettings::default()
        };
        let context = AlertContext {
            lake: lake.clone(),
            entropy: Arc::new(Entropy::seeded(1)),
            settings,
            me: me.to_owned(),
        };
        let (alerts, stop) = (Alerts::default(), CancellationToken::new());
        let task = tokio::spawn(run(alerts.clone(), context, stop.clone()));
        Self { alerts, task, stop }
    }

    /// Publishes facts, and waits until they have been dealt with.
    async fn see(&self, facts: AlertFacts) {
        self.alerts.publish(facts);
        self.alerts.settled().await;
    }

    async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lake() -> Lake {
    Lake::over(Arc::new(InMemory::new()), "memory:///")
}

/// Facts in which the API has been down since 05:07.
fn down(time: &str) -> AlertFacts {
    let mut facts = well(at(time));
    for dataset in &mut facts.sources[0].datasets {
        dataset.outage = Some(outage(true, at("05:07")));
    }
    facts
}

/// Facts in which the lake has refused writes since 05:00.
fn full(time: &str) -> AlertFacts {
    let mut facts = well(at(time));
    facts.lake.refuses = Some(LakeRefusal {
        since: at("05:00"),
        error: "no space left on device".to_owned(),
    });
    facts
}

/// Facts of a process that has just started.
fn new(time: &str) -> AlertFacts {
    let mut facts = well(at(time));
    facts.lake.reachable = None;
    for dataset in &mut facts.sources[0].datasets {
        (dataset.days, dataset.answered) = (None, false);
    }
    facts
}

fn told(receiver: &Receiver) -> Vec<String> {
    let received = receiver.take().into_iter();
    received
        .map(|(_, document)| {
            let alert = &document["alerts"][0];
            format!(
                "{} {}",
                document["status"].as_str().unwrap(),
                alert["key"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn a_restart_neither_repeats_nor_forgets() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    let first = Process::start(&lake, &receiver, "first");
    for time in ["05:10", "06:00", "07:07", "07:08"] {
        first.see(down(time)).await;
    }
    assert_eq!(told(&receiver), ["firing down/pncp"]);
    first.stop().await;
    let second = Process::start(&lake, &receiver, "second");
    for facts in [new("08:00"), down("08:30"), down("11:00")] {
        second.see(facts).await;
    }
    assert!(told(&receiver).is_empty());
    let active = second.alerts.active();
    assert_eq!(active[0].key.to_string(), "down/pncp");
    second.stop().await;
    let third = Process::start(&lake, &receiver, "third");
    third.see(new("11:10")).await;
    assert!(told(&receiver).is_empty(), "it isn't known if it is over");
    third.see(well(at("11:11"))).await;
    third.see(well(at("11:12"))).await;
    assert_eq!(told(&receiver), ["resolved down/pncp"]);
    assert!(third.alerts.active().is_empty());
}

#[tokio::test]
async fn of_two_daemons_one_tells() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    let one = Process::start(&lake, &receiver, "one");
    let two = Process::start(&lake, &receiver, "two");
    for time in ["05:10", "07:10", "07:11"] {
        tokio::join!(one.see(down(time)), two.see(down(time)));
    }
    assert_eq!(told(&receiver), ["firing down/pncp"]);
    tokio::join!(one.see(well(at("11:00"))), two.see(well(at("11:00"))));
    // The other one hasn't probed the API for some minutes.
    two.see(down("11:01")).await;
    one.see(well(at("11:01"))).await;
    assert_eq!(told(&receiver), ["resolved down/pncp"]);
}

#[tokio::test]
async fn a_message_that_was_not_taken_is_sent_by_the_next_process() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    receiver.answer(503);
    let first = Process::start(&lake, &receiver, "first");
    first.see(down("07:10")).await;
    first.see(down("07:10")).await;
    assert_eq!(
        told(&receiver).len(),
        1,
        "the second attempt waits for a minute"
    );
    first.stop().await;
    receiver.answer(200);
    let second = Process::start(&lake, &receiver, "second");
    second.see(down("07:11")).await;
    second.see(down("07:12")).await;
    assert_eq!(told(&receiver), ["firing down/pncp"]);
    let ledger = Ledger::load(&lake).await.unwrap();
    assert!(ledger.outbox.deliveries().is_empty());
}

#[tokio::test]
async fn a_full_lake_is_told_without_writing_to_it_and_noted_afterwards() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    let process = Process::start(&lake, &receiver, "one");
    process.see(well(at("04:59"))).await;
    let before = lake.get(KEY).await.unwrap().unwrap().0;
    for time in ["05:01", "05:30", "06:00", "10:00"] {
        process.see(full(time)).await;
    }
    assert_eq!(told(&receiver), ["firing lake"]);
    let meanwhile = lake.get(KEY).await.unwrap().unwrap().0;
    assert_eq!(meanwhile, before, "the lake was written to");
    process.see(well(at("11:00"))).await;
    process.see(well(at("11:01"))).await;
    assert_eq!(told(&receiver), ["resolved lake"]);
    let ledger = Ledger::load(&lake).await.unwrap();
    assert!(ledger.outbox.deliveries().is_empty() && ledger.active().is_empty());
    assert_eq!(ledger.alerts.len(), 1, "it is remembered for a day");
}

#[tokio::test]
async fn what_began_without_the_lake_outlives_a_restart_with_it() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    let first = Process::start(&lake, &receiver, "first");
    let mut both = full("07:10");
    both.sources = down("07:10").sources;
    first.see(both).await;
    assert_eq!(told(&receiver), ["firing lake", "firing down/pncp"]);
    first.see(down("07:20")).await;
    assert_eq!(told(&receiver), ["resolved lake"]);
    first.stop().await;
    let second = Process::start(&lake, &receiver, "second");
    second.see(down("07:30")).await;
    assert!(told(&receiver).is_empty());
    assert_eq!(second.alerts.active().len(), 1);
}

#[tokio::test]
async fn a_ledger_that_is_not_understood_is_left_alone_and_alerts_go_on() {
    let (lake, receiver) = (lake(), Receiver::start().await);
    let newer = r#"{"format": 2}"#;
    lake.create(KEY, newer.into()).await.unwrap();
    let process = Process::start(&lake, &receiver, "one");
    process.see(down("07:10")).await;
    process.see(down("07:11")).await;
    process.see(well(at("08:00"))).await;
    assert_eq!(told(&receiver), ["firing down/pncp", "resolved down/pncp"]);
    assert_eq!(lake.get(KEY).await.unwrap().unwrap().0, newer);
}

/// Runs that ended while the task was busy are in the snapshot that it takes next.
#[tokio::test]
async fn a_snapshot_that_nobody_took_loses_no_run() {
    use crate::alerts::facts::{RunEnding, RunFacts};
    let alerts = Alerts::default();
    for hour in 1..=3 {
        let mut facts = well(at("05:00") + TimeDelta::hours(hour));
        facts.runs = vec![RunFacts {
            source: "pncp".into(),
            dataset: "atas".into(),
            day: "2025-10-21".parse().unwrap(),
            at: facts.at,
            outcome: RunEnding::Failed("status 500".to_owned()),
            drift: 0,
            expectations: Results::new(),
        }];
        alerts.publish(facts);
    }
    let (facts, number) = alerts.next().await;
    assert_eq!((facts.runs.len(), number), (3, 3));
    assert_eq!(facts.at, at("08:00"));
}
