//! Takes in the table as it is read: compares its rows with the known ones, and commits new and changed
//! rows.

use tokio::sync::mpsc;

use crate::ingest::frame::RunFrame;
use crate::ingest::intake::Delivery;
use crate::ingest::intake::batch::{Batch, IntakeError, tell_drift};
use crate::ingest::progress::Progress;
use crate::ingest::{Context, Order};
use bronzed_model::execution::Execution;
use bronzed_model::record::RecordId;
use bronzed_source::RequestBudget;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::events::Op;
use bronzed_storage::bronze::writer::RowOrigin;
use bronzed_storage::state::known::{ContentHash, Folded, KnownRecord, VANISHED};
use bronzed_storage::state::{DayState, DayStore};

pub struct SnapshotIntake<'a> {
    context: &'a Context,
    order: &'a Order,
    store: &'a DayStore,
    state: &'a mut DayState,
    folded: &'a mut Folded,
    execution: &'a mut Execution,
    usage: &'a RequestBudget,
    pending: Batch,
    pages: u64,
}

impl<'a> SnapshotIntake<'a> {
    pub fn new(
        run: &'a mut RunFrame<'_>,
        state: &'a mut DayState,
        folded: &'a mut Folded,
        usage: &'a RequestBudget,
    ) -> Self {
        Self {
            context: run.context,
            order: run.order,
            store: &run.store,
            state,
            folded,
            execution: &mut run.execution,
            usage,
            pending: Batch::default(),
            pages: 0,
        }
    }

    /// Takes in all deliveries until every reader has ended. Rows that don't fill a file stay pending.
    pub async fn take_all(
        &mut self,
        mut deliveries: mpsc::Receiver<Delivery>,
    ) -> Result<(), IntakeError> {
        while let Some(delivery) = deliveries.recv().await {
            let records = delivery.ids.len() as u64;
            let new = self.take(&delivery)?;
            self.pages += 1;
            let observer = &self.context.observer;
            observer.notice(Progress::Page { records, new });
            // A cancelled reader no longer listens; its rows are taken in nevertheless.
            let _ = delivery.reply.send(new);
            if self.pending.is_full(self.context) {
                self.commit().await?;
            }
        }
        Ok(())
    }

    /// Number of pages received.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns `true` if any row was received.
    pub fn has_fetched(&self) -> bool {
        self.execution.counts.fetched + self.pending.counts().fetched > 0
    }

    /// Returns `true` if a known row wasn't received.
    pub fn misses_rows(&self) -> bool {
        self.folded.known.misses_any()
    }

    /// Returns the keys of the known rows that weren't received, and the number of known rows.
    pub fn missing(&self) -> (Vec<Box<str>>, usize) {
        (self.folded.known.unseen(), self.folded.known.len())
    }

    /// Stores the known rows `gone` as vanished.
    pub fn take_vanished(&mut self, gone: Vec<Box<str>>) -> Result<(), BronzeError> {
        for key in gone {
            let id = self.fresh_id(&key, VANISHED);
            let origin = RowOrigin {
                op: Some(Op::Vanished),
                ..RowOrigin::default()
            };
            self.pending.append_text(
                self.context,
                self.order,
                self.execution,
                (&id, origin, "{}"),
            )?;
            self.pending.count().vanished += 1;
            self.folded.known.remove(&key);
        }
        Ok(())
    }

    /// Logs values that no column holds.
    pub fn tell_drift(&mut self) {
        let drift = self.execution.counts.drift;
        self.execution.drift_example = tell_drift(self.order, self.pending.drifted(), drift);
    }

    /// Commits the rows taken in so far; without any, only adds their counts.
    pub async fn commit(&mut self) -> Result<(), IntakeError> {
        let Self {
            context,
            order,
            store,
            state,
            folded,
            execution,
            usage,
            ..
        } = self;
        let committed = self
            .pending
            .commit(context, store, state, execution, (order, usage))
            .await?;
        let own = committed.as_ref().and_then(|committed| {
            let key = committed.key.as_deref()?;
            Some((key, committed.rows))
        });
        folded.follow(store, state.commits(), own).await?;
        Ok(())
    }

    fn take(&mut self, delivery: &Delivery) -> Result<u64, BronzeError> {
        let before = self.pending.counts().new;
        for (record, id) in delivery.page.values().zip(&delivery.ids) {
            let counts = self.pending.count();
            counts.fetched += 1;
            counts.unidentified += u64::from(!id.identified);
            let (key, hash) = (id.id.as_str(), ContentHash::of_value(record));
            let version = hash.version();
            let op = match self.folded.known.see(key, hash) {
                KnownRecord::Same => None,
                KnownRecord::New => Some(Op::New),
                // The table changes while it is read, or its keys aren't unique: each content is stored once
                // per run.
                KnownRecord::Changed { again } if again && self.has_today(key, &version) => None,
                KnownRecord::Changed { .. } => Some(Op::Changed),
            };
            let Some(op) = op else {
                self.pending.count().duplicates += 1;
                continue;
            };
            let row = self.fresh_id(key, &version);
            let origin = RowOrigin {
                op: Some(op),
                ..RowOrigin::slice(&delivery.slice)
            };
            let row = (&row, origin, record);
            self.pending
                .append(self.context, self.order, self.execution, row)?;
            self.folded.known.set(key, hash, &delivery.slice);
        }
        Ok(self.pending.counts().new - before)
    }

    fn has_today(&self, key: &str, version: &str) -> bool {
        self.is_taken(&RecordId::of_version(key, version))
    }

    /// Returns an id for a version that isn't stored for the day yet; a version that recurs within the day
    /// is numbered.
    fn fresh_id(&self, key: &str, version: &str) -> RecordId {
        let mut id = RecordId::of_version(key, version);
        let mut number = 1_u32;
        while self.is_taken(&id) {
            number += 1;
            id = RecordId::of_version(key, &format!("{version}~{number}"));
        }
        id
    }

    fn is_taken(&self, id: &RecordId) -> bool {
        self.state.contains(&id.id) || self.pending.contains(&id.id)
    }
}
