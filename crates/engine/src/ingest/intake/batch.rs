//! Rows of one day on their way into a file: encoded as they arrive, committed in files of bounded size.
//!
//! Counts are added to the execution only on commit: rows of a file that couldn't be committed are neither
//! fetched nor new in the audit, and the next run fetches them again.

use std::collections::HashSet;

use crate::ingest::beside::{Abandoned, Beside, WorkThread};
use crate::ingest::progress::Progress;
use crate::ingest::{Context, Order};
use bronzed_model::counts::Counts;
use bronzed_model::execution::{DriftExample, Execution, StopReason};
use bronzed_model::json::tape::Value;
use bronzed_model::quality::{self, Results};
use bronzed_model::record::RecordId;
use bronzed_source::RequestBudget;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::drift::{Drift, DriftFinding, Why};
use bronzed_storage::bronze::expectations::Evaluator;
use bronzed_storage::bronze::writer::{EncodedFile, FileMeta, FileWriter, RowOrigin};
use bronzed_storage::lake::document::DocumentError;
use bronzed_storage::state::{Committed, DayState, DayStore, LastCommit, StateError};

/// Reason why rows can't be stored; the run has failed.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Rows can't be encoded as columns.
    #[error(transparent)]
    Bronze(#[from] BronzeError),
    /// The commit failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// A JSON document of the lake can't be read or written.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The runtime ended before the rows were encoded.
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

/// Sets the stop reason to `LakeRefused` if the error is one of the lake: such a run says nothing about its
/// day.
pub fn note_refusal(execution: &mut Execution, error: &StateError) {
    if error.is_of_lake() {
        execution.stop = Some(StopReason::LakeRefused);
    }
}

/// Rows and counts of one day since the last commit.
#[derive(Debug, Default)]
pub struct Batch {
    counts: Counts,
    ids: HashSet<Box<str>>,
    /// Parents whose children are all in the batch or stored; only for a child dataset.
    parents: Vec<Box<str>>,
    writer: Option<FileWriter>,
    worker: WorkThread,
    /// Evaluator of the expectations, between two files.
    evaluator: Option<Evaluator>,
    /// Number of rows, and their size in bytes of JSON; encoded or not.
    rows: usize,
    json_bytes: u64,
    /// `_extra` of the first row with drift.
    drifted: Option<Box<str>>,
}

impl Batch {
    /// Returns the counts for the caller to add to; they become part of the execution on commit.
    pub fn count(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Counts since the last commit.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns `true` if a row with this id is in the batch.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Marks the parent `id` as finished; returns the number of finished parents in the batch.
    pub fn parent_done(&mut self, id: &str) -> usize {
        self.parents.push(id.into());
        self.parents.len()
    }

    /// Number of rows that wait to be committed, and their size in bytes of JSON.
    pub fn rows(&self) -> (usize, u64) {
        (self.rows, self.json_bytes)
    }

    /// Counts a row as new that the caller has encoded, or will have; `bytes` is the size of its JSON.
    pub fn note_row(&mut self, id: &RecordId, bytes: usize) {
        self.counts.new += 1;
        self.ids.insert(id.id.as_str().into());
        self.rows += 1;
        self.json_bytes = self.json_bytes.saturating_add(bytes as u64);
    }

    /// Encodes a row and counts it as new. `execution` is the entry of this run.
    pub fn append(
        &mut self,
        context: &Context,
        order: &Order,
        execution: &Execution,
        (id, origin, record): (&RecordId, RowOrigin<'_>, Value<'_>),
    ) -> Result<(), BronzeError> {
        let mut writer = self.take_writer(context, order, execution)?;
        let drift = writer.append(id, origin, record)?;
        self.put_back(writer, drift);
        self.note_row(id, record.text().len());
        Ok(())
    }

    /// Encodes a row given as text, as [`Batch::append`] does.
    pub fn append_text(
        &mut self,
        context: &Context,
        order: &Order,
        execution: &Execution,
        (id, origin, record): (&RecordId, RowOrigin<'_>, &str),
    ) -> Result<(), BronzeError> {
        let mut writer = self.take_writer(context, order, execution)?;
        let drift = writer.append_text(id, origin, record)?;
        self.put_back(writer, drift);
        self.note_row(id, record.len());
        Ok(())
    }

    /// Takes the writer of the next file out; begins one if there is none.
    pub fn take_writer(
        &mut self,
        context: &Context,
        order: &Order,
        execution: &Execution,
    ) -> Result<FileWriter, BronzeError> {
        if let Some(writer) = self.writer.take() {
            return Ok(writer);
        }
        let writer = FileWriter::new(
            &order.dataset.schema,
            FileMeta {
                dataset: order.dataset.full_name(),
                day: order.day,
                run_id: execution.run_id,
                job: order.job.clone(),
                ingested_at: context.clock.now(),
            },
        )?;
        let evaluator = self.evaluator.take();
        let evaluator = evaluator.or_else(|| Evaluator::new(&order.dataset));
        Ok(writer.evaluated_by(evaluator))
    }

    /// Begins work beside the run.
    pub fn begin<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Beside<T> {
        self.worker.begin(work)
    }

    /// Puts the writer back, with more rows; `drift` is the number of their values that didn't fit.
    pub fn put_back(&mut self, writer: FileWriter, drift: u64) {
        if drift > 0 && self.drifted.is_none() {
            self.drifted = writer.drifted().map(Into::into);
        }
        self.counts.drift += drift;
        self.writer = Some(writer);
    }

    /// Returns `_extra` of the first row with drift since the run began.
    pub fn drifted(&self) -> Option<&str> {
        self.drifted.as_deref()
    }

    /// Returns `true` if the batch has reached the size limit of a file.
    pub fn is_full(&self, context: &Context) -> bool {
        let limits = &context.commit;
        self.rows > 0 && (self.rows >= limits.max_records || self.json_bytes >= limits.max_bytes)
    }

    /// Encodes the remaining rows, beside the run. Returns them with the results of their expectations.
    ///
    /// # Errors
    /// Returns an error if the rows can't be encoded as columns.
    pub async fn finish(self) -> Result<(LastCommit, Results), IntakeError> {
        let Self {
            writer,
            parents,
            mut worker,
            ..
        } = self;
        let Some(writer) = writer else {
            let file = None;
            return Ok((LastCommit { file, parents }, Results::new()));
        };
        let finished = finished(&mut worker, writer, parents).await?;
        let last = LastCommit {
            file: Some(finished.file),
            parents: Vec::new(),
        };
        Ok((last, finished.results))
    }

    /// Commits the rows; without rows, only records the finished parents and adds the counts to `execution`.
    /// Returns the commit if a file was written.
    ///
    /// # Errors
    /// Returns an error if the rows can't be encoded or the commit fails; `execution` then counts nothing of
    /// the batch. If the lake refused the write, the stop reason says so.
    pub async fn commit(
        &mut self,
        context: &Context,
        store: &DayStore,
        state: &mut DayState,
        execution: &mut Execution,
        (order, usage): (&Order, &RequestBudget),
    ) -> Result<Option<Committed>, IntakeError> {
        let mut settled = execution.clone();
        settled.counts.add(&self.counts);
        usage.note_in(&mut settled);
        let committed = match self.writer.take() {
            None if self.parents.is_empty() => None,
            None => {
                let parents = std::mem::take(&mut self.parents);
                let noted = store.note_parents(state, &parents, &mut settled).await;
                noted.inspect_err(|error| note_refusal(execution, error))?;
                None
            }
            Some(writer) => {
                let parents = std::mem::take(&mut self.parents);
                let finished = finished(&mut self.worker, writer, parents).await?;
                self.evaluator = finished.evaluator;
                let expectations = &order.dataset.expectations;
                quality::add(&mut settled.expectations, &finished.results, expectations);
                let committed = store.commit(state, finished.file, &mut settled).await;
                let committed = committed.inspect_err(|error| note_refusal(execution, error))?;
                tell(context, &committed);
                Some(committed)
            }
        };
        *execution = settled;
        self.counts = Counts::default();
        self.ids.clear();
        (self.rows, self.json_bytes) = (0, 0);
        Ok(committed)
    }
}

/// A finished file, the results of its rows' expectations, and their evaluator for the next file.
struct Finished {
    file: EncodedFile,
    results: Results,
    evaluator: Option<Evaluator>,
}

/// Finishes a file beside the run: most of its compression happens then.
async fn finished(
    worker: &mut WorkThread,
    mut writer: FileWriter,
    parents: Vec<Box<str>>,
) -> Result<Finished, IntakeError> {
    let finishing = worker.begin(move || {
        let (results, evaluator) = writer.take_results()?;
        let file = writer.finish_with(parents)?;
        Ok::<_, BronzeError>(Finished {
            file,
            results,
            evaluator,
        })
    });
    Ok(finishing.end().await??)
}

/// Logs a commit and reports it to the observer.
pub fn tell(context: &Context, committed: &Committed) {
    tracing::info!(
        key = committed.key.as_deref().unwrap_or_default(),
        rows = committed.rows,
        dropped = committed.dropped,
        "file committed"
    );
    let rows = committed.rows;
    context.observer.notice(Progress::Committed { rows });
}

/// Logs once that values went into `_extra`, with one of them as an example, and returns its field; `extra` is the
/// `_extra` of a row.
pub fn tell_drift(order: &Order, extra: Option<&str>, values: u64) -> Option<DriftExample> {
    let found = drifted_value(order, extra)?;
    let (field, example) = (found.field.as_str(), found.example.as_str());
    let why = found.why.name();
    tracing::warn!(field, why, example, values, "schema drift seen");
    Some(example_of(&found))
}

/// Returns the field of one of the values that went into `_extra`, without a line in the log.
pub fn drift_example(order: &Order, extra: Option<&str>) -> Option<DriftExample> {
    Some(example_of(&drifted_value(order, extra)?))
}

/// Returns one of the values. One that its column can't hold is the first choice: sums lack it.
fn drifted_value(order: &Order, extra: Option<&str>) -> Option<DriftFinding> {
    let mut drift = Drift::default();
    drift.see(&order.dataset.schema, order.day, extra?);
    let findings = drift.findings();
    let mistyped = findings.iter().find(|found| found.why == Why::Mistyped);
    let found = mistyped.or(findings.first())?;
    Some((*found).clone())
}

fn example_of(found: &DriftFinding) -> DriftExample {
    DriftExample {
        field: found.field.clone(),
        why: found.why.name().to_owned(),
    }
}
