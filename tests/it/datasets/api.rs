//! API on loopback that serves given records with the envelope and paging of a provider.
//!
//! It shares no code with the engine: pages are cut here from the request parameters, as the provider
//! documents them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::case::{Case, Sample, Trouble};
use crate::support::runtime;

/// Envelope of a provider's pages, and the paging parameters that it requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// PNCP's consulta: `data` and totals; a page beyond the last is an error.
    Pncp,
    /// Like `Pncp`, with plans that contain their items.
    Pca,
    /// Compras.gov.br: `resultado` and totals, of which only `totalRegistros` is reliable. The page size is
    /// fixed if no parameter sets it.
    Comprasnet,
    /// Oracle ORDS: `items` and `hasMore`.
    Ords,
    /// Older form of ORDS: `items`, and a `next` link if more pages follow.
    OldOrds,
    /// A bare array, paged by `pagina` and `tamanhoPagina`.
    BareByPage,
    /// A bare array, paged by `inicio` and `quantidade`.
    BareByOffset,
    /// A bare array of all records.
    Bare,
}

/// A fixed response.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: &'static str,
}

/// Returns a JSON response with this status.
pub const fn json(status: u16, body: &'static str) -> Reply {
    Reply {
        status,
        content_type: "application/json",
        body,
    }
}

/// Returns a response with any content type.
pub const fn other(status: u16, content_type: &'static str, body: &'static str) -> Reply {
    Reply {
        status,
        content_type,
        body,
    }
}

/// Responses of the API.
#[derive(Clone)]
pub struct Answers {
    tables: Vec<Table>,
}

/// Records of one dataset, at its path.
#[derive(Clone)]
struct Table {
    path: String,
    slice: &'static [(&'static str, &'static str)],
    envelope: Envelope,
    page: usize,
    records: Vec<String>,
    empty: Reply,
    first: Option<Reply>,
    always: Option<Reply>,
}

impl Answers {
    /// Returns the API of a case's dataset with these records, and of the datasets that must be read
    /// before.
    pub fn of(case: &Case, samples: &[Sample]) -> Self {
        let path = case.asked.split('?').next().unwrap().to_owned();
        let table = Table {
            path,
            slice: case.slice,
            envelope: case.envelope,
            page: case.page,
            records: samples.iter().map(|sample| sample.json.clone()).collect(),
            empty: case.empty,
            first: None,
            always: None,
        };
        let mut tables = vec![table];
        if let Some(before) = &case.before {
            tables.extend(Self::of(before, &before.samples).tables);
        }
        Self { tables }
    }

