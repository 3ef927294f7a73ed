//! The examples of the documentation, executed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bronzed_storage::bronze::reader;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::support::program::Program;
use crate::support::runtime;

/// Number of readings: two gauges report every quarter of an hour, and one of them again at 02:00.
const READINGS: usize = 2 * 96 + 1;

/// Folder of the example, which is a configuration.
const RIVERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/rivers");
/// Page that shows the files of the example.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/develop/add-a-source.md");
/// Beginning of a file that a page shows: a block whose first line names it.
const BLOCK: &str = "```toml\n# ";

/// Returns the page with each file as it is in the example, and the names of the files.
fn with_files(page: &str) -> (String, Vec<String>) {
    let mut blocks = page.split(BLOCK);
    let mut whole = blocks.next().unwrap().to_owned();
    let mut names = Vec::new();
    for block in blocks {
        let (name, rest) = block.split_once('\n').unwrap();
        let (_, after) = rest.split_once("```").unwrap();
        let file = fs::read_to_string(Path::new(RIVERS).join(name)).unwrap();
        whole += &format!("{BLOCK}{name}\n{file}```{after}");
        names.push(name.to_owned());
    }
    (whole, names)
}

/// Returns a page of the readings of 2025-06-01, as the documented API sends it.
fn answer(url: &Url) -> (&'static str, String) {
    let param = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let asked = (param("after"), param("before"));
    if asked != ("2025-06-01T00:00:00".into(), "2025-06-02T00:00:00".into()) {
        return ("404 Not Found", r#"{"error":"no readings"}"#.to_owned());
    }
    let reading = |n: usize| {
        let (station, quarter) = if n == READINGS - 1 {
            (3, 8)
        } else {
            (n % 2, n / 2)
        };
        let (hour, minute) = (quarter / 4, quarter % 4 * 15);
        format!(
            r#"{{"station":"K-{station:03}","taken_at":"2025-06-01T{hour:02}:{minute:02}:00","level_cm":{}.50,"quality":{{"code":"A","checked":false,"by":"x"}}}}"#,
            180 + n
        )
    };
    let (page, size): (usize, usize) = (
        param("page").parse().unwrap(),
        param("per_page").parse().unwrap(),
    );
    let rows = (page - 1) * size..(page * size).min(READINGS);
    let rows: Vec<_> = rows.map(reading).collect();
    let body = format!(r#"{{"readings":[{}],"count":{READINGS}}}"#, rows.join(","));
    ("200 OK", body)
}

/// Starts the API; returns its URL.
fn api() -> String {
    let listener = runtime()
        .block_on(TcpListener::bind(("127.0.0.1", 0)))
        .unwrap();
    let url = format!("http://{}/api/v2", listener.local_addr().unwrap());
    runtime().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            let (status, body) = answer(&Url::parse(&format!("http://api{target}")).unwrap());
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

/// Run with `UPDATE_DOCS=1` after a change of the example.
#[test]
fn the_documentation_shows_the_files_of_the_example() {
    let shown = fs::read_to_string(PAGE).unwrap();
    let (page, names) = with_files(&shown);
    assert_eq!(
        names,
        [
            "bronzed.toml",
            "sources/rivers.toml",
            "sources/rivers/readings.toml"
        ]
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, page).unwrap();
    } else {
        assert_eq!(shown, page, "run with UPDATE_DOCS=1");
    }
}

#[test]
fn the_source_of_the_documentation_is_read_from_its_files_to_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("data");
    let api = api();
    let bronzed = |args: &[&str]| {
        let program = Program::new(args)
            .env("BRONZED__LAKE__URL", lake.to_str().unwrap())
            .env("BRONZED__SOURCES__RIVERS__BASE_URL", &api);
        program.run().expect(0).stdout
    };
    let config = RIVERS;
    bronzed(&["check", "--config", config]);
    let read = [
        "run",
        "rivers",
        "--day",
        "2025-06-01",
        "--config",
        config,
        "--json",
    ];
    let summary = |said: &str| -> serde_json::Value {
        serde_json::from_str(said.trim().lines().last().unwrap()).unwrap()
    };
    bronzed(&read);
    let day = "rivers_readings/year=2025/month=06/day=01";
    let file = lake
        .join(day)
        .join("rivers_readings_20250601_c000001.parquet");
    let records = reader::records(fs::read(&file).unwrap().into()).unwrap();
    let ids: BTreeSet<_> = records
        .iter()
        .map(|record| {
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            // Declared or not, all fields of the record are stored.
            assert_eq!(record["quality"]["by"], "x");
            format!("{}|{}", record["station"], record["taken_at"])
        })
        .collect();
    assert_eq!((records.len(), ids.len()), (READINGS, READINGS));
    let marker = lake.join("rivers_readings/_state/complete/20250601");
    assert!(marker.exists(), "P4: the count was met");
    let again = bronzed(&read);
    assert!(
        fs::read_dir(lake.join(day)).unwrap().count() == 1,
        "P6: {}",
        summary(&again)
    );
    // A day without readings is empty by a declared rule; being a Saturday, it needs no second run.
    bronzed(&["run", "rivers", "--day", "2025-06-07", "--config", config]);
    assert!(
        !lake
            .join("rivers_readings/year=2025/month=06/day=07")
            .exists()
    );
}

/// Adds the text of all sources of the program below a folder, without the ends of lines in long texts.
fn add_sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(path).unwrap();
            let lines = source.split("\\\n").enumerate();
            text.extend(lines.map(|(n, line)| if n == 0 { line } else { line.trim_start() }));
        }
    }
}

/// A symptom that is quoted is what the program prints, with `…` for what differs.
#[test]
fn the_symptoms_in_the_pages_are_messages_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    add_sources(&root.join("src"), &mut sources);
    add_sources(&root.join("crates"), &mut sources);
    let mut quoted = 0;
    for page in ["troubleshooting", "upkeep"] {
        let page = fs::read_to_string(root.join(format!("docs/operate/{page}.md"))).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
        let symptoms = rows.filter_map(|row| row.split(" | ").next());
        let spans = symptoms.flat_map(|symptom| symptom.split('`').skip(1).step_by(2));
        for span in spans.filter(|span| !span.starts_with("No files found")) {
            let parts = span.split(|c: char| c == '…' || c.is_ascii_digit());
            let parts = parts.map(|part| part.trim_matches([' ', ':', ',', ';']));
            for part in parts.filter(|part| part.len() > 8) {
                assert!(sources.contains(part), "no message has `{part}`");
                quoted += 1;
            }
        }
    }
    assert!(quoted > 15, "{quoted}");
}

#[test]
fn every_command_is_in_the_page_of_commands() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate/commands.md");
    let page = fs::read_to_string(page).unwrap();
    let help = Program::new(&["--help"]).run().expect(0).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands.lines().filter(|line| !line.starts_with("   "));
    let names: Vec<_> = names
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15, "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(page.contains(&format!("bronzed {name}")), "no `{name}`");
    }
}
