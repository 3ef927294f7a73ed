//! Redaction of secrets: the output of succeeding and failing commands at the most verbose log level, all
//! responses of the daemon, and the lake are searched for every secret that the program was given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::{Backend, TestLake};
use crate::support::only;
use crate::support::program::{Outcome, Program};
use crate::support::scene::{DAY, Scene};

const BEARER: &str = "planted-bearer-7d10c2b9";
const API_KEY: &str = "planted-api-key-a34f90e2";
const IN_QUERY: &str = "planted-query-key-c81f6b03";
const BASIC: &str = "planted-basic-4d9c27e1";
/// Base64 of `planted-user` and the password, as sent.
const BASIC_SENT: &str = "cGxhbnRlZC11c2VyOnBsYW50ZWQtYmFzaWMtNGQ5YzI3ZTE=";
const SERVER: &str = "planted-server-token-51ab83c6";
const WRONG_TOKEN: &str = "planted-wrong-token-90ce12aa";
const LAKE: &str = "planted-lake-key-e08b7f45";
const SESSION: &str = "planted-session-token-2b6d";
const PROXY: &str = "planted-proxy-password-6f1e";
/// Base64 of `user` and the password, as sent.
const PROXY_SENT: &str = "dXNlcjpwbGFudGVkLXByb3h5LXBhc3N3b3JkLTZmMWU=";
const IN_URL: &str = "planted-in-url-c7720d3b";
const PROTECT: &str = "planted-protect-key-03cd5be9";
const OTHER_PROTECT: &str = "planted-other-protect-key-77aa20";

const PLANTED: [&str; 14] = [
    BEARER,
    API_KEY,
    IN_QUERY,
    BASIC,
    BASIC_SENT,
    SERVER,
    WRONG_TOKEN,
    LAKE,
    SESSION,
    PROXY,
    PROXY_SENT,
    IN_URL,
    PROTECT,
    OTHER_PROTECT,
];

const READ: [&str; 4] = ["run", "pncp.contratacoes", "--day", DAY];

/// All output so far, with its origin.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    fn add(&mut self, by: &str, outcome: &Outcome) {
        self.text(by, format!("{}\n{}", outcome.stdout, outcome.stderr));
    }

    fn text(&mut self, by: &str, text: String) {
        self.0.push((by.to_owned(), text));
    }

    /// Adds keys and objects. Strings of a Parquet file may be encoded, so its rows are added, too.
    fn lake(&mut self, lake: &TestLake) {
        for key in lake.keys() {
            let bytes = lake.get(&key);
            if key.starts_with(bronzed_storage::requests::FOLDER) {
                let text = bronzed_storage::compression::unpack(&bytes).expect("a list");
                self.text(&key, String::from_utf8_lossy(&text).into_owned());
                continue;
            }
            if key.ends_with(".parquet") {
                let rows = bronzed_storage::bronze::reader::records(bytes.clone().into());
                self.text(&key, rows.expect("a file of ours").join("\n"));
            }
            self.text(&key, String::from_utf8_lossy(&bytes).into_owned());
        }
    }

    #[track_caller]
    fn assert_no_secret(&self) {
        for (by, text) in &self.0 {
            for secret in PLANTED {
                let encoded = secret.replace('-', "%2D");
                for form in [secret, &encoded] {
                    let Some(place) = text.find(form) else {
                        continue;
                    };
                    let start = text[..place].rfind('\n').map_or(0, |end| end + 1);
                    let line = text[start..].lines().next().unwrap_or_default();
                    panic!("`{by}` shows {form}: {line}");
                }
            }
            assert!(!text.contains("panicked"), "{by}: {text}");
        }
    }
}

