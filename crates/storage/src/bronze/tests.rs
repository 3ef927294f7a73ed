//! Promise P9 over all that [`super::writer`] and [`super::reader`] do together.

use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::reader;
use super::writer::{EncodedFile, FileMeta, FileWriter, RowOrigin};
use bronzed_model::json;
use bronzed_model::json::canonical::canonical;
use bronzed_model::record::RecordId;
use bronzed_model::schema::{Column, ColumnType, Schema};

/// Provenance of the files of these tests.
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
    Column::new(name, kind)
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
        ..Schema::default()
    }
}

/// The shipped schema of PNCP's contratações.
pub(super) fn contratacoes() -> Arc<Schema> {
    let settings = bronzed_config::load(None, []).unwrap();
    Arc::clone(&settings.sources["pncp"].datasets["contratacoes"].schema)
}

/// Every recorded contratação, as its text in the fixture.
pub(super) fn recorded() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/pncp");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let selectors = [
        ("contratacoes_20251022.records.json", ""),
        ("contratacoes_atualizacao.envelope.json", "/data"),
        ("contratacoes_modalidade4_sc.envelope.json", "/data"),
        ("contratacoes_modalidade5_sc.envelope.json", "/data"),
    ];
    let mut records = Vec::new();
    for (name, selector) in selectors {
        let text = read(name);
        let array = json::pointer(&text, selector).unwrap().unwrap();
        let elements = json::elements(array).unwrap();
        records.extend(elements.into_iter().map(str::to_owned));
    }
    records
}

/// Encodes these records with ids by position; returns the file and the number of drifted values.
pub(super) fn file(schema: &Schema, records: &[impl AsRef<str>]) -> (EncodedFile, u64) {
    let mut writer = FileWriter::new(schema, meta()).unwrap();
    let mut drifted = 0;
    for (number, record) in records.iter().enumerate() {
        let id = RecordId::plain(&format!("id-{number}"));
        drifted += writer
            .append_text(&id, RowOrigin::slice("modalidade=6"), record.as_ref())
            .unwrap();
    }
    (writer.finish().unwrap(), drifted)
}

/// Asserts promise P9 of these records, and returns the number of drifted values.
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
fn p9_every_recorded_contratacao_comes_back_and_fits_its_columns() {
    let records = recorded();
    assert_eq!(records.len(), 88);
    assert_eq!(assert_lossless(&contratacoes(), &records), 0);
}

#[test]
fn p9_records_come_back_without_any_declared_column() {
    let records = recorded();
    assert!(assert_lossless(&Schema::default(), &records) > 0);
}

#[test]
fn p9_a_record_that_fits_comes_back() {
    let record = r#"{"texto":"a\nb","numero":5.0,"certo":false,"valor":10000.0,"dia":"2025-10-22",
        "hora":"2025-10-22T08:41:33","instante":"2025-02-01T03:00:00Z","lista":["x",null,""],
        "orgao":{"cnpj":"01","codigo":null,"sede":{},"tags":[]},
        "fontes":[{"codigo":1,"valor":0.0951},{},null]}"#;
    assert_eq!(assert_lossless(&schema(), &[record]), 0);
}

#[test]
fn p9_more_rows_than_a_batch_come_back_in_order() {
    let records: Vec<_> = (0..2_500)
        .map(|number| format!(r#"{{"numero":{number},"outro":{number}}}"#))
        .collect();
    assert_eq!(assert_lossless(&schema(), &records), 2_500);
}

#[test]
fn p9_the_order_of_keys_makes_no_difference() {
    let backwards = |record: &String| {
        let members = json::members(record).unwrap();
        let members = members.iter().rev();
        let members: Vec<_> = members
            .map(|(key, value)| format!("{}:{value}", json::quote(key)))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let (forth, schema) = (recorded(), contratacoes());
    let back: Vec<_> = forth.iter().map(backwards).collect();
    let (forth, back) = (file(&schema, &forth).0, file(&schema, &back).0);
    // The same columns are the same bytes.
    assert!(forth.bytes == back.bytes);
    assert_eq!(forth.ids, back.ids);
}

/// A string as JSON text, with and without escapes.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_map(|text| json::quote(&text)),
        "[a-zç]{0,3}".prop_map(|text| json::quote(&text)),
        r"(\\u00[0-7][0-9a-f]|\\/|\\n|\\ud83d\\ude00){0,4}".prop_map(|text| format!("\"{text}\"")),
        "[12][09][0-9]{2}-[01][0-9]-[0-3][0-9]".prop_map(|text| format!("\"{text}\"")),
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](Z|\\.[0-9]{3}|)"
            .prop_map(|text| format!("\"{text}\"")),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i16>().prop_map(|number| format!("{number}.0")),
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,5}",
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,20})?",
    ]
}

/// Any valid JSON object, or other value, of arbitrary keys.
pub(super) fn any_record() -> impl Strategy<Value = String> {
    let fields = proptest::collection::vec((string(), value()), 0..6);
    let record = fields.prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(k, v)| format!("{k}:{v}")).collect();
        format!("{{{}}}", fields.join(","))
    });
    prop_oneof![3 => record, 1 => value()]
}

/// Any JSON value with keys of [`schema`], in right and wrong places, and with other keys.
fn value() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => proptest::sample::select(vec![
            "texto", "numero", "certo", "valor", "dia", "hora", "instante", "orgao", "lista",
            "fontes", "cnpj", "codigo", "sede", "uf", "tags",
        ]).prop_map(json::quote),
        1 => string(),
    ];
    let leaf = prop_oneof![
        2 => Just("null".to_owned()),
        1 => any::<bool>().prop_map(|value| value.to_string()),
        2 => number(),
        3 => string(),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        let members = proptest::collection::vec((key.clone(), inner.clone()), 0..8);
        prop_oneof![
            1 => proptest::collection::vec(inner, 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(" , "))),
            2 => members.prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| format!("{key}: {value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A record whose values mostly match the schema.
fn record() -> impl Strategy<Value = String> {
    let or_any = |fitting: BoxedStrategy<String>| prop_oneof![3 => fitting, 1 => value()];
    let source = ("-?[0-9]{1,3}", number())
        .prop_map(|(code, amount)| format!(r#"{{"codigo":{code},"valor":{amount}}}"#));
    let sources = proptest::collection::vec(or_any(source.boxed()), 0..3)
        .prop_map(|elements| format!("[{}]", elements.join(",")));
    let organ = (
        or_any(string().boxed()),
        value(),
        or_any(Just("{}".to_owned()).boxed()),
    )
        .prop_map(|(cnpj, code, seat)| {
            format!(r#"{{"cnpj":{cnpj},"codigo":{code},"sede":{seat}}}"#)
        });
    let fields = (
        or_any(string().boxed()),
        or_any(number().boxed()),
        or_any(string().boxed()),
        or_any(organ.boxed()),
        or_any(sources.boxed()),
        value(),
    );
    fields.prop_map(|(text, number, time, organ, sources, other)| {
        format!(
            r#"{{"texto":{text},"numero":{number},"valor":{number},"dia":{time},"hora":{time},
                "instante":{time},"orgao":{organ},"fontes":{sources},"outro":{other}}}"#
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn p9_any_elements_come_back(records in proptest::collection::vec(
        prop_oneof![1 => value(), 2 => record()],
        1..6,
    )) {
        let valid = |record: &String| serde_json::from_str::<&serde_json::value::RawValue>(record).is_ok();
        let records: Vec<_> = records.into_iter().filter(valid).collect();
        assert_lossless(&schema(), &records);
    }
}
