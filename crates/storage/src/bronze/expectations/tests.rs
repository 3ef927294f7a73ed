use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::*;
use crate::bronze::tests::{meta, schema};
use crate::bronze::writer::{FileWriter, Op, RowOrigin};
use crate::testing::support;
use bronzed_model::declaration::{ColumnPath, ExpectationSeverity, Share, ValueLimit, ValueSet};
use bronzed_model::record::RecordId;

fn path(written: &str) -> ColumnPath {
    ColumnPath {
        written: written.to_owned(),
        pointer: format!("/{}", written.replace('.', "/")),
    }
}

fn expectation(check: Check) -> Expectation {
    Expectation {
        name: "it".to_owned(),
        check,
        severity: ExpectationSeverity::Warn,
        mostly: Share::ALL,
        examples: true,
    }
}

fn evaluator(expectation: Expectation) -> Option<Evaluator> {
    let mut dataset = support::dataset();
    dataset.expectations = Arc::from([expectation]);
    Evaluator::new(&dataset)
}

fn id(number: usize) -> RecordId {
    RecordId::plain(&format!("id-{number}"))
}

/// Returns evaluated and unexpected rows, and the values of the examples.
fn judged(expectation: Expectation, records: &[&str]) -> (u64, u64, Vec<Option<String>>) {
    let writer = FileWriter::new(&schema(), meta()).unwrap();
    let mut writer = writer.evaluated_by(evaluator(expectation));
    for (number, record) in records.iter().enumerate() {
        writer
            .append_text(&id(number), RowOrigin::default(), record)
            .unwrap();
    }
    let (results, _) = writer.take_results().unwrap();
    match results.get("it") {
        None => (0, 0, Vec::new()),
        Some(result) => {
            let values = result.examples.iter().map(|one| one.value.clone());
            assert_eq!(result.success, result.unexpected == 0);
            (result.evaluated, result.unexpected, values.collect())
        }
    }
}

fn is(
    check: Check,
    records: &[&str],
    (evaluated, unexpected): (u64, u64),
    examples: &[Option<&str>],
) {
    let shown = format!("{check:?}");
    let (rows, bad, values) = judged(expectation(check), records);
    assert_eq!((rows, bad), (evaluated, unexpected), "{shown}");
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    assert_eq!(values, examples, "{shown}");
}

fn between(column: &str, min: Option<i128>, max: Option<i128>, strict: bool) -> Check {
    let limit = |value: Option<i128>| value.map(|value| ValueLimit { value, strict });
    Check::Between {
        column: path(column),
        min: limit(min),
        max: limit(max),
    }
}

