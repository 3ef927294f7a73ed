//! Validation of listing requests as PNCP does it, with the messages that it sends.

use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};

use super::endpoints::{DayWindow, End, Endpoint, Slice};
use crate::answer::Answer;
use crate::parameters::Parameters;
use crate::scope::{Order, Scope, Window};

/// First day that PNCP accepts.
const EARLIEST: &str = "20210401";

/// Maximum window, in days between its ends.
const LONGEST: i64 = 365;

/// A valid request for a page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// `20251022..20251022`
    pub days: String,
    /// `modalidade=6`
    pub slice: String,
    /// Listed rows and their order.
    pub scope: Scope,
    /// Page number, from 1.
    pub page: u64,
    /// Page size, from 10 to the maximum of the endpoint.
    pub size: u64,
}

impl Query {
    /// Parses a request's parameters. Unknown parameters are ignored, as PNCP does.
    ///
    /// # Errors
    /// Returns the error response to an invalid request.
    pub(super) fn parse(endpoint: &Endpoint, parameters: &Parameters) -> Result<Self, Answer> {
        // Missing days are reported before any value is parsed.
        for name in endpoint.days.first.into_iter().chain([endpoint.days.last]) {
            required(parameters, name)?;
        }
        let (group, slice) = slice(endpoint.slice, parameters)?;
        let page = number(parameters, "pagina")?;
        let size = match parameters.get("tamanhoPagina") {
            None => endpoint.largest_page,
            Some(_) => number(parameters, "tamanhoPagina")?,
        };
        if !(10..=endpoint.largest_page).contains(&size) {
            return Err(bad_request("Tamanho de página inválido"));
        }
        if page < 1 {
            return Err(bad_request("pagina: must be greater than or equal to 1"));
        }
        let (window, days) = window(&endpoint.days, parameters)?;
        Ok(Self {
            days,
            slice,
            scope: Scope {
                group,
                window: Some(window),
                updated_since: None,
                // A listing without a first day lists what is still open.
                still_open: endpoint.days.first.is_none(),
                order: Order::Ascending,
            },
            page,
            size,
        })
    }

    /// Returns the position of the page's first row.
    pub(super) fn start(&self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// Returns 400 with a message. `status` is a number here, contrary to PNCP's own manual.
pub(super) fn bad_request(message: &str) -> Answer {
    Answer::json(400, format!(r#"{{"status":400,"message":"{message}"}}"#))
}

fn unprocessable(message: &str) -> Answer {
    let body = format!(r#"{{"message":"{message}","error":"422 UNPROCESSABLE_ENTITY"}}"#);
    Answer::json(422, body)
}

fn slice(slice: Slice, parameters: &Parameters) -> Result<(Option<u64>, String), Answer> {
    let (parameter, name) = match slice {
        Slice::None => return Ok((None, String::new())),
        Slice::Optional(parameter, _) if parameters.get(parameter).is_none() => {
            return Ok((None, String::new()));
        }
        Slice::Required(parameter, name) | Slice::Optional(parameter, name) => (parameter, name),
    };
    // An unknown code is valid and has no rows.
    let code = number(parameters, parameter)?;
    Ok((Some(code), format!("{name}={code}")))
}

fn window(days: &DayWindow, parameters: &Parameters) -> Result<(Window, String), Answer> {
    let last = required(parameters, days.last)?;
    let Some(first) = days.first else {
        let until = date(last).ok_or_else(|| invalid("final"))? + Days::new(1);
        let window = Window {
            by: days.by,
            from: NaiveDateTime::MIN,
            until: until.into(),
        };
        return Ok((window, format!("..{last}")));
    };
    let text = required(parameters, first)?;
    let first = date(text).ok_or_else(|| invalid("inicial"))?;
    let end = date(last).ok_or_else(|| invalid("final"))?;
    if first > end {
        return Err(unprocessable(
            "Data Inicial deve ser anterior ou igual à Data Final",
        ));
    }
    if end - first > TimeDelta::days(LONGEST) {
        return Err(unprocessable("Período inicial e final maior que 365 dias."));
    }
    let until = match days.end {
        End::Inclusive => end + Days::new(1),
        End::Exclusive => end,
    };
    let window = Window {
        by: days.by,
        from: first.into(),
        until: until.into(),
    };
    Ok((window, format!("{text}..{last}")))
}

fn invalid(which: &str) -> Answer {
    unprocessable(&format!("Data {which} inválida ou anterior a {EARLIEST}"))
}

/// Parses AAAAMMDD: eight digits, not before [`EARLIEST`].
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

pub(super) fn number(parameters: &Parameters, name: &str) -> Result<u64, Answer> {
    let text = required(parameters, name)?;
    // The message doesn't repeat the text, which may hold anything.
    let number = text.parse();
    number.map_err(|_| bad_request(&format!("Failed to convert '{name}' to a number.")))
}

#[cfg(test)]
mod tests {
    use super::super::endpoints;
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("dataInicial", "20251022"),
        ("dataFinal", "20251022"),
        ("codigoModalidadeContratacao", "6"),
        ("pagina", "2"),
        ("tamanhoPagina", "50"),
    ];

    fn ask<'a>(
        path: &str,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Query, (u16, String)> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        let endpoint = endpoints::find(&format!("/consulta/v1/{path}")).unwrap();
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
        Query::parse(endpoint, &Parameters::parse(&query.finish()))
            .map_err(|answer| (answer.status, text(&answer.body)))
    }

    /// The good request with one parameter changed (or left out: "").
    fn with(name: &str, value: &str) -> Result<Query, (u16, String)> {
        let changed = GOOD.into_iter().filter(|(key, _)| *key != name);
        ask("contratacoes/publicacao", changed.chain([(name, value)]))
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
        assert_eq!(
            (query.page, query.size, query.scope.group),
            (2, 50, Some(6))
        );
        assert_eq!(query.days, "20251022..20251022");
        assert_eq!(query.slice, "modalidade=6");
        let window = query.scope.window.unwrap();
        assert_eq!(window.until - window.from, TimeDelta::days(1));
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

    #[test]
    fn endpoints_differ_in_page_sizes_and_ends() {
        let page = |path: &str, days: [&str; 2], size: &str| {
            let pairs = [(days[0], "20251022"), (days[1], "20251023")];
            let page = [("pagina", "1"), ("tamanhoPagina", size)];
            let pairs = pairs.into_iter().chain(page);
            ask(path, pairs).map(|query| {
                let window = query.scope.window.unwrap();
                (window.until - window.from).num_days()
            })
        };
        let usual = ["dataInicial", "dataFinal"];
        assert_eq!(page("contratos", usual, "500"), Ok(2));
        assert_eq!(page("atas/atualizacao", usual, "500"), Ok(2));
        assert_eq!(
            page("pca/atualizacao", ["dataInicio", "dataFim"], "500"),
            Ok(1)
        );
        assert_eq!(page("instrumentoscobranca/inclusao", usual, "100"), Ok(2));
        assert!(page("instrumentoscobranca/inclusao", usual, "101").is_err());
        assert!(page("pca/atualizacao", usual, "500").is_err());
    }
}
