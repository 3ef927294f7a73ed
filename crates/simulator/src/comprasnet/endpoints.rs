//! The endpoints: required parameters, ends of windows, and their common envelope.

use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};

use super::datasets as of;
use super::missing;
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::listing::{Draws, Envelope, ListingCall};
use crate::parameters::Parameters;
use crate::scope::{Order, Scope, Stamp, Window};
use crate::table::Selection;

const DEFAULT_SIZE: u64 = 10;
/// Page size of endpoints without a page size parameter.
const FIXED_SIZE: u64 = 500;
/// Maximum window, in days between its ends.
const LONGEST: i64 = 365;

/// One endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    path: &'static str,
    dataset: &'static Dataset,
    days: Option<DayWindow>,
    /// Parameter that selects the group of rows.
    slice: Slice,
    updates: Updates,
    /// `true` if `tamanhoPagina` is supported.
    sized: bool,
}

#[derive(Debug)]
struct DayWindow {
    first: &'static str,
    last: &'static str,
    by: Stamp,
    end: End,
}

/// Inclusion of the last day in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Exclusive,
    Inclusive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slice {
    None,
    Required(&'static str),
}

/// Effect of the parameter `dataAtualizacaoPncp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Updates {
    /// Lists only rows updated since then.
    Filter,
    /// Lists no rows.
    Empty,
    Ignored,
}

impl Endpoint {
    const fn new(path: &'static str, dataset: &'static Dataset) -> Self {
        Self {
            path,
            dataset,
            days: None,
            slice: Slice::None,
            updates: Updates::Ignored,
            sized: true,
        }
    }

    const fn days(self, first: &'static str, last: &'static str, by: Stamp, end: End) -> Self {
        Self {
            days: Some(DayWindow {
                first,
                last,
                by,
                end,
            }),
            ..self
        }
    }

    const fn slice(self, parameter: &'static str) -> Self {
        Self {
            slice: Slice::Required(parameter),
            ..self
        }
    }

    const fn updates(self, updates: Updates) -> Self {
        Self { updates, ..self }
    }

    const fn of_fixed_size(self) -> Self {
        Self {
            sized: false,
            ..self
        }
    }

    /// `modulo-contratos`
    fn module(&self) -> &'static str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// Parses a request.
    ///
    /// # Errors
    /// Returns the error response to an invalid request.
    pub(super) fn call(&'static self, parameters: &Parameters) -> Result<Box<dyn Call>, Answer> {
        let (window, days) = match &self.days {
            Some(window) => window.read(parameters)?,
            None => (None, String::new()),
        };
        let (group, slice) = match self.slice {
            Slice::None => (None, String::new()),
            Slice::Required(name) => {
                let value = parameters.get(name).ok_or_else(missing)?;
                (Some(group(value)?), format!("{name}={value}"))
            }
        };
        let (page, size) = self.page(parameters)?;
        let update = parameters.get("dataAtualizacaoPncp");
        let updated_since = match (self.updates, update) {
            (Updates::Ignored, _) | (_, None) => None,
            (Updates::Filter, Some(text)) => Some(date(text)?.into()),
            (Updates::Empty, Some(_)) => Some(NaiveDateTime::MAX),
        };
        Ok(Box::new(ListingCall {
            name: self.dataset.name,
            dataset: self.dataset,
            module: Some(self.module()),
            days,
            slice,
            scope: Scope {
                group,
                window,
                updated_since,
                still_open: false,
                order: Order::Ranked,
            },
            start: (page - 1).saturating_mul(size),
            count: size,
            envelope: Resultado {
                size,
                page,
                names_rest: self.dataset != &of::LEGADO_LICITACOES,
            },
        }))
    }

