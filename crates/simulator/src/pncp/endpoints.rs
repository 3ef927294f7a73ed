//! The listings of the consulta API: required parameters, listed rows, and the response without rows.

use super::datasets as of;
use super::query::{Query, bad_request};
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::dataset::Dataset;
use crate::listing::{Draws, Envelope, ListingCall};
use crate::parameters::Parameters;
use crate::row::Row;
use crate::table::{Selection, Stamp};
use crate::tree::Tree;

/// One listing.
#[derive(Debug)]
pub(super) struct Endpoint {
    path: &'static str,
    /// Name in faults and in the ledger.
    name: &'static str,
    dataset: &'static Dataset,
    pub days: DayWindow,
    pub slice: Slice,
    pub largest_page: u64,
    empty: Empty,
}

/// Parameters of the requested days.
#[derive(Debug, Clone, Copy)]
pub(super) struct DayWindow {
    /// Parameter of the first day; `None` for a listing of what is still open, up to the last day.
    pub first: Option<&'static str>,
    pub last: &'static str,
    /// Time of a row that must lie in the window.
    pub by: Stamp,
    pub end: End,
}

/// Inclusion of the last day in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Inclusive,
    Exclusive,
}

/// Parameter that a listing is sliced by, and the name of the slice.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slice {
    None,
    Required(&'static str, &'static str),
    Optional(&'static str, &'static str),
}

/// Response without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// 204.
    NoContent,
    /// 200 with an empty body.
    NoBytes,
    /// One of these two, always the same for a slice of a day.
    Either,
    /// 404 with a message.
    NotFound,
}

const MODALIDADE: Slice = Slice::Required("codigoModalidadeContratacao", "modalidade");

const fn usual(by: Stamp) -> DayWindow {
    DayWindow {
        first: Some("dataInicial"),
        last: "dataFinal",
        by,
        end: End::Inclusive,
    }
}

static ENDPOINTS: [Endpoint; 9] = [
    Endpoint {
        path: "/consulta/v1/contratacoes/publicacao",
        name: "pncp.contratacoes",
        dataset: &of::CONTRATACOES,
        days: usual(Stamp::At),
        slice: MODALIDADE,
        largest_page: 50,
        empty: Empty::Either,
    },
    Endpoint {
        path: "/consulta/v1/contratacoes/atualizacao",
        name: "pncp.contratacoes_atualizacao",
        dataset: &of::CONTRATACOES,
        days: usual(Stamp::Updated),
        slice: MODALIDADE,
        largest_page: 50,
        empty: Empty::NoContent,
    },
    Endpoint {
        path: "/consulta/v1/contratacoes/proposta",
        name: "pncp.contratacoes_proposta",
        dataset: &of::CONTRATACOES,
        days: DayWindow {
            first: None,
            last: "dataFinal",
            by: Stamp::Ends,
            end: End::Inclusive,
        },
        slice: Slice::Optional("codigoModalidadeContratacao", "modalidade"),
        largest_page: 50,
        empty: Empty::NoContent,
    },
    Endpoint {
        path: "/consulta/v1/contratos",
        name: "pncp.contratos",
        dataset: &of::CONTRATOS,
        days: usual(Stamp::At),
        slice: Slice::None,
        largest_page: 500,
        empty: Empty::NoContent,
    },
    Endpoint {
        path: "/consulta/v1/contratos/atualizacao",
        name: "pncp.contratos_atualizacao",
        dataset: &of::CONTRATOS,
        days: usual(Stamp::Updated),
        slice: Slice::None,
        largest_page: 500,
        empty: Empty::NoContent,
    },
    // By validity: a day lists everything in force on it.
    Endpoint {
        path: "/consulta/v1/atas",
        name: "pncp.atas_vigencia",
        dataset: &of::ATAS,
        days: usual(Stamp::Validity),
        slice: Slice::None,
        largest_page: 500,
        empty: Empty::NoContent,
    },
    Endpoint {
        path: "/consulta/v1/atas/atualizacao",
        name: "pncp.atas",
        dataset: &of::ATAS,
        days: usual(Stamp::Updated),
        slice: Slice::None,
        largest_page: 500,
        empty: Empty::NoContent,
    },
    Endpoint {
        path: "/consulta/v1/pca/atualizacao",
        name: "pncp.pca",
        dataset: &of::PCA,
        days: DayWindow {
            first: Some("dataInicio"),
            last: "dataFim",
            by: Stamp::Updated,
            end: End::Exclusive,
        },
        slice: Slice::None,
        largest_page: 500,
        empty: Empty::NoBytes,
    },
    Endpoint {
        path: "/consulta/v1/instrumentoscobranca/inclusao",
        name: "pncp.instrumentos_cobranca",
        dataset: &of::INSTRUMENTOS,
        days: usual(Stamp::At),
        slice: Slice::Optional("tipoInstrumentoCobranca", "tipo"),
        largest_page: 100,
        empty: Empty::NotFound,
    },
];

