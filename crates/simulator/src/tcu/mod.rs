//! The TCU's open data: services of several hosts, here under one base path.
//!
//! ```text
//! GET /tcu/api/acordao/recupera-acordaos?inicio=0&quantidade=500        a feed, newest first
//! GET /tcu/ords/condenacao/consulta/inidoneos?offset=0&limit=500        a list in pages (ORDS)
//! GET /tcu/ords/condenacao/consulta/inabilitados?offset=0&limit=500     likewise
//! GET /tcu/ords/api/publica/scn/pedidos_congresso?page=1                a list with next links
//! GET /tcu/contrata2RS/api/publico/termos-contratuais                   a list in one answer
//! ```
//!
//! No service has a working date filter, and none reports a total. The services may be closed every day
//! from 20:00 to 21:00; their response at that time was never recorded, so it is simulated as 503 with an
//! HTML page. The bot protection of the hosts answers suspected bots with an HTML challenge and status 200;
//! here, a fault decides when.

mod acordaos;
pub mod generated;
mod lists;
mod ords;
pub mod recorded;

pub use acordaos::ACORDAOS;
pub use lists::{PEDIDOS, TERMOS};
pub use ords::{INABILITADOS, INIDONEOS};

use std::time::Duration;

use chrono::{NaiveDateTime, NaiveTime};

use super::answer::Answer;
use super::call::Call;
use super::chance::Chance;
use super::parameters::Parameters;

/// Configurable behaviour of the services.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Start and end of the daily closing time (Brasília).
    pub maintenance: Option<(NaiveTime, NaiveTime)>,
    /// Latency of the feed by offset: interpolated linearly, and constant beyond the last offset.
    pub depth: Vec<(u64, Duration)>,
}

impl Behaviour {
    /// Returns the measured latency: 5 to 10 s at the head, more than a minute at large offsets.
    pub fn as_slow_as_measured() -> Vec<(u64, Duration)> {
        let measured = [
            (0, 7),
            (10_000, 15),
            (60_000, 48),
            (100_000, 75),
            (150_000, 90),
        ];
        measured
            .map(|(offset, seconds)| (offset, Duration::from_secs(seconds)))
            .to_vec()
    }

    /// Returns the daily maintenance, 20:00 to 21:00.
    pub fn nightly_maintenance() -> Option<(NaiveTime, NaiveTime)> {
        NaiveTime::from_hms_opt(20, 0, 0).zip(NaiveTime::from_hms_opt(21, 0, 0))
    }

    pub(super) fn closed(&self, now: NaiveDateTime) -> Option<Answer> {
        let (from, until) = self.maintenance?;
        (from..until).contains(&now.time()).then(|| {
            let page = "<html><head><title>Manutenção</title></head><body><h1>Serviço em \
                        manutenção</h1></body></html>";
            Answer::html(503, page)
        })
    }

    fn wait(&self, offset: u64) -> Duration {
        let above = self.depth.iter().position(|(depth, _)| *depth > offset);
        let (before, after) = match above {
            None => return self.depth.last().map_or(Duration::ZERO, |(_, wait)| *wait),
            Some(0) => return self.depth[0].1,
            Some(above) => (self.depth[above - 1], self.depth[above]),
        };
        let share = (offset - before.0) as f64 / (after.0 - before.0) as f64;
        before.1 + after.1.saturating_sub(before.1).mul_f64(share)
    }
}

/// Parses a request; see [`Provider::route`](super::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    match path {
        "/api/acordao/recupera-acordaos" => acordaos::call(parameters).map_err(Some),
        "/contrata2RS/api/publico/termos-contratuais" => Ok(lists::termos()),
        "/ords/api/publica/scn/pedidos_congresso" => lists::pedidos(parameters).map_err(Some),
        _ => {
            let path = path
                .strip_prefix("/ords/condenacao/consulta/")
                .ok_or(None)?;
            let (list, document) = match path.split_once('/') {
                Some((list, document)) => (list, Some(document)),
                None => (path, None),
            };
            let list = ords::List::named(list).ok_or(None)?;
            ords::call(list, document, parameters).map_err(Some)
        }
    }
}

/// Returns the challenge page of the hosts' bot protection.
pub(super) fn challenge(chance: Chance) -> Answer {
    let page = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title></title><script>\
         window[\"bobcmn\"]=\"{:016x}\";window[\"failureConfig\"]=\"\";</script></head><body>\
         <noscript>Please enable JavaScript to view the page content.<br>Your support ID is: {}.\
         </noscript></body></html>",
        chance.of("challenge").bits(),
        chance.of("support id").bits()
    );
    Answer::html(200, page)
}

fn bad_request(message: &str) -> Answer {
    let body = serde_json::json!({"status": 400, "error": "Bad Request", "message": message});
    Answer::json(400, body.to_string())
}

/// Parses a number in the query; returns `default` if it is absent.
fn number(parameters: &Parameters, name: &str, default: u64) -> Result<u64, Answer> {
    let Some(text) = parameters.get(name) else {
        return Ok(default);
    };
    let number = text.parse();
    number.map_err(|_| bad_request(&format!("Failed to convert '{name}' to a number.")))
}

/// Returns the records of rows as the elements of a JSON array.
fn elements(rows: &[super::row::Row]) -> String {
    let records: Vec<_> = rows.iter().map(|row| row.tree().to_json()).collect();
    records.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deeper_the_slower() {
        let behaviour = Behaviour {
            depth: Behaviour::as_slow_as_measured(),
            ..Behaviour::default()
        };
        let waits = [0, 5_000, 60_000, 500_000].map(|offset| behaviour.wait(offset).as_secs());
        assert_eq!(waits, [7, 11, 48, 90]);
        assert_eq!(Behaviour::default().wait(60_000), Duration::ZERO);
    }

    #[test]
    fn maintenance_is_an_hour_of_the_evening() {
        let behaviour = Behaviour {
            maintenance: Behaviour::nightly_maintenance(),
            ..Behaviour::default()
        };
        let closed = |time: &str| {
            let now = format!("2025-10-22T{time}").parse().unwrap();
            behaviour.closed(now).map(|answer| answer.status)
        };
        assert_eq!(closed("19:59:59"), None);
        assert_eq!(closed("20:00:00"), Some(503));
        assert_eq!(closed("21:00:00"), None);
    }
}
