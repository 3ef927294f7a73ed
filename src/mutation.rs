//! Deliberate faults of the protocol, which the simulation must find: what it can't find, it doesn't
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
