//! An API that answers CSV: Brazil's usual form, with `;` and in ISO-8859-1, by pages or as one ZIP archive.

use std::io::{Cursor, Write};

use super::*;

const PAGED: &str = r#"
[dataset.records]
path = "/contratos.csv"
primary_key = ["id"]
schema = "shape/records.toml"

[dataset.records.csv]
delimiter = ";"
encoding = "latin-1"

[dataset.records.window]
start_param = "dia"
format = "%Y-%m-%d"

[dataset.records.paginator]
type = "page_number"
page_param = "pagina"
page_size = 2
"#;
const COLUMNS: &str =
    "[columns]\nid = \"string\"\norgao = \"string\"\nvalor = \"string\"\ndata = \"date\"\n";
const HEADER: &str = "id;orgao;valor;data;obs\r\n";

/// Returns the rows from `first` to `last` of five, with everything that CSV has to quote.
fn rows(first: usize, last: usize) -> String {
    let row = |n: usize| match n {
        3 => format!("{n};\"Fundação \"\"X\"\"; SP\nanexo\";\"1.234,50\";2025-01-17;\r\n"),
        _ => format!("{n};São João;{n},00;2025-01-17;á\r\n"),
    };
    (first..=last.min(5)).map(row).collect()
}

fn latin(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}

fn paged(asked: &Asked) -> Reply {
    let page: usize = asked.param("pagina").unwrap().parse().unwrap();
    let body = match asked.param("dia").as_deref() {
        Some("2025-01-18") => HEADER.to_owned(),
        _ => format!("{HEADER}{}", rows(page * 2 - 1, page * 2)),
    };
    Reply::of(200, "text/csv", latin(&body))
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in files {
        let options = zip::write::SimpleFileOptions::default();
        let options = options.compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(*name, options).unwrap();
        archive.write_all(body).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Asserts that the five rows are stored with each of their fields.
#[track_caller]
fn assert_rows(shape: &Shape) {
    let rows = shape.rows();
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    let third = serde_json::json!({
        "id": "3", "orgao": "Fundação \"X\"; SP\nanexo", "valor": "1.234,50",
        "data": "2025-01-17", "obs": "",
    });
    assert_eq!(rows[2], third);
    assert_eq!(rows[0]["obs"], "á");
}

#[test]
fn rows_of_csv_are_records_with_all_columns_as_text() {
    let shape = Shape::new(PAGED, COLUMNS, paged);
    let (outcome, report) = shape.run(DAY);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(report["new"], 5, "{report}");
    assert_rows(&shape);
    assert!(shape.state(DAY).1, "complete");
    let accept = shape.api.asked()[0].header("accept").unwrap().to_owned();
    assert!(accept.starts_with("text/csv"), "{accept}");
    // Again, and a day of which there is the header alone.
    let (again, report) = shape.run(DAY);
    assert_eq!(
        (again.code, &report["new"]),
        (Some(0), &0.into()),
        "{again:?}"
    );
    let (empty, report) = shape.run("2025-01-18");
    assert_eq!(
        (empty.code, &report["fetched"]),
        (Some(0), &0.into()),
        "{empty:?}"
    );
}

#[test]
fn a_zip_archive_is_read_from_the_file_that_is_named() {
    let source = PAGED
        .replace(
            "encoding = \"latin-1\"",
            "encoding = \"latin-1\"\nfile = \"_Contratos.csv\"",
        )
        .replace(
            "\"page_number\"\npage_param = \"pagina\"\npage_size = 2",
            "\"single\"",
        );
    let shape = Shape::new(&source, COLUMNS, |_| {
        let body = latin(&format!("{HEADER}{}", rows(1, 5)));
        let files: [(&str, &[u8]); 2] = [
            ("20250117_Itens.csv", b"x;y\n"),
            ("20250117_Contratos.csv", &body),
        ];
        Reply::of(200, "application/zip", zipped(&files))
    });
    let (outcome, _) = shape.run(DAY);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_rows(&shape);
    let online = shape.check(&["--online", "--day", DAY]);
    assert_eq!(online.code, Some(0), "{online:?}");
}

#[test]
fn what_is_cut_off_or_no_csv_is_asked_for_again_and_never_believed() {
    let whole = format!("{HEADER}{}", rows(1, 2));
    for (content_type, body, part) in [
        ("text/csv", whole.trim_end().to_owned(), "no line break"),
        (
            "text/html",
            "<html>Manutenção</html>".to_owned(),
            "answered HTML",
        ),
        (
            "text/csv",
            "<!doctype html><p>Erro".to_owned(),
            "answered HTML",
        ),
        ("text/csv", "Erro interno\n".to_owned(), "no column `id`"),
        (
            "application/json",
            r#"{"erro":"x"}"#.to_owned(),
            "of the CSV",
        ),
    ] {
        // Each second answer is well, so that the walk goes on.
        let turn = std::sync::atomic::AtomicUsize::new(0);
        let shape = Shape::new(PAGED, COLUMNS, {
            let body = latin(&body);
            move |asked| match turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
                0 => Reply::of(200, content_type, body.clone()),
                _ => paged(asked),
            }
        });
        let (outcome, _) = shape.run(DAY);
        assert_eq!(outcome.code, Some(0), "{part}: {outcome:?}");
        assert!(outcome.stderr.contains(part), "{part}: {outcome:?}");
        assert_rows(&shape);
        let broken = Shape::new(PAGED, COLUMNS, {
            let body = latin(&body);
            move |_| Reply::of(200, content_type, body.clone())
        });
        let (outcome, _) = broken.run(DAY);
        assert_eq!(outcome.code, Some(1), "{part}: {outcome:?}");
        assert_eq!(broken.state(DAY), (Vec::new(), false));
        assert!(broken.stored().is_empty());
    }
}

#[test]
fn check_speaks_of_csv_and_of_what_does_not_go_with_it() {
    let shape = Shape::new(PAGED, COLUMNS, paged);
    let outcome = shape.check(&[]);
    let told = "CSV, plain or zipped: `;` between fields, ISO-8859-1";
    assert!(outcome.stdout.contains(told), "{outcome:?}");
    let online = shape.check(&["--online", "--day", DAY]);
    assert_eq!(online.code, Some(0), "{online:?}");
    let right = "delimiter = \";\"";
    assert_refused(&shape, right, "¶delimiter = \";;\"", "is no delimiter");
    let right = "page_size = 2";
    let wrong = "page_size = 2\n¶total_records_path = \"/total\"";
    assert_refused(
        &shape,
        right,
        wrong,
        "has nothing to point at in a CSV response",
    );
    shape.write("sources/shape/records.toml", "[columns]\nid = \"int64\"\n");
    let right = "schema = \"shape/records.toml\"";
    let wrong = "¶schema = \"shape/records.toml\"";
    assert_refused(&shape, right, wrong, "declares the column `id` as int64");
}
