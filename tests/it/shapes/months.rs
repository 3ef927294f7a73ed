//! An API that is asked for months: the shape of several transparency portals. A month is one partition, under
//! its first day.

use super::*;

const SOURCE: &str = r#"
[dataset.records]
path = "/contratos"
primary_key = ["id"]
schema = "shape/records.toml"

[dataset.records.window]
period = "month"
start_param = "mesAno"
format = "%Y%m"
day_field = "data"
day_format = "%d/%m/%Y"

[dataset.records.paginator]
type = "page_number"
page_param = "pagina"
page_size = 2

[job.daily]
cron = "0 3 * * *"
days = "yesterday"
"#;
const COLUMNS: &str = "[columns]\nid = \"string\"\ndata = \"string\"\n";

/// Answers five rows for each month, in pages of two; none for February.
fn answer(asked: &Asked) -> Reply {
    let month = match (
        asked.param("mesAno"),
        asked.param("ano"),
        asked.param("mes"),
    ) {
        (Some(month), _, _) => month,
        (_, Some(year), Some(month)) => format!("{year}{month:0>2}"),
        _ => return Reply::json(r#"{"erro":"mesAno é obrigatório"}"#),
    };
    let (year, month) = month.split_at(4);
    let page: usize = asked.param("pagina").unwrap().parse().unwrap();
    let rows = (1..=5).map(|n| {
        let day = n * 6;
        format!(r#"{{"id":"{year}-{month}-{n}","data":"{day:02}/{month}/{year}"}}"#)
    });
    let rows: Vec<_> = match month {
        "02" => Vec::new(),
        _ => rows.skip((page - 1) * 2).take(2).collect(),
    };
    Reply::json(format!("[{}]", rows.join(",")))
}

fn ids(month: &str) -> Vec<String> {
    (1..=5).map(|n| format!("{month}-{n}")).collect()
}

#[test]
fn any_day_of_a_month_reads_the_month_into_the_partition_of_its_first_day() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let (outcome, report) = shape.run(DAY);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(
        (&report["day"], &report["new"]),
        (&"2025-01-01".into(), &5.into())
    );
    assert_eq!(shape.state("2025-01-01"), (ids("2025-01"), true));
    let stored = shape.stored();
    let file = "shape_records/year=2025/month=01/day=01/shape_records_20250101_c000001.parquet";
    assert_eq!(stored.keys().collect::<Vec<_>>(), [file]);
    let queries = shape.api.asked();
    assert!(
        queries
            .iter()
            .all(|one| one.query.starts_with("mesAno=202501&pagina=")),
        "{queries:?}"
    );
    // Other days of the month are the same partition, once.
    let range = [
        "run",
        "shape.records",
        "--from",
        "2025-01-20",
        "--to",
        "2025-01-31",
        "--json",
    ];
    let again = shape.program(&range).run();
    assert_eq!(again.stdout.lines().count(), 1, "{again:?}");
    assert_eq!(shape.stored().len(), 1);
    let status = shape.program(&["day", "shape.records", "2025-01-31"]).run();
    assert!(status.stdout.contains("2025-01-01"), "{status:?}");
}

#[test]
fn a_year_and_a_month_may_be_two_parameters() {
    let source = SOURCE.replace("start_param = \"mesAno\"\nformat = \"%Y%m\"\n", "");
    let params = "[dataset.records.params]\nano = \"{start:%Y}\"\nmes = \"{start:%-m}\"\n";
    let shape = Shape::new(&format!("{source}\n{params}"), COLUMNS, answer);
    let (outcome, _) = shape.run("2025-03-31");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(shape.state("2025-03-01"), (ids("2025-03"), true));
    assert!(
        shape.api.asked()[0]
            .query
            .starts_with("ano=2025&mes=3&pagina=1")
    );
    let lost = "¶[dataset.records.window]\nperiod = \"month\"";
    let what = "the formats of `{start}` don't name a whole month together";
    shape.edit("ano = \"{start:%Y}\"", "ano = \"2025\"");
    assert_refused(
        &shape,
        "[dataset.records.window]\nperiod = \"month\"",
        lost,
        what,
    );
}

#[test]
fn a_backfill_goes_by_months_and_goes_on_where_it_was() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let range = [
        "backfill",
        "shape.records",
        "--from",
        "2024-11-10",
        "--to",
        "2025-01-31",
    ];
    let first = shape.program(&range).run();
    assert_eq!(first.code, Some(0), "{first:?}");
    let stored = shape.stored();
    let rows: Vec<_> = stored.values().map(Vec::len).collect();
    assert_eq!(rows, [5, 5, 5], "{stored:?}");
    let asked = shape.api.asked().len();
    let again = shape.program(&range).run();
    assert!(
        again.stdout.contains("all 3 days are complete"),
        "{again:?}"
    );
    assert_eq!(shape.api.asked().len(), asked);
}

#[test]
fn a_month_without_rows_is_believed_only_by_two_runs_and_an_error_never() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    // The API is known to answer with rows elsewhere.
    assert_eq!(shape.run(DAY).0.code, Some(0));
    let (outcome, report) = shape.run("2025-02-10");
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(
        report["error"]
            .as_str()
            .unwrap()
            .contains("a month without a record"),
        "{report}"
    );
    assert_eq!(shape.state("2025-02-01"), (Vec::new(), false));
    let broken = Shape::new(SOURCE, COLUMNS, |_| {
        Reply::json(r#"{"erro":"indisponível"}"#)
    });
    let (outcome, _) = broken.run(DAY);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(broken.state("2025-01-01"), (Vec::new(), false));
}

#[test]
fn check_speaks_of_months_and_a_table_keeps_its_period() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let outcome = shape.check(&[]);
    assert!(
        outcome.stdout.contains("months that are asked for"),
        "{outcome:?}"
    );
    let online = shape.check(&["--online", "--day", DAY]);
    assert_eq!(online.code, Some(0), "{online:?}");
    assert!(online.stdout.contains("2025-01-01"), "{online:?}");
    let by_day = "period = \"month\"\nstart_param = \"mesAno\"\n¶format = \"%Y\"";
    let right = "period = \"month\"\nstart_param = \"mesAno\"\nformat = \"%Y%m\"";
    assert_refused(
        &shape,
        right,
        by_day,
        "doesn't name a whole month: it gives `2021`",
    );
    assert_eq!(shape.run(DAY).0.code, Some(0));
    shape.edit("period = \"month\"", "period = \"year\"");
    shape.edit("%Y%m", "%Y");
    let (outcome, _) = shape.run(DAY);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("window.period = month"),
        "{outcome:?}"
    );
}
