//! A field that the API spells in two ways, read by a case-insensitive reader.

use std::fs;
use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::program::Program;
use crate::support::python::{json_of, python};
use crate::support::runtime;

const SHIPPED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/config/sources/tcu/acordaos.toml"
);

/// Regression: both spellings were columns, and DuckDB confused them.
#[test]
fn acordaos_have_their_link_under_the_name_that_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    fs::create_dir_all(config.join("sources")).unwrap();
    fs::write(config.join("bronzed.toml"), "").unwrap();
    fs::copy(SHIPPED, config.join("sources/columns.txt")).unwrap();
    fs::write(config.join("sources/tcu.toml"), source(&server())).unwrap();
    let lake = folder.path().join("data");
    let run = ["run", "tcu.acordaos", "--day", "2025-10-22", "--config"];
    Program::new(&[&run[..], &[config.to_str().unwrap()]].concat())
        .env("BRONZED__LAKE__URL", lake.to_str().unwrap())
        .run()
        .expect(0);
    assert_eq!(
        found(folder.path()),
        json!([
            {"key": "a", "column": "https://example.org/a.pdf", "beside": null},
            {"key": "b", "column": null, "beside": "https://example.org/b.pdf"},
        ])
    );
}

fn found(folder: &Path) -> serde_json::Value {
    let query = folder.join("query.sql");
    let sql = "select key, urlArquivoPDF as \"column\", _extra->>'urlArquivoPdf' as beside \
               from read_parquet('data/tcu_acordaos/**/*.parquet', union_by_name = true) \
               order by key";
    fs::write(&query, sql).unwrap();
    let mut script = python().script("readers.py");
    json_of(script.arg("query").arg(folder.join("data")).arg(query))
}

fn source(base_url: &str) -> String {
    format!(
        r#"
name = "tcu"
base_url = "{base_url}"
timezone = "America/Sao_Paulo"
[dataset.acordaos]
path = "/acordaos"
primary_key = ["key"]
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
paginator = {{ type = "single" }}
"#
    )
}

/// Starts a server that answers every request with one record of each spelling.
fn server() -> String {
    let listener = runtime()
        .block_on(TcpListener::bind(("127.0.0.1", 0)))
        .unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = r#"[{"key":"a","urlArquivoPDF":"https://example.org/a.pdf"},
        {"key":"b","urlArquivoPdf":"https://example.org/b.pdf"}]"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    runtime().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}
