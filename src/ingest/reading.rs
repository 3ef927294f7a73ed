//! The slices of a day, read side by side with the taking in of what they deliver.

use std::collections::BTreeMap;

use futures::StreamExt;
use tokio::sync::mpsc;

use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::slice::{Outcome, SliceReader};
use crate::ingest::{Context, Order};
use crate::source::{Usage, slices};
use crate::state::SliceProgress;

/// The slices of a day, on their way to whoever takes them in.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub context: &'a Context,
    pub order: &'a Order,
    pub usage: &'a Usage,
    /// Each slice is walked until its proof holds.
    pub proof_due: bool,
}

impl Reading<'_> {
    /// Reads every slice, and has `take` take in what they deliver, side by side. `known` is what
    /// was proven of slices before.
    pub async fn slices<T>(
        self,
        known: &BTreeMap<String, SliceProgress>,
        take: impl AsyncFnOnce(mpsc::Receiver<Delivery>) -> T,
    ) -> (Vec<(String, Outcome)>, T) {
        let concurrency = self.context.concurrency;
        let (sender, receiver) = mpsc::channel(concurrency.max(1));
        let slices = slices(&self.order.dataset);
        self.context.observer.notice(Progress::Started {
            slices: slices.len(),
        });
        // The readers also stop where nothing takes what they read: see below.
        let stop = self.context.cancel.child_token();
        let context = Context {
            cancel: stop.clone(),
            ..self.context.clone()
        };
        let reader = SliceReader {
            context: &context,
            order: self.order,
            usage: self.usage,
            proof_due: self.proof_due,
        };
        let reading = async move {
            let sender = sender;
            let outcomes: Vec<_> = futures::stream::iter(slices)
                .map(|slice| {
                    let before = known.get(&*slice.label).copied();
                    let reader = &reader;
                    let sender = &sender;
                    async move {
                        let outcome = reader.read(&slice, before, sender).await;
                        reader.context.observer.notice(Progress::SliceDone);
                        (slice.label.to_string(), outcome)
                    }
                })
                // More than the limit would only queue; the client's gate decides who is next.
                .buffer_unordered(concurrency.saturating_mul(2).max(1))
                .collect()
                .await;
            drop(sender);
            outcomes
        };
        let taking = async {
            let taken = take(receiver).await;
            // All is taken, or the lake takes no more: a slice that waits out a bad hour of the
            // API mustn't hold up a run that has failed.
            stop.cancel();
            taken
        };
        tokio::join!(reading, taking)
    }
}
