//! The simulator's own endpoints, outside the API's base path.
//!
//! ```text
//! GET  /_sim/ledger                                every request, as JSON
//! GET  /_sim/records?day=2025-10-22[&full=true]    ids and hashes (and JSON) of records, a line each
//! POST /_sim/now?at=2025-10-22T12:00:00-03:00      sets the simulated time
//! POST /_sim/heal                                  nothing goes wrong any more
//! ```

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset};

use super::answer::Answer;
use super::faults::Faults;
use super::world::World;
use crate::clock::Clock;
use crate::day::Day;

/// What the paths begin with.
pub(super) const PREFIX: &str = "/_sim/";

/// Answers a request of path and query `target`.
pub(super) fn answer(world: &World, method: &str, target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parameters: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    match (method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        ("GET", "ledger") => ledger(world),
        ("GET", "records") => records(world, &parameters),
        ("POST", "now") => set_now(world, &parameters),
        ("POST", "heal") => {
            world.set_faults(Faults::default());
            Answer::empty(204)
        }
        _ => Answer::json(
            404,
            r#"{"error":"ask for GET ledger, GET records, POST now or POST heal"}"#,
        ),
    }
}

fn ledger(world: &World) -> Answer {
    match serde_json::to_vec(&world.ledger.entries()) {
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
    let mut lines = Vec::new();
    let now = world.config.clock.brasilia();
    for record in world.config.catalog.list(day, now, in_full) {
        if serde_json::to_writer(&mut lines, &record).is_ok() {
            lines.push(b'\n');
        }
    }
    Answer::json(200, lines)
}

fn set_now(world: &World, parameters: &HashMap<String, String>) -> Answer {
    // A `+` of an offset that wasn't escaped has become a space.
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
