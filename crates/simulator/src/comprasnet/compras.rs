//! A day of contratações under Lei 14.133, with their items and results.
//!
//! The three listings describe the same purchases: an item names its contratação, a result its item. A
//! direct purchase has its results on the day of its publication, a tender some weeks later; its items are
//! then revised in place. The data warehouse behind the API is loaded at night: no record of a day is
//! listed before the next day.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::datasets as of;
use super::recorded::{Vintage, template};
use crate::chance::Chance;
use crate::pncp::generated::{cnpj, recorded_text};
use crate::row::{Maker, Row};
use crate::table::{TIME_FORMAT, Tables};
use crate::tree::Tree;
use bronzed_model::day::Day;

/// Modalities in use: code of SIASG (Concorrência, Pregão, Dispensa, Inexigibilidade), weight, code and
/// name at PNCP.
const MODALITIES: [(u64, u32, u64, &str); 4] = [
    (3, 3, 4, "Concorrência - Eletrônica"),
    (5, 35, 6, "Pregão - Eletrônico"),
    (6, 45, 8, "Dispensa"),
    (7, 17, 9, "Inexigibilidade"),
];

/// A day of purchases.
#[derive(Debug, Clone)]
pub struct ComprasDay {
    /// The same seed makes the same day.
    pub seed: u64,
    /// Day of publication.
    pub day: Day,
    /// Number of contratações.
    pub contratacoes: u32,
    /// Average number of items of a contratação; at most 128.
    pub items: u32,
    /// Probability that a row is listed twice. The total counts both.
    pub repeated: f64,
    /// Number of days after which the warehouse has the day, at 03:00.
    pub lag: u32,
    /// Probability that a contratação reaches the warehouse up to five days later, with all that belongs to
    /// it.
    pub late: f64,
    /// Vintage of the served field names.
    pub vintage: Vintage,
}

impl ComprasDay {
    /// A typical day, with eight items per contratação on average.
    pub fn new(seed: u64, day: Day, contratacoes: u32) -> Self {
        Self {
            seed,
            day,
            contratacoes,
            items: 8,
            repeated: 0.012,
            lag: 1,
            late: 0.0,
            vintage: Vintage::default(),
        }
    }

    /// Adds the day's rows to the three tables.
    pub fn add_to(&self, tables: &Tables) {
        let facts = Arc::new(Facts::new(self));
        let mut rows: [Vec<Row>; 3] = Default::default();
        for index in 0..self.contratacoes {
            let compra = facts.compra(index);
            let listed = self.listed(compra.chance);
            let row = facts.row(What::Contratacao, compra.published, index << 8, 0);
            let row = row.in_group(compra.modality.0).appearing(listed);
            self.push(&mut rows[0], row, compra.chance.of("contratação"));
            for n in 0..compra.items {
                self.push_item(&facts, &compra, (index << 8) | n, listed, &mut rows);
            }
        }
        let [contratacoes, itens, resultados] = rows;
        tables.of(&of::CONTRATACOES).extend(contratacoes);
        tables.of(&of::ITENS).extend(itens);
        tables.of(&of::RESULTADOS).extend(resultados);
    }

    fn push_item(
        &self,
        facts: &Arc<Facts>,
        compra: &Compra,
        code: u32,
        listed: NaiveDateTime,
        rows: &mut [Vec<Row>; 3],
    ) {
        let chance = compra.item(code);
        let item = |version, updated| {
            let row = facts.row(What::Item, compra.published, code, version);
            row.updated(updated)
        };
        match compra.result_of(code) {
            Some(result) if result.date() > compra.published.date() => {
                let after = NaiveDateTime::from(result.date()) + self.load();
                let after = after.max(listed);
                let first = item(0, compra.published).appearing(listed).until(after);
                self.push(&mut rows[1], first, chance.of("item"));
                self.push(
                    &mut rows[1],
                    item(1, result).appearing(after),
                    chance.of("item"),
                );
            }
            Some(result) => {
                self.push(
                    &mut rows[1],
                    item(1, result).appearing(listed),
                    chance.of("item"),
                );
            }
            None => {
                let row = item(0, compra.published).appearing(listed);
                self.push(&mut rows[1], row, chance.of("item"));
            }
        }
        if let Some(result) = compra.result_of(code) {
            let midnight = NaiveDateTime::from(result.date());
            let row = facts.row(What::Result, midnight, code, 0).updated(result);
            let row = row.appearing((midnight + self.load()).max(listed));
            self.push(&mut rows[2], row, chance.of("result"));
        }
    }