    /// Adds an error response to the case's dataset.
    pub fn with(mut self, trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Passes(reply) => self.tables[0].first = Some(*reply),
            Trouble::Fails(reply, _) => self.tables[0].always = Some(*reply),
        }
        self
    }

    fn answer(&mut self, path: &str, query: &HashMap<String, String>) -> (u16, String, String) {
        let said = |reply: Reply| (reply.status, reply.content_type.into(), reply.body.into());
        let table = self.tables.iter_mut().find(|table| table.path == path);
        let Some(table) = table else {
            return said(json(404, r#"{"status":"404","message":"no such path"}"#));
        };
        if let Some(reply) = table.always.or_else(|| table.first.take()) {
            return said(reply);
        }
        let mut slice = table.slice.iter();
        let has_records = slice.all(|(name, value)| query.get(*name).is_some_and(|v| v == value));
        if table.records.is_empty() || !has_records {
            return said(table.empty);
        }
        match table.page(query) {
            Some(body) => (200, "application/json".into(), body),
            None => said(json(400, r#"{"status":400,"message":"Página inválida"}"#)),
        }
    }
}

impl Table {
    /// Returns the body of a page; `None` if the request is invalid.
    fn page(&self, query: &HashMap<String, String>) -> Option<String> {
        let number = |name: &str| query.get(name)?.parse::<usize>().ok();
        let total = self.records.len();
        let (start, size) = match self.envelope {
            Envelope::Pncp | Envelope::Pca | Envelope::BareByPage => {
                let size = number("tamanhoPagina")?;
                (number("pagina")?.checked_sub(1)? * size, size)
            }
            Envelope::Comprasnet => {
                let size = number("tamanhoPagina").unwrap_or(self.page);
                (number("pagina")?.checked_sub(1)? * size, size)
            }
            Envelope::Ords => (number("offset").unwrap_or(0), number("limit")?.min(500)),
            Envelope::OldOrds => (number("page").unwrap_or(0) * self.page, self.page),
            Envelope::BareByOffset => (number("inicio")?, number("quantidade")?),
            Envelope::Bare => (0, total),
        };
        let end = (start + size).min(total);
        let records = self.records.get(start.min(end)..end)?;
        let pages = total.div_ceil(size);
        let (number, joined) = (start / size + 1, records.join(","));
        let more = end < total;
        Some(match self.envelope {
            Envelope::Pncp | Envelope::Pca if number > pages => return None,
            Envelope::Pncp => pncp(&joined, total, pages, number),
            Envelope::Pca => pncp(&plans(records), total, pages, number),
            Envelope::Comprasnet => format!(
                r#"{{"resultado":[{joined}],"totalRegistros":{total},"totalPaginas":0,"paginasRestantes":1}}"#
            ),
            Envelope::Ords => format!(
                r#"{{"items":[{joined}],"hasMore":{more},"limit":{size},"offset":{start},"count":{},"links":[{{"rel":"next","href":"http://contas.tcu.gov.br/nowhere"}}]}}"#,
                records.len()
            ),
            Envelope::OldOrds if more => {
                format!(
                    r#"{{"items":[{joined}],"next":{{"$ref":"http://contas.tcu.gov.br/?page={number}"}}}}"#
                )
            }
            Envelope::OldOrds => format!(r#"{{"items":[{joined}]}}"#),
            Envelope::BareByPage | Envelope::BareByOffset | Envelope::Bare => format!("[{joined}]"),
        })
    }
}

fn pncp(data: &str, total: usize, pages: usize, number: usize) -> String {
    let left = pages.saturating_sub(number);
    let empty = data.is_empty();
    format!(
        r#"{{"data":[{data}],"totalRegistros":{total},"totalPaginas":{pages},"numeroPagina":{number},"paginasRestantes":{left},"empty":{empty}}}"#
    )
}

/// Merges items, each with its plan, into one plan that contains them all.
fn plans(records: &[String]) -> String {
    let items: Vec<_> = records
        .iter()
        .map(|record| {
            bronzed_model::json::pointer(record, "/itens")
                .unwrap()
                .unwrap()
        })
        .collect();
    let Some(first) = records.first() else {
        return String::new();
    };
    let members = bronzed_model::json::members(first).unwrap();
    let members = members.iter().map(|(key, value)| match &**key {
        "itens" => format!("\"itens\":[{}]", items.join(",")),
        _ => format!("{}:{value}", bronzed_model::json::quote(key)),
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The running API.
pub struct Api {
    pub url: String,
    shared: Shared,
    server: JoinHandle<()>,
}

/// Current responses, and path and query of the requests so far.
#[derive(Clone)]
struct Shared {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    /// Starts the API with these responses.
    pub fn start(answers: &Answers) -> Self {
        let shared = Shared {
            answers: Arc::new(Mutex::new(answers.clone())),
            asked: Arc::default(),
        };
        let listener = runtime().block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = runtime().spawn(serve(listener, shared.clone()));
        Self {
            url,
            shared,
            server,
        }
    }

    /// Replaces the responses.
    pub fn answer(&self, answers: &Answers) {
        *self.shared.answers.lock().unwrap() = answers.clone();
    }

    /// Returns path and query of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| respond(shared.clone(), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // The client may disconnect at any time.
            let _ = connection.await;
        });
    }
}

async fn respond(
    shared: Shared,
    request: Request<Incoming>,
) -> Result<Response<String>, Infallible> {
    let uri = request.uri();
    shared.asked.lock().unwrap().push(uri.to_string());
    let query = uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let mut answers = shared.answers.lock().unwrap();
    let (status, kind, body) = answers.answer(uri.path(), &query.collect());
    let response = Response::builder()
        .status(status)
        .header("content-type", kind)
        // Date of `desk::NOW`, because records are checked against the API's clock, too.
        .header("date", "Fri, 20 Nov 2026 15:00:00 GMT");
    Ok(response.body(body).expect("a response"))
}
