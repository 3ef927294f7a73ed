//! Personal data: no number of a natural person appears in the lake or the logs, and no record is stored
//! again because the key or the rules changed.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;

use bronzed_storage::bronze::reader;
use tempfile::TempDir;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program};

/// CPFs in the records; none of these digits may be found afterwards.
const PLANTED: [&str; 4] = ["12345678909", "98765432100", "11144477735", "55566677788"];
const COMPANY: &str = "33000167000101";
const DAY: &str = "2025-10-22";

/// Returns contracts with natural persons, in every shape that an API may send.
fn records() -> Vec<String> {
    let contract = |number: u32, rest: &str| {
        format!(
            r#"{{"numeroControlePNCP":"07954480000179-2-00000{number}/2025","dataPublicacaoPncp":"{DAY}T08:00:00",{rest}}}"#
        )
    };
    let [one, two, three, four] = PLANTED;
    vec![
        contract(1, &format!(r#""tipoPessoa":"PF","niFornecedor":"{one}""#)),
        contract(
            2,
            &format!(r#""tipoPessoa":"PJ","niFornecedor":"{COMPANY}""#),
        ),
        // Mistyped, so that the value goes into `_extra`; nested; repeated; without the field of the
        // condition.
        contract(3, &format!(r#""tipoPessoa":"PF","niFornecedor":{two}"#)),
        contract(
            4,
            &format!(r#""tipoPessoa":"PF","niFornecedor":[{{"cpf":"{three}"}}]"#),
        ),
        contract(
            5,
            &format!(r#""tipoPessoa":"PF","niFornecedor":"x","niFornecedor":"{four}""#),
        ),
        contract(6, r#""niFornecedor":"111.444.777-35""#),
        // Without an id: identified by the hash of the content.
        format!(r#"{{"tipoPessoa":"PF","niFornecedor":"{one}"}}"#),
        contract(7, r#""tipoPessoa":"PF","niFornecedor":"123.456.789-09""#),
    ]
}

/// Serves the records at every path, with one response in between that is truncated in the middle of a
/// record.
fn serve(records: &[String]) -> String {
    let total = records.len();
    let body = format!(
        r#"{{"data":[{}],"totalRegistros":{total},"totalPaginas":1,"numeroPagina":1,"paginasRestantes":0,"empty":false}}"#,
        records.join(",")
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let sent = match number {
                0 => &body[..body.len() / 2],
                _ => &body,
            };
            let length = sent.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{sent}"
            );
        }
    });
    url
}

/// Returns the shipped configuration with these protection rules for contratos, and a key from
/// `PROTECT_KEY`.
pub fn configured(rules: &str) -> TempDir {
    let folder = TempDir::with_prefix("bronzed-config-").unwrap();
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
    copy(shipped, folder.path());
    let file = folder.path().join("sources/pncp.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let named = "name = \"pncp\"\n";
    assert!(text.contains(named));
    let keyed = format!("{named}protect_key = {{ env = \"PROTECT_KEY\" }}\n");
    let text = text.replacen(named, &keyed, 1) + "\n" + rules;
    std::fs::write(&file, text).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

pub const SUPPLIERS: &str = r#"
[dataset.contratos.protect.niFornecedor]
method = "hmac"
when = { field = "tipoPessoa", equals = "PF" }
"#;
pub const KEY: &str = "thirty-two characters of a random key";

fn run(lake: &TestLake, config: &TempDir, url: &str, key: &str) -> Outcome {
    let config = config.path().to_str().unwrap();
    let args = [
        "run",
        "pncp.contratos",
        "--day",
        DAY,
        "--json",
        "-vv",
        "--config",
        config,
    ];
    Program::new(&args)
        .on(lake)
        .env("BRONZED__SOURCES__PNCP__BASE_URL", url)
        .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "5ms")
        .env("BRONZED__TELEMETRY__FORMAT", "json")
        .env("PROTECT_KEY", key)
        .run()
}

#[test]
fn no_number_of_a_person_is_in_lake_or_logs() {
    let lake = TestLake::new(Backend::Folder);
    let url = serve(&records());
    let config = configured(SUPPLIERS);
    let outcome = run(&lake, &config, &url, KEY);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("request failed"),
        "one answer was cut off"
    );

    let mut all = outcome.stdout + &outcome.stderr;
    let mut rows = Vec::new();
    for key in lake.keys() {
        let bytes = lake.get(&key);
        all.push_str(&String::from_utf8_lossy(&bytes));
        if key.ends_with(".parquet") {
            rows.extend(reader::records(bytes.into()).unwrap());
        }
    }
    assert_eq!(
        rows.len(),
        records().len(),
        "P2: no record is dropped for what is in it"
    );
    all.push_str(&rows.join("\n"));
    for number in PLANTED
        .into_iter()
        .chain(["111.444.777-35", "123.456.789-09", KEY])
    {
        assert!(
            !all.contains(number),
            "{number} is in the lake or in the logs"
        );
    }
    assert!(
        all.contains(COMPANY),
        "a company's number is no personal data"
    );
    let hashed = |row: &&String| row.contains("\"niFornecedor\":\"hmac:");
    let of_one: Vec<_> = rows.iter().filter(hashed).collect();
    let value = |row: &str| row.split("hmac:").nth(1).unwrap()[..32].to_owned();
    let first = rows.iter().find(|row| row.contains("-000001/")).unwrap();
    let last = rows.iter().find(|row| row.contains("-000007/")).unwrap();
    assert_eq!(
        value(first),
        value(last),
        "rows of one person can be joined"
    );
    assert!(of_one.len() >= 4, "{rows:?}");

    let again = run(&lake, &config, &url, KEY);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stdout.contains("\"new\":0"), "{}", again.stdout);
}

#[test]
fn another_key_or_other_ids_are_refused_instead_of_storing_everything_again() {
    let ids =
        format!("{SUPPLIERS}\n[dataset.contratos.protect.numeroControlePNCP]\nmethod = \"hmac\"\n");
    let lake = TestLake::new(Backend::Folder);
    let url = serve(&records());
    let stored = run(&lake, &configured(&ids), &url, KEY);
    assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    let before = lake.keys();

    for (rules, key) in [
        (ids.as_str(), "another key of more than 16 characters"),
        (SUPPLIERS, KEY),
        ("", KEY),
    ] {
        let refused = run(&lake, &configured(rules), &url, key);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        for told in [
            "pncp.contratos",
            "the table `pncp_contratos`",
            "stored again",
        ] {
            assert!(refused.stderr.contains(told), "{}", refused.stderr);
        }
        assert!(!refused.stderr.contains(key), "{}", refused.stderr);
    }
    assert_eq!(lake.keys(), before);

    // A table with plain ids can't switch to protected ones, either.
    let lake = TestLake::new(Backend::Folder);
    assert_eq!(run(&lake, &configured(""), &url, KEY).code, Some(0));
    let refused = run(&lake, &configured(&ids), &url, KEY);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("ids in the clear"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_key_stays_known_while_its_rules_are_taken_out() {
    let lake = TestLake::new(Backend::Folder);
    let url = serve(&records());
    for rules in [SUPPLIERS, ""] {
        let stored = run(&lake, &configured(rules), &url, KEY);
        assert_eq!(stored.code, Some(0), "{}", stored.stderr);
    }
    let other = "another key of more than 16 characters";
    let refused = run(&lake, &configured(SUPPLIERS), &url, other);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("fingerprint"), "{}", refused.stderr);
    let again = run(&lake, &configured(SUPPLIERS), &url, KEY);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}
