//! Outbox: messages that aren't delivered yet. Pure.
//!
//! A message is queued in the same write that notes its transition, so that a process that ends afterwards
//! forgets nothing. Before it is sent, it is claimed in the ledger, so that no other daemon sends it, too; a
//! claim ends by itself when the process that made it is gone. The messages of a channel are sent in order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::ledger::AlertEntry;
use crate::alerts::message::{AlertText, Message};
use crate::alerts::tracker::Transitions;

/// Delay after the first failed delivery; doubled by each further one.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(1);
/// Maximum delay.
const LONGEST: TimeDelta = TimeDelta::hours(1);
/// Age at which a message is given up.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(3);
/// Time for which a claim holds.
const CLAIM: TimeDelta = TimeDelta::minutes(5);
/// Maximum number of messages that wait for a channel; the oldest are given up.
const MAX_WAITING: usize = 100;

/// Messages in the order in which they were queued.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox(Vec<OutboxDelivery>);

/// A message for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxDelivery {
    /// Unique id of the delivery.
    pub id: String,
    /// Name of the channel.
    pub channel: String,
    /// The message.
    pub message: Message,
    /// Number of failed attempts.
    pub attempts: u32,
    /// Time of the next attempt.
    pub next_at: DateTime<Utc>,
    /// Claim of the process that is sending it.
    pub claim: Option<Claim>,
}

/// Claim of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Id of the process.
    pub by: String,
    /// Time at which the claim ends by itself.
    pub until: DateTime<Utc>,
}

impl Outbox {
    /// Returns the deliveries in order.
    pub fn deliveries(&self) -> &[OutboxDelivery] {
        &self.0
    }

    /// Queues the messages of transitions for each channel, one for each source.
    pub fn queue(&mut self, of: &Transitions, channels: &BTreeSet<String>, now: DateTime<Utc>) {
        for message in messages(of, now) {
            for channel in channels {
                let at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
                let source = message.source.as_deref().unwrap_or("lake");
                self.0.push(OutboxDelivery {
                    id: format!("{at}/{source}/{channel}"),
                    channel: channel.clone(),
                    message: message.clone(),
                    attempts: 0,
                    next_at: now,
                    claim: None,
                });
            }
        }
    }

    /// Removes messages of channels that aren't configured any more, and gives up those that have waited for
    /// too long; returns the latter.
    pub fn give_up(
        &mut self,
        channels: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Vec<OutboxDelivery> {
        self.0.retain(|one| channels.contains(&one.channel));
        let mut room: BTreeMap<_, _> = channels
            .iter()
            .map(|channel| (channel.as_str(), MAX_WAITING))
            .collect();
        let mut kept = Vec::new();
        let mut given_up = Vec::new();
        for one in self.0.iter().rev() {
            let left = room.get_mut(one.channel.as_str());
            let has_room = left.is_some_and(|left| {
                let has_room = *left > 0;
                *left = left.saturating_sub(1);
                has_room
            });
            let too_old = now - one.message.at > GIVEN_UP_AFTER && one.attempts > 0;
            match has_room && !too_old {
                true => kept.push(one.clone()),
                false => given_up.push(one.clone()),
            }
        }
        kept.reverse();
        self.0 = kept;
        given_up
    }

    /// Claims what is due: of each channel, its first messages up to one that isn't due, or that another
    /// process is sending.
    pub fn claim(&mut self, me: &str, now: DateTime<Utc>) -> Vec<OutboxDelivery> {
        let mut shut = BTreeSet::new();
        let mut claimed = Vec::new();
        for one in &mut self.0 {
            let of_other = one
                .claim
                .as_ref()
                .is_some_and(|claim| claim.by != me && claim.until > now);
            // The clock may have been set in between.
            let waits = one.next_at > now && one.next_at - now <= LONGEST;
            if of_other || waits || shut.contains(&one.channel) {
                shut.insert(one.channel.clone());
                continue;
            }
            one.claim = Some(Claim {
                by: me.to_owned(),
                until: now + CLAIM,
            });
            claimed.push(one.clone());
        }
        claimed
    }

    /// Notes the outcome of deliveries that were claimed: removes those in `delivered`, and has those in
    /// `failed` tried again later. Claims of `me` end.
    pub fn settle(
        &mut self,
        me: &str,
        delivered: &[String],
        failed: &[String],
        now: DateTime<Utc>,
    ) {
        self.0.retain(|one| !delivered.contains(&one.id));
        for one in &mut self.0 {
            if one.claim.as_ref().is_some_and(|claim| claim.by == me) {
                one.claim = None;
            }
            if failed.contains(&one.id) {
                one.attempts += 1;
                let doublings = one.attempts.saturating_sub(1).min(6);
                one.next_at = now + (FIRST_RETRY * (1 << doublings)).min(LONGEST);
            }
        }
    }

    /// Adds the messages that another outbox has queued since `since`, and removes those that were delivered.
    pub fn merge(&mut self, other: &Self, since: DateTime<Utc>, delivered: &[String]) {
        self.0.retain(|one| !delivered.contains(&one.id));
        for one in &other.0 {
            let known = self.0.iter().any(|own| own.id == one.id);
            if !known && one.message.at >= since && !delivered.contains(&one.id) {
                self.0.push(one.clone());
            }
        }
    }
}

/// Returns one message for each source that has transitions.
fn messages(of: &Transitions, now: DateTime<Utc>) -> Vec<Message> {
    let mut by_source: BTreeMap<Option<String>, Message> = BTreeMap::new();
    let mut message = |entry: &AlertEntry, has_ended: bool| {
        let source = entry.key.source.clone();
        let message = by_source.entry(source.clone()).or_insert_with(|| Message {
            source,
            test: false,
            ..Message::test(now)
        });
        let texts = match has_ended {
            true => &mut message.ended,
            false => &mut message.started,
        };
        texts.push(AlertText::from(entry));
    };
    of.started.iter().for_each(|entry| message(entry, false));
    of.ended.iter().for_each(|entry| message(entry, true));
    by_source.into_values().collect()
}
