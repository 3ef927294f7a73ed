//! Deliberate faults of the protocol and of reading, which the simulation must find: what it can't find, it doesn't
//! prove the absence of.
//!
//! They are there in the unit tests only: anywhere else `mutated!` is false when it is compiled.

/// Whether this fault is switched on in this thread.
#[cfg(test)]
macro_rules! mutated {
    ($mutation:ident) => {
        $crate::mutation::Mutation::$mutation.is_on()
    };
}

#[cfg(not(test))]
macro_rules! mutated {
    ($mutation:ident) => {
        $crate::mutation::never()
    };
}

pub(crate) use mutated;

/// What `mutated!` is in the program, where there is no such thing.
#[cfg(not(test))]
pub(crate) const fn never() -> bool {
    false
}

/// What is done wrong.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The state is written before the data.
    StateBeforeData,
    /// A state that can't be read is taken for none, and no files are looked for.
    ReadErrorIsNothing,
    /// "Already exists" is taken for success.
    ExistsIsSuccess,
    /// A file is put without "if absent".
    CreateOverwrites,
    /// The state is written whatever it has become since it was read.
    ReplaceOverwrites,
    /// A run takes a number of its own, not the next.
    OwnNumber,
    /// Files that the state doesn't count aren't adopted.
    NothingAdopted,
    /// A rebuild leaves out the last file.
    RebuildForgets,
    /// A rebuild believes the listing, which isn't of one instant.
    ListingDecides,
    /// After a number was lost to another run, rows are compared with what was known before.
    DedupIsStale,
    /// A file of one's own whose reply was lost is taken for another run's.
    OwnFileIsAnothers,
    /// A state of one's own whose reply was lost is taken for another run's.
    OwnStateIsAnothers,
    /// A state whose sums don't hold, or that the earlier pipeline wrote, is believed.
    DoubtIsIgnored,
    /// A state that isn't JSON is taken for that of a new day.
    UnreadableIsNew,
    /// A day is complete if the last run says so.
    CompleteIsForgotten,
    /// The marker is put before the state says that the day is complete.
    MarkerBeforeState,
    /// Only runs that stored something are audited.
    OnlyCommitsAreAudited,
    /// A file is written of nothing but duplicates.
    EmptyFiles,
    /// Rows that others stored first stay counted as new.
    DroppedAreNew,
    /// What others found and credited to a run is overwritten by what the run knows.
    CreditIsForgotten,
    /// "Conflict" is believed without looking whether anything exists.
    BusyIsBelieved,
    /// HTML, or any other answer that can't be read, is taken for an empty one.
    UnreadableIsEmpty,
    /// A page that can't be read doesn't make its walk fail.
    FailedPageIsSkipped,
    /// Half a walk is called complete.
    ProofIsSkipped,
    /// An empty answer in the middle is taken for the end.
    EmptyIsTheEnd,
    /// 404 in the middle is taken for the end.
    NotFoundIsTheEnd,
    /// A page whose answer contradicts the slice isn't asked for again.
    RetrySkipsThePage,
    /// Of the totals only the one at the end counts: rows that shifted meanwhile aren't read again.
    OnlyTheEndCounts,
    /// The last page is read before those in the middle.
    LastPageFirst,
    /// Where there are more pages at the end than at the beginning, the one that was the last isn't
    /// read again.
    LastPageIsKnown,
    /// One empty answer proves that there is nothing.
    OneEmptyAnswerIsProof,
    /// Rows of another day are dropped, and not counted.
    OffDayIsForgotten,
    /// Rows are compared with those of the same file, not of the day.
    DedupByCommit,
    /// A total that wasn't met is kept for the next reading of what is new.
    UnmetTotalIsKept,
    /// What is new is said to be read, though fewer records are new than the total has grown by.
    GrowthIsBelieved,
    /// A day can be proven that may still change.
    SettlingIsIgnored,
    /// What the server's clock says doesn't count.
    ServerTimeIsIgnored,
    /// Rows that are left at the end of a run aren't committed.
    RestIsDropped,
    /// Rows are counted whether or not they could be stored.
    CountedBeforeStored,
    /// A run whose rows couldn't be stored goes on as if they were.
    LakeErrorIsGreen,
    /// A slice that failed isn't named.
    FailedSliceIsGreen,
    /// A record that has changed is taken for the version that is stored.
    ChangeIsRepeat,
    /// A parent whose children couldn't be read is taken for one that has none.
    FailedParentIsDone,
    /// What didn't come is noted as taken away by a run that has no proof.
    NotedWithoutProof,
}

#[cfg(test)]
thread_local! {
    static ON: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
impl Mutation {
    /// Switches it on in this thread, for as long as `f` takes.
    pub(crate) fn while_on<T>(self, f: impl FnOnce() -> T) -> T {
        ON.set(Some(self));
        let done = f();
        ON.set(None);
        done
    }

    pub(crate) fn is_on(self) -> bool {
        ON.get() == Some(self)
    }
}
