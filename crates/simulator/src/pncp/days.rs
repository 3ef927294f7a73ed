//! Days of contracts, price registers, yearly plans and invoices, generated from a seed.

use std::sync::{Arc, LazyLock};

use chrono::{Datelike, Days, NaiveDateTime, NaiveTime, TimeDelta};

use super::datasets as of;
use super::generated::{cnpj, recorded_text};
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::row::{Maker, Row};
use crate::table::{TIME_FORMAT, Tables};
use crate::tree::Tree;
use bronzed_model::day::Day;

/// Number of items of a plan.
const ITEMS_OF_PLAN: u32 = 60;

/// A day of records of one kind: each kind has a method that adds them.
#[derive(Debug, Clone, Copy)]
pub struct DayOf {
    /// The same seed makes the same day.
    pub seed: u64,
    /// Day of publication; for plans, day of the update.
    pub day: Day,
    /// Number of records; for plans, number of items.
    pub records: u32,
    /// Probability that a record is updated in the three weeks after. Half of the updated records are
    /// updated twice on one day; price registers have dates only, so their dates don't show it.
    pub updated: f64,
    /// Probability that a row is listed twice. Of invoices, one in six is.
    pub repeated: f64,
}

impl DayOf {
    /// Records that are never updated.
    pub fn new(seed: u64, day: Day, records: u32) -> Self {
        Self {
            seed,
            day,
            records,
            updated: 0.0,
            repeated: 0.0,
        }
    }

    /// Adds contracts. The procurement of a contract may be another organ's, of another year.
    pub fn add_contratos(&self, tables: &Tables) {
        let rows = self.rows(&of::CONTRATOS, contrato, |row, _| row);
        tables.of(&of::CONTRATOS).extend(rows);
    }

    /// Adds price registers, valid for a year from the next day, with dates instead of times.
    pub fn add_atas(&self, tables: &Tables) {
        let rows = self.rows(&of::ATAS, ata, |row, version| {
            let start = row.at().date() + Days::new(1);
            let ends = start + Days::new(365 * u64::from(1 + version.min(1)));
            row.listed_under(start.into()).ending(ends.into())
        });
        tables.of(&of::ATAS).extend(rows);
    }

    /// Adds yearly plans, all updated on the day. A row is a plan with one of its items.
    pub fn add_pca(&self, tables: &Tables) {
        let once = Self {
            updated: 0.0,
            ..*self
        };
        let maker = once.maker(&of::PCA, pca_item);
        let rows = (0..self.records).map(|index| {
            let plan = index / ITEMS_OF_PLAN;
            let updated = plan_updated(&maker.facts(index, 0));
            let row = Row::made(updated, Arc::clone(&maker) as _, index, 0);
            row.in_group(u64::from(plan))
                .ranked(maker.chance(index).of("rank").bits())
        });
        tables.of(&of::PCA).extend(rows);
    }

    /// Adds invoices, listed by their inclusion. There is no listing of their updates.
    pub fn add_instrumentos(&self, tables: &Tables) {
        let rows = self.rows(&of::INSTRUMENTOS, instrumento, |row, _| row.in_group(1));
        tables.of(&of::INSTRUMENTOS).extend(rows);
    }

    fn maker(&self, dataset: &'static Dataset, edit: Edit) -> Arc<Made> {
        let date = u64::from(self.day.date().num_days_from_ce().unsigned_abs());
        Arc::new(Made {
            root: Chance::new(self.seed).of(dataset.name).at(date),
            day: self.day,
            edit,
        })
    }

