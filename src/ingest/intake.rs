//! Takes in what the slices deliver: tells new rows from those stored already, writes the new
//! ones, and commits them in files of bounded size.
//!
//! The one owner of the day's state while a run is under way. Counts become part of the execution
//! only when they are settled: rows of a file that couldn't be committed are neither fetched nor
//! new in the audit, and the next run fetches them again.

use std::collections::HashSet;

use tokio::sync::{mpsc, oneshot};

use crate::bronze::BronzeError;
use crate::bronze::writer::{FileMeta, FileWriter};
use crate::ingest::absent::Absent;
use crate::ingest::counts::Counts;
use crate::ingest::off_day::is_off_day;
use crate::ingest::progress::Progress;
use crate::ingest::{Context, Order};
use crate::record::RecordId;
use crate::source::Usage;
use crate::source::declaration::Mode;
use crate::source::page::Page;
use crate::state::execution::Execution;
use crate::state::{DayState, DayStore, StateError};

/// A page on its way from a slice's reader, with the ids of its records.
pub struct Delivery {
    /// The slice's label.
    pub slice: std::sync::Arc<str>,
    /// The page.
    pub page: Page,
    /// One id for each record of the page, in order.
    pub ids: Vec<RecordId>,
    /// Told how many of the records were new.
    pub reply: oneshot::Sender<u64>,
}

/// Why the intake stopped: the run has failed.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Rows couldn't be written as columns.
    #[error(transparent)]
    Bronze(#[from] BronzeError),
    /// The lake didn't take the commit.
    #[error(transparent)]
    State(#[from] StateError),
}

pub struct Intake<'a> {
    context: &'a Context,
    order: &'a Order,
    store: &'a DayStore,
    state: &'a mut DayState,
    execution: &'a mut Execution,
    usage: &'a Usage,
    /// Rows taken in since the last commit.
    pending: Counts,
    pending_ids: HashSet<Box<str>>,
    writer: Option<FileWriter>,
    /// Where the day is verified: which stored ids haven't come yet.
    absent: Option<Absent>,
}

impl<'a> Intake<'a> {
    pub fn new(
        context: &'a Context,
        order: &'a Order,
        store: &'a DayStore,
        state: &'a mut DayState,
        execution: &'a mut Execution,
        usage: &'a Usage,
    ) -> Self {
        let absent = (order.mode == Mode::Verify).then(|| Absent::of(&order.dataset, state));
        Self {
            context,
            order,
            store,
            state,
            execution,
            usage,
            pending: Counts::default(),
            pending_ids: HashSet::new(),
            writer: None,
            absent,
        }
    }

    /// Takes in every delivery until no reader is left, and commits what remains. Where the day is
    /// verified, returns which stored ids didn't come.
    pub async fn take_all(
        &mut self,
        mut deliveries: mpsc::Receiver<Delivery>,
    ) -> Result<Option<Absent>, IntakeError> {
        while let Some(delivery) = deliveries.recv().await {
            let records = delivery.ids.len() as u64;
            let new = self.take(&delivery)?;
            self.context
                .observer
                .notice(Progress::Page { records, new });
            // A reader that was cancelled no longer listens; its rows are in all the same.
            let _ = delivery.reply.send(new);
            if self.is_full() {
                self.commit().await?;
            }
        }
        self.commit().await?;
        Ok(self.absent.take())
    }

    fn take(&mut self, delivery: &Delivery) -> Result<u64, IntakeError> {
        let before = self.pending.new;
        for (record, id) in delivery.page.records().zip(&delivery.ids) {
            self.pending.fetched += 1;
            self.pending.unidentified += u64::from(!id.identified);
            self.pending.returned += u64::from(self.state.note_listed(&id.id));
            if let Some(absent) = &mut self.absent {
                absent.saw(id);
            }
            if is_off_day(&self.order.dataset.days, self.order.day, record) {
                self.pending.off_day += 1;
            } else if self.state.contains(&id.id) || self.pending_ids.contains(id.id.as_str()) {
                self.pending.duplicates += 1;
            } else {
                let drift = self.writer()?.append(id, &delivery.slice, record)?;
                self.pending.new += 1;
                self.pending.drift += drift;
                self.pending_ids.insert(id.id.as_str().into());
            }
        }
        Ok(self.pending.new - before)
    }

    fn writer(&mut self) -> Result<&mut FileWriter, BronzeError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => FileWriter::new(
                &self.order.dataset.schema,
                FileMeta {
                    dataset: self.order.dataset.full_name(),
                    day: self.order.day,
                    run_id: self.execution.run_id,
                    job: self.order.job.clone(),
                    ingested_at: self.context.clock.now(),
                },
            )?,
        };
        Ok(self.writer.insert(writer))
    }

    fn is_full(&self) -> bool {
        let limits = &self.context.commit;
        self.writer.as_ref().is_some_and(|writer| {
            writer.rows() >= limits.max_records || writer.json_bytes() >= limits.max_bytes
        })
    }

    /// Commits the rows taken in so far; without new ones, only settles their counts.
    async fn commit(&mut self) -> Result<(), IntakeError> {
        let mut execution = self.execution.clone();
        execution.counts.add(&self.pending);
        execution.counts.requests = self.usage.requests();
        execution.counts.retries = self.usage.retries();
        if let Some(writer) = self.writer.take() {
            let file = writer.finish()?;
            let committed = self.store.commit(self.state, file, &mut execution).await?;
            tracing::info!(
                key = committed.key.as_deref().unwrap_or_default(),
                rows = committed.rows,
                dropped = committed.dropped,
                "file committed"
            );
            let rows = committed.rows;
            self.context.observer.notice(Progress::Committed { rows });
        }
        *self.execution = execution;
        self.pending = Counts::default();
        self.pending_ids.clear();
        Ok(())
    }
}