    fn page(&self, parameters: &Parameters) -> Result<(u64, u64), Answer> {
        let number = |name, default| match parameters.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse::<u64>()
                .map_err(|_| Answer::text(400, "Parâmetro numérico inválido")),
        };
        let page = number("pagina", 1)?.max(1);
        if !self.sized {
            return Ok((page, FIXED_SIZE));
        }
        let size = number("tamanhoPagina", DEFAULT_SIZE)?;
        if !(10..=500).contains(&size) {
            let text = "Informe um número de paginação no intervalo de 10 a 500";
            return Err(Answer::text(400, text));
        }
        Ok((page, size))
    }
}

impl DayWindow {
    fn read(&self, parameters: &Parameters) -> Result<(Option<Window>, String), Answer> {
        let first = parameters.get(self.first).ok_or_else(missing)?;
        let last = parameters.get(self.last).ok_or_else(missing)?;
        let days = format!("{first}..{last}");
        let (first, last) = (date(first)?, date(last)?);
        if last - first > TimeDelta::days(LONGEST) {
            let text = "Período inicial e final maior que 365 dias.";
            return Err(Answer::text(400, text));
        }
        let after = match self.end {
            End::Exclusive => last,
            End::Inclusive => last + Days::new(1),
        };
        let window = Window {
            by: self.by,
            from: first.into(),
            until: after.into(),
        };
        Ok((Some(window), days))
    }
}

/// Parses a group: a code, or a status.
fn group(value: &str) -> Result<u64, Answer> {
    match value {
        "true" => Ok(1),
        "false" => Ok(0),
        code => code
            .parse()
            .map_err(|_| Answer::text(400, "Parâmetro numérico inválido")),
    }
}

fn date(text: &str) -> Result<NaiveDate, Answer> {
    text.parse()
        .map_err(|_| Answer::text(400, "Data inválida: use o formato AAAA-MM-DD"))
}