    fn rows(
        &self,
        dataset: &'static Dataset,
        edit: Edit,
        place: impl Fn(Row, u32) -> Row,
    ) -> Vec<Row> {
        let maker = self.maker(dataset, edit);
        let mut rows = Vec::new();
        for index in 0..self.records {
            let chance = maker.chance(index);
            let mut versions = vec![maker.facts(index, 0).published];
            if chance.of("changes").happens(self.updated) {
                versions.push(maker.facts(index, 1).updated);
                if chance.of("again").happens(0.5) {
                    versions.push(maker.facts(index, 2).updated);
                }
            }
            for (version, since) in versions.iter().enumerate() {
                let facts = maker.facts(index, version as u32);
                let row = Row::made(
                    facts.published,
                    Arc::clone(&maker) as _,
                    index,
                    version as u32,
                );
                let row = row.updated(facts.updated).appearing(*since);
                let row = match versions.get(version + 1) {
                    Some(next) => row.until(*next),
                    None => row,
                };
                let row = place(row, version as u32);
                if chance.of("repeated").happens(self.repeated) {
                    rows.push(row.clone());
                }
                rows.push(row);
            }
        }
        rows
    }
}

type Edit = fn(&Facts) -> Tree;

#[derive(Debug)]
struct Made {
    root: Chance,
    day: Day,
    edit: Edit,
}

/// Values from which a version of a record is made.
struct Facts {
    index: u32,
    version: u32,
    chance: Chance,
    published: NaiveDateTime,
    updated: NaiveDateTime,
    /// A chance that all records of the day share.
    day: Chance,
}

impl Made {
    fn chance(&self, index: u32) -> Chance {
        self.root.at(u64::from(index))
    }

    fn facts(&self, index: u32, version: u32) -> Facts {
        let chance = self.chance(index);
        let second = 6 * 3_600 + chance.of("second").below(16 * 3_600) as i64;
        let published = self.day.date().and_time(NaiveTime::MIN) + TimeDelta::seconds(second);
        // Later versions are some days younger, and all of one day.
        let days = 1 + chance.of("later").below(20);
        let later = self.day.date().and_time(NaiveTime::MIN) + Days::new(days);
        let updated = match version {
            0 => published,
            version => later + TimeDelta::hours(8 + i64::from(version)),
        };
        Facts {
            index,
            version,
            chance,
            published,
            updated,
            day: self.root,
        }
    }
}

impl Maker for Made {
    fn make(&self, index: u32, version: u32) -> Tree {
        (self.edit)(&self.facts(index, version))
    }
}

impl Facts {
    fn year(&self) -> i32 {
        self.published.year()
    }

    /// Returns a number that no other record of the same organ has.
    fn sequence(&self) -> u32 {
        self.published.ordinal() * 10_000 + self.index + 1
    }

    fn organ(&self) -> String {
        let organ = self.chance.of("organ").below(900);
        cnpj(self.day.of("organs").at(organ).below(90_000_000))
    }

    fn text(&self, length: usize) -> Tree {
        let start = self.chance.of("text").below(20_000) as usize;
        Tree::string(&recorded_text(start, length))
    }
}

fn time(time: NaiveDateTime) -> Tree {
    Tree::string(&time.format(TIME_FORMAT).to_string())
}

fn date(time: NaiveDateTime) -> Tree {
    Tree::string(&time.date().to_string())
}

fn amount(cents: u64) -> Tree {
    Tree::literal(&format!("{}.{:02}", cents / 100, cents % 100))
}

/// Returns the records of an embedded file: an array, or an envelope of PNCP.
fn records(file: &str) -> Vec<Tree> {
    match Tree::parse(file) {
        Ok(Tree::Array(records)) => records,
        Ok(envelope) => match envelope.get("data") {
            Some(Tree::Array(records)) => records.clone(),
            _ => Vec::new(),
        },
        Err(_) => Vec::new(), // The files are part of the program, and a test reads them.
    }
}

static CONTRATOS: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    let mut templates = records(include_str!(
        "../../../../tests/fixtures/pncp/contratos_atualizacao.envelope.json"
    ));
    templates.extend(records(include_str!("../recorded/pncp/contratos.json")));
    templates
});
static ATAS: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    records(include_str!(
        "../../../../tests/fixtures/pncp/atas.envelope.json"
    ))
});
static PLANS: LazyLock<Vec<Tree>> = LazyLock::new(|| {
    records(include_str!(
        "../../../../tests/fixtures/pncp/pca_atualizacao.envelope.json"
    ))
});

