//! Deliberate faults of the protocol and of reading that the simulation must detect: a simulation that misses
//! a planted fault proves nothing about real ones.
//!
//! Compiled with the feature `test-util` only; elsewhere `mutated!` is constantly false.

/// `true` if this fault is enabled in this thread.
#[macro_export]
macro_rules! mutated {
    ($mutation:ident) => {
        $crate::mutation::Mutation::$mutation.is_on()
    };
}

pub use crate::mutated;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The state is written before the data.
    StateBeforeData,
    /// A state that can't be read is treated as absent, and no files are searched.
    ReadErrorIsNothing,
    /// "Already exists" is treated as success.
    ExistsIsSuccess,
    /// A file is put without "if absent".
    CreateOverwrites,
    /// The state is written without comparing its version.
    ReplaceOverwrites,
    /// A run chooses its own commit number, not the next one.
    OwnNumber,
    /// Files that the state doesn't list are not adopted.
    NothingAdopted,
    /// A rebuild omits the last file.
    RebuildForgets,
    /// A rebuild trusts the listing, which is not a consistent view of one instant.
    ListingDecides,
    /// After losing a commit number to another run, rows are deduplicated against stale ids.
    DedupIsStale,
    /// A file that the run wrote itself, but whose response was lost, is treated as another run's.
    OwnFileIsAnothers,
    /// A state that the run wrote itself, but whose response was lost, is treated as another run's.
    OwnStateIsAnothers,
    /// A state with inconsistent sums, or of the earlier pipeline, is trusted.
    DoubtIsIgnored,
    /// A state that is not JSON is treated as that of a new day.
    UnreadableIsNew,
    /// Completeness is that of the last run, and can be lost.
    CompleteIsForgotten,
    /// The marker is written before the state is complete.
    MarkerBeforeState,
    /// Only runs that stored rows are audited.
    OnlyCommitsAreAudited,
    /// A file is written although all rows are duplicates.
    EmptyFiles,
    /// Rows that another run stored first are still counted as new.
    DroppedAreNew,
    /// Rows that another run adopted and credited to this run are overwritten by the run's own counts.
    CreditIsForgotten,
    /// "Conflict" is trusted without checking that the object exists.
    BusyIsBelieved,
    /// HTML, or any other unreadable response, is treated as empty.
    UnreadableIsEmpty,
    /// A failed page doesn't fail its walk.
    FailedPageIsSkipped,
    /// An unfinished walk counts as complete.
    ProofIsSkipped,
    /// An empty response in the middle is treated as the end.
    EmptyIsTheEnd,
    /// 404 in the middle is treated as the end.
    NotFoundIsTheEnd,
    /// A page that contradicts the slice is not requested again.
    RetrySkipsThePage,
    /// Only the total at the end is checked, so that rows that shifted meanwhile are not read again.
    OnlyTheEndCounts,
    /// The last page is read before those in the middle.
    LastPageFirst,
    /// If the number of pages grew during the walk, the page that was last at the beginning is not read
    /// again.
    LastPageIsKnown,
    /// One empty response proves that a slice is empty.
    OneEmptyAnswerIsProof,
    /// Off-day rows are dropped without being counted.
    OffDayIsForgotten,
    /// Rows are deduplicated within the file, not within the day.
    DedupByCommit,
    /// A total that was not reached is kept as the baseline of the next read for new records.
    UnmetTotalIsKept,
    /// New records count as read although fewer were found than the total has grown by.
    GrowthIsBelieved,
    /// A day can be proven before its settle time.
    SettlingIsIgnored,
    /// The server's clock is ignored.
    ServerTimeIsIgnored,
    /// Rows remaining at the end of a run are not committed.
    RestIsDropped,
    /// Rows are counted even if they couldn't be stored.
    CountedBeforeStored,
    /// A run continues as if its rows were stored, although storing failed.
    LakeErrorIsGreen,
    /// A failed slice is not reported.
    FailedSliceIsGreen,
    /// A changed record is treated as the stored version.
    ChangeIsRepeat,
    /// A parent whose children couldn't be read is treated as one without children.
    FailedParentIsDone,
    /// Missing records are recorded as withdrawn by a run without proof.
    NotedWithoutProof,
}

#[cfg(feature = "test-util")]
thread_local! {
    static ON: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

impl Mutation {
    /// Enables the fault in this thread while `f` runs.
    #[cfg(feature = "test-util")]
    pub fn while_on<T>(self, f: impl FnOnce() -> T) -> T {
        ON.set(Some(self));
        let done = f();
        ON.set(None);
        done
    }

    /// Returns `true` if the fault is enabled in this thread.
    #[cfg(feature = "test-util")]
    pub fn is_on(self) -> bool {
        ON.get() == Some(self)
    }

    /// Returns `false`: faults exist with `test-util` only.
    #[cfg(not(feature = "test-util"))]
    pub const fn is_on(self) -> bool {
        false
    }
}
