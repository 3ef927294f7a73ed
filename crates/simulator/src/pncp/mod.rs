//! PNCP's two services: "consulta", which lists by day, and "pncp", which returns the details of one
//! procurement.
//!
//! ```text
//! GET /api/consulta/v1/contratacoes/publicacao?dataInicial=20251022&dataFinal=20251022
//!         &codigoModalidadeContratacao=6&pagina=1&tamanhoPagina=50
//! GET /api/pncp/v1/orgaos/07954480000179/compras/2025/22746/itens?pagina=1&tamanhoPagina=50
//! ```
//!
//! Responses follow measurements that others made on the real services: pages ascend by the time that the
//! window applies to; no rows is 204, 200 with an empty body, or 404 with a message; a page beyond the last
//! is 400 (204 from listings for which it wasn't measured). Only the filters that a day's slices need are
//! simulated; others are ignored like unknown parameters.

pub mod catalog;
pub mod datasets;
pub mod days;
pub(super) mod details;
mod endpoints;
pub mod generated;
pub mod oddity;
mod query;
pub mod record;
pub mod recorded;

use super::answer::Answer;
use super::call::Call;
use super::parameters::Parameters;

pub use details::Details;

/// Parses a request; see [`Provider::route`](super::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    if let Some(endpoint) = endpoints::find(path) {
        return endpoint.call(parameters).map_err(Some);
    }
    details::route(path, parameters)
}
