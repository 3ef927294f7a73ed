//! A file: records in columns, columns as Parquet.

use bronzed_model::record::RecordId;
use bronzed_source::page::Page;
use bronzed_storage::bronze::writer::{FileMeta, FileWriter, RowOrigin};
use chrono::DateTime;
use divan::Bencher;
use divan::counter::ItemsCount;
use uuid::Uuid;

use crate::records::{dataset, page};

/// Records that the writer keeps in columns before it passes them to the encoder.
const BATCH: usize = 900;

/// Records of a page, with their ids.
struct Rows {
    page: Page,
    ids: Vec<RecordId>,
}

impl Rows {
    fn new(records: usize) -> Self {
        let page = page(records);
        let ids = page
            .values()
            .map(|record| RecordId::of_value(dataset(), record));
        Self {
            ids: ids.collect(),
            page,
        }
    }

    fn append(&self, writer: &mut FileWriter) {
        for (id, record) in self.ids.iter().zip(self.page.values()) {
            writer
                .append(id, RowOrigin::slice("modalidade=4"), record)
                .unwrap();
        }
    }
}

/// Values into the builders of their columns: no record is encoded yet.
#[divan::bench]
fn columns(bencher: Bencher<'_, '_>) {
    let rows = Rows::new(BATCH);
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(writer)
        .bench_local_refs(|writer| rows.append(writer));
}

/// Columns as a file of Parquet, compressed.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let rows = Rows::new(BATCH);
    let filled = || {
        let mut writer = writer();
        rows.append(&mut writer);
        writer
    };
    bencher
        .counter(ItemsCount::new(BATCH))
        .with_inputs(filled)
        .bench_local_values(|writer| writer.finish().unwrap());
}

/// Both, of a small file and of one as large as they get.
#[divan::bench(args = [1_000, 8_000], sample_count = 20)]
fn whole(bencher: Bencher<'_, '_>, records: usize) {
    let rows = Rows::new(records);
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        let mut writer = writer();
        rows.append(&mut writer);
        writer.finish().unwrap()
    });
}

fn writer() -> FileWriter {
    FileWriter::new(&dataset().schema, meta()).unwrap()
}

/// Returns the origin of a file.
pub fn meta() -> FileMeta {
    FileMeta {
        dataset: "pncp.contratacoes".to_owned(),
        day: "2025-10-22".parse().unwrap(),
        run_id: Uuid::nil(),
        job: "bench".to_owned(),
        ingested_at: DateTime::UNIX_EPOCH,
    }
}
