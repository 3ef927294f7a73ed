//! Checks a request for `contratacoes/publicacao` the way PNCP does, with the messages it sends.

use chrono::{NaiveDate, TimeDelta};

use super::catalog::Scope;
use crate::simulator::answer::Answer;
use crate::simulator::faults::PageKey;
use crate::simulator::parameters::Parameters;

/// PNCP has nothing before this day, and refuses to look.
const EARLIEST: &str = "20210401";

/// The longest window, in days between its ends.
const LONGEST: i64 = 365;

/// The page size where none is sent. Nobody has measured it; the greatest allowed is a guess.
const DEFAULT_SIZE: u64 = 50;

/// A correct request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Query {
    /// Days and slice.
    pub scope: Scope,
    /// Counted from 1.
    pub page: u64,
    /// 10 to 50.
    pub size: u64,
}

impl Query {
    /// Reads a request's parameters. Those of other names are ignored, as PNCP does.
    ///
    /// # Errors
    /// The answer that says what is wrong.
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, Answer> {
        let first = required(parameters, "dataInicial")?;
        let last = required(parameters, "dataFinal")?;
        let modalidade = number(parameters, "codigoModalidadeContratacao")?;
        let page = number(parameters, "pagina")?;
        let size = match parameters.get("tamanhoPagina") {
            None => DEFAULT_SIZE,
            Some(_) => number(parameters, "tamanhoPagina")?,
        };
        if !(10..=50).contains(&size) {
            return Err(bad_request("Tamanho de página inválido"));
        }
        if page < 1 {
            return Err(bad_request("pagina: must be greater than or equal to 1"));
        }
        let (first, last) = window(first, last)?;
        let scope = Scope {
            first,
            last,
            // No such modalidade: no rows.
            modalidade: u32::try_from(modalidade).unwrap_or_default(),
        };
        Ok(Self { scope, page, size })
    }

    /// The position of the page's first row.
    pub(super) fn start(&self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }

    /// What faults and the ledger know the request by.
    pub(super) fn key(&self) -> PageKey {
        let day = |date: NaiveDate| date.format("%Y%m%d");
        PageKey {
            dataset: "pncp.contratacoes",
            offset: self.start(),
            days: format!("{}..{}", day(self.scope.first), day(self.scope.last)),
            slice: format!("modalidade={}", self.scope.modalidade),
            page: self.page,
            size: self.size,
        }
    }
}

/// 400 with a message. The status is a number here, against PNCP's own manual.
pub(super) fn bad_request(message: &str) -> Answer {
    Answer::json(400, format!(r#"{{"status":400,"message":"{message}"}}"#))
}

fn unprocessable(message: &str) -> Answer {
    let body = format!(r#"{{"message":"{message}","error":"422 UNPROCESSABLE_ENTITY"}}"#);
    Answer::json(422, body)
}

fn window(first: &str, last: &str) -> Result<(NaiveDate, NaiveDate), Answer> {
    let first = date(first)
        .ok_or_else(|| unprocessable(&format!("Data inicial inválida ou anterior a {EARLIEST}")))?;
    let last = date(last)
        .ok_or_else(|| unprocessable(&format!("Data final inválida ou anterior a {EARLIEST}")))?;
    if first > last {
        return Err(unprocessable(
            "Data Inicial deve ser anterior ou igual à Data Final",
        ));
    }
    if last - first > TimeDelta::days(LONGEST) {
        return Err(unprocessable("Período inicial e final maior que 365 dias."));
    }
    Ok((first, last))
}

/// AAAAMMDD, eight digits, not before the earliest day.
fn date(text: &str) -> Option<NaiveDate> {
    let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = NaiveDate::parse_from_str(text, "%Y%m%d").ok()?;
    // Eight digits compare as the dates do.
    (plain && text >= EARLIEST).then_some(date)
}

fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Answer> {
    parameters
        .get(name)
        .ok_or_else(|| bad_request(&format!("Required parameter '{name}' is not present.")))
}

fn number(parameters: &Parameters, name: &str) -> Result<u64, Answer> {
    let text = required(parameters, name)?;
    // The text itself isn't repeated in the message: it may hold anything.
    let number = text.parse();
    number.map_err(|_| bad_request(&format!("Failed to convert '{name}' to a number.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("dataInicial", "20251022"),
        ("dataFinal", "20251022"),
        ("codigoModalidadeContratacao", "6"),
        ("pagina", "2"),
        ("tamanhoPagina", "50"),
    ];

    /// The good request with one parameter changed (or left out: "").
    fn with(name: &str, value: &str) -> Result<Query, (u16, String)> {
        let changed = GOOD.iter().filter(|(key, _)| *key != name).copied();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(changed.chain([(name, value)]));
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
        Query::parse(&Parameters::parse(&query.finish()))
            .map_err(|answer| (answer.status, text(&answer.body)))
    }

    #[track_caller]
    fn refused(name: &str, value: &str, status: u16, message: &str) {
        let (found, body) = with(name, value).unwrap_err();
        assert_eq!(found, status, "{body}");
        assert!(body.contains(message), "{body}");
        serde_json::from_str::<serde_json::Value>(&body).unwrap();
    }

    #[test]
    fn a_correct_request_is_read() {
        let query = with("cnpjOrgao", "ignored").unwrap();
        assert_eq!((query.page, query.size, query.scope.modalidade), (2, 50, 6));
        assert_eq!(query.key().days, "20251022..20251022");
        assert_eq!(query.key().slice, "modalidade=6");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (name, _) in &GOOD[..4] {
            let message = format!("Required parameter '{name}' is not present.");
            refused(name, "", 400, &message);
        }
        assert!(with("tamanhoPagina", "").is_ok());
    }

    #[test]
    fn page_sizes_have_two_ends() {
        for size in ["9", "51", "500"] {
            refused("tamanhoPagina", size, 400, "Tamanho de página inválido");
        }
        assert!(with("tamanhoPagina", "10").is_ok());
        refused("pagina", "0", 400, "greater than or equal to 1");
        refused("pagina", "x", 400, "pagina");
    }

    #[test]
    fn windows_have_a_length_an_order_and_a_first_day() {
        refused("dataInicial", "2025-10-22", 422, "Data inicial inválida");
        refused("dataInicial", "20210331", 422, "anterior a 20210401");
        refused("dataFinal", "20251332", 422, "Data final inválida");
        refused("dataFinal", "20251021", 422, "anterior ou igual");
        refused("dataInicial", "20241021", 422, "maior que 365 dias");
        assert!(with("dataInicial", "20241022").is_ok());
    }
}
