//! Pages of PNCP, and the dataset that they belong to.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bronzed_model::declaration::Dataset;
use bronzed_model::json;
use bronzed_source::page::Page;
use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Length of a record of the API, more or less.
const RECORD_BYTES: usize = 2_500;

const RECORDED: &str =
    include_str!("../../tests/fixtures/pncp/contratacoes_modalidade4_sc.envelope.json");

static DATASET: LazyLock<Arc<Dataset>> = LazyLock::new(|| {
    let settings = bronzed_config::load(None, []).unwrap();
    Arc::clone(&settings.sources["pncp"].datasets["contratacoes"])
});

/// Returns `pncp.contratacoes`, as shipped.
pub fn dataset() -> &'static Arc<Dataset> {
    &DATASET
}

/// Returns the page with this many records.
pub fn page(records: usize) -> Page {
    Page::parse(dataset(), body(records), None).unwrap()
}

/// Returns the id of record `number` of a day.
pub fn id(number: usize) -> String {
    format!("82777301000190-1-{number:06}/2026")
}

/// Returns a response with this many records.
pub fn body(records: usize) -> Bytes {
    let data = json::pointer(RECORDED, "/data").unwrap().unwrap();
    let recorded = json::elements(data).unwrap();
    let mut random = SmallRng::seed_from_u64(1);
    let words: Vec<&str> = RECORDED
        .split(' ')
        .filter(|word| !word.contains(['"', '\\']))
        .collect();
    let data: Vec<_> = (0..records)
        .map(|number| {
            let members = json::members(recorded[number % recorded.len()]).unwrap();
            record(&members, number, &words, &mut random)
        })
        .collect();
    let data = data.join(",");
    Bytes::from(format!(
        r#"{{"data":[{data}],"totalRegistros":{records},"totalPaginas":1,"numeroPagina":1,"paginasRestantes":0,"empty":false}}"#
    ))
}

/// Returns a recorded record with an id of its own, and a text that makes it as long as most.
fn record(
    members: &[(Cow<'_, str>, &str)],
    number: usize,
    words: &[&str],
    random: &mut SmallRng,
) -> String {
    let length: usize = members
        .iter()
        .map(|(key, value)| key.len() + value.len() + 4)
        .sum();
    let mut text = String::new();
    while length + text.len() < RECORD_BYTES {
        text.push_str(words[random.random_range(0..words.len())]);
        text.push(' ');
    }
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| match key.as_ref() {
            "numeroControlePNCP" => format!(r#""{key}":"{}""#, id(number)),
            "sequencialCompra" => format!(r#""{key}":{number}"#),
            "objetoCompra" => format!(r#""{key}":{}"#, json::quote(&text)),
            _ => format!(r#""{key}":{value}"#),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}
