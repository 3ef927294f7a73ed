//! `bronzed simulate`, called as a user does.

use serde_json::Value;

use crate::support::program::Program;
use crate::support::runtime;

/// Returns status and body of a response.
fn ask(url: &str) -> (u16, String) {
    runtime().block_on(async {
        let answer = reqwest::get(url).await.expect("an answer");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a body"),
        )
    })
}

#[test]
fn a_simulated_api_answers_whoever_asks_and_ends_when_told() {
    let args = ["simulate", "--records", "300", "--faults", "0"];
    let mut simulator = Program::new(&args).start();
    let line = simulator.first_line();
    let (_, url) = line
        .split_once("BRONZED__SOURCES__PNCP__BASE_URL=")
        .expect("what to set");
    let page = |rest: &str| {
        ask(&format!(
            "{url}/consulta/v1/contratacoes/publicacao?dataInicial=20251022&dataFinal=20251022&{rest}"
        ))
    };
    let (status, body) = page("codigoModalidadeContratacao=6&pagina=1&tamanhoPagina=50");
    let first: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, first["numeroPagina"].as_u64()), (200, Some(1)));
    assert_eq!(first["data"].as_array().map(Vec::len), Some(50));
    let pages = first["totalPaginas"].as_u64().expect("a number");
    let beyond = format!(
        "codigoModalidadeContratacao=6&tamanhoPagina=50&pagina={}",
        pages + 1
    );
    assert_eq!(page(&beyond).0, 400, "beyond the last page");
    let (status, body) = page("codigoModalidadeContratacao=6&pagina=1&tamanhoPagina=500");
    assert_eq!(status, 400, "too large a page: {body}");

    simulator.signal("TERM");
    simulator.wait().expect(0);
}
