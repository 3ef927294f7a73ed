//! Promise P9 for every known record, with any reader: a file returns exactly what was written, and the
//! columns hold everything except the listed fields.

use std::collections::BTreeSet;

use bronzed_model::json::canonical::canonical;
use bronzed_model::quality::Results;
use bronzed_model::record::RecordId;
use bronzed_storage::bronze::drift::Drift;
use bronzed_storage::bronze::expectations::Evaluator;
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

#[test]
fn every_shipped_expectation_holds_for_every_record_that_is_known() {
    let cases = super::cases().into_iter();
    let mut known: Vec<_> = cases.map(|case| (case.dataset, case.samples)).collect();
    let others = others().into_iter();
    known.extend(others.map(|(dataset, records)| (dataset, records.with_ids(str::to_owned))));
    let (mut wrong, mut evaluated) = (Vec::new(), BTreeSet::new());
    for (dataset, samples) in &known {
        for (name, result) in expectations(dataset, samples) {
            evaluated.insert(format!("{dataset} {name}"));
            if !result.success {
                wrong.push(format!("{dataset} {name}: {result:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let settings = bronzed_config::load(None, []).unwrap();
    let sources = settings.sources.values();
    for dataset in sources.flat_map(|source| source.datasets.values()) {
        let name = dataset.full_name();
        assert!(!dataset.expectations.is_empty(), "{name} has no suite");
        for one in dataset.expectations.iter() {
            let one = format!("{name} {}", one.name);
            assert!(evaluated.contains(&one), "{one} was never evaluated");
        }
    }
}

fn expectations(dataset: &str, samples: &[Sample]) -> Results {
    let settings = bronzed_config::load(None, []).unwrap();
    let (source, name) = dataset.split_once('.').unwrap();
    let declared = &settings.sources[source].datasets[name];
    let writer = FileWriter::new(&declared.schema, meta(dataset)).unwrap();
    let mut writer = writer.evaluated_by(Evaluator::new(declared));
    for sample in samples {
        let id = RecordId::of(declared, &sample.json);
        writer
            .append_text(&id, RowOrigin::default(), &sample.json)
            .unwrap();
    }
    writer.take_results().unwrap().0
}

fn meta(dataset: &str) -> FileMeta {
    FileMeta {
        dataset: dataset.to_owned(),
        day: TODAY.parse().unwrap(),
        run_id: Uuid::from_u128(7),
        job: "test".to_owned(),
        ingested_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn assert_lossless(dataset: &str, samples: &[Sample]) {
    let settings = bronzed_config::load(None, []).unwrap();
    let (source, name) = dataset.split_once('.').unwrap();
    let declared = &settings.sources[source].datasets[name];
    let mut writer = FileWriter::new(&declared.schema, meta(dataset)).unwrap();
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