static ENDPOINTS: [Endpoint; 20] = {
    use End::{Exclusive, Inclusive};
    use Stamp::{At, Ends};
    [
        Endpoint::new(
            "/modulo-contratacoes/1_consultarContratacoes_PNCP_14133",
            &of::CONTRATACOES,
        )
        .days(
            "dataPublicacaoPncpInicial",
            "dataPublicacaoPncpFinal",
            At,
            Exclusive,
        )
        .slice("codigoModalidade")
        .updates(Updates::Empty),
        Endpoint::new(
            "/modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133",
            &of::ITENS,
        )
        .days(
            "dataInclusaoPncpInicial",
            "dataInclusaoPncpFinal",
            At,
            Exclusive,
        )
        .updates(Updates::Filter),
        Endpoint::new(
            "/modulo-contratacoes/3_consultarResultadoItensContratacoes_PNCP_14133",
            &of::RESULTADOS,
        )
        .days(
            "dataResultadoPncpInicial",
            "dataResultadoPncpFinal",
            At,
            Exclusive,
        ),
        Endpoint::new("/modulo-arp/1_consultarARP", &of::ARP).days(
            "dataVigenciaInicialMin",
            "dataVigenciaInicialMax",
            At,
            Exclusive,
        ),
        Endpoint::new("/modulo-arp/1.2_consultarARP_FimVigencia", &of::ARP).days(
            "dataVigenciaFinalMin",
            "dataVigenciaFinalMax",
            Ends,
            Exclusive,
        ),
        Endpoint::new("/modulo-arp/2_consultarARPItem", &of::ARP_ITENS).days(
            "dataVigenciaInicialMin",
            "dataVigenciaInicialMax",
            At,
            Exclusive,
        ),
        Endpoint::new("/modulo-contratos/1_consultarContratos", &of::CONTRATOS)
            .days(
                "dataVigenciaInicialMin",
                "dataVigenciaInicialMax",
                At,
                Exclusive,
            )
            .slice("codigoOrgao"),
        Endpoint::new(
            "/modulo-contratos/1.2_consultarContratos_FimVigencia",
            &of::CONTRATOS,
        )
        .days(
            "dataVigenciaFinalMin",
            "dataVigenciaFinalMax",
            Ends,
            Exclusive,
        )
        .slice("codigoOrgao"),
        Endpoint::new(
            "/modulo-contratos/2_consultarContratosItem",
            &of::CONTRATOS_ITENS,
        )
        .days(
            "dataVigenciaInicialMin",
            "dataVigenciaInicialMax",
            At,
            Exclusive,
        )
        .slice("codigoOrgao"),
        Endpoint::new(
            "/modulo-legado/1_consultarLicitacao",
            &of::LEGADO_LICITACOES,
        )
        .days(
            "data_publicacao_inicial",
            "data_publicacao_final",
            At,
            Inclusive,
        ),
        Endpoint::new(
            "/modulo-legado/2_consultarItemLicitacao",
            &of::LEGADO_ITENS_LICITACAO,
        )
        .slice("modalidade"),
        Endpoint::new("/modulo-legado/3_consultarPregoes", &of::LEGADO_PREGOES).days(
            "dt_data_edital_inicial",
            "dt_data_edital_final",
            At,
            Inclusive,
        ),
        // The end is exclusive, unlike that of the endpoints around it: a client that took it for inclusive
        // lost one day in five.
        Endpoint::new(
            "/modulo-legado/4_consultarItensPregoes",
            &of::LEGADO_ITENS_PREGOES,
        )
        .days("dt_hom_inicial", "dt_hom_final", At, Exclusive),
        Endpoint::new(
            "/modulo-legado/5_consultarComprasSemLicitacao",
            &of::LEGADO_COMPRAS_SEM_LICITACAO,
        )
        .slice("dt_ano_aviso"),
        Endpoint::new(
            "/modulo-legado/6_consultarCompraItensSemLicitacao",
            &of::LEGADO_ITENS_SEM_LICITACAO,
        )
        .slice("dt_ano_aviso_licitacao"),
        Endpoint::new("/modulo-uasg/1_consultarUasg", &of::UASG)
            .slice("statusUasg")
            .of_fixed_size(),
        Endpoint::new("/modulo-uasg/2_consultarOrgao", &of::ORGAOS)
            .slice("statusOrgao")
            .of_fixed_size(),
        Endpoint::new(
            "/modulo-fornecedor/1_consultarFornecedor",
            &of::FORNECEDORES,
        )
        .slice("ativo"),
        Endpoint::new("/modulo-material/4_consultarItemMaterial", &of::MATERIAIS),
        Endpoint::new("/modulo-servico/6_consultarItemServico", &of::SERVICOS),
    ]
};

/// Returns the endpoint at a path.
pub(super) fn find(path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
}

/// Envelope with `resultado` and its totals.
struct Resultado {
    size: u64,
    page: u64,
    /// `true` if the envelope has `paginasRestantes`; one endpoint lacks it.
    names_rest: bool,
}

impl Resultado {
    fn body(&self, rows: &str, total: u64, call: Chance) -> Answer {
        let pages = total.div_ceil(self.size);
        // Combinations recorded for single pages.
        let (pages, rest) = match (pages, call.of("single page").below(3)) {
            (1, 0) => (0, 1),
            (1, 1) => (0, 0),
            (1, _) => (1, 0),
            (pages, _) => (pages, pages.saturating_sub(self.page)),
        };
        let rest = match self.names_rest {
            true => format!(r#","paginasRestantes":{rest}"#),
            false => String::new(),
        };
        let body = format!(
            r#"{{"resultado":[{rows}],"totalRegistros":{total},"totalPaginas":{pages}{rest}}}"#
        );
        Answer::json(200, body)
    }
}

impl Envelope for Resultado {
    fn wrap(&self, selection: &Selection, draws: Draws) -> Right {
        let rows: Vec<_> = selection
            .rows
            .iter()
            .map(|row| row.tree().to_json())
            .collect();
        Right {
            answer: self.body(&rows.join(","), selection.total, draws.call),
            hollow: self.body("", selection.total, draws.call),
            rows: rows.len(),
            total: selection.total,
        }
    }
}