/// Draws one of the recorded records.
fn template(templates: &[Tree], chance: Chance) -> Tree {
    let drawn = chance.of("template").below(templates.len() as u64) as usize;
    templates.get(drawn).cloned().unwrap_or(Tree::null())
}

fn contrato(facts: &Facts) -> Tree {
    let mut record = template(&CONTRATOS, facts.chance);
    let organ = facts.organ();
    let (sequence, year) = (facts.sequence(), facts.year());
    let cents = 1_000 + facts.chance.of("cents").below(900_000_000);
    let parent = cnpj(facts.chance.of("parent").below(90_000_000));
    let parent = format!("{parent}-1-{:06}/{}", 1 + facts.index % 900, year - 1);
    if let Some(entity) = record.get_mut("orgaoEntidade") {
        entity.set("cnpj", Tree::string(&organ));
    }
    record.set_all([
        (
            "numeroControlePNCP",
            Tree::string(&format!("{organ}-2-{sequence:06}/{year}")),
        ),
        ("numeroControlePncpCompra", Tree::string(&parent)),
        ("anoContrato", Tree::number(year)),
        ("sequencialContrato", Tree::number(sequence)),
        (
            "numeroContratoEmpenho",
            Tree::string(&format!("{:05}", facts.index + 1)),
        ),
        ("objetoContrato", facts.text(200)),
        (
            "niFornecedor",
            Tree::string(&cnpj(facts.chance.of("supplier").below(90_000_000))),
        ),
        (
            "nomeRazaoSocialFornecedor",
            Tree::string("FORNECEDOR SIMULADO LTDA"),
        ),
        ("valorInicial", amount(cents)),
        ("valorParcela", amount(cents)),
        (
            "valorGlobal",
            amount(cents + u64::from(facts.version) * 100),
        ),
        ("numeroRetificacao", Tree::number(facts.version)),
        ("dataAssinatura", date(facts.published - Days::new(2))),
        ("dataVigenciaInicio", date(facts.published)),
        ("dataVigenciaFim", date(facts.published + Days::new(365))),
        ("dataPublicacaoPncp", time(facts.published)),
        ("dataAtualizacao", time(facts.updated)),
        ("dataAtualizacaoGlobal", time(facts.updated)),
    ]);
    record
}

fn ata(facts: &Facts) -> Tree {
    let mut record = template(&ATAS, facts.chance);
    let organ = facts.organ();
    let parent = format!("{organ}-1-{:06}/{}", facts.sequence(), facts.year());
    let years = 1 + u64::from(facts.version.min(1));
    let start = facts.published + Days::new(1);
    record.set_all([
        (
            "numeroControlePNCPAta",
            Tree::string(&format!("{parent}-000001")),
        ),
        ("numeroControlePNCPCompra", Tree::string(&parent)),
        (
            "numeroAtaRegistroPreco",
            Tree::string(&format!("{:05}", facts.index + 1)),
        ),
        ("anoAta", Tree::number(facts.year())),
        (
            "cancelado",
            Tree::literal(if facts.version > 1 { "true" } else { "false" }),
        ),
        ("cnpjOrgao", Tree::string(&organ)),
        ("objetoContratacao", facts.text(180)),
        ("dataAssinatura", date(facts.published)),
        ("vigenciaInicio", date(start)),
        ("vigenciaFim", date(start + Days::new(365 * years))),
        ("dataPublicacaoPncp", date(facts.published)),
        ("dataInclusao", date(facts.published)),
        ("dataAtualizacao", date(facts.updated)),
        ("dataAtualizacaoGlobal", date(facts.updated)),
    ]);
    record
}

/// Returns the update time of an item's plan: the same for all of its items.
fn plan_updated(facts: &Facts) -> NaiveDateTime {
    let plan = facts
        .day
        .of("plan")
        .at(u64::from(facts.index / ITEMS_OF_PLAN));
    let second = 6 * 3_600 + plan.below(16 * 3_600) as i64;
    facts.published.date().and_time(NaiveTime::MIN) + TimeDelta::seconds(second)
}

