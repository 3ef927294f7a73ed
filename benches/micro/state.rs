//! State of a day: read when a run begins, written when it ends. The lake is in memory.

use std::collections::BTreeMap;

use bronzed_storage::state::{LastCommit, RunOutcome};
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::days::{KNOWN, day, file, run, wait};

/// New records of a commit.
const NEW: usize = 50;

/// Reads the document, whose digest is checked.
#[divan::bench(args = KNOWN, sample_count = 10)]
fn read(bencher: Bencher<'_, '_>, known: usize) {
    let store = day(known);
    bencher
        .counter(ItemsCount::new(known))
        .bench_local(|| wait(store.look()).unwrap());
}

/// Writes the document, with the entry of a run.
#[divan::bench(args = KNOWN, sample_count = 10)]
fn write(bencher: Bencher<'_, '_>, known: usize) {
    let store = day(known);
    let mut state = wait(store.open()).unwrap();
    let mut run = run(0);
    run.run_id = uuid::Uuid::from_u128(1);
    let slices = BTreeMap::new();
    bencher
        .counter(ItemsCount::new(known))
        .bench_local(|| wait(store.record(&mut state, &run, &slices, false)).unwrap());
}

/// Stores a file with a page of new records, the last of its run: the file, then the document.
#[divan::bench(args = KNOWN, sample_count = 10, sample_size = 1)]
fn commit(bencher: Bencher<'_, '_>, known: usize) {
    let file = file(known..known + NEW);
    let slices = BTreeMap::new();
    let begun = || {
        let store = day(known);
        let state = wait(store.open()).unwrap();
        let mut run = run(NEW);
        run.run_id = uuid::Uuid::from_u128(1);
        let last = LastCommit {
            file: Some(file.clone()),
            parents: Vec::new(),
        };
        (store, state, run, last)
    };
    bencher
        .with_inputs(begun)
        .bench_local_refs(|(store, state, run, last)| {
            let verdict = RunOutcome {
                slices: &slices,
                complete: false,
            };
            let committed = store.conclude(state, std::mem::take(last), run, verdict);
            wait(committed).unwrap().unwrap()
        });
}
