//! The two lists without offset and limit: the TCU's own contracts, and the requests of the Congress to the
//! TCU.

use super::{elements, number};
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::dataset::Dataset;
use crate::listing::{Draws, Envelope, ListingCall};
use crate::parameters::Parameters;
use crate::scope::{Order, Scope};
use crate::table::Selection;

/// `tcu.termos_contratuais`
pub static TERMOS: Dataset = Dataset {
    name: "tcu.termos_contratuais",
    key: &["/codigo"],
};

/// `tcu.pedidos_congresso`
pub static PEDIDOS: Dataset = Dataset {
    name: "tcu.pedidos_congresso",
    key: &["/processo_scn", "/tipo", "/numero"],
};

/// Page size of the requests of the Congress: the default of this generation of ORDS.
const PAGE: u64 = 25;

const WHOLE: Scope = Scope {
    group: None,
    window: None,
    updated_since: None,
    still_open: false,
    order: Order::Ranked,
};

/// All contracts in one bare array.
pub(super) fn termos() -> Box<dyn Call> {
    Box::new(ListingCall {
        name: TERMOS.name,
        dataset: &TERMOS,
        module: None,
        days: String::new(),
        slice: String::new(),
        scope: WHOLE,
        start: 0,
        count: u64::MAX,
        envelope: Whole,
    })
}

/// A page of requests, counted from 0.
pub(super) fn pedidos(parameters: &Parameters) -> Result<Box<dyn Call>, Answer> {
    let page = number(parameters, "page", 0)?;
    Ok(Box::new(ListingCall {
        name: PEDIDOS.name,
        dataset: &PEDIDOS,
        module: None,
        days: String::new(),
        slice: String::new(),
        scope: WHOLE,
        start: page.saturating_mul(PAGE),
        count: PAGE,
        envelope: Linked { page },
    }))
}

struct Whole;

impl Envelope for Whole {
    fn wrap(&self, selection: &Selection, _: Draws) -> Right {
        Right {
            answer: Answer::json(200, format!("[{}]", elements(&selection.rows))),
            hollow: Answer::json(200, "[]"),
            rows: selection.rows.len(),
            total: selection.total,
        }
    }
}

/// `items`, and a link to the next page; the last page has none.
struct Linked {
    page: u64,
}

impl Linked {
    fn body(&self, items: &str, total: u64) -> String {
        let list = "http://contas.tcu.gov.br/ords/api/publica/scn/pedidos_congresso";
        let next = self.page + 1;
        let link = match next.saturating_mul(PAGE) < total {
            true => format!(r#","next":{{"$ref":"{list}?page={next}"}}"#),
            false => String::new(),
        };
        format!(r#"{{"items":[{items}],"first":{{"$ref":"{list}"}}{link}}}"#)
    }
}

impl Envelope for Linked {
    fn wrap(&self, selection: &Selection, _: Draws) -> Right {
        let body = |items: &str| Answer::json(200, self.body(items, selection.total));
        Right {
            answer: body(&elements(&selection.rows)),
            hollow: body(""),
            rows: selection.rows.len(),
            total: selection.total,
        }
    }
}
