//! Compras.gov.br's open data.
//!
//! ```text
//! GET /comprasnet/modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133
//!         ?dataInclusaoPncpInicial=2025-10-22&dataInclusaoPncpFinal=2025-10-23
//!         &pagina=1&tamanhoPagina=500
//! ```
//!
//! What it is built on was measured on the real one, most of it in 2026: where the end of a window
//! lies differs from endpoint to endpoint; rows repeat, and the total counts the repeats; the order
//! is undefined; of a single page, the number of pages may be told as 0. A parameter that is
//! missing is answered with 404, one that is wrong with 400 and a plain text; too many requests to
//! a module with 429, and how long to wait is in the text.
//!
//! Of the filters, only those that a day and its slices need are simulated; the others are ignored.

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

/// How the API behaves beside what is asked of it.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// How many requests a second each module answers, by its name (`modulo-contratos`); beyond
    /// that, 429. Modules that aren't named answer all. The machine's clock counts.
    pub rates: BTreeMap<&'static str, f64>,
}

impl Behaviour {
    /// The limits that were measured.
    pub fn measured_rates() -> BTreeMap<&'static str, f64> {
        BTreeMap::from([
            ("modulo-contratos", 0.6),
            ("modulo-legado", 4.0),
            ("modulo-material", 4.0),
            ("modulo-uasg", 4.0),
        ])
    }
}

/// Understands a request; see [`Provider::route`](super::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    if path == "/modulo-ocds/1_releases" {
        let text = "Erro ao efetuar a consulta No property 'releases' found for type 'VwOCDS'";
        return Err(Some(Answer::text(400, text)));
    }
    let endpoint = endpoints::find(path).ok_or(None)?;
    endpoint.call(parameters).map_err(Some)
}

/// Too many requests: how long to wait is in the text, and in no header.
pub(super) fn too_many(wait: Duration) -> Answer {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
    let body = serde_json::json!({"statusCode": 429, "message": message});
    Answer::json(429, body.to_string())
}

/// A required parameter that is missing.
fn missing() -> Answer {
    let body = serde_json::json!({"statusCode": 404, "message": "Resource not found"});
    Answer::json(404, body.to_string())
}