/// Authentication types, with the variables that set them.
fn ways() -> [(&'static str, Vec<(&'static str, &'static str)>); 4] {
    const TYPE: &str = "BRONZED__SOURCES__PNCP__AUTH__TYPE";
    [
        (
            "bearer",
            vec![
                (TYPE, "bearer"),
                ("BRONZED__SOURCES__PNCP__AUTH__TOKEN_ENV", "PLANTED_BEARER"),
                ("PLANTED_BEARER", BEARER),
            ],
        ),
        (
            "api_key",
            vec![
                (TYPE, "api_key"),
                ("BRONZED__SOURCES__PNCP__AUTH__HEADER", "X-Api-Key"),
                ("BRONZED__SOURCES__PNCP__AUTH__KEY_ENV", "PLANTED_KEY"),
                ("PLANTED_KEY", API_KEY),
            ],
        ),
        (
            "key in the query",
            vec![
                (TYPE, "api_key"),
                ("BRONZED__SOURCES__PNCP__AUTH__PARAM", "api_key"),
                ("BRONZED__SOURCES__PNCP__AUTH__KEY_ENV", "PLANTED_IN_QUERY"),
                ("PLANTED_IN_QUERY", IN_QUERY),
            ],
        ),
        (
            "basic",
            vec![
                (TYPE, "basic"),
                ("BRONZED__SOURCES__PNCP__AUTH__USER", "planted-user"),
                (
                    "BRONZED__SOURCES__PNCP__AUTH__PASSWORD_ENV",
                    "PLANTED_PASSWORD",
                ),
                ("PLANTED_PASSWORD", BASIC),
            ],
        ),
    ]
}

/// Sets the most verbose log level, for this program and its libraries.
fn loud(program: Program) -> Program {
    program.env("RUST_LOG", "trace")
}

#[test]
fn commands_that_work_show_no_secret_and_store_none() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    let mut shown = Shown::default();
    for (way, variables) in ways() {
        for args in [
            &READ[..],
            &["run", "pncp.contratacoes", "--day", DAY, "--json", "-vv"],
            &["check", "-vv"],
            &["check", "--online", "-vv"],
            &[
                "verify",
                "pncp.contratacoes",
                "--from",
                DAY,
                "--to",
                DAY,
                "-vv",
            ],
            &[
                "backfill",
                "pncp.contratacoes",
                "--from",
                DAY,
                "--to",
                DAY,
                "-vv",
            ],
            &["status", "-vv"],
            &["state", "show", "pncp.contratacoes", "--day", DAY, "-vv"],
            &["schema", "drift", "pncp.contratacoes", "-vv"],
        ] {
            let program = loud(scene.program(args))
                .envs(&variables)
                .env("BRONZED__SERVER__TOKEN", SERVER)
                .env("AWS_SECRET_ACCESS_KEY", LAKE)
                .env("AWS_SESSION_TOKEN", SESSION);
            let program = program.envs(&only("pncp.contratacoes"));
            let outcome = program.run();
            assert_ne!(outcome.code, Some(2), "{way} {args:?}: {outcome:?}");
            shown.add(&format!("{way}: {}", args.join(" ")), &outcome);
        }
    }
    shown.lake(&scene.lake);
    let is_of_requests = |(by, text): &(String, String)| {
        by.starts_with(bronzed_storage::requests::FOLDER) && text.contains("\"url\"")
    };
    assert!(shown.0.iter().any(is_of_requests), "no requests are kept");
    assert!(shown.0.len() > 30, "nothing was stored");
    shown.assert_no_secret();
}

/// Starts a gateway that answers with an error page which echoes the request, as some do; also returns the
/// requests that it received.
fn gateway() -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut lines = BufReader::new(&stream);
            while lines.read_line(&mut head).unwrap_or(0) > 2 {}
            heard.lock().unwrap().push_str(&head);
            let credentials: Vec<_> = head
                .lines()
                .filter(|line| {
                    let line = line.to_lowercase();
                    ["auth", "-key", "_key=", "token", "sig="]
                        .iter()
                        .any(|part| line.contains(part))
                })
                .collect();
            let page = format!("{{\"data\": refused with {}", credentials.join(", "));
            let status = match head.contains("Contratacao=6&") {
                true => "200 OK",
                false => "403 Forbidden",
            };
            let reply = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{page}",
                page.len()
            );
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    (url, asked)
}

