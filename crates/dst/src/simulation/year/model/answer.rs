//! Responses: each provider's envelope, with the injected faults applied.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{NaiveDate, TimeDelta};
use url::Url;

use super::listing::{Ledger, Listing};
use super::tables::{Asked, Envelope, TABLES, Table};
use super::weather::{Weather, Wrong};
use crate::simulation::year::chance::mix;
use crate::simulation::year::time::{At, True};
use bronzed_model::declaration::RequestLimits;
use bronzed_source::failure::Failure;
use bronzed_source::testing::{HttpRequest, RawResponse, Transport, TransportError};

/// Latency of a response.
const LATENCY: Duration = Duration::from_millis(400);
/// Interval in seconds after which rows without a defined order are shuffled again.
const SHUFFLED: i64 = 61;

/// Number of requests by index of the table.
pub type Asks = Arc<Mutex<BTreeMap<usize, u64>>>;

/// Transport that answers for all providers. Clones share their state.
#[derive(Debug, Clone)]
pub struct Api {
    pub ledger: Arc<Ledger>,
    pub weather: Arc<Weather>,
    pub truth: True,
    pub asks: Asks,
}

/// Parameters of a request for a page.
#[derive(Debug)]
struct Wish {
    table: usize,
    slice: usize,
    day: Option<NaiveDate>,
    /// `true` if the requested window ends before it begins.
    void: bool,
    offset: usize,
    size: usize,
    page: usize,
}

#[async_trait]
impl Transport for Api {
    async fn send(
        &self,
        request: &HttpRequest,
        limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError> {
        let url = &request.url;
        let Some(table) = table_of(url) else {
            return Ok(self.reply(404, "text/plain", "no such route".to_owned()));
        };
        *self
            .asks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(table)
            .or_default() += 1;
        tokio::time::sleep(LATENCY).await;
        let mut clamp = usize::MAX;
        for wrong in self.weather.of(table, self.truth.now()) {
            match wrong {
                Wrong::Clamp(rows) => clamp = clamp.min(rows),
                Wrong::Hangs => {
                    tokio::time::sleep(limits.timeout).await;
                    return Err(TransportError::Off(Failure::TimedOut(limits.timeout)));
                }
                Wrong::Refused => {
                    return Err(TransportError::Off(Failure::NoConnection {
                        host: url.host_str().unwrap_or_default().to_owned(),
                        problem: "Connection refused".to_owned(),
                        hint: String::new(),
                    }));
                }
                Wrong::Busy503 => {
                    return Ok(self.reply(503, "text/html", "<html>busy</html>".to_owned()));
                }
                Wrong::Html => {
                    return Ok(self.reply(200, "text/html", "<html>Erro</html>".to_owned()));
                }
                Wrong::NoBytes => return Ok(self.reply(200, "application/json", String::new())),
                Wrong::Nothing => return Ok(self.nothing(table)),
                Wrong::EmptyPages => clamp = 0,
                Wrong::Full | Wrong::Down | Wrong::Ahead => {}
            }
        }
        Ok(self.page(url, table, clamp))
    }
}

/// Returns the index of the table whose endpoint has the URL's path.
fn table_of(url: &Url) -> Option<usize> {
    TABLES.iter().position(|table| table.path == url.path())
}

impl Api {
    fn reply(&self, status: u16, kind: &str, body: String) -> RawResponse {
        RawResponse {
            status,
            content_type: (!body.is_empty()).then(|| kind.to_owned()),
            date: Some(self.truth.now()),
            body: Bytes::from(body),
            ..RawResponse::default()
        }
    }

    fn json(&self, body: String) -> RawResponse {
        self.reply(200, "application/json", body)
    }

    /// Returns the provider's response for an empty result.
    fn nothing(&self, table: usize) -> RawResponse {
        let table = &TABLES[table];
        match table.envelope {
            Envelope::Pncp if table.dataset == "instrumentos_cobranca" => self.reply(
                404,
                "application/json",
                r#"{"message":"Nenhum instrumento de Cobrança encontrado."}"#.to_owned(),
            ),
            Envelope::Pncp => self.reply(204, "", String::new()),
            Envelope::Compras => self.json(
                r#"{"resultado":[],"totalRegistros":0,"totalPaginas":0,"paginasRestantes":0}"#
                    .to_owned(),
            ),
            Envelope::Ords => self.json(
                r#"{"items":[],"hasMore":false,"limit":500,"offset":0,"count":0,"links":[]}"#
                    .to_owned(),
            ),
            Envelope::Array => self.json("[]".to_owned()),
        }
    }