/// Returns the listing at a path.
pub(super) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

impl Endpoint {
    /// Parses a request.
    ///
    /// # Errors
    /// Returns the error response to an invalid request.
    pub(super) fn call(&'static self, parameters: &Parameters) -> Result<Box<dyn Call>, Answer> {
        let query = Query::parse(self, parameters)?;
        Ok(Box::new(ListingCall {
            name: self.name,
            dataset: self.dataset,
            module: None,
            start: query.start(),
            count: query.size,
            days: query.days,
            slice: query.slice,
            scope: query.scope,
            envelope: Consulta {
                endpoint: self,
                page: query.page,
                size: query.size,
            },
        }))
    }
}

/// The envelope of all listings.
struct Consulta {
    endpoint: &'static Endpoint,
    page: u64,
    size: u64,
}

impl Envelope for Consulta {
    fn wrap(&self, selection: &Selection, draws: Draws) -> Right {
        let total = selection.total;
        let pages = total.div_ceil(self.size);
        let order = draws.call.of("key order");
        let records = match *self.endpoint.dataset == of::PCA {
            true => plans(&selection.rows),
            false => selection.rows.iter().map(Row::tree).collect(),
        };
        let mut data = String::new();
        for (position, record) in records.iter().enumerate() {
            if position > 0 {
                data.push(',');
            }
            record.write(Some(order), &mut data);
        }
        let answer = match total {
            0 => self.endpoint.empty.answer(draws),
            // Measured only for listings with pages of 50.
            _ if self.page > pages && self.endpoint.largest_page == 50 => {
                bad_request("Página solicitada é maior que o total de páginas.")
            }
            _ if self.page > pages => Answer::empty(204),
            _ => self.envelope(&data, total, pages),
        };
        Right {
            answer,
            hollow: self.envelope("", total, pages),
            rows: selection.rows.len(),
            total,
        }
    }
}

impl Consulta {
    fn envelope(&self, data: &str, total: u64, pages: u64) -> Answer {
        let page = self.page;
        let body = format!(
            r#"{{"data":[{data}],"totalRegistros":{total},"totalPaginas":{pages},"numeroPagina":{page},"paginasRestantes":{},"empty":{}}}"#,
            pages.saturating_sub(page),
            data.is_empty(),
        );
        Answer::json(200, body)
    }
}

impl Empty {
    fn answer(self, draws: Draws) -> Answer {
        match self {
            Self::NoContent => Answer::empty(204),
            Self::NoBytes => Answer::empty(200),
            Self::Either if draws.slice.of("no rows").happens(0.5) => Answer::empty(204),
            Self::Either => Answer::empty(200),
            Self::NotFound => {
                let message = "Nenhum instrumento de Cobrança encontrado.";
                let body = serde_json::json!({
                    "status": "404", "error": "404 NOT_FOUND", "message": message,
                });
                Answer::json(404, body.to_string())
            }
        }
    }
}

/// Returns the plans, each with those of its items that are on this page.
fn plans(rows: &[Row]) -> Vec<Tree> {
    let mut plans: Vec<(Tree, Vec<Tree>)> = Vec::new();
    for row in rows {
        let mut plan = row.tree();
        let item = plan.get("itens").cloned().unwrap_or(Tree::null());
        plan.remove("itens");
        match plans.last_mut() {
            Some((last, items)) if *last == plan => items.push(item),
            _ => plans.push((plan, vec![item])),
        }
    }
    let whole = plans.into_iter().map(|(mut plan, items)| {
        plan.set("itens", Tree::Array(items));
        plan
    });
    whole.collect()
}