#[test]
fn an_error_page_that_repeats_the_request_shows_no_secret() {
    let mut shown = Shown::default();
    let sent = [BEARER, API_KEY, IN_QUERY, BASIC_SENT];
    for ((way, variables), sent) in ways().into_iter().zip(sent) {
        let (url, asked) = gateway();
        let lake = TestLake::new(Backend::Folder);
        for args in [&READ[..], &["check", "--online"]] {
            let program = loud(Program::new(args).on(&lake))
                .envs(&variables)
                .env("BRONZED__SOURCES__PNCP__BASE_URL", &url)
                .env("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "1ms")
                .env("BRONZED__SOURCES__PNCP__RETRY__MAX", "5ms");
            let program = program.envs(&only("pncp.contratacoes"));
            let outcome = program.run();
            assert_ne!(outcome.code, Some(0), "{way}: {outcome:?}");
            let said =
                outcome.stderr.contains("refused with") || outcome.stdout.contains("refused with");
            assert!(said, "{way} {args:?}: the page isn't shown: {outcome:?}");
            shown.add(&format!("{way}: {}", args.join(" ")), &outcome);
        }
        shown.lake(&lake);
        let kept = shown.0.iter();
        let mut kept = kept.filter(|(by, _)| by.starts_with(bronzed_storage::requests::FOLDER));
        let (_, kept) = kept.next_back().expect("requests are kept");
        assert!(
            kept.contains("refused with"),
            "{way}: the page isn't in {kept}"
        );
        assert!(
            asked.lock().unwrap().contains(sent),
            "{way}: nothing was sent"
        );
    }
    shown.assert_no_secret();
}

/// A proxy and a store that echo the request, with their credentials.
#[test]
fn proxies_and_stores_that_repeat_the_request_show_no_secret() {
    let signature = format!("sv=2022&sig={LAKE}");
    let api_base = "BRONZED__SOURCES__PNCP__BASE_URL";
    let mut shown = Shown::default();
    let mut ask = |name: &str, sent: &str, variables: &dyn Fn(&str) -> Vec<(&str, String)>| {
        let (url, asked) = gateway();
        let lake = TestLake::new(Backend::Folder);
        for args in [&READ[..], &["check", "--online"]] {
            let program = loud(Program::new(args).on(&lake))
                .env(api_base, &url)
                .env("BRONZED__SOURCES__PNCP__RETRY__MAX_ATTEMPTS", "1");
            let program = program.envs(&only("pncp.contratacoes"));
            let program = program.envs(&variables(&url));
            let outcome = program.run();
            assert_ne!(outcome.code, Some(0), "{name}: {outcome:?}");
            shown.add(&format!("{name}: {}", args.join(" ")), &outcome);
        }
        shown.lake(&lake);
        let asked = asked.lock().unwrap();
        assert!(asked.contains(sent), "{name}: nothing was sent: {asked}");
    };
    let with_password = |url: &str| url.replace("http://", &format!("http://user:{PROXY}@"));
    ask("a proxy", PROXY_SENT, &|url| {
        let outside = "http://api.example.test".to_owned();
        vec![("HTTP_PROXY", with_password(url)), (api_base, outside)]
    });
    ask("a proxy for TLS", PROXY_SENT, &|url| {
        let outside = "https://api.example.test".to_owned();
        vec![("HTTPS_PROXY", with_password(url)), (api_base, outside)]
    });
    ask("S3", SESSION, &|url| {
        vec![
            ("BRONZED__LAKE__URL", "s3://bucket/path".to_owned()),
            ("AWS_ENDPOINT", url.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "somebody".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", LAKE.to_owned()),
            ("AWS_SESSION_TOKEN", SESSION.to_owned()),
        ]
    });
    ask("Azure", LAKE, &|url| {
        vec![
            ("BRONZED__LAKE__URL", "az://container/path".to_owned()),
            ("AZURE_STORAGE_ACCOUNT_NAME", "somebody".to_owned()),
            ("AZURE_STORAGE_SAS_KEY", signature.clone()),
            ("AZURE_STORAGE_ENDPOINT", url.to_owned()),
        ]
    });
    assert!(
        shown
            .0
            .iter()
            .filter(|(_, text)| text.contains("refused with"))
            .count()
            >= 4,
        "the pages aren't shown"
    );
    shown.assert_no_secret();
}

#[test]
fn the_key_of_protected_fields_is_shown_by_nothing_and_stored_nowhere() {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    let rules = "[dataset.contratacoes.protect.usuarioNome]\nmethod = \"hmac\"\n";
    let folder = crate::protection::configured(rules);
    let config = ["--config", folder.path().to_str().unwrap(), "-vv"];
    let day = ["pncp.contratacoes", "--day", DAY];
    let days = ["pncp.contratacoes", "--from", DAY, "--to", DAY];
    let mut shown = Shown::default();
    for (key, args) in [
        (PROTECT, [&["run"], &day[..]].concat()),
        (PROTECT, [&["run"], &day[..], &["--json"]].concat()),
        (PROTECT, vec!["check"]),
        (PROTECT, [&["verify"], &days[..]].concat()),
        (PROTECT, [&["backfill"], &days[..]].concat()),
        (PROTECT, [&["state", "show"], &day[..]].concat()),
        (PROTECT, vec!["state", "verify", "pncp.contratacoes"]),
        (PROTECT, vec!["schema", "drift", "pncp.contratacoes"]),
        (OTHER_PROTECT, [&["run"], &day[..]].concat()),
    ] {
        let args = [&args[..], &config[..]].concat();
        let program = loud(scene.program(&args)).env("PROTECT_KEY", key);
        let program = program.envs(&only("pncp.contratacoes"));
        let outcome = program.run();
        let expected = if key == PROTECT { Some(0) } else { Some(1) };
        assert_eq!(outcome.code, expected, "{args:?}: {outcome:?}");
        shown.add(&args.join(" "), &outcome);
    }
    // A key too short to be safe is rejected, and not printed.
    let short = scene
        .program(&["check", config[0], config[1]])
        .env("PROTECT_KEY", &PROTECT[..15]);
    let outcome = short.run().expect(2);
    assert!(!outcome.stderr.contains(&PROTECT[..15]), "{outcome:?}");
    shown.lake(&scene.lake);
    let hashed = shown.0.iter().any(|(_, text)| text.contains("hmac:"));
    assert!(hashed, "nothing was protected");
    shown.assert_no_secret();
}

#[test]
fn lakes_and_settings_that_fail_show_no_secret() {
    // No server listens there.
    const NOWHERE: &str = "http://127.0.0.1:1";
    let service_account = format!(r#"{{"private_key": "{LAKE}", "client_email""#);
    let signature = format!("sv=2022&sig={LAKE}");
    let with_password = format!("s3://user:{IN_URL}@bucket/path");
    let with_query = format!("s3://bucket/path?secret={IN_URL}");
    let unreadable = format!("s3://user:{IN_URL}@[bucket/path");
    let api_with_password = format!("http://user:{IN_URL}@127.0.0.1:1/api");
    let api_with_query = format!("http://127.0.0.1:1/api?key={IN_URL}");
    let proxy = format!("http://user:{PROXY}@127.0.0.1:1");
    let api_base = "BRONZED__SOURCES__PNCP__BASE_URL";
    let lake_url = "BRONZED__LAKE__URL";
    let s3 = [
        (lake_url, "s3://bucket/path"),
        ("AWS_ENDPOINT", NOWHERE),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "somebody"),
        ("AWS_SECRET_ACCESS_KEY", LAKE),
        ("AWS_SESSION_TOKEN", SESSION),
    ];
    let azure = [
        (lake_url, "az://container/path"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "somebody"),
        ("AZURE_STORAGE_SAS_KEY", &signature),
        ("AZURE_STORAGE_ENDPOINT", NOWHERE),
    ];
    let wrong_key = [
        (lake_url, "az://container/path"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "somebody"),
        ("AZURE_STORAGE_ACCOUNT_KEY", LAKE),
    ];
    let google = [
        (lake_url, "gs://bucket/path"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", &service_account),
    ];
    let mut shown = Shown::default();
    for (name, variables) in [
        ("S3 that isn't there", &s3[..]),
        ("Azure that isn't there", &azure),
        ("an Azure key that is none", &wrong_key),
        ("a Google key that is none", &google),
        (
            "a password in the lake's URL",
            &[(lake_url, &with_password)],
        ),
        ("a query in the lake's URL", &[(lake_url, &with_query)]),
        ("a lake's URL that is none", &[(lake_url, &unreadable)]),
        (
            "a password in an API's URL",
            &[(api_base, &api_with_password)],
        ),
        ("a query in an API's URL", &[(api_base, &api_with_query)]),
        (
            "a secret for the name of its variable",
            &[("BRONZED__SERVER__TOKEN__ENV", SERVER)],
        ),
        (
            "a secret under a name that isn't known",
            &[
                ("BRONZED__LAKE__OPTIONS__NO_SUCH_SECRET", LAKE),
                (lake_url, "s3://bucket"),
            ],
        ),
        (
            "a secret of a wrong type",
            &[("BRONZED__SERVER__TOKEN__SECRET", SERVER)],
        ),
        (
            "a proxy that isn't there",
            &[("HTTPS_PROXY", &proxy), (api_base, "https://api.invalid")],
        ),
    ] {
        for args in [&READ[..], &["check", "--online"]] {
            let lake = TestLake::new(Backend::Folder);
            let program = loud(Program::new(args).on(&lake))
                .env(api_base, NOWHERE)
                .env("BRONZED__SOURCES__PNCP__RETRY__MAX_ATTEMPTS", "1");
            let program = program.envs(&only("pncp.contratacoes"));
            let outcome = program.envs(variables).run();
            assert_ne!(outcome.code, Some(0), "{name}: {outcome:?}");
            let said = outcome.stderr.lines().any(|line| !line.is_empty());
            assert!(
                said || !outcome.stdout.is_empty(),
                "{name}: nothing was said"
            );
            shown.add(&format!("{name}: {}", args.join(" ")), &outcome);
        }
    }
    shown.assert_no_secret();
}

/// Returns head and body of a response of the daemon.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> String {
    let mut stream = TcpStream::connect(address).expect("the daemon listens");
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        token.unwrap_or_default(),
        body.len()
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn the_daemon_shows_no_secret_in_anything_that_it_answers_or_logs() {
    let ways = ways();
    for way in ["bearer", "key in the query"] {
        let (_, variables) = ways.iter().find(|(name, _)| *name == way).unwrap();
        daemon_shows_no_secret(variables);
    }
}

fn daemon_shows_no_secret(variables: &[(&str, &str)]) {
    let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
    let program = scene
        .program(&["daemon"])
        .envs(variables)
        .env("BRONZED__SERVER__LISTEN", "127.0.0.1:0")
        .env("BRONZED__SERVER__TOKEN", SERVER)
        .env("RUST_LOG", "trace");
    let program = program.envs(&only("pncp.contratacoes"));
    let mut daemon = program.start();
    let started = daemon.log_line("daemon started");
    let address = started["listen"].as_str().expect("an address").to_owned();
    let order = format!(
        r#"{{"source": "pncp", "dataset": "contratacoes", "days": ["{DAY}"], "mode": "full"}}"#
    );
    let mut shown = Shown::default();
    let runs = "/api/v1/runs";
    let taken = ask(&address, "POST", runs, Some(SERVER), &order);
    assert!(taken.starts_with("HTTP/1.1 202"), "{taken}");
    shown.text("taken", taken);
    let refused = ask(&address, "POST", runs, Some(WRONG_TOKEN), &order);
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    shown.text("refused", refused);
    let in_query = format!("{runs}?token={SERVER}");
    shown.text("in a query", ask(&address, "POST", &in_query, None, &order));
    let misplaced = format!(r#"{{"token": "{SERVER}"}}"#);
    shown.text(
        "misplaced",
        ask(&address, "POST", runs, Some(SERVER), &misplaced),
    );
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/jobs",
        "/api/v1/jobs/pncp/daily",
        "/api/v1/datasets/pncp/contratacoes",
        "/api/v1/datasets",
        runs,
        "/api/v1/openapi.json",
        "/nowhere",
    ] {
        for token in [None, Some(SERVER), Some(WRONG_TOKEN)] {
            shown.text(path, ask(&address, "GET", path, token, ""));
        }
    }
    let ended = daemon.log_line("run finished");
    let run_id = ended["run_id"].as_str().expect("a run");
    let day = ended["day"].as_str().expect("a day");
    let page = format!("/dataset/pncp/contratacoes/{day}/{run_id}");
    for path in [&*format!("/api/v1/runs/{run_id}/requests"), &page] {
        let told = ask(&address, "GET", path, Some(SERVER), "");
        assert!(told.contains("modalidade"), "{path}: {told}");
        shown.text(path, told);
    }
    // Command-line arguments, which every user of the machine can read.
    shown.text("arguments", daemon.arguments());
    daemon.interrupt();
    let outcome = daemon.wait().expect(0);
    shown.add("daemon", &outcome);
    shown.lake(&scene.lake);
    shown.assert_no_secret();
}
