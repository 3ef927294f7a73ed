//! Takes in what the slices deliver: deduplicates the rows and commits the new ones.
//!
//! The intake is the only owner of the day's state during a run.

mod absent;
pub mod batch;
pub mod encoding;
pub mod versions;

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::ingest::intake::absent::Absent;
use crate::ingest::intake::batch::{Batch, IntakeError};
use crate::ingest::intake::encoding::{Encoding, PageRows};
use crate::ingest::intake::versions::Versions;
use crate::ingest::off_day::held::{HeldRow, HeldRows, StorageDay, count_fetched, count_left};
use crate::ingest::off_day::other_day;
use crate::ingest::progress::Progress;
use crate::ingest::{Context, Order};
use bronzed_model::execution::Execution;
use bronzed_model::record::RecordId;
use bronzed_source::RequestBudget;
use bronzed_source::page::Page;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::writer::RowOrigin;
use bronzed_storage::state::{DayState, DayStore, StateError};

/// Page sent by the reader of a slice, with the ids of its records.
pub struct Delivery {
    /// Label of the slice.
    pub slice: Arc<str>,
    /// Id of the records' parent; only for a child dataset.
    pub parent: Option<Arc<str>>,
    /// The page.
    pub page: Page,
    /// One id for each record of the page, in order.
    pub ids: Vec<RecordId>,
    /// Channel for the number of records that were new.
    pub reply: oneshot::Sender<u64>,
}

pub struct Intake<'a> {
    context: &'a Context,
    order: &'a Order,
    store: &'a DayStore,
    state: &'a mut DayState,
    execution: &'a mut Execution,
    usage: &'a RequestBudget,
    /// Rows since the last commit.
    pub pending: Encoding,
    versions: Versions,
    /// Off-day rows.
    held: HeldRows,
    /// Stored ids that weren't seen yet; `None` if the run doesn't look for deleted records.
    absent: Option<Absent>,
}

/// Rows and ids left over after the last delivery; committed with the run's verdict.
#[derive(Debug, Default)]
pub struct Rest {
    /// Rows since the last commit.
    pub pending: Batch,
    /// Off-day rows that wait for their own days.
    held: HeldRows,
    /// Stored ids that weren't seen; `None` if the run doesn't look for deleted records.
    pub absent: Option<Absent>,
}

impl<'a> Intake<'a> {
    pub fn new(
        context: &'a Context,
        order: &'a Order,
        store: &'a DayStore,
        state: &'a mut DayState,
        execution: &'a mut Execution,
        usage: &'a RequestBudget,
    ) -> Self {
        let absent = Absent::is_asked_for(order, state).then(|| Absent::of(&order.dataset, state));
        Self {
            context,
            order,
            store,
            state,
            execution,
            usage,
            pending: Encoding::default(),
            versions: Versions::default(),
            held: HeldRows::default(),
            absent,
        }
    }

    /// Takes in all deliveries until every reader has ended; returns what isn't committed yet.
    pub async fn take_all(
        mut self,
        mut deliveries: mpsc::Receiver<Delivery>,
    ) -> Result<Rest, IntakeError> {
        while let Some(delivery) = deliveries.recv().await {
            if self.take_page(delivery).await? {
                self.commit().await?;
            }
        }
        self.finish().await
    }

    /// Decides on the remaining off-day rows, and returns what isn't committed yet.
    pub async fn finish(mut self) -> Result<Rest, IntakeError> {
        self.decide().await?;
        let run = (self.context, self.order, &*self.execution);
        let mut pending = self.pending.into_batch(run).await?;
        self.held.count_waiting(pending.count());
        Ok(Rest {
            pending,
            held: self.held,
            absent: self.absent,
        })
    }

    /// Takes in one page. Returns `true` if it is time to commit.
    pub async fn take_page(&mut self, mut delivery: Delivery) -> Result<bool, IntakeError> {
        let records = delivery.ids.len() as u64;
        let rows = self.take(&mut delivery);
        let new = rows.len() as u64;
        let rows = PageRows {
            page: delivery.page,
            slice: delivery.slice,
            parent: delivery.parent,
            rows,
        };
        let run = (self.context, self.order, &*self.execution);
        self.pending.take(run, rows).await?;
        let observer = &self.context.observer;
        observer.notice(Progress::Page { records, new });
        // A cancelled reader no longer listens; its rows are taken in nevertheless.
        let _ = delivery.reply.send(new);
        if self.held.is_full() {
            self.decide().await?;
        }
        Ok(self.pending.noted().is_full(self.context))
    }

