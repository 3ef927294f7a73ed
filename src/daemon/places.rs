//! Which runs may begin, by how many are under way: the pools.
//!
//! A run waits only for runs of its own priority or a higher one. So what is urgent never waits for
//! a backfill to end (whose requests give way at the source's gate, one by one), and at worst there
//! are as many runs at once as the bound says, for each of the three priorities.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::source::declaration::Priority;

/// Counts the runs that are under way, and says whether there is a place for one more.
#[derive(Debug)]
pub(super) struct Places {
    in_all: usize,
    of_source: BTreeMap<Arc<str>, usize>,
    taken: Vec<(Arc<str>, Priority)>,
}

impl Places {
    /// Places for `in_all` runs, and of each source for as many as `of_source` says.
    pub(super) fn new(in_all: usize, of_source: BTreeMap<Arc<str>, usize>) -> Self {
        Self {
            in_all,
            of_source,
            taken: Vec::new(),
        }
    }

    /// Takes a place, whether there is one or not: the run is under way.
    pub(super) fn take(&mut self, source: &Arc<str>, priority: Priority) {
        self.taken.push((Arc::clone(source), priority));
    }

    /// Takes a place if there is one.
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

    /// Takes as many places as there are, of one source.
    fn fill(places: &mut Places, source: &str, priority: Priority) -> usize {
        let source = source.into();
        let mut count = 0;
        while places.try_take(&source, priority) {
            count += 1;
        }
        count
    }

    fn places() -> Places {
        let of_source = BTreeMap::from([("pncp".into(), 2), ("tcu".into(), 2)]);
        Places::new(3, of_source)
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
