//! Progress events of a run.

use std::sync::Arc;

use crate::requests::RequestRecorder;

/// Progress event of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The slices of the run are known.
    Started {
        /// Number of slices.
        slices: usize,
    },
    /// More pages of a slice are to be read.
    Pages {
        /// Number of pages, in addition to those announced before.
        more: u64,
    },
    /// A page was read and its records were taken in.
    Page {
        /// Number of records on the page.
        records: u64,
        /// Number of records that weren't stored yet.
        new: u64,
    },
    /// A slice has ended, successfully or not.
    SliceDone,
    /// A file was committed.
    Committed {
        /// Number of rows in the file.
        rows: u64,
    },
}

/// Receiver of a run's progress. Called often, from the run's own task: it must not block.
pub trait Observer: Send + Sync {
    /// Handles an event.
    fn notice(&self, progress: Progress);

    /// Takes the recorder of the run's requests, at its beginning. Default: nobody looks at it before the end.
    fn records(&self, requests: &Arc<RequestRecorder>) {
        let _ = requests;
    }
}

/// Observer that ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn notice(&self, _: Progress) {}
}
