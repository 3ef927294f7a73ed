//! Compras.gov.br's open data.
//!
//! ```text
//! GET /comprasnet/modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133
//!         ?dataInclusaoPncpInicial=2025-10-22&dataInclusaoPncpFinal=2025-10-23
//!         &pagina=1&tamanhoPagina=500
//! ```
//!
//! The behaviour was measured on the real API, most of it in 2026: the end of a window is inclusive or
//! exclusive depending on the endpoint; rows repeat, and the total counts the repeats; the order is
//! undefined; for a single page, the number of pages may be reported as 0. A missing parameter is answered
//! with 404, a wrong one with 400 and plain text, too many requests to a module with 429 and the time to
//! wait in the text.
//!
//! Only the filters that a day and its slices need are simulated; others are ignored.

mod compras;
pub mod datasets;
mod endpoints;
pub mod generated;
mod recorded;

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Answer;
use super::call::Call;
use super::parameters::Parameters;

pub use compras::ComprasDay;
pub use recorded::Vintage;

/// Configurable behaviour of the API.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Rate limit of each module in requests per second, by name (`modulo-contratos`) and the machine's
    /// clock; above it, 429. Modules without an entry have no limit.
    pub rates: BTreeMap<&'static str, f64>,
}

impl Behaviour {
    /// Returns the measured rate limits.
    pub fn measured_rates() -> BTreeMap<&'static str, f64> {
        BTreeMap::from([
            ("modulo-contratos", 0.6),
            ("modulo-legado", 4.0),
            ("modulo-material", 4.0),
            ("modulo-uasg", 4.0),
        ])
    }
}

/// Parses a request; see [`Provider::route`](super::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    if path == "/modulo-ocds/1_releases" {
        let text = "Erro ao efetuar a consulta No property 'releases' found for type 'VwOCDS'";
        return Err(Some(Answer::text(400, text)));
    }
    let endpoint = endpoints::find(path).ok_or(None)?;
    endpoint.call(parameters).map_err(Some)
}

/// Returns 429 with the time to wait in the text, and in no header.
pub(super) fn too_many(wait: Duration) -> Answer {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
    let body = serde_json::json!({"statusCode": 429, "message": message});
    Answer::json(429, body.to_string())
}

/// Returns the response to a missing required parameter.
fn missing() -> Answer {
    let body = serde_json::json!({"statusCode": 404, "message": "Resource not found"});
    Answer::json(404, body.to_string())
}
