//! An API behind OAuth 2.0 client credentials, whose tokens live for a few requests.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const ID: &str = "planted-client-id-77e1";
const SECRET: &str = "planted-client-secret-3c9a";
const TOKEN: &str = "planted-access-token-";
const SOURCE: &str = r#"
[auth]
type = "oauth2"
token_url = "TOKEN_URL"
client_id_env = "SHAPE_ID"
client_secret_env = "SHAPE_SECRET"
scope = "leitura"

[dataset.records]
path = "/registros"
data_selector = "/rows"
primary_key = ["id"]
schema = "shape/records.toml"

[dataset.records.window]
start_param = "dia"
format = "%Y-%m-%d"

[dataset.records.paginator]
type = "page_number"
page_param = "pagina"
page_size = 2
total_records_path = "/total"

[dataset.records.completeness]
require = "unique_total"
"#;
const COLUMNS: &str = "[columns]\nid = \"int64\"\n";
const HIDDEN: [&str; 3] = [ID, SECRET, TOKEN];
const SECRETS: [(&str, &str); 2] = [("SHAPE_ID", ID), ("SHAPE_SECRET", SECRET)];

/// Declares a source whose API grants a new token each time, of which only the last is valid, for two requests.
fn shape() -> Shape {
    let (granted, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let shape = Shape::new(SOURCE, COLUMNS, move |asked| {
        if asked.path == "/token" {
            let wrong = asked.body != "grant_type=client_credentials&scope=leitura"
                || asked.header("authorization").is_none();
            if wrong {
                return Reply::of(401, "application/json", r#"{"error":"invalid_client"}"#);
            }
            used.store(0, Ordering::SeqCst);
            let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
            return Reply::json(format!(
                r#"{{"access_token":"{TOKEN}{number}","token_type":"Bearer","expires_in":3600}}"#
            ));
        }
        let valid = format!("Bearer {TOKEN}{}", granted.load(Ordering::SeqCst));
        let sent = asked.header("authorization").unwrap_or_default();
        if sent != valid || used.fetch_add(1, Ordering::SeqCst) >= 2 {
            return Reply::of(401, "text/plain", format!("expired: {sent}"));
        }
        if asked.param("dia").as_deref() == Some("2025-01-18") {
            return Reply::json(r#"{"rows":[],"total":0}"#);
        }
        let page: usize = asked.param("pagina").unwrap().parse().unwrap();
        let rows: Vec<_> = (page * 2 - 1..=page * 2)
            .map(|n| format!(r#"{{"id":{n}}}"#))
            .collect();
        Reply::json(format!(r#"{{"rows":[{}],"total":10}}"#, rows.join(",")))
    });
    shape.edit("TOKEN_URL", &format!("{}/token", shape.api.url));
    shape
}

#[test]
fn pages_are_read_with_tokens_that_are_replaced_when_they_are_refused() {
    let shape = shape();
    let loud = [SECRETS[0], SECRETS[1], ("RUST_LOG", "trace")];
    let (outcome, report) = shape.run_with(DAY, &loud);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(
        (&report["new"], &report["retries"]),
        (&10.into(), &0.into()),
        "{report}"
    );
    assert!(shape.state(DAY).1, "complete");
    let tokens = shape
        .api
        .asked()
        .iter()
        .filter(|one| one.path == "/token")
        .count();
    assert!((2..=6).contains(&tokens), "{tokens}");
    let (empty, _) = shape.run_with("2025-01-18", &loud);
    assert_eq!(empty.code, Some(0), "{empty:?}");
    shape.assert_hidden(&HIDDEN, &[&outcome, &empty]);
}

#[test]
fn credentials_that_are_refused_fail_the_run_with_the_reason() {
    let shape = shape();
    shape.edit("leitura", "outra");
    let (outcome, _) = shape.run_with(DAY, &SECRETS);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("no access token from 127.0.0.1"),
        "{outcome:?}"
    );
    assert!(outcome.stderr.contains("invalid_client"), "{outcome:?}");
    assert_eq!(shape.state(DAY), (Vec::new(), false));
    shape.assert_hidden(&HIDDEN, &[&outcome]);
}

#[test]
fn check_speaks_of_client_credentials() {
    let shape = shape();
    let outcome = shape.check(&[]);
    assert!(
        outcome
            .stdout
            .contains("tokens for client credentials (OAuth 2.0)"),
        "{outcome:?}"
    );
    assert!(
        outcome.stdout.contains("`SHAPE_SECRET`, which isn't set"),
        "{outcome:?}"
    );
    let online = shape.program(&["check", "--online", "--day", DAY]);
    let online = online.envs(&SECRETS).run();
    assert_eq!(online.code, Some(0), "{online:?}");
    shape.assert_hidden(&HIDDEN, &[&outcome, &online]);
    let right = "type = \"oauth2\"";
    assert_refused(
        &shape,
        right,
        "type = \"oauth2\"\n¶user = \"x\"",
        "`auth.user` doesn't belong",
    );
    let url = format!("token_url = \"{}/token\"\n", shape.api.url);
    let right = format!("[auth]\ntype = \"oauth2\"\n{url}");
    let wrong = "¶[auth]\ntype = \"oauth2\"\n";
    assert_refused(&shape, &right, wrong, "`auth.token_url` is missing");
}