    fn page(&self, url: &Url, table: usize, clamp: usize) -> RawResponse {
        let Some(wish) = wish(url, table) else {
            return self.reply(400, "text/plain", "bad parameters".to_owned());
        };
        let now = self.truth.now();
        let mut listed: Vec<&Listing> = match wish.void {
            true => Vec::new(),
            false => self.ledger.at(table, wish.day, wish.slice, now).collect(),
        };
        sort(&TABLES[table], &mut listed, now, wish.size);
        let rows: Vec<_> = listed
            .iter()
            .flat_map(|listing| std::iter::repeat_n(*listing, listing.copies))
            .collect();
        if rows.is_empty() && wish.page <= 1 {
            return self.nothing(table);
        }
        let size = wish.size.min(clamp);
        let offset = match clamp {
            usize::MAX => wish.offset,
            _ if TABLES[table].envelope == Envelope::Pncp
                || TABLES[table].envelope == Envelope::Compras =>
            {
                (wish.page - 1) * size
            }
            _ => wish.offset,
        };
        let here = rows.get(offset..).unwrap_or_default();
        let here = &here[..here.len().min(size)];
        self.envelope(&wish, here, rows.len(), size.max(1), offset)
    }

    fn envelope(
        &self,
        wish: &Wish,
        here: &[&Listing],
        total: usize,
        size: usize,
        offset: usize,
    ) -> RawResponse {
        let mut records = String::new();
        for (number, listing) in here.iter().enumerate() {
            if number > 0 {
                records.push(',');
            }
            listing.json(&mut records);
        }
        let (page, pages) = (wish.page, total.div_ceil(size));
        let left = pages.saturating_sub(page);
        self.json(match TABLES[wish.table].envelope {
            Envelope::Pncp if here.is_empty() && page > pages => return self.reply(204, "", String::new()),
            Envelope::Pncp => format!(
                r#"{{"data":[{records}],"totalRegistros":{total},"totalPaginas":{pages},"numeroPagina":{page},"paginasRestantes":{left},"empty":{}}}"#,
                here.is_empty()
            ),
            Envelope::Compras => format!(
                r#"{{"resultado":[{records}],"totalRegistros":{total},"totalPaginas":{pages},"paginasRestantes":{left}}}"#
            ),
            Envelope::Ords => format!(
                r#"{{"items":[{records}],"hasMore":{},"limit":{size},"offset":{offset},"count":{},"links":[]}}"#,
                offset + here.len() < total,
                here.len()
            ),
            Envelope::Array => format!("[{records}]"),
        })
    }
}

/// Parses the parameters of a URL. Returns `None` if they are missing or invalid.
fn wish(url: &Url, number: usize) -> Option<Wish> {
    let table = &TABLES[number];
    let of: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let number_of = |name: &str| of.get(name).and_then(|text| text.parse::<usize>().ok());
    let slice = match table.slice {
        Some(param) => {
            let value = of.get(param)?;
            table.slices.iter().position(|one| one == value)?
        }
        None => 0,
    };
    let (mut day, mut void) = (None, false);
    if let Asked::Days {
        from,
        to,
        format,
        half_open,
    } = table.asked
    {
        let date = |name| NaiveDate::parse_from_str(of.get(name)?, format).ok();
        let (first, end) = (date(from)?, date(to)?);
        let last = if half_open {
            end - TimeDelta::days(1)
        } else {
            end
        };
        void = last < first;
        // Windows of more than one day are rejected: the reader doesn't request them.
        (last <= first).then_some(())?;
        day = Some(first);
    }
    let (mut page, mut offset) = (1, 0);
    let size;
    match table.envelope {
        Envelope::Pncp | Envelope::Compras => {
            page = number_of("pagina")?;
            size = number_of("tamanhoPagina").unwrap_or(500);
            offset = page.checked_sub(1)? * size;
        }
        Envelope::Ords => {
            size = number_of("limit").unwrap_or(25).min(500);
            offset = number_of("offset").unwrap_or(0);
            page = offset / size + 1;
        }
        Envelope::Array if table.asked == Asked::NewestFirst => {
            size = number_of("quantidade")?;
            offset = number_of("inicio")?;
            page = offset / size + 1;
        }
        Envelope::Array => size = usize::MAX,
    }
    Some(Wish {
        table: number,
        slice,
        day,
        void,
        offset,
        size,
        page,
    })
}

/// Sorts as the endpoint does: a feed newest first, the others by time. Compras.gov.br has no defined order:
/// above 20 rows (or a smaller page size) they are shuffled every 61 s.
fn sort(table: &Table, listed: &mut [&Listing], now: At, size: usize) {
    if table.asked == Asked::NewestFirst {
        listed.sort_by_key(|listing| std::cmp::Reverse((listing.day, listing.row)));
    } else if table.envelope == Envelope::Compras && listed.len() > size.min(20) {
        let turn = u64::try_from(now.timestamp() / SHUFFLED).unwrap_or_default();
        listed.sort_by_key(|listing| mix(u64::from(listing.row) ^ mix(turn)));
    } else {
        listed.sort_by_key(|listing| (listing.stamp, listing.row));
    }
}
