//! Rows of one day on their way into a file: encoded as they come, committed in files of bounded
//! size.
//!
//! Counts become part of the execution only when they are settled: rows of a file that couldn't be
//! committed are neither fetched nor new in the audit, and the next run fetches them again.

use std::collections::HashSet;

use crate::bronze::BronzeError;
use crate::bronze::drift::Drift;
use crate::bronze::writer::{FileMeta, FileWriter, Origin};
use crate::ingest::counts::Counts;
use crate::ingest::progress::Progress;
use crate::ingest::{Context, Order};
use crate::lake::document::DocumentError;
use crate::mutation::mutated;
use crate::record::RecordId;
use crate::source::Usage;
use crate::state::execution::{Execution, StopReason};
use crate::state::{Committed, DayState, DayStore, LastCommit, StateError};

/// Why rows aren't stored: the run has failed.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Rows couldn't be written as columns.
    #[error(transparent)]
    Bronze(#[from] BronzeError),
    /// The lake didn't take the commit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A small document of the lake can't be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// A run that the lake refuses a write says nothing about its day.
pub fn note_refusal(execution: &mut Execution, error: &StateError) {
    if error.is_of_lake() {
        execution.stop = Some(StopReason::LakeRefused);
    }
}

/// What was taken in of one day since the last commit.
#[derive(Debug, Default)]
pub struct Batch {
    counts: Counts,
    ids: HashSet<Box<str>>,
    /// Of a child: the parents whose children are all in the batch, or stored.
    parents: Vec<Box<str>>,
    writer: Option<FileWriter>,
    /// The `_extra` of the first row with values that no column takes.
    drifted: Option<Box<str>>,
}

impl Batch {
    /// Adds to what is counted when the rows are settled.
    pub fn count(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Rows to be stored so far, and those counted with them.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether the row of this id is in the batch.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Of a child: the parent of this id is done with the rows so far; says how many there are.
    pub fn parent_done(&mut self, id: &str) -> usize {
        self.parents.push(id.into());
        self.parents.len()
    }

    /// How many rows wait to be committed, and of how much JSON.
    pub fn rows(&self) -> (usize, u64) {
        let writer = self.writer.as_ref();
        writer.map_or((0, 0), |writer| (writer.rows(), writer.json_bytes()))
    }

    /// Encodes a row, which counts as new. `execution` is the run's own.
    pub fn append(
        &mut self,
        context: &Context,
        order: &Order,
        execution: &Execution,
        (id, origin, record): (&RecordId, Origin<'_>, &str),
    ) -> Result<(), BronzeError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => FileWriter::new(
                &order.dataset.schema,
                FileMeta {
                    dataset: order.dataset.full_name(),
                    day: order.day,
                    run_id: execution.run_id,
                    job: order.job.clone(),
                    ingested_at: context.clock.now(),
                },
            )?,
        };
        let writer = self.writer.insert(writer);
        let drift = writer.append(id, origin, record)?;
        if drift > 0 && self.drifted.is_none() {
            self.drifted = writer.drifted().map(Into::into);
        }
        self.counts.drift += drift;
        self.counts.new += 1;
        self.ids.insert(id.id.as_str().into());
        Ok(())
    }

    /// The `_extra` of the first row, since the run began, with values that no column takes.
    pub fn drifted(&self) -> Option<&str> {
        self.drifted.as_deref()
    }

    /// Whether it holds as much as a file should.
    pub fn is_full(&self, context: &Context) -> bool {
        let limits = &context.commit;
        self.writer.as_ref().is_some_and(|writer| {
            writer.rows() >= limits.max_records || writer.json_bytes() >= limits.max_bytes
        })
    }

    /// Encodes what remains.
    ///
    /// # Errors
    /// When the rows can't be written as columns.
    pub fn finish(self) -> Result<LastCommit, BronzeError> {
        let Self {
            writer, parents, ..
        } = self;
        let Some(writer) = writer else {
            let file = None;
            return Ok(LastCommit { file, parents });
        };
        Ok(LastCommit {
            file: Some(writer.finish_with(parents)?),
            parents: Vec::new(),
        })
    }

    /// Commits the rows; without any, only settles the counts. What it did with a file is returned.
    ///
    /// # Errors
    /// Then `execution` counts nothing of the batch; where the lake refused it, it says so.
    pub async fn commit(
        &mut self,
        context: &Context,
        store: &DayStore,
        state: &mut DayState,
        execution: &mut Execution,
        usage: &Usage,
    ) -> Result<Option<Committed>, IntakeError> {
        let mut settled = execution.clone();
        settled.counts.add(&self.counts);
        settled.counts.requests = usage.requests();
        settled.counts.retries = usage.retries();
        if mutated!(CountedBeforeStored) {
            *execution = settled.clone();
        }
        let committed = match self.writer.take() {
            None if self.parents.is_empty() => None,
            None => {
                let parents = std::mem::take(&mut self.parents);
                let noted = store.note_parents(state, &parents, &mut settled).await;
                noted.inspect_err(|error| note_refusal(execution, error))?;
                None
            }
            Some(writer) => {
                let file = writer.finish_with(std::mem::take(&mut self.parents))?;
                let committed = store.commit(state, file, &mut settled).await;
                let committed = committed.inspect_err(|error| note_refusal(execution, error))?;
                tell(context, &committed);
                Some(committed)
            }
        };
        *execution = settled;
        self.counts = Counts::default();
        self.ids.clear();
        Ok(committed)
    }
}

/// Tells of a commit.
pub(super) fn tell(context: &Context, committed: &Committed) {
    tracing::info!(
        key = committed.key.as_deref().unwrap_or_default(),
        rows = committed.rows,
        dropped = committed.dropped,
        "file committed"
    );
    let rows = committed.rows;
    context.observer.notice(Progress::Committed { rows });
}

/// Tells once of the values that went into `_extra`, with one of them: `extra` is a row's.
pub(super) fn tell_drift(order: &Order, extra: Option<&str>, values: u64) {
    let Some(extra) = extra else {
        return;
    };
    let mut drift = Drift::default();
    drift.see(&order.dataset.schema, order.day, extra);
    if let Some(found) = drift.findings().first() {
        let (field, example) = (found.field.as_str(), found.example.as_str());
        let why = found.why.name();
        tracing::warn!(field, why, example, values, "schema drift seen");
    }
}