fn pca_item(facts: &Facts) -> Tree {
    let mut record = template(&PLANS, facts.chance);
    let items = match record.get("itens") {
        Some(Tree::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let plan = facts.index / ITEMS_OF_PLAN;
    let organ = cnpj(facts.day.of("plans").at(u64::from(plan)).below(90_000_000));
    let sequence = facts.published.ordinal() * 100 + plan + 1;
    let year = facts.year();
    record.set_all([
        (
            "idPcaPncp",
            Tree::string(&format!("{organ}-0-{sequence:06}/{year}")),
        ),
        ("orgaoEntidadeCnpj", Tree::string(&organ)),
        ("anoPca", Tree::number(year)),
        ("dataAtualizacaoGlobalPCA", time(plan_updated(facts))),
    ]);
    let mut item = template(&items, facts.chance.of("item"));
    let cents = facts.chance.of("cents").below(900_000_000);
    item.set_all([
        ("numeroItem", Tree::number(facts.index % ITEMS_OF_PLAN + 1)),
        ("valorTotal", amount(cents)),
        ("dataInclusao", time(facts.published)),
        ("dataAtualizacao", time(facts.published)),
    ]);
    record.set("itens", item);
    record
}

fn instrumento(facts: &Facts) -> Tree {
    let organ = facts.organ();
    let cents = 1_000 + facts.chance.of("cents").below(9_000_000);
    let key = format!("{:044}", facts.chance.of("key").bits());
    let text = |text: &str| Tree::string(text);
    let note = match facts.chance.of("note").below(4) {
        0 => Tree::object([
            ("chave", text(&key)),
            ("numero", Tree::number(facts.index + 1)),
            ("serie", Tree::number(1)),
            (
                "dataEmissao",
                text(&facts.published.format("%d/%m/%Y %H:%M:%S").to_string()),
            ),
            ("niEmitente", text(&cnpj(u64::from(facts.index)))),
            ("nomeEmitente", text("FORNECEDOR SIMULADO LTDA")),
            // In Brazilian number format, as text.
            (
                "valorNotaFiscal",
                text(&format!("{},{:02}", cents / 100, cents % 100)),
            ),
            (
                "itens",
                Tree::Array(vec![Tree::object([
                    ("numeroItem", text("1")),
                    ("descricaoProdutoServico", facts.text(60)),
                    ("quantidade", text("1")),
                    (
                        "valorTotal",
                        text(&format!("{},{:02}", cents / 100, cents % 100)),
                    ),
                ])]),
            ),
            ("eventos", Tree::Array(Vec::new())),
        ]),
        _ => Tree::null(),
    };
    Tree::object([
        ("cnpj", text(&organ)),
        ("ano", Tree::number(facts.year())),
        ("sequencialContrato", Tree::number(facts.sequence())),
        ("sequencialInstrumentoCobranca", Tree::number(1)),
        (
            "tipoInstrumentoCobranca",
            Tree::object([
                ("id", Tree::number(1)),
                ("nome", text("Nota Fiscal Eletrônica (NF-e)")),
                ("descricao", Tree::null()),
                ("dataInclusao", text("2024-11-01T10:00:00")),
                ("dataAtualizacao", text("2024-11-01T10:00:00")),
                ("statusAtivo", Tree::literal("true")),
            ]),
        ),
        (
            "numeroInstrumentoCobranca",
            text(&(facts.index + 1).to_string()),
        ),
        ("dataEmissaoDocumento", date(facts.published)),
        ("observacao", Tree::null()),
        ("chaveNFe", text(&key)),
        ("fonteNFe", Tree::number(1)),
        ("dataConsultaNFe", time(facts.published)),
        ("statusResponseNFe", text("200")),
        ("jsonResponseNFe", text("{\"chave\":\"…\"}")),
        ("notaFiscalEletronica", note),
        ("dataInclusao", time(facts.published)),
        ("dataAtualizacao", time(facts.published)),
        ("recuperarContratoDTO", contrato(facts)),
    ])
}
