//! Lists of Oracle REST Data Services (ORDS): an offset, a limit, `hasMore`, and no total.
//!
//! `count` is the number of rows of *this* page, a limit above 500 is silently lowered to 500, and links
//! begin with `http://` although the service is called by `https://`.

use super::{elements, number};
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::dataset::Dataset;
use crate::listing::{Draws, Envelope, ListingCall};
use crate::parameters::Parameters;
use crate::scope::{Order, Scope};
use crate::table::Selection;

/// `tcu.inidoneos`: parties barred from bidding.
pub static INIDONEOS: Dataset = Dataset {
    name: "tcu.inidoneos",
    key: &["/cpf_cnpj", "/processo", "/deliberacao"],
};

/// `tcu.inabilitados`: persons barred from office.
pub static INABILITADOS: Dataset = Dataset {
    name: "tcu.inabilitados",
    key: &["/cpf", "/processo", "/deliberacao"],
};

const DEFAULT_LIMIT: u64 = 25;
const HIGHEST_LIMIT: u64 = 500;

/// One of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Inidoneos,
    Inabilitados,
}

impl List {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "inidoneos" => Some(Self::Inidoneos),
            "inabilitados" => Some(Self::Inabilitados),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Inidoneos => "inidoneos",
            Self::Inabilitados => "inabilitados",
        }
    }

    fn dataset(self) -> &'static Dataset {
        match self {
            Self::Inidoneos => &INIDONEOS,
            Self::Inabilitados => &INABILITADOS,
        }
    }

    /// Returns the name of the document field.
    fn document(self) -> &'static str {
        match self {
            Self::Inidoneos => "cpf_cnpj",
            Self::Inabilitados => "cpf",
        }
    }
}

/// Parses a request for the list, or for the rows of one document (digits only).
pub(super) fn call(
    list: List,
    document: Option<&str>,
    parameters: &Parameters,
) -> Result<Box<dyn Call>, Answer> {
    let limit = number(parameters, "limit", DEFAULT_LIMIT)?.min(HIGHEST_LIMIT);
    let start = number(parameters, "offset", 0)?;
    if limit == 0 {
        return Err(super::bad_request("limit must be greater than 0"));
    }
    let filter = match (document, parameters.get("q")) {
        (Some(digits), _) => Filter::Digits(digits.to_owned()),
        (None, Some(query)) => Filter::Written(wanted(list, query)?),
        (None, None) => Filter::None,
    };
    let whole = filter == Filter::None;
    Ok(Box::new(ListingCall {
        name: list.dataset().name,
        dataset: list.dataset(),
        module: None,
        days: String::new(),
        slice: String::new(),
        scope: Scope {
            group: None,
            window: None,
            updated_since: None,
            still_open: false,
            order: Order::Ranked,
        },
        // A filter is applied to all rows.
        start: if whole { start } else { 0 },
        count: if whole { limit } else { u64::MAX },
        envelope: Page {
            list,
            start,
            limit,
            filter,
        },
    }))
}

/// Filter of the rows of a list.
#[derive(Debug, PartialEq, Eq)]
enum Filter {
    /// All rows.
    None,
    /// Rows of a document given as digits.
    Digits(String),
    /// Rows of a document as it is written in the rows.
    Written(String),
}

/// Returns the document in `q={"cpf_cnpj":"30.139.983/0001-02"}`.
fn wanted(list: List, query: &str) -> Result<String, Answer> {
    let query: Option<serde_json::Value> = serde_json::from_str(query).ok();
    let text = query.and_then(|query| Some(query.get(list.document())?.as_str()?.to_owned()));
    text.ok_or_else(|| super::bad_request("the filter isn't understood"))
}

struct Page {
    list: List,
    start: u64,
    limit: u64,
    filter: Filter,
}

impl Page {
    fn matches(&self, row: &crate::row::Row) -> bool {
        let tree = row.tree();
        let document = tree
            .get(self.list.document())
            .and_then(|value| value.as_text());
        let document = document.unwrap_or_default();
        match &self.filter {
            Filter::None => true,
            Filter::Written(wanted) => document == *wanted,
            Filter::Digits(wanted) => document
                .chars()
                .filter(char::is_ascii_digit)
                .eq(wanted.chars()),
        }
    }

    fn body(&self, items: &str, count: usize, more: bool) -> String {
        let root = "http://contas.tcu.gov.br/ords/condenacao";
        let list = format!("{root}/consulta/{}", self.list.name());
        let (start, limit) = (self.start, self.limit);
        let mut links = vec![
            ("self", list.clone()),
            (
                "describedby",
                format!("{root}/metadata-catalog/consulta/item"),
            ),
            ("first", format!("{list}?limit={limit}")),
        ];
        if more {
            let next = format!("{list}?offset={}&limit={limit}", start + limit);
            links.push(("next", next));
        }
        if start > 0 {
            let before = start.saturating_sub(limit);
            links.push(("prev", format!("{list}?offset={before}&limit={limit}")));
        }
        let links = links
            .into_iter()
            .map(|(rel, href)| format!(r#"{{"rel":"{rel}","href":"{href}"}}"#));
        let links = links.collect::<Vec<_>>().join(",");
        format!(
            r#"{{"items":[{items}],"hasMore":{more},"limit":{limit},"offset":{start},"count":{count},"links":[{links}]}}"#
        )
    }
}

impl Envelope for Page {
    fn wrap(&self, selection: &Selection, _: Draws) -> Right {
        let rows: Vec<_> = match self.filter {
            Filter::None => selection.rows.clone(),
            _ => {
                let rows = selection.rows.iter().filter(|row| self.matches(row));
                let rows = rows.skip(self.start as usize).take(self.limit as usize);
                rows.cloned().collect()
            }
        };
        let more = self.filter == Filter::None
            && self.start.saturating_add(rows.len() as u64) < selection.total;
        Right {
            answer: Answer::json(200, self.body(&elements(&rows), rows.len(), more)),
            hollow: Answer::json(200, self.body("", 0, more)),
            rows: rows.len(),
            total: selection.total,
        }
    }
}
