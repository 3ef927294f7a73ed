//! Run slots by priority, for the whole daemon and for each source.
//!
//! A run waits only for runs of its own or a higher priority. So urgent runs never wait for a backfill to end
//! (the backfill's requests yield individually in the source's limiter), and the number of concurrent runs is
//! at most the limit for each of the three priorities.

use std::collections::BTreeMap;
use std::sync::Arc;

use bronzed_model::declaration::Priority;

/// Counter of active runs, with limits.
#[derive(Debug)]
pub(super) struct RunSlots {
    in_all: usize,
    of_source: BTreeMap<Arc<str>, usize>,
    taken: Vec<(Arc<str>, Priority)>,
}

impl RunSlots {
    /// Creates slots for `in_all` runs, and for `of_source` runs of each source.
    pub(super) fn new(in_all: usize, of_source: BTreeMap<Arc<str>, usize>) -> Self {
        Self {
            in_all,
            of_source,
            taken: Vec::new(),
        }
    }

    /// Registers a run that is already active, without checking the limits.
    pub(super) fn take(&mut self, source: &Arc<str>, priority: Priority) {
        self.taken.push((Arc::clone(source), priority));
    }

    /// Takes a slot. Returns `false` if none is free.
    pub(super) fn try_take(&mut self, source: &Arc<str>, priority: Priority) -> bool {
        let mut before = self.taken.iter().filter(|(_, other)| *other >= priority);
        let of_source = self.of_source.get(source).copied().unwrap_or(1);
        let free = before.clone().count() < self.in_all
            && before.by_ref().filter(|(other, _)| other == source).count() < of_source;
        if free {
            self.take(source, priority);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Backfill, Daily, Hourly};

    /// Takes all free slots of one source; returns their number.
    fn fill(places: &mut RunSlots, source: &str, priority: Priority) -> usize {
        let source = source.into();
        let mut count = 0;
        while places.try_take(&source, priority) {
            count += 1;
        }
        count
    }

    fn places() -> RunSlots {
        let of_source = BTreeMap::from([("pncp".into(), 2), ("tcu".into(), 2)]);
        RunSlots::new(3, of_source)
    }

    #[test]
    fn a_run_waits_only_for_its_like_and_for_what_is_more_urgent() {
        let mut places = places();
        assert_eq!(fill(&mut places, "pncp", Backfill), 2);
        assert_eq!(fill(&mut places, "tcu", Backfill), 1, "three in all");
        assert_eq!(fill(&mut places, "pncp", Hourly), 2);
        assert_eq!(fill(&mut places, "pncp", Daily), 0, "two of the source");
        assert_eq!(fill(&mut places, "tcu", Daily), 1);
        assert_eq!(fill(&mut places, "tcu", Hourly), 1);
        assert_eq!(fill(&mut places, "tcu", Backfill), 0);
    }

    #[test]
    fn runs_that_are_under_way_count() {
        let mut places = places();
        let pncp = "pncp".into();
        places.take(&pncp, Hourly);
        assert_eq!(fill(&mut places, "pncp", Backfill), 1);
    }
}
