//! An API key in the query, and pages by a link that repeats the key, as servers that echo a request do.

use super::*;

const KEY: &str = "planted-key-in-the-query-5e0c";
const SOURCE: &str = r#"
[auth]
type = "api_key"
param = "chave"
key_env = "SHAPE_KEY"

[dataset.records]
path = "/registros"
data_selector = "/rows"
primary_key = ["id"]
schema = "shape/records.toml"

[dataset.records.window]
start_param = "dia"
format = "%Y-%m-%d"

[dataset.records.paginator]
type = "next_link"
next_path = "/next"

[dataset.records.completeness]
require = "has_more"
"#;
const COLUMNS: &str = "[columns]\nid = \"int64\"\n";
const SECRET: (&str, &str) = ("SHAPE_KEY", KEY);

/// Answers three pages of two rows, each with the link to the next; a wrong key is echoed and refused.
fn answer(asked: &Asked) -> Reply {
    if asked.param("chave").as_deref() != Some(KEY) {
        return Reply::of(401, "text/plain", format!("bad key in {}", asked.query));
    }
    let page: u64 = asked.param("p").map_or(0, |page| page.parse().unwrap());
    if asked.param("dia").as_deref() == Some("2025-01-18") {
        return Reply::json(r#"{"rows":[],"next":null}"#);
    }
    let next = match page {
        2 => "null".to_owned(),
        page => format!("\"/api/registros?dia={DAY}&chave={KEY}&p={}\"", page + 1),
    };
    let (first, second) = (page * 2, page * 2 + 1);
    Reply::json(format!(
        r#"{{"rows":[{{"id":{first}}},{{"id":{second}}}],"next":{next}}}"#
    ))
}

#[test]
fn a_key_in_the_query_is_sent_with_every_page_and_shown_nowhere() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let loud = [SECRET, ("RUST_LOG", "trace")];
    let (outcome, report) = shape.run_with(DAY, &loud);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(report["new"], 6, "{report}");
    let (ids, complete) = shape.state(DAY);
    assert_eq!((ids.join(" ").as_str(), complete), ("0 1 2 3 4 5", true));
    let queries: Vec<_> = shape.api.asked().into_iter().map(|one| one.query).collect();
    let keys = |query: &String| query.matches("chave=").count();
    assert!(queries.iter().all(|query| keys(query) == 1), "{queries:?}");
    let (empty, _) = shape.run_with("2025-01-18", &loud);
    assert_eq!(empty.code, Some(0), "{empty:?}");
    shape.assert_hidden(&[KEY], &[&outcome, &empty]);
}

#[test]
fn a_key_that_is_refused_is_told_without_the_key() {
    let shape = Shape::new(SOURCE, COLUMNS, |asked| {
        Reply::of(403, "text/plain", format!("bad key in {}", asked.query))
    });
    let (outcome, _) = shape.run_with(DAY, &[SECRET, ("RUST_LOG", "trace")]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let told = outcome.stderr.contains("bad key in") && outcome.stderr.contains("[secret]");
    assert!(told, "{outcome:?}");
    let online = shape.program(&["check", "--online", "--day", DAY]);
    let online = online.env(SECRET.0, SECRET.1).run();
    assert!(
        online.stdout.contains("refused with status 403"),
        "{online:?}"
    );
    shape.assert_hidden(&[KEY], &[&outcome, &online]);
}

#[test]
fn check_speaks_of_a_key_in_the_query() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let outcome = shape.check(&[]);
    assert!(outcome.stdout.contains("a key in the query"), "{outcome:?}");
    assert!(
        outcome.stdout.contains("`SHAPE_KEY`, which isn't set"),
        "{outcome:?}"
    );
    let online = shape.program(&["check", "--online", "--day", DAY]);
    let online = online.env(SECRET.0, SECRET.1).run();
    assert_eq!(online.code, Some(0), "{online:?}");
    shape.assert_hidden(&[KEY], &[&outcome, &online]);
    let both = "param = \"chave\"\n¶header = \"X-Key\"";
    assert_refused(
        &shape,
        "param = \"chave\"",
        both,
        "`auth.header` is said beside `param`",
    );
}
