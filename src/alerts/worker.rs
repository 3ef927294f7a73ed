//! The task that turns facts into messages. It has no timer of its own: each snapshot of the daemon is dealt
//! with once, and what is due is sent then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::alerts::Alerts;
use crate::alerts::channel::{Channel, HttpError};
use crate::alerts::facts::AlertFacts;
use crate::alerts::heartbeat::Heart;
use crate::alerts::keeper::LedgerKeeper;
use crate::alerts::key::AlertRuleName;
use crate::alerts::ledger::AlertEntry;
use crate::alerts::outbox::OutboxDelivery;
use crate::alerts::tracker::Transitions;
use crate::alerts::volume::VolumeReader;
use crate::alerts::{rules, tracker};
use bronzed_metrics::events;
use bronzed_model::alerts::AlertSettings;
use bronzed_model::entropy::Entropy;
use bronzed_storage::lake::Lake;

/// Resources of the task.
pub(crate) struct AlertContext {
    /// Lake that holds the ledger.
    pub lake: Lake,
    /// Random source.
    pub entropy: Arc<Entropy>,
    /// Settings of alerts.
    pub settings: AlertSettings,
    /// Id of this process among those that send messages.
    pub me: String,
}

/// Deals with the facts that are published, until `stop`. What has begun is finished first; it is bounded by
/// the time limits of lake and channels.
pub(crate) async fn run(alerts: Alerts, context: AlertContext, stop: CancellationToken) {
    let mut worker = Worker::new(context);
    loop {
        let (facts, number) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = alerts.next() => next,
        };
        worker.pass(&facts).await;
        alerts.done(number, worker.keeper.ledger().active());
    }
}

struct Worker {
    keeper: LedgerKeeper,
    reader: VolumeReader,
    settings: AlertSettings,
    channels: BTreeMap<String, Channel>,
    heart: Option<Heart>,
    me: String,
}

/// Result of one change of the ledger.
struct WorkerStep {
    transitions: Transitions,
    given_up: Vec<OutboxDelivery>,
    due: Vec<OutboxDelivery>,
}

impl Worker {
    fn new(context: AlertContext) -> Self {
        let settings = context.settings;
        let channels = settings.channels.iter().filter_map(|(name, channel)| {
            let channel = usable(name, Channel::new(channel))?;
            Some((name.clone(), channel))
        });
        Self {
            keeper: LedgerKeeper::new(&context.lake, context.entropy),
            reader: VolumeReader::new(context.lake),
            channels: channels.collect(),
            heart: settings
                .heartbeat
                .as_ref()
                .and_then(|settings| usable("heartbeat", Heart::new(settings))),
            settings,
            me: context.me,
        }
    }

    /// Deals with one snapshot.
    async fn pass(&mut self, facts: &AlertFacts) {
        let (now, is_well) = (facts.at, facts.lake.is_well());
        let read = match is_well && self.settings.rules.volume.enabled {
            true => self.reader.read(facts, &self.keeper.ledger().volumes).await,
            false => Vec::new(),
        };
        let rules = &self.settings.rules;
        let channels: BTreeSet<_> = self.channels.keys().cloned().collect();
        let step = self.keeper.change(is_well, now, |ledger| {
            ledger.volumes.extend(&read);
            ledger.volumes.forget(facts);
            ledger.evidence.hear(facts);
            let found = rules::evaluate(facts, &ledger.evidence, &ledger.volumes, rules);
            let transitions = tracker::step(ledger, &found, rules, now);
            ledger.outbox.queue(&transitions, &channels, now);
            WorkerStep {
                transitions,
                given_up: ledger.outbox.give_up(&channels, now),
                due: ledger.outbox.claim(&self.me, now),
            }
        });
        let step = step.await;
        tell(&step);
        self.measure();
        let mut heart = self.heart.take();
        let beat = async {
            if let Some(heart) = &mut heart {
                heart.beat(is_well, now).await;
            }
        };
        tokio::join!(self.deliver(step.due, is_well, now), beat);
        self.heart = heart;
    }

    /// Sends what was claimed: the channels at once, the messages of a channel in order up to one that fails.
    async fn deliver(&mut self, due: Vec<OutboxDelivery>, in_lake: bool, now: DateTime<Utc>) {
        if due.is_empty() {
            return;
        }
        let mut by_channel: BTreeMap<String, Vec<OutboxDelivery>> = BTreeMap::new();
        for one in due {
            by_channel.entry(one.channel.clone()).or_default().push(one);
        }
        let channels = &self.channels;
        let sent = by_channel.into_iter().filter_map(|(name, due)| {
            let channel = channels.get(&name)?;
            Some(send(name, channel, due))
        });
        let mut delivered = Vec::new();
        let mut failed = Vec::new();
        for (well, bad) in join_all(sent).await {
            delivered.extend(well);
            failed.extend(bad);
        }
        self.keeper.delivered(&delivered);
        let me = self.me.clone();
        let settled = self.keeper.change(in_lake, now, |ledger| {
            ledger.outbox.settle(&me, &delivered, &failed, now);
        });
        settled.await;
        // A change that failed has the ledger continued in memory only from then on.
        self.keeper.delivered(&delivered);
    }

    fn measure(&self) {
        let active = self.keeper.ledger().active();
        for rule in AlertRuleName::ALL {
            let count = active.iter().filter(|entry| entry.key.rule == rule).count();
            events::alerts_active(rule.name(), count as u64);
        }
    }
}

/// Sends the messages of one channel in order, up to one that fails. Returns the ids of those delivered, and
/// of the one that failed.
async fn send(
    name: String,
    channel: &Channel,
    due: Vec<OutboxDelivery>,
) -> (Vec<String>, Option<String>) {
    let mut delivered = Vec::new();
    for one in due {
        match channel.deliver(&one.message).await {
            Ok(()) => {
                let (id, attempts) = (&*one.id, one.attempts + 1);
                tracing::info!(channel = name, id, attempts, "alert delivered");
                delivered.push(one.id);
            }
            Err(error) => {
                let (id, attempts) = (&*one.id, one.attempts + 1);
                tracing::warn!(channel = name, id, attempts, %error, "alert not delivered");
                return (delivered, Some(one.id));
            }
        }
    }
    (delivered, None)
}

fn usable<T>(channel: &str, built: Result<T, HttpError>) -> Option<T> {
    built
        .inspect_err(|error| tracing::error!(channel, %error, "alert channel not usable"))
        .ok()
}

fn tell(step: &WorkerStep) {
    for entry in &step.transitions.started {
        let AlertEntry {
            summary,
            detail,
            hint,
            ..
        } = entry;
        tracing::warn!(alert = %entry.key, summary, detail, hint, "alert started");
    }
    for entry in &step.transitions.ended {
        let since = entry.since.to_rfc3339();
        tracing::info!(alert = %entry.key, summary = entry.summary, since, "alert ended");
    }
    for one in &step.given_up {
        let (channel, id, attempts) = (&*one.channel, &*one.id, one.attempts);
        tracing::error!(channel, id, attempts, "alert given up");
    }
}
