//! The simulator's own endpoints, outside the API's base path.
//!
//! ```text
//! GET  /_sim/ledger[?dataset=tcu.acordaos]         every request, as JSON
//! GET  /_sim/datasets                              the names of the datasets, as JSON
//! GET  /_sim/records?day=2025-10-22[&full=true][&dataset=tcu.acordaos][&by=update]
//!                                                  ids and hashes (and JSON) of records, a line each
//! POST /_sim/now?at=2025-10-22T12:00:00-03:00      sets the simulated time
//! POST /_sim/withdraw?dataset=tcu.acordaos&id=…    withdraws a record
//! POST /_sim/fail[?dataset=tcu.acordaos]           503 to every request (for this dataset)
//! POST /_sim/heal                                  removes all faults
//! ```
//!
//! The default dataset is PNCP's contratações.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};
use serde::Serialize;

use super::answer::Answer;
use super::faults::{Fault, Faults, Rule};
use super::pncp::datasets::CONTRATACOES;
use super::pncp::details;
use super::table::Stamp;
use super::world::World;
use bronzed_model::clock::Clock;
use bronzed_model::day::Day;

/// Prefix of the paths.
pub(super) const PREFIX: &str = "/_sim/";

/// Answers a request for `target`, a path and query.
pub(super) fn answer(world: &World, method: &str, target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    match (method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "ledger") => ledger(world, &parameters),
        ("GET", "datasets") => datasets(world),
        ("GET", "records") => records(world, &parameters),
        ("POST", "now") => set_now(world, &parameters),
        ("POST", "withdraw") => withdraw(world, &parameters),
        ("POST", "fail") => fail(world, &parameters),
        ("POST", "heal") => {
            world.set_faults(Faults::default());
            Answer::empty(204)
        }
        _ => Answer::json(
            404,
            r#"{"error":"ask for GET ledger, datasets or records, or POST now, withdraw, fail or heal"}"#,
        ),
    }
}

fn ledger(world: &World, parameters: &HashMap<String, String>) -> Answer {
    let mut entries = world.ledger.entries();
    if let Some(dataset) = parameters.get("dataset") {
        entries.retain(|entry| entry.dataset == Some(dataset));
    }
    json(&entries)
}

fn datasets(world: &World) -> Answer {
    let mut names = world.config.tables.names();
    names.push(CONTRATACOES.name);
    names.extend(details::DATASETS.map(|dataset| dataset.name));
    names.sort_unstable();
    json(&names)
}

fn json(value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::json(200, body),
        Err(error) => Answer::json(500, format!("{{\"error\":\"{error}\"}}")),
    }
}

fn records(world: &World, parameters: &HashMap<String, String>) -> Answer {
    let day = match parameters
        .get("day")
        .map(|day| day.parse::<Day>())
        .transpose()
    {
        Ok(day) => day,
        Err(_) => return Answer::json(400, r#"{"error":"write the day as 2025-10-22"}"#),
    };
    let in_full = parameters.get("full").is_some_and(|full| full == "true");
    let by = match parameters.get("by").map(String::as_str) {
        None | Some("publication") => Stamp::At,
        Some("update") => Stamp::Updated,
        Some(_) => return Answer::json(400, r#"{"error":"write by=publication or by=update"}"#),
    };
    let name = dataset(parameters);
    match world.config.listed(name, day, by, in_full) {
        Some(records) => Answer::json(200, lines(records)),
        None => unknown(name),
    }
}

fn lines(records: impl Iterator<Item = impl Serialize>) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        if serde_json::to_writer(&mut lines, &record).is_ok() {
            lines.push(b'\n');
        }
    }
    lines
}

fn dataset(parameters: &HashMap<String, String>) -> &str {
    parameters
        .get("dataset")
        .map_or(CONTRATACOES.name, String::as_str)
}

fn unknown(dataset: &str) -> Answer {
    let error = format!("there is no dataset {dataset}: ask for GET datasets");
    Answer::json(400, serde_json::json!({ "error": error }).to_string())
}

fn withdraw(world: &World, parameters: &HashMap<String, String>) -> Answer {
    let Some(id) = parameters.get("id") else {
        return Answer::json(400, r#"{"error":"write the id as ?id=…"}"#);
    };
    let name = dataset(parameters);
    let Some(table) = world.config.table_named(name) else {
        return unknown(name);
    };
    match table.withdraw(id) {
        true => Answer::empty(204),
        false => Answer::json(404, r#"{"error":"there is no record of this id"}"#),
    }
}

fn fail(world: &World, parameters: &HashMap<String, String>) -> Answer {
    let rule = Rule::always(Fault::Unavailable);
    let rule = match parameters.get("dataset") {
        Some(dataset) => rule.dataset(dataset),
        None => rule,
    };
    world.set_faults(Faults::by_rule([rule]));
    Answer::empty(204)
}

fn set_now(world: &World, parameters: &HashMap<String, String>) -> Answer {
    // An unescaped `+` of a UTC offset arrives as a space.
    let at = parameters.get("at").map(|at| at.replace(' ', "+"));
    match at.and_then(|at| at.parse::<DateTime<FixedOffset>>().ok()) {
        Some(now) => {
            world.config.clock.set(now.to_utc());
            let now = world.config.clock.now().to_rfc3339();
            Answer::json(200, format!("{{\"now\":\"{now}\"}}"))
        }
        None => Answer::json(
            400,
            r#"{"error":"write the time as ?at=2025-10-22T12:00:00-03:00"}"#,
        ),
    }
}