    /// Adds a row, once or twice.
    fn push(&self, rows: &mut Vec<Row>, row: Row, chance: Chance) {
        if chance.of("repeated").happens(self.repeated) {
            rows.push(row.clone().ranked(chance.of("second rank").bits()));
        }
        rows.push(row.ranked(chance.of("rank").bits()));
    }

    /// Returns the time from midnight of a day until the warehouse has the day.
    fn load(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.lag)) + TimeDelta::hours(3)
    }

    fn listed(&self, chance: Chance) -> NaiveDateTime {
        let late = match chance.of("late").happens(self.late) {
            true => 1 + chance.of("days late").below(5),
            false => 0,
        };
        NaiveDateTime::from(self.day.date()) + self.load() + TimeDelta::days(late as i64)
    }
}

/// Kind of a row of a purchase.
#[derive(Debug, Clone, Copy)]
enum What {
    Contratacao,
    Item,
    Result,
}

/// One purchase.
struct Compra {
    chance: Chance,
    published: NaiveDateTime,
    modality: (u64, u32, u64, &'static str),
    items: u32,
    control: String,
    sequence: u32,
    cnpj: String,
    /// SIASG id, which several contratações may share.
    siasg: String,
    unit: u64,
    direct: bool,
}

impl Compra {
    fn item(&self, code: u32) -> Chance {
        self.chance.of("item").at(u64::from(code & 0xff))
    }

    /// Returns the time at which the result of an item was registered; `None` if it has no result.
    fn result_of(&self, code: u32) -> Option<NaiveDateTime> {
        let chance = self.item(code);
        chance.of("has result").happens(0.75).then(|| {
            let days = match self.direct {
                true => 0,
                false => 10 + chance.of("days").below(30),
            };
            let minutes = 1 + chance.of("minutes").below(20);
            let registered = self.published + TimeDelta::minutes(minutes as i64);
            let same_day = registered.date() == self.published.date();
            let registered = if same_day { registered } else { self.published };
            registered + TimeDelta::days(days as i64)
        })
    }
}

#[derive(Debug)]
struct Facts {
    day: NaiveDate,
    items: u32,
    root: Chance,
    templates: [Tree; 3],
    vintage: Vintage,
}

/// Makes the rows of one of the three datasets.
#[derive(Debug)]
struct Of(Arc<Facts>, What);

impl Maker for Of {
    fn make(&self, index: u32, version: u32) -> Tree {
        let Self(facts, what) = self;
        let compra = facts.compra(index >> 8);
        let mut record = facts.templates[*what as usize].clone();
        match what {
            What::Contratacao => contratacao(&mut record, &compra),
            What::Item => item(&mut record, &compra, index, version),
            What::Result => result(&mut record, &compra, index),
        }
        let dataset = [&of::CONTRATACOES, &of::ITENS, &of::RESULTADOS][*what as usize];
        facts.vintage.apply(dataset, &mut record);
        record
    }
}

impl Facts {
    fn new(day: &ComprasDay) -> Self {
        let date = u64::from(day.day.date().num_days_from_ce().unsigned_abs());
        Self {
            day: day.day.date(),
            items: day.items.clamp(1, 128),
            root: Chance::new(day.seed).of("compras").at(date),
            templates: [&of::CONTRATACOES, &of::ITENS, &of::RESULTADOS].map(template),
            vintage: day.vintage,
        }
    }

    fn row(self: &Arc<Self>, what: What, at: NaiveDateTime, code: u32, version: u32) -> Row {
        Row::made(at, Arc::new(Of(Arc::clone(self), what)), code, version)
    }

