//! Rows on their way into a file while the intake goes on: encoded beside the run, in the order in which they came.
//!
//! The intake hands over some pages at a time, and only when those before are encoded; so at most twice as many
//! wait in memory, and one encoder works for a run. Large pages are waited for. What isn't a page's row, and the end of a file, waits until the
//! encoder has nothing left.

use std::sync::Arc;

use crate::ingest::beside::Beside;
use crate::ingest::intake::batch::{Batch, IntakeError};
use crate::ingest::{Context, Order};
use bronzed_model::execution::Execution;
use bronzed_model::record::RecordId;
use bronzed_source::page::Page;
use bronzed_storage::bronze::BronzeError;
use bronzed_storage::bronze::writer::{FileWriter, RowOrigin};

/// Number of rows that are handed over at a time; fewer if they are large.
const ROWS: usize = 256;
/// Size in bytes of the pages that are handed over at a time.
const BYTES: usize = 1 << 20;
/// Size in bytes of pages that aren't held while the next ones come.
const LARGE: usize = 8 << 20;

/// New rows of one page.
pub struct PageRows {
    pub page: Page,
    pub slice: Arc<str>,
    /// Id of the records' parent; only for a child dataset.
    pub parent: Option<Arc<str>>,
    /// Position in the page of each row, ascending, and its id.
    pub rows: Vec<(usize, RecordId)>,
}

/// A batch, and the pages whose rows it counts and doesn't have yet.
#[derive(Default)]
pub struct Encoding {
    batch: Batch,
    waiting: WaitingPages,
    working: Option<Beside<Result<Encoded, BronzeError>>>,
}

#[derive(Default)]
struct WaitingPages {
    pages: Vec<PageRows>,
    rows: usize,
    bytes: usize,
}

/// A writer with more rows in it.
struct Encoded {
    writer: FileWriter,
    /// Number of values that didn't fit.
    drift: u64,
}

impl Encoding {
    /// Returns the counts and ids of all rows, encoded or not.
    pub fn noted(&self) -> &Batch {
        &self.batch
    }

    /// Returns the same for changes, but for rows.
    pub fn note(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Takes rows in and counts them as new. `execution` is the entry of this run.
    ///
    /// # Errors
    /// Returns an error if these rows, or some before, can't be encoded.
    pub async fn take(
        &mut self,
        (context, order, execution): (&Context, &Order, &Execution),
        page: PageRows,
    ) -> Result<(), IntakeError> {
        if page.rows.is_empty() {
            return Ok(());
        }
        self.waiting.rows += page.rows.len();
        self.waiting.bytes += page.page.bytes();
        self.waiting.pages.push(page);
        let bytes = self.waiting.bytes;
        if self.waiting.rows >= ROWS || bytes >= BYTES {
            self.hand_over((context, order, execution)).await?;
        }
        if bytes >= LARGE {
            self.join().await?;
        }
        Ok(())
    }

    /// Waits until all rows are encoded; returns the batch, to which rows can be appended.
    ///
    /// # Errors
    /// Returns an error if rows can't be encoded.
    pub async fn settle(
        &mut self,
        run: (&Context, &Order, &Execution),
    ) -> Result<&mut Batch, IntakeError> {
        if !self.waiting.pages.is_empty() {
            self.hand_over(run).await?;
        }
        self.join().await?;
        Ok(&mut self.batch)
    }

    /// Waits until all rows are encoded; returns the batch with them.
    ///
    /// # Errors
    /// Returns an error if rows can't be encoded.
    pub async fn into_batch(
        mut self,
        run: (&Context, &Order, &Execution),
    ) -> Result<Batch, IntakeError> {
        self.settle(run).await?;
        Ok(self.batch)
    }

    /// Has the waiting rows encoded, after those before them.
    async fn hand_over(
        &mut self,
        (context, order, execution): (&Context, &Order, &Execution),
    ) -> Result<(), IntakeError> {
        self.join().await?;
        let writer = self.batch.take_writer(context, order, execution)?;
        let pages = std::mem::take(&mut self.waiting).pages;
        self.working = Some(self.batch.begin(move || encode(writer, pages)));
        Ok(())
    }

    async fn join(&mut self) -> Result<(), IntakeError> {
        if let Some(working) = self.working.take() {
            let Encoded { writer, drift } = working.end().await??;
            self.batch.put_back(writer, drift);
        }
        Ok(())
    }
}

fn encode(mut writer: FileWriter, pages: Vec<PageRows>) -> Result<Encoded, BronzeError> {
    let mut drift = 0;
    for PageRows {
        page,
        slice,
        parent,
        rows,
    } in pages
    {
        let origin = RowOrigin {
            parent_id: parent.as_deref(),
            ..RowOrigin::slice(&slice)
        };
        let mut rows = rows.into_iter().peekable();
        for (position, record) in page.values().enumerate() {
            if let Some((_, id)) = rows.next_if(|(row, _)| *row == position) {
                drift += writer.append(&id, origin, record)?;
            }
        }
    }
    Ok(Encoded { writer, drift })
}
