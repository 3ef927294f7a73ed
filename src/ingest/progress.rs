//! What a run tells while it is under way.

/// Something that happened in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The run knows its slices.
    Started {
        /// How many.
        slices: usize,
    },
    /// A slice knows that it has this many more pages to read.
    Pages {
        /// How many, on top of those told before.
        more: u64,
    },
    /// A page was read and its records taken in.
    Page {
        /// Records on it.
        records: u64,
        /// Those among them that weren't stored yet.
        new: u64,
    },
    /// A slice is done, however it ended.
    SliceDone,
    /// A file was committed.
    Committed {
        /// Its rows.
        rows: u64,
    },
}

/// Who watches a run. Called often, from the run's own task: it must not block.
pub trait Observer: Send + Sync {
    /// Takes notice.
    fn notice(&self, progress: Progress);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn notice(&self, _: Progress) {}
}
