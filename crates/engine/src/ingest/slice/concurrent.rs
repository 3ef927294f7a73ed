//! Reads the slices of a day concurrently with the intake of their pages.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::ingest::Context;
use crate::ingest::intake::Delivery;
use crate::ingest::progress::Progress;
use crate::ingest::slice::ReadContext;
use crate::ingest::slice::reader::{SliceOutcome, SliceReader};
use bronzed_model::slices::slices;
use bronzed_storage::state::SliceProgress;

/// Reader of the slices of a day.
#[derive(Clone, Copy)]
pub struct SliceReading<'a> {
    pub read: ReadContext<'a>,
    /// `true` if each slice is walked until its proof holds.
    pub proof_due: bool,
    /// See [`SliceReader::settled`].
    pub settled: DateTime<Utc>,
    /// Labels of the slices to read. `None` if all are read.
    pub only: Option<&'a BTreeSet<String>>,
}

impl SliceReading<'_> {
    /// Returns the slice that had most rows among those that aren't read by this run. `None` if the run
    /// reads all slices, or none of the others had rows.
    fn rows_before(&self, known: &BTreeMap<String, SliceProgress>) -> Option<String> {
        let only = self.only?;
        let others = known.iter().filter(|(label, _)| !only.contains(*label));
        let most = others.max_by_key(|(_, slice)| slice.total);
        most.filter(|(_, slice)| slice.total > 0)
            .map(|(label, _)| label.clone())
    }

    /// Reads the slices while `take` consumes their deliveries. `known` is what earlier runs proved of the
    /// slices.
    pub async fn slices<T>(
        self,
        known: &BTreeMap<String, SliceProgress>,
        take: impl AsyncFnOnce(mpsc::Receiver<Delivery>) -> T,
    ) -> (Vec<(String, SliceOutcome)>, T) {
        let concurrency = self.read.context.concurrency;
        let (sender, receiver) = mpsc::channel(concurrency.max(1));
        let mut slices = slices(&self.read.order.dataset);
        if let Some(only) = self.only {
            slices.retain(|slice| only.contains(&*slice.label));
        }
        self.read.context.observer.notice(Progress::Started {
            slices: slices.len(),
        });
        // Also cancelled at the end of the intake, see below.
        let stop = self.read.context.cancel.child_token();
        let context = Context {
            cancel: stop.clone(),
            ..self.read.context.clone()
        };
        let reader = SliceReader {
            read: ReadContext {
                context: &context,
                ..self.read
            },
            proof_due: self.proof_due,
            settled: self.settled,
        };
        let reading = async move {
            let sender = sender;
            let read: Vec<_> = futures::stream::iter(slices)
                .map(|slice| {
                    let before = known.get(&*slice.label).copied();
                    let label = slice.label.to_string();
                    let (reader, sender) = (&reader, &sender);
                    async move {
                        let read = reader.read(slice, before, sender).await;
                        if read.is_ok() {
                            reader.read.context.observer.notice(Progress::SliceDone);
                        }
                        (label, read)
                    }
                })
                // More slices would only queue; the client's limiter decides which request is next.
                .buffer_unordered(concurrency.saturating_mul(2).max(1))
                .collect()
                .await;
            let (mut outcomes, mut nothing) = (Vec::new(), Vec::new());
            for (label, read) in read {
                match read {
                    Ok(outcome) => outcomes.push((label, outcome)),
                    Err(empty) => nothing.push(empty),
                }
            }
            let rows = outcomes.iter().find(|(_, outcome)| outcome.has_rows());
            let rows = rows.map(|(label, _)| label.clone());
            let rows = rows.or_else(|| self.rows_before(known));
            outcomes.extend(reader.confirm(nothing, rows.as_deref(), &sender).await);
            drop(sender);
            outcomes
        };
        let taking = async {
            let taken = take(receiver).await;
            // Everything is taken in, or the intake failed: a slice that backs off for long must not delay
            // the end of a failed run.
            stop.cancel();
            taken
        };
        tokio::join!(reading, taking)
    }
}
