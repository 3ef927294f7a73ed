//! A page: from bytes to records, to ids, to versions.

use bronzed_model::record::RecordId;
use bronzed_source::page::Page;
use bronzed_storage::state::known::ContentHash;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use crate::records::{body, dataset, page};

/// Checks the text, and finds its records.
#[divan::bench(args = [10, 50, 500])]
fn decode(bencher: Bencher<'_, '_>, records: usize) {
    let body = body(records);
    bencher
        .counter(ItemsCount::new(records))
        .counter(BytesCount::new(body.len()))
        .bench_local(|| Page::parse(dataset(), black_box(&body).clone(), None).unwrap());
}

/// Ids by the declared key.
#[divan::bench(args = [50])]
fn ids(bencher: Bencher<'_, '_>, records: usize) {
    let page = page(records);
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        let ids = page
            .values()
            .map(|record| RecordId::of_value(dataset(), record));
        ids.collect::<Vec<_>>()
    });
}

/// Hashes of the content, as rows of snapshots and versions have them.
#[divan::bench(args = [50])]
fn content_hashes(bencher: Bencher<'_, '_>, records: usize) {
    let page = page(records);
    bencher
        .counter(ItemsCount::new(records))
        .bench_local(|| page.values().map(ContentHash::of_value).collect::<Vec<_>>());
}
