//! Promise P9 over all that [`super::writer`] and [`super::reader`] do together.

use chrono::DateTime;
use uuid::Uuid;

use super::reader;
use super::schema::{Column, ColumnType, Schema};
use super::writer::{EncodedFile, FileMeta, FileWriter};
use crate::json::canonical::canonical;
use crate::record::RecordId;

/// Where the files of these tests come from.
pub(super) fn meta() -> FileMeta {
    FileMeta {
        dataset: "pncp.contratacoes".to_owned(),
        day: "2025-10-22".parse().unwrap(),
        run_id: Uuid::from_u128(7),
        job: "hourly".to_owned(),
        ingested_at: DateTime::from_timestamp(1_761_145_203, 123_456_000).unwrap(),
    }
}

/// A declared column.
pub(super) fn column(name: &str, kind: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        kind,
    }
}

/// One column of every kind.
pub(super) fn schema() -> Schema {
    let decimal = ColumnType::Decimal {
        precision: 18,
        scale: 4,
    };
    let organ = vec![
        column("cnpj", ColumnType::String),
        column("codigo", ColumnType::Int64),
        column(
            "sede",
            ColumnType::Struct(vec![column("uf", ColumnType::String)]),
        ),
        column("tags", ColumnType::List(Box::new(ColumnType::Int64))),
    ];
    let source = vec![
        column("codigo", ColumnType::Int64),
        column("valor", decimal.clone()),
    ];
    Schema {
        columns: vec![
            column("texto", ColumnType::String),
            column("numero", ColumnType::Int64),
            column("certo", ColumnType::Boolean),
            column("valor", decimal),
            column("dia", ColumnType::Date),
            column("hora", ColumnType::Timestamp),
            column("instante", ColumnType::Instant),
            column("orgao", ColumnType::Struct(organ)),
            column("lista", ColumnType::List(Box::new(ColumnType::String))),
            column(
                "fontes",
                ColumnType::List(Box::new(ColumnType::Struct(source))),
            ),
        ],
    }
}

/// A file of these records, with their numbers for ids, and the sum of what drifted.
pub(super) fn file(schema: &Schema, records: &[impl AsRef<str>]) -> (EncodedFile, u64) {
    let mut writer = FileWriter::new(schema, meta()).unwrap();
    let mut drifted = 0;
    for (number, record) in records.iter().enumerate() {
        let id = RecordId::of_key(format!("id-{number}"));
        drifted += writer.append(&id, "modalidade=6", record.as_ref()).unwrap();
    }
    (writer.finish().unwrap(), drifted)
}

/// Asserts promise P9 of these records, and returns what drifted.
fn assert_lossless(schema: &Schema, records: &[impl AsRef<str>]) -> u64 {
    let (file, drifted) = file(schema, records);
    let rebuilt = reader::records(file.bytes).unwrap();
    assert_eq!(rebuilt.len(), records.len());
    for (record, rebuilt) in records.iter().zip(rebuilt) {
        let expected = canonical(record.as_ref()).unwrap();
        assert_eq!(canonical(&rebuilt).unwrap(), expected);
    }
    drifted
}

#[test]
fn a_record_that_fits_comes_back() {
    let record = r#"{"texto":"a\nb","numero":5.0,"certo":false,"valor":10000.0,"dia":"2025-10-22",
        "hora":"2025-10-22T08:41:33","instante":"2025-02-01T03:00:00Z","lista":["x",null,""],
        "orgao":{"cnpj":"01","codigo":null,"sede":{},"tags":[]},
        "fontes":[{"codigo":1,"valor":0.0951},{},null]}"#;
    assert_eq!(assert_lossless(&schema(), &[record]), 0);
}
