//! Deduplication: ids of a page held against those of a day.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::days::{KNOWN, day, wait};
use crate::records::id;

/// Ids that are looked up, in no order.
const ASKED: usize = 1_000;

/// Records that are stored already.
#[divan::bench(args = KNOWN)]
fn seen(bencher: Bencher<'_, '_>, known: usize) {
    look_up(bencher, known, 0, true);
}

/// Records that the day doesn't have.
#[divan::bench(args = KNOWN)]
fn new(bencher: Bencher<'_, '_>, known: usize) {
    look_up(bencher, known, known, false);
}

fn look_up(bencher: Bencher<'_, '_>, known: usize, from: usize, stored: bool) {
    let state = wait(day(known).look()).unwrap();
    let mut random = SmallRng::seed_from_u64(2);
    let asked: Vec<_> = (0..ASKED)
        .map(|_| id(from + random.random_range(0..known)))
        .collect();
    assert!(asked.iter().all(|id| state.contains(id) == stored));
    bencher.counter(ItemsCount::new(ASKED)).bench_local(|| {
        let found = asked.iter().filter(|id| state.contains(black_box(id)));
        found.count()
    });
}