    /// Returns the page's new rows, which are counted then: their positions and ids.
    fn take(&mut self, delivery: &mut Delivery) -> Vec<(usize, RecordId)> {
        let mut rows = Vec::new();
        let ids = std::mem::take(&mut delivery.ids);
        let pending = self.pending.note();
        for (position, (record, id)) in delivery.page.values().zip(ids).enumerate() {
            let versioned = match self.versions.of(&id, self.state) {
                Cow::Owned(versioned) => Some(versioned),
                Cow::Borrowed(_) => None,
            };
            let id = versioned.unwrap_or(id);
            let is_stored = self.state.contains(&id.id) || pending.contains(&id.id);
            pending.count().returned += self.state.note_listed(&id);
            if let Some(absent) = &mut self.absent {
                absent.saw(&id);
            }
            let other = other_day(&self.order.dataset.days, self.order.day, record);
            if let Some(own) = other.filter(|_| !is_stored) {
                let row = (&id, record.text());
                let dataset = &self.order.dataset;
                if !self.held.take(dataset, own, row, delivery) {
                    continue;
                }
            }
            let counts = pending.count();
            counts.fetched += 1;
            counts.unidentified += u64::from(!id.identified);
            if is_stored {
                counts.duplicates += 1;
            } else if other.is_some() {
                counts.off_day += 1;
            } else {
                pending.note_row(&id, record.text().len());
                rows.push((position, id));
            }
        }
        rows
    }

    /// Commits the rows taken in so far; without new ones, only adds their counts.
    pub async fn commit(&mut self) -> Result<(), IntakeError> {
        let Self {
            context,
            order,
            store,
            state,
            execution,
            usage,
            ..
        } = self;
        let pending = self.pending.settle((context, order, execution)).await?;
        pending
            .commit(context, store, state, execution, (order, usage))
            .await?;
        self.versions.committed();
        Ok(())
    }

    /// Decides which day stores each off-day row, and takes in those that belong here.
    async fn decide(&mut self) -> Result<(), IntakeError> {
        let (context, order, execution) = (self.context, self.order, &*self.execution);
        let pending = self.pending.settle((context, order, execution)).await?;
        for row in self.held.undecided() {
            // The record may have been listed with a date of this day meanwhile.
            if self.state.contains(&row.id.id) || pending.contains(&row.id.id) {
                count_fetched(&row, pending.count());
                pending.count().duplicates += row.times;
                continue;
            }
            let place = self.held.place(context, order, &row).await;
            match place.map_err(StateError::from)? {
                StorageDay::There => count_left(&row, pending.count()),
                StorageDay::Open => self.held.wait(row, pending.count()),
                StorageDay::Here => {
                    count_fetched(&row, pending.count());
                    let parts = (&mut self.held, &mut *pending);
                    take_here(context, order, execution, parts, &row)?;
                }
            }
        }
        Ok(())
    }
}

impl Rest {
    /// Stores the waiting off-day rows in this day, because this day may not be read again. If there are
    /// more than can be held and the day isn't complete, none is stored. Returns the number of rows beyond
    /// the limit.
    pub fn store_waiting(
        &mut self,
        context: &Context,
        order: &Order,
        (execution, state): (&Execution, &DayState),
    ) -> Result<u64, BronzeError> {
        if self.held.beyond > 0 && !state.is_complete() {
            return Ok(self.held.beyond);
        }
        for row in self.held.waiting() {
            self.pending.count().off_day -= row.times;
            if state.contains(&row.id.id) || self.pending.contains(&row.id.id) {
                self.pending.count().duplicates += row.times;
                continue;
            }
            let parts = (&mut self.held, &mut self.pending);
            take_here(context, order, execution, parts, &row)?;
        }
        Ok(self.held.beyond)
    }

    /// Logs the off-day rows that are stored in this day.
    pub fn tell(&self) {
        if let Some(misplaced) = &self.held.misplaced {
            let (rows, id, own_day) = (misplaced.rows, &misplaced.id, misplaced.own);
            tracing::warn!(rows, id, %own_day, "rows of other days stored here");
        }
    }
}

/// Takes in an off-day row that is already counted as fetched.
fn take_here(
    context: &Context,
    order: &Order,
    execution: &Execution,
    (held, pending): (&mut HeldRows, &mut Batch),
    row: &HeldRow,
) -> Result<(), BronzeError> {
    let origin = RowOrigin {
        parent_id: row.parent.as_deref(),
        ..RowOrigin::slice(&row.slice)
    };
    pending.append_text(context, order, execution, (&row.id, origin, &row.record))?;
    let counts = pending.count();
    counts.duplicates += row.times - 1;
    counts.misplaced += 1;
    held.note(row);
    Ok(())
}