    fn compra(&self, index: u32) -> Compra {
        let chance = self.root.at(u64::from(index));
        let weights = MODALITIES.map(|(_, weight, _, _)| weight);
        let modality = MODALITIES[chance.of("modality").weighted(&weights)];
        let second = 7 * 3_600 + chance.of("second").below(12 * 3_600);
        let unit = 150_000 + chance.of("unit").below(50_000);
        let company = cnpj(self.root.of("organ").at(unit % 400).below(100_000_000));
        let year = self.day.year();
        // Unique on a day, and on consecutive days.
        let sequence = self.day.ordinal() * 20_000 + index + 1;
        // One in thirty has the SIASG id of the one before.
        let siasg = index - u32::from(index % 30 == 29);
        Compra {
            published: self.day.and_time(NaiveTime::MIN) + TimeDelta::seconds(second as i64),
            items: 1 + chance.of("items").below(u64::from(2 * self.items - 1)) as u32,
            control: format!("{company}-1-{sequence:06}/{year}"),
            siasg: format!("{unit:06}{:02}{:05}{year}", modality.0, siasg % 99_999),
            direct: modality.0 > 5,
            cnpj: company,
            chance,
            modality,
            sequence,
            unit,
        }
    }
}

fn contratacao(record: &mut Tree, compra: &Compra) {
    let chance = compra.chance;
    let (code, _, at_pncp, name) = compra.modality;
    let published = Tree::string(&time(compra.published));
    let cents = chance.of("cents").below(900_000_000);
    let opening = compra.published + Days::new(1);
    record.set_all([
        ("idCompra", Tree::string(&compra.siasg)),
        ("numeroControlePNCP", Tree::string(&compra.control)),
        ("anoCompraPncp", Tree::number(compra.published.year())),
        ("sequencialCompraPncp", Tree::number(compra.sequence)),
        ("orgaoEntidadeCnpj", Tree::string(&compra.cnpj)),
        (
            "unidadeOrgaoCodigoUnidade",
            Tree::string(&compra.unit.to_string()),
        ),
        (
            "numeroCompra",
            Tree::string(&format!("{:05}", compra.sequence % 100_000)),
        ),
        ("modalidadeIdPncp", Tree::literal(&at_pncp.to_string())),
        ("codigoModalidade", Tree::literal(&code.to_string())),
        ("modalidadeNome", Tree::string(name)),
        (
            "objetoCompra",
            Tree::string(&words(chance.of("object"), 180)),
        ),
        (
            "informacaoComplementar",
            Tree::string(&words(chance.of("more"), 400)),
        ),
        ("valorTotalEstimado", Tree::literal(&decimal(cents))),
        (
            "valorTotalHomologado",
            match compra.direct {
                true => Tree::literal(&decimal(cents)),
                false => Tree::null(),
            },
        ),
        (
            "existeResultado",
            Tree::literal(if compra.direct { "true" } else { "false" }),
        ),
        ("dataInclusaoPncp", published.clone()),
        ("dataAualizacaoPncp", published.clone()),
        ("dataPublicacaoPncp", published),
        ("dataAberturaPropostaPncp", Tree::string(&time(opening))),
        (
            "dataEncerramentoPropostaPncp",
            Tree::string(&time(opening + Days::new(12))),
        ),
    ]);
}

fn item(record: &mut Tree, compra: &Compra, code: u32, version: u32) {
    let chance = compra.item(code);
    let number = (code & 0xff) + 1;
    let quantity = 1 + chance.of("quantity").below(500);
    let cents = 100 + chance.of("cents").below(2_000_000);
    let result = (version > 0).then(|| compra.result_of(code)).flatten();
    let of_result = |value: String| match result {
        Some(_) => Tree::literal(&value),
        None => Tree::null(),
    };
    let updated = result.unwrap_or(compra.published);
    record.set_all([
        ("idCompra", Tree::string(&compra.siasg)),
        (
            "idCompraItem",
            Tree::string(&format!("{}{number:05}", compra.siasg)),
        ),
        ("idContratacaoPNCP", Tree::string(&compra.control)),
        (
            "unidadeOrgaoCodigoUnidade",
            Tree::literal(&compra.unit.to_string()),
        ),
        ("orgaoEntidadeCnpj", Tree::string(&compra.cnpj)),
        ("numeroItemPncp", Tree::number(number)),
        ("numeroItemCompra", Tree::number(number)),
        (
            "descricaoResumida",
            Tree::string(&words(chance.of("short"), 40)),
        ),
        (
            "descricaodetalhada",
            Tree::string(&words(chance.of("long"), 240)),
        ),
        ("quantidade", Tree::literal(&quantity.to_string())),
        // Amounts of this API have any number of trailing zeros.
        (
            "valorUnitarioEstimado",
            Tree::literal(&format!("{}00", decimal(cents))),
        ),
        (
            "valorTotal",
            Tree::literal(&format!("{}000000", decimal(cents * quantity))),
        ),
        (
            "situacaoCompraItem",
            Tree::string(if version > 0 { "2" } else { "1" }),
        ),
        (
            "situacaoCompraItemNome",
            Tree::string(if version > 0 {
                "Homologado"
            } else {
                "Em Andamento"
            }),
        ),
        ("temResultado", of_result("true".to_owned())),
        (
            "codFornecedor",
            of_result(format!("\"{}\"", supplier(chance))),
        ),
        (
            "nomeFornecedor",
            of_result("\"FORNECEDOR SIMULADO LTDA\"".to_owned()),
        ),
        (
            "quantidadeResultado",
            of_result(format!("{quantity}.00000000")),
        ),
        ("valorUnitarioResultado", of_result(decimal(cents))),
        ("valorTotalResultado", of_result(decimal(cents * quantity))),
        ("dataInclusaoPncp", Tree::string(&time(compra.published))),
        ("dataAtualizacaoPncp", Tree::string(&time(updated))),
        (
            "dataResultado",
            match result {
                Some(at) => Tree::string(&format!("{} 00:00:00.0000000", at.date())),
                None => Tree::null(),
            },
        ),
    ]);
}

fn result(record: &mut Tree, compra: &Compra, code: u32) {
    let chance = compra.item(code);
    let number = (code & 0xff) + 1;
    let quantity = 1 + chance.of("quantity").below(500);
    let cents = 100 + chance.of("cents").below(2_000_000);
    let registered = compra.result_of(code).unwrap_or(compra.published);
    record.set_all([
        (
            "idCompraItem",
            Tree::string(&format!("{}{number:05}", compra.siasg)),
        ),
        ("idCompra", Tree::string(&compra.siasg)),
        ("idContratacaoPNCP", Tree::string(&compra.control)),
        (
            "unidadeOrgaoCodigoUnidade",
            Tree::string(&compra.unit.to_string()),
        ),
        ("numeroItemPncp", Tree::number(number)),
        ("sequencialResultado", Tree::number(1)),
        ("niFornecedor", Tree::string(&supplier(chance))),
        (
            "nomeRazaoSocialFornecedor",
            Tree::string("FORNECEDOR SIMULADO LTDA"),
        ),
        ("quantidadeHomologada", Tree::literal(&quantity.to_string())),
        ("valorUnitarioHomologado", Tree::literal(&decimal(cents))),
        (
            "valorTotalHomologado",
            Tree::literal(&decimal(cents * quantity)),
        ),
        ("percentualDesconto", Tree::literal("0E-8")),
        ("dataInclusaoPncp", Tree::string(&time(registered))),
        ("dataAtualizacaoPncp", Tree::string(&time(registered))),
        (
            "dataResultadoPncp",
            Tree::string(&time(registered.date().and_time(NaiveTime::MIN))),
        ),
    ]);
}

fn supplier(chance: Chance) -> String {
    cnpj(chance.of("supplier").below(100_000_000))
}

/// Returns `length` bytes of recorded text.
pub(super) fn words(chance: Chance, length: usize) -> String {
    recorded_text(chance.bits() as usize % 20_000, length)
}

/// Formats an amount given in cents.
pub(super) fn decimal(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Formats a time as this API writes it.
pub(super) fn time(time: NaiveDateTime) -> String {
    time.format(TIME_FORMAT).to_string()
}
