//! An API that is searched by POST with a JSON body, which has the page inside.

use serde_json::json;

use super::*;

const SOURCE: &str = r#"
[dataset.records]
path = "/busca"
data_selector = "/resultado/itens"
primary_key = ["id"]
schema = "shape/records.toml"

[dataset.records.body]
ordem = ["data", "id"]
completo = true

[dataset.records.body.filtro]
situacao = "{situacao}"
texto = "{situacao}-{start:%Y}"

[dataset.records.slices]
situacao = [1, 2]

[dataset.records.window]
start_param = "/filtro/de"
end_param = "/filtro/ate"
end = "inclusive"
format = "%d/%m/%Y"

[dataset.records.paginator]
type = "page_number"
page_param = "/paginacao/pagina"
page_size_param = "/paginacao/tamanho"
page_size = 2
total_records_path = "/resultado/total"

[dataset.records.completeness]
require = "unique_total"
"#;
const COLUMNS: &str = "[columns]\nid = \"string\"\n";

/// Answers five rows for situation 1, and none for 2.
fn answer(asked: &Asked) -> Reply {
    let Ok(body) = serde_json::from_str::<Value>(&asked.body) else {
        return Reply::of(400, "application/json", r#"{"erro":"corpo ausente"}"#);
    };
    let pagina = body["paginacao"]["pagina"].as_u64().unwrap_or_default();
    let total = match (&body["filtro"]["situacao"], &body["filtro"]["de"]) {
        (situacao, _) if *situacao == json!(1) => 5,
        _ => 0,
    };
    let first = pagina.saturating_sub(1) * 2;
    let ids = (first..total.min(first + 2)).map(|n| json!({"id": format!("r{n}")}));
    let itens: Vec<_> = ids.collect();
    Reply::json(json!({"resultado": {"itens": itens, "total": total}}).to_string())
}

#[test]
fn pages_of_a_post_are_asked_for_in_its_body() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let (outcome, report) = shape.run(DAY);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(report["new"], 5, "{report}");
    assert_eq!(
        shape.state(DAY),
        (
            ["r0", "r1", "r2", "r3", "r4"].map(str::to_owned).into(),
            true
        )
    );
    let asked = shape.api.asked();
    let first: Value = serde_json::from_str(&asked[0].body).unwrap();
    let situacao = &first["filtro"]["situacao"];
    let expected = json!({
        "ordem": ["data", "id"],
        "completo": true,
        "filtro": {
            "situacao": situacao, "texto": format!("{situacao}-2025"),
            "de": "17/01/2025", "ate": "17/01/2025",
        },
        "paginacao": {"pagina": 1, "tamanho": 2},
    });
    assert_eq!(first, expected);
    for one in &asked {
        let kind = one.header("content-type");
        assert_eq!(
            (one.method.as_str(), kind),
            ("POST", Some("application/json")),
            "{one:?}"
        );
        assert!(one.query.is_empty() && one.path == "/api/busca", "{one:?}");
    }
    // Again: one request a slice tells that nothing is new.
    let (again, report) = shape.run(DAY);
    assert_eq!(
        (again.code, &report["new"]),
        (Some(0), &json!(0)),
        "{again:?}"
    );
}

#[test]
fn a_post_that_is_refused_is_an_error_and_no_data() {
    let shape = Shape::new(SOURCE, COLUMNS, |_| {
        Reply::of(400, "application/json", r#"{"erro":"filtro inválido"}"#)
    });
    let (outcome, _) = shape.run(DAY);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("filtro inválido"), "{outcome:?}");
    assert_eq!(shape.state(DAY), (Vec::new(), false));
    let failing = Shape::new(SOURCE, COLUMNS, |_| Reply::of(503, "text/html", "<html>"));
    let (outcome, report) = failing.run(DAY);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(report["retries"].as_u64() > Some(0), "{report}");
}

#[test]
fn check_speaks_of_a_post_and_of_members_that_are_sent_twice() {
    let shape = Shape::new(SOURCE, COLUMNS, answer);
    let outcome = shape.check(&[]);
    assert!(
        outcome.stdout.contains("/busca (POST, with a JSON body)"),
        "{outcome:?}"
    );
    let online = shape.check(&["--online", "--day", DAY]);
    assert_eq!(online.code, Some(0), "{online:?}");
    let right = "page_param = \"/paginacao/pagina\"";
    let wrong = "¶page_param = \"/filtro/situacao\"";
    assert_refused(
        &shape,
        right,
        wrong,
        "as `dataset.records.body.filtro.situacao` does",
    );
    let right = "texto = \"{situacao}-{start:%Y}\"";
    let wrong = "¶texto = \"{situacoes}\"";
    assert_refused(
        &shape,
        right,
        wrong,
        "names `{situacoes}`, which nothing gives a value",
    );
    let wrong = "¶texto = 2025-01-01";
    assert_refused(
        &shape,
        right,
        wrong,
        "`dataset.records.body.filtro.texto` is a date",
    );
}
