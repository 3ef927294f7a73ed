//! Tests of the OpenAPI description, and the check of every response in these tests against it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use reqwest::Method;
use serde_json::{Value, json};

use super::fake::RUNNING;
use super::{Answer, Served, served};
use crate::server::openapi;
use crate::server::routes::table;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let routes = table();
    openapi::document(routes.iter().map(|route| &route.operation))
});

/// Panics if a response isn't as described.
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or(path);
    let Some(operation) = operation(method, path) else {
        let undescribed = matches!(answer.status, 404 | 405);
        assert!(undescribed, "{method} {path} isn't described: {answer:?}");
        return;
    };
    let described = &operation["responses"][answer.status.to_string()]["content"];
    let (media_type, content) = described
        .as_object()
        .and_then(|content| content.iter().next())
        .unwrap_or_else(|| panic!("{method} {path}: this status isn't described: {answer:?}"));
    assert_eq!(
        answer.headers["content-type"],
        media_type.as_str(),
        "{path}"
    );
    if media_type == "application/json" {
        let problems = problems(&content["schema"], &answer.json());
        assert!(
            problems.is_empty(),
            "{path}: {problems:?} in {}",
            answer.text
        );
    }
}

/// Returns the description of an operation; `{…}` in its path matches any segment.
fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let like = |template: &str| {
        let parts = template.split('/').zip(path.split('/'));
        template.split('/').count() == path.split('/').count() && { parts }
            .all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, operations) = paths.iter().find(|(template, _)| like(template))?;
    operations.get(method.as_str().to_lowercase())
}

fn problems(schema: &Value, instance: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let errors = validator.iter_errors(instance);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Returns method, path and description of every operation.
fn operations() -> impl Iterator<Item = (Method, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, described)| {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            (method, path.as_str(), described)
        })
    })
}

/// Returns a valid body for an operation.
fn body_for(method: &Method, path: &str) -> &'static str {
    match path {
        _ if method != Method::POST => "",
        "/api/v1/runs" => {
            r#"{"source": "pncp", "dataset": "contratacoes", "days": ["2025-10-22"]}"#
        }
        "/api/v1/backfills" | "/api/v1/backfills/forecast" => {
            r#"{"source": "pncp", "dataset": "contratacoes",
                "from": "2025-10-01", "to": "2025-10-07"}"#
        }
        _ => "{}",
    }
}

#[tokio::test]
async fn each_described_operation_does_what_is_described() {
    each_operation_works(&served().await, &RUNNING.to_string()).await;
}

/// Calls every operation as described; `run_id` is a run that the daemon knows.
pub(super) async fn each_operation_works(server: &Served, run_id: &str) {
    for (method, template, described) in operations() {
        let path = template
            .replace("{source}", "pncp")
            .replace("{job}", "hourly")
            .replace("{dataset}", "contratacoes")
            .replace("{day}", "2025-10-21")
            .replace("{run_id}", run_id);
        let body = body_for(&method, template);
        let takes_body = described.get("requestBody");
        assert_eq!(takes_body.is_some(), !body.is_empty(), "{path}");
        if let Some(takes) = takes_body {
            let schema = &takes["content"]["application/json"]["schema"];
            let problems = problems(schema, &serde_json::from_str(body).unwrap());
            assert!(problems.is_empty(), "{path}: {problems:?}");
        }
        let answer = match method {
            Method::POST => server.post(&path, body).await,
            _ => server.get(&path).await,
        };
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn the_description_that_is_served_is_the_one_of_the_routes() {
    let server = served().await;
    assert_eq!(server.get("/api/v1/openapi.json").await.json(), *DOCUMENT);
    let described: BTreeSet<_> = operations()
        .map(|(method, path, _)| format!("{} {path}", method.as_str().to_lowercase()))
        .collect();
    let routes: Vec<_> = table();
    let routed: BTreeSet<_> = routes
        .iter()
        .map(|route| format!("{} {}", route.operation.method, route.operation.path))
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    let text = DOCUMENT.to_string();
    let references = text.split(r##""$ref":"#"##).skip(1);
    for reference in references.map(|rest| rest.split('"').next().unwrap()) {
        assert!(DOCUMENT.pointer(reference).is_some(), "{reference}");
    }
    let ids: Vec<_> = operations()
        .map(|(.., described)| &described["operationId"])
        .collect();
    let unique: BTreeSet<_> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(unique.len(), ids.len());
}

#[test]
fn what_is_taken_may_leave_out_what_has_a_default_and_nothing_else() {
    let order = &DOCUMENT["components"]["schemas"]["RunOrder"];
    assert_eq!(order["required"], json!(["source", "dataset", "days"]));
    assert_eq!(order["additionalProperties"], json!(false));
    let run = &DOCUMENT["components"]["schemas"]["Run"];
    let required = run["required"].as_array().unwrap();
    assert_eq!(required.len(), run["properties"].as_object().unwrap().len());
}

#[test]
fn the_docs_name_each_path() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operate/api.md");
    let docs = std::fs::read_to_string(path).unwrap();
    for (method, path, _) in operations() {
        assert!(
            docs.contains(&format!("`{method} {path}`")),
            "{method} {path}"
        );
    }
}
