//! PNCP's consulta API: `GET /consulta/v1/contratacoes/publicacao`.
//!
//! What it answers follows what others measured on the real one: pages ascend by time of
//! publication; no rows is 204, or 200 with a body of no bytes; a page beyond the last is 400.
//! Of the filters, only those that a day's slices need are simulated; the others are ignored
//! like unknown parameters.

pub mod catalog;
pub mod generated;
pub mod oddity;
mod query;
pub mod record;
pub mod recorded;

use chrono::NaiveDateTime;

use super::SimConfig;
use super::answer::Answer;
use super::call::{Call, Right};
use super::chance::Chance;
use super::faults::{Fault, PageKey};
use super::parameters::Parameters;
use query::{Query, bad_request};

/// The path under the base URL.
const PATH: &str = "/consulta/v1/contratacoes/publicacao";

/// A correct request for a page.
#[derive(Debug, Clone, Copy)]
struct Request(Query);

/// Understands a request; see [`Provider::route`](super::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    match path {
        PATH => {
            let query = Query::parse(parameters).map_err(Some)?;
            Ok(Box::new(Request(query)))
        }
        _ => Err(None),
    }
}

impl Call for Request {
    fn key(&self) -> PageKey {
        self.0.key()
    }

    fn disturb(&self, fault: &Fault, config: &SimConfig, now: NaiveDateTime) -> bool {
        let catalog = &config.catalog;
        match fault {
            Fault::Shift => catalog.reveal_late(self.0.scope, now, self.0.start()),
            Fault::Withdraw => catalog.withdraw_first(self.0.scope, now),
            _ => true,
        }
    }

    fn answer(&self, config: &SimConfig, now: NaiveDateTime, slice: Chance, call: Chance) -> Right {
        let Query { scope, page, size } = self.0;
        let (total, records) = config.catalog.page(scope, now, self.0.start(), size);
        let pages = total.div_ceil(size);
        let envelope = |data: &str| envelope(data, total, pages, page);
        let order = call.of("key order");
        let mut data = String::new();
        for (position, record) in records.iter().enumerate() {
            if position > 0 {
                data.push(',');
            }
            record.tree().write(Some(order), &mut data);
        }
        let answer = match total {
            0 if slice.of("no rows").happens(0.5) => Answer::empty(204),
            0 => Answer::empty(200),
            _ if page > pages => bad_request("Página solicitada é maior que o total de páginas."),
            _ => Answer::json(200, envelope(&data)),
        };
        Right {
            answer,
            hollow: Answer::json(200, envelope("")),
            rows: records.len(),
            total,
        }
    }
}

fn envelope(data: &str, total: u64, pages: u64, page: u64) -> String {
    format!(
        r#"{{"data":[{data}],"totalRegistros":{total},"totalPaginas":{pages},"numeroPagina":{page},"paginasRestantes":{},"empty":{}}}"#,
        pages.saturating_sub(page),
        data.is_empty(),
    )
}
