//! Selection of the requests that are kept of a run, and the sums over all of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bronzed_model::requests::{RequestRecord, RunRequests, SliceRequests};

/// Number of slices with an entry of their own, and with their first and last request.
pub(super) const SLICES: usize = 60;
/// Number of failed and repeated requests kept of the run's beginning, and as many of its end.
pub(super) const TROUBLES: usize = 100;
/// Number of slowest requests.
pub(super) const SLOWEST: usize = 20;
/// Number of last requests of all.
pub(super) const LAST: usize = 10;

/// A record with its position among the requests that have ended.
type Numbered = (u64, Arc<RequestRecord>);

/// Requests kept so far. The number of records is bounded by the constants of this module.
#[derive(Debug, Default)]
pub(super) struct KeptRequests {
    total: u64,
    outcomes: BTreeMap<String, u64>,
    slices: Vec<KeptSlice>,
    by_label: BTreeMap<String, usize>,
    /// Sums over the slices that have no entry.
    others: SliceRequests,
    first_troubles: Vec<Numbered>,
    last_troubles: VecDeque<Numbered>,
    /// Slowest first.
    slowest: Vec<Numbered>,
    last: VecDeque<Numbered>,
}

#[derive(Debug)]
struct KeptSlice {
    sums: SliceRequests,
    first: Numbered,
    last: Numbered,
}

impl KeptRequests {
    /// Adds a request that has ended.
    pub(super) fn add(&mut self, record: RequestRecord) {
        let record = (self.total, Arc::new(record));
        self.total += 1;
        match self.outcomes.get_mut(&record.1.outcome) {
            Some(count) => *count += 1,
            None => _ = self.outcomes.insert(record.1.outcome.clone(), 1),
        }
        self.add_to_slice(&record);
        if record.1.is_trouble() {
            match self.first_troubles.len() < TROUBLES {
                true => self.first_troubles.push(record.clone()),
                false => push_bounded(&mut self.last_troubles, record.clone(), TROUBLES),
            }
        }
        let took = |(_, one): &Numbered| one.took_ms;
        let place = self
            .slowest
            .partition_point(|one| took(one) >= took(&record));
        if place < SLOWEST {
            self.slowest.insert(place, record.clone());
            self.slowest.truncate(SLOWEST);
        }
        push_bounded(&mut self.last, record, LAST);
    }

    fn add_to_slice(&mut self, record: &Numbered) {
        let label = &record.1.slice;
        let known = self.by_label.get(label).copied();
        if let Some(slice) = known.and_then(|place| self.slices.get_mut(place)) {
            slice.last = record.clone();
            sum(&mut slice.sums, &record.1);
        } else if self.slices.len() < SLICES {
            let mut sums = SliceRequests {
                slice: Some(label.clone()),
                ..SliceRequests::default()
            };
            sum(&mut sums, &record.1);
            self.by_label.insert(label.clone(), self.slices.len());
            self.slices.push(KeptSlice {
                sums,
                first: record.clone(),
                last: record.clone(),
            });
        } else {
            sum(&mut self.others, &record.1);
        }
    }

    /// Writes sums and records into `found`.
    pub(super) fn write(&self, found: &mut RunRequests) {
        let edges = self.slices.iter();
        let edges = edges.flat_map(|slice| [&slice.first, &slice.last]);
        let kept: BTreeMap<_, _> = edges
            .chain(&self.first_troubles)
            .chain(&self.last_troubles)
            .chain(&self.slowest)
            .chain(&self.last)
            .map(|(number, record)| ((record.at_ms, *number), record))
            .collect();
        found.total = self.total;
        found.left_out = self.total - kept.len() as u64;
        found.outcomes = self.outcomes.clone();
        found.slices = self.slices.iter().map(|slice| slice.sums.clone()).collect();
        if self.others.requests > 0 {
            found.slices.push(self.others.clone());
        }
        found.requests = kept.into_values().map(|one| (**one).clone()).collect();
    }
}

/// Adds a request to the sums of its slice.
fn sum(sums: &mut SliceRequests, record: &RequestRecord) {
    let is_first = sums.requests == 0;
    sums.requests += 1;
    sums.failed += u64::from(record.is_failure());
    sums.from_ms = match is_first {
        true => record.at_ms,
        false => sums.from_ms.min(record.at_ms),
    };
    sums.to_ms = sums.to_ms.max(record.at_ms + record.took_ms);
    sums.took_ms += record.took_ms;
    sums.queued_ms += record.queued_ms;
    sums.waited_ms += record.wait_ms.unwrap_or_default();
    sums.bytes += record.bytes.unwrap_or_default();
}

fn push_bounded(queue: &mut VecDeque<Numbered>, record: Numbered, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(record);
}