#[test]
fn a_null_is_unexpected_only_to_not_null() {
    let records = [r#"{"numero":1}"#, r#"{"numero":null}"#, "{}"];
    is(
        Check::NotNull(path("numero")),
        &records,
        (3, 2),
        &[None, None],
    );
    is(
        between("numero", Some(1), None, false),
        &records,
        (1, 0),
        &[],
    );
}

#[test]
fn a_value_that_went_to_extra_is_there_and_not_as_expected() {
    let records = [r#"{"numero":"7"}"#, r#"{"numero":7}"#, r#"{"novo":1}"#];
    is(Check::NotNull(path("numero")), &records, (3, 1), &[None]);
    is(
        between("numero", Some(1), None, false),
        &records,
        (2, 1),
        &[Some("\"7\"")],
    );
    let nested = [r#"{"orgao":"x"}"#, r#"{"orgao":{"cnpj":5}}"#];
    let check = Check::Matches {
        column: path("orgao.cnpj"),
        pattern: Regex::new("^[0-9]+$").unwrap(),
    };
    is(check, &nested, (2, 2), &[Some("\"x\""), Some("5")]);
}

#[test]
fn limits_are_included_unless_they_are_strict() {
    let records = [r#"{"valor":1.00}"#, r#"{"valor":2}"#, r#"{"valor":3.01}"#];
    let scale = 10_i128.pow(u32::from(scale_of_valor()));
    let (one, three) = (Some(scale), Some(3 * scale));
    is(
        between("valor", one, three, false),
        &records,
        (3, 1),
        &[Some("3.01")],
    );
    let both = [Some("1"), Some("3.01")];
    let (_, unexpected, _) = judged(expectation(between("valor", one, three, true)), &records);
    assert_eq!(unexpected, both.len() as u64);
}

fn scale_of_valor() -> u8 {
    let schema = schema();
    let column = schema.columns.iter().find(|column| column.name == "valor");
    match column.map(|column| &column.kind) {
        Some(bronzed_model::schema::ColumnType::Decimal { scale, .. }) => *scale,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_is_unexpected_if_one_of_its_elements_is() {
    let records = [
        r#"{"fontes":[{"codigo":1},{"codigo":9},{"codigo":9}]}"#,
        r#"{"fontes":[]}"#,
        r#"{"fontes":[{"codigo":2}]}"#,
        r#"{"fontes":[{"codigo":"x"}]}"#,
        "{}",
    ];
    let check = Check::InSet {
        column: path("fontes.codigo"),
        values: ValueSet::Number([1, 2].into()),
    };
    is(
        check,
        &records,
        (3, 2),
        &[Some("9"), Some(r#"[{"codigo":"x"}]"#)],
    );
    is(
        Check::NotNull(path("fontes.codigo")),
        &records,
        (5, 1),
        &[None],
    );
}

#[test]
fn a_value_occurs_once_in_all_files_of_a_run() {
    let check = Check::Unique(path("texto"));
    let mut evaluator = evaluator(expectation(check));
    let mut unexpected = 0;
    for records in [
        [r#"{"texto":"a"}"#, r#"{"texto":"b"}"#],
        [r#"{"texto":"a"}"#, "{}"],
    ] {
        let writer = FileWriter::new(&schema(), meta()).unwrap();
        let mut writer = writer.evaluated_by(evaluator.take());
        for record in records {
            writer
                .append_text(&id(1), RowOrigin::default(), record)
                .unwrap();
        }
        let (results, back) = writer.take_results().unwrap();
        evaluator = back;
        unexpected += results["it"].unexpected;
    }
    assert_eq!(unexpected, 1);
}

#[test]
fn a_pair_is_compared_where_both_are_there() {
    let pair = |or_equal| Check::PairAGeB {
        a: path("numero"),
        b: path("orgao.codigo"),
        or_equal,
    };
    let records = [
        r#"{"numero":2,"orgao":{"codigo":1}}"#,
        r#"{"numero":2,"orgao":{"codigo":2}}"#,
        r#"{"numero":1,"orgao":{"codigo":2}}"#,
        r#"{"numero":1}"#,
    ];
    is(pair(true), &records, (3, 1), &[Some("1, 2")]);
    is(pair(false), &records, (3, 2), &[Some("2, 2"), Some("1, 2")]);
}

#[test]
fn the_newest_value_is_compared_with_the_end_of_the_day() {
    let fresh = |hours: u64| Check::Freshness {
        column: path("dia"),
        max_age: Duration::from_secs(hours * 3_600),
    };
    let records = [r#"{"dia":"2025-10-19"}"#, r#"{"dia":"2025-10-20"}"#];
    let (evaluated, unexpected, values) = judged(expectation(fresh(12)), &records);
    assert_eq!((evaluated, unexpected), (1, 1));
    assert_eq!(values, [Some("\"2025-10-20\"".to_owned())]);
    let (evaluated, unexpected, _) = judged(expectation(fresh(72)), &records);
    assert_eq!((evaluated, unexpected), (1, 0));
}

#[test]
fn a_row_that_marks_a_deletion_has_no_values_to_evaluate() {
    let writer = FileWriter::new(&schema(), meta()).unwrap();
    let mut writer = writer.evaluated_by(evaluator(expectation(Check::NotNull(path("numero")))));
    let origin = RowOrigin {
        op: Some(Op::Vanished),
        ..RowOrigin::default()
    };
    writer.append_text(&id(1), origin, "{}").unwrap();
    assert!(writer.take_results().unwrap().0.is_empty());
}

#[test]
fn an_example_shows_no_protected_value_and_no_cpf() {
    let check = || Check::InSet {
        column: path("texto"),
        values: ValueSet::Text([].into()),
    };
    let hidden = Expectation {
        examples: false,
        ..expectation(check())
    };
    let records = [r#"{"texto":"123.456.789-09"}"#];
    assert_eq!(judged(hidden, &records), (1, 1, vec![None]));
    let masked = Some("***.456.789-**".to_owned());
    assert_eq!(judged(expectation(check()), &records), (1, 1, vec![masked]));
}

#[test]
fn examples_are_few_and_short() {
    let long = format!(r#"{{"texto":"{}"}}"#, "x".repeat(5_000));
    let check = Check::InSet {
        column: path("texto"),
        values: ValueSet::Text([].into()),
    };
    let (_, unexpected, values) = judged(expectation(check), &[long.as_str(); 9]);
    assert_eq!((unexpected, values.len()), (9, 3));
    assert!(values.iter().flatten().all(|value| value.len() < 100));
}
