//! Takes in what the slices deliver: tells new rows from those stored already, and has the new ones
//! committed.
//!
//! The one owner of the day's state while a run is under way.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::bronze::BronzeError;
use crate::bronze::writer::Origin;
use crate::ingest::absent::Absent;
use crate::ingest::batch::{Batch, IntakeError};
use crate::ingest::off_day::is_off_day;
use crate::ingest::progress::Progress;
use crate::ingest::versions::Versions;
use crate::ingest::{Context, Order};
use crate::mutation::mutated;
use crate::record::RecordId;
use crate::source::Usage;
use crate::source::page::Page;
use crate::state::execution::Execution;
use crate::state::{DayState, DayStore};

/// A page on its way from a slice's reader, with the ids of its records.
pub struct Delivery {
    /// The slice's label.
    pub slice: Arc<str>,
    /// Of a child: the id of the records' parent.
    pub parent: Option<Arc<str>>,
    /// The page.
    pub page: Page,
    /// One id for each record of the page, in order.
    pub ids: Vec<RecordId>,
    /// Told how many of the records were new.
    pub reply: oneshot::Sender<u64>,
}

pub struct Intake<'a> {
    context: &'a Context,
    order: &'a Order,
    store: &'a DayStore,
    state: &'a mut DayState,
    execution: &'a mut Execution,
    usage: &'a Usage,
    /// Rows taken in since the last commit.
    pub(super) pending: Batch,
    versions: Versions,
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
        let absent = Absent::is_asked_for(order, state).then(|| Absent::of(&order.dataset, state));
        Self {
            context,
            order,
            store,
            state,
            execution,
            usage,
            pending: Batch::default(),
            versions: Versions::default(),
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
            if self.take_page(delivery)? {
                self.commit().await?;
            }
        }
        if !mutated!(RestIsDropped) {
            self.commit().await?;
        }
        Ok(self.absent.take())
    }

    /// Takes in one page; says whether it is time to commit.
    pub(super) fn take_page(&mut self, delivery: Delivery) -> Result<bool, BronzeError> {
        let records = delivery.ids.len() as u64;
        let new = self.take(&delivery)?;
        let observer = &self.context.observer;
        observer.notice(Progress::Page { records, new });
        // A reader that was cancelled no longer listens; its rows are in all the same.
        let _ = delivery.reply.send(new);
        Ok(self.pending.is_full(self.context))
    }

    fn take(&mut self, delivery: &Delivery) -> Result<u64, BronzeError> {
        let before = self.pending.counts().new;
        for (record, id) in delivery.page.records().zip(&delivery.ids) {
            let id = &*self.versions.of(id, self.state);
            let is_stored = (self.state.contains(&id.id) && !mutated!(DedupByCommit))
                || self.pending.contains(&id.id);
            let returned = self.state.note_listed(id);
            if let Some(absent) = &mut self.absent {
                absent.saw(id);
            }
            let counts = self.pending.count();
            counts.fetched += 1;
            counts.unidentified += u64::from(!id.identified);
            counts.returned += returned;
            if is_off_day(&self.order.dataset.days, self.order.day, record) {
                counts.off_day += u64::from(!mutated!(OffDayIsForgotten));
            } else if is_stored {
                counts.duplicates += 1;
            } else {
                let origin = Origin {
                    parent_id: delivery.parent.as_deref(),
                    ..Origin::slice(&delivery.slice)
                };
                let row = (id, origin, record);
                self.pending
                    .append(self.context, self.order, self.execution, row)?;
            }
        }
        Ok(self.pending.counts().new - before)
    }

    /// Commits the rows taken in so far; without new ones, only settles their counts.
    pub(super) async fn commit(&mut self) -> Result<(), IntakeError> {
        let Self {
            context,
            store,
            state,
            execution,
            usage,
            ..
        } = self;
        self.pending
            .commit(context, store, state, execution, usage)
            .await?;
        self.versions.committed();
        Ok(())
    }
}
