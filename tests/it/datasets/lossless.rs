//! Promise P9 for every known record, with any reader: a file returns exactly what was written, and the
//! columns hold everything except the listed fields.

use std::collections::BTreeSet;

use bronzed_model::json::canonical::canonical;
use bronzed_model::record::RecordId;
use bronzed_storage::bronze::drift::Drift;
use bronzed_storage::bronze::reader;
use bronzed_storage::bronze::writer::{FileMeta, FileWriter, RowOrigin};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::case::{Records, Sample, recorded};
use super::desk::TODAY;

/// Recorded records that no case serves: of other parents, slices and filters.
fn others() -> Vec<(&'static str, Records)> {
    let mut others = vec![
        (
            "pncp.contratacoes",
            recorded("pncp/contratacoes_modalidade5_sc.envelope.json", "/data"),
        ),
        (
            "tcu.inidoneos",
            recorded("tcu/inidoneos_filtro_q.envelope.json", "/items"),
        ),
    ];
    for parent in 0..5 {
        let of = |name: &str| {
            let file = format!("pncp/compra_{name}_20251022.by_compra.json");
            recorded(&file, &format!("/{parent}/{name}"))
        };
        others.push(("pncp.itens", of("itens")));
        others.push(("pncp.arquivos", of("arquivos")));
    }
    others
}

#[test]
fn p9_every_record_that_is_known_comes_back() {
    let cases = super::cases().into_iter();
    let mut known: Vec<_> = cases.map(|case| (case.dataset, case.samples)).collect();
    let others = others().into_iter();
    known.extend(others.map(|(dataset, records)| (dataset, records.with_ids(str::to_owned))));
    let mut count = 0;
    for (dataset, samples) in &known {
        assert_lossless(dataset, samples);
        count += samples.len();
    }
    assert!(count > 300, "{count} records");
}

fn assert_lossless(dataset: &str, samples: &[Sample]) {
    let settings = bronzed_config::load(None, []).unwrap();
    let (source, name) = dataset.split_once('.').unwrap();
    let declared = &settings.sources[source].datasets[name];
    let meta = FileMeta {
        dataset: dataset.to_owned(),
        day: TODAY.parse().unwrap(),
        run_id: Uuid::from_u128(7),
        job: "test".to_owned(),
        ingested_at: DateTime::<Utc>::UNIX_EPOCH,
    };
    let mut writer = FileWriter::new(&declared.schema, meta).unwrap();
    for sample in samples {
        let id = RecordId::of(declared, &sample.json);
        writer
            .append_text(&id, RowOrigin::default(), &sample.json)
            .unwrap();
    }
    let bytes = writer.finish().unwrap().bytes;
    for (sample, rebuilt) in samples.iter().zip(reader::records(bytes.clone()).unwrap()) {
        let sent = canonical(&sample.json).unwrap();
        assert_eq!(canonical(&rebuilt).unwrap(), sent, "{dataset}");
    }
    let mut drift = Drift::default();
    for extra in reader::extras(bytes).unwrap().unwrap() {
        drift.see(&declared.schema, TODAY.parse().unwrap(), &extra);
    }
    let found: BTreeSet<_> = drift
        .findings()
        .into_iter()
        .map(|one| one.field.clone())
        .collect();
    let said: BTreeSet<_> = samples.iter().flat_map(|s| s.extra.clone()).collect();
    assert_eq!(found, said, "{dataset}: fields in _extra");
}
