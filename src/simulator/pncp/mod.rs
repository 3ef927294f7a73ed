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

use super::answer::Answer;
use super::chance::Chance;
use super::faults::{Fault, PageKey};
use super::spoil::Right;
use catalog::Catalog;
use query::{Query, bad_request};

/// The path under the base URL.
pub(super) const PATH: &str = "/consulta/v1/contratacoes/publicacao";

/// A correct request for a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request(Query);

impl Request {
    /// Checks a request's parameters.
    ///
    /// # Errors
    /// The answer that says what is wrong with them.
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, Answer> {
        Query::parse(pairs).map(Self)
    }

    /// What faults and the ledger know it by.
    pub(super) fn key(&self) -> PageKey {
        self.0.key()
    }

    /// The position of the page's first row.
    fn start(&self) -> u64 {
        (self.0.page - 1).saturating_mul(self.0.size)
    }

    /// Lets the fault change the catalogue, where it is one that does. Says whether it did.
    pub(super) fn disturb(&self, fault: &Fault, catalog: &Catalog, now: NaiveDateTime) -> bool {
        match fault {
            Fault::Shift => catalog.reveal_late(self.0.scope, now, self.start()),
            Fault::Withdraw => catalog.withdraw_first(self.0.scope, now),
            _ => true,
        }
    }

    /// The right answer at `now`. `slice` is the chance of the slice, `call` that of this call.
    pub(super) fn answer(
        &self,
        catalog: &Catalog,
        now: NaiveDateTime,
        slice: Chance,
        call: Chance,
    ) -> Right {
        let Query { scope, page, size } = self.0;
        let (total, records) = catalog.page(scope, now, self.start(), size);
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
