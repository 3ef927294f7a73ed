//! Records listed by day: price registers and contracts, with their items.

use std::sync::Arc;

use chrono::{Datelike, Days, TimeDelta};

use super::super::compras::{decimal, words};
use super::super::datasets as of;
use super::super::recorded::Vintage;
use super::made::{Edited, Facts, midnight, siasg_of};
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::pncp::generated::cnpj;
use crate::row::Row;
use crate::table::Tables;
use crate::tree::Tree;
use bronzed_model::day::Day;

/// A day of records that are listed by day.
#[derive(Debug, Clone, Copy)]
pub struct DayOf {
    /// The same seed makes the same rows.
    pub seed: u64,
    /// Day under which the rows are listed.
    pub day: Day,
    /// Number of the first record, so that more records of the same day can be added later.
    pub first: u32,
    /// Number of records.
    pub records: u32,
    /// Probability that a row is listed twice. For price registers, only their items are: the second row is
    /// an excluded version.
    pub repeated: f64,
    /// Vintage of the served field names.
    pub vintage: Vintage,
}

impl DayOf {
    /// Records that aren't repeated.
    pub fn new(seed: u64, day: Day, records: u32) -> Self {
        Self {
            seed,
            day,
            first: 0,
            records,
            repeated: 0.0,
            vintage: Vintage::default(),
        }
    }

    pub(super) fn rows(&self, dataset: &'static Dataset, edit: fn(&mut Tree, &Facts)) -> Vec<Row> {
        let day = self.day.date();
        let maker = Edited::maker(dataset, self.seed, day, self.vintage, edit);
        let root = Chance::new(self.seed).of("rank").of(dataset.name);
        let mut rows = Vec::new();
        for index in self.first..self.first + self.records {
            let chance = root.at(u64::from(day.num_days_from_ce().unsigned_abs()));
            let chance = chance.at(u64::from(index));
            let row = Row::made(day.into(), Arc::clone(&maker), index, 0);
            if chance.of("repeated").happens(self.repeated) {
                rows.push(row.clone().ranked(chance.of("second").bits()));
            }
            rows.push(row.ranked(chance.bits()));
        }
        rows
    }

    /// Adds price registers (atas) that are valid from this day on and listed up to 90 days before, and
    /// eight items of each; an excluded item is listed a second time.
    pub fn add_arp(&self, tables: &Tables) {
        let day = u64::from(self.day.date().num_days_from_ce().unsigned_abs());
        let root = Chance::new(self.seed).of("atas").at(day);
        let known = |row: Row, ata: u32| {
            let before = root.at(u64::from(ata)).below(90 * 86_400) as i64;
            let known = row.at() - TimeDelta::seconds(before);
            let ends = row.at() + Days::new(365);
            row.updated(known).appearing(known).ending(ends)
        };
        let once = Self {
            repeated: 0.0,
            ..*self
        };
        let atas = once.rows(&of::ARP, ata).into_iter().zip(0..);
        tables
            .of(&of::ARP)
            .extend(atas.map(|(row, ata)| known(row, ata)));
        let items = Self {
            first: self.first * 8,
            records: self.records * 8,
            ..once
        };
        let items = items
            .rows(&of::ARP_ITENS, ata_item)
            .into_iter()
            .zip(self.first * 8..);
        let items = items.flat_map(|(row, index): (Row, u32)| {
            let row = known(row, index / 8);
            let chance = root.of("excluded").at(u64::from(index));
            let excluded = chance.happens(self.repeated).then(|| {
                let rank = chance.of("rank").bits();
                row.clone().in_version(1).ranked(rank)
            });
            excluded.into_iter().chain([row])
        });
        tables.of(&of::ARP_ITENS).extend(items);
    }

    /// Adds contracts of an organ that begin on this day, and three items of each.
    pub fn add_contratos(&self, tables: &Tables, organ: u32) {
        let of_organ = |row: Row| {
            let ends = row.at() + Days::new(365);
            row.in_group(u64::from(organ)).ending(ends)
        };
        // The index of each record encodes the organ: see `organ_of`.
        let own = Self {
            first: organ * PER_ORGAN + self.first,
            ..*self
        };
        let contracts = own.rows(&of::CONTRATOS, contrato).into_iter().map(of_organ);
        tables.of(&of::CONTRATOS).extend(contracts);
        let items = Self {
            first: organ * PER_ORGAN + self.first * 3,
            records: self.records * 3,
            ..own
        };
        let items = items
            .rows(&of::CONTRATOS_ITENS, contrato_item)
            .into_iter()
            .map(of_organ);
        tables.of(&of::CONTRATOS_ITENS).extend(items);
    }
}

/// Maximum number of records of an organ on a day.
const PER_ORGAN: u32 = 10_000;

/// Returns the organ of a record, and its number within the organ.
fn organ_of(facts: &Facts) -> (u32, u32) {
    (facts.index / PER_ORGAN, facts.index % PER_ORGAN)
}

fn ata(record: &mut Tree, facts: &Facts) {
    let organ = cnpj(u64::from(facts.index % 300));
    let control = format!(
        "{organ}-1-{:06}/{}",
        facts.day.ordinal() * 100,
        facts.day.year()
    );
    let cents = facts.chance.of("cents").below(90_000_000);
    record.set_all([
        (
            "numeroAtaRegistroPreco",
            Tree::string(&ata_number(facts, 1)),
        ),
        (
            "codigoUnidadeGerenciadora",
            Tree::number(160_000 + facts.day.ordinal()),
        ),
        ("numeroControlePncpCompra", Tree::string(&control)),
        (
            "numeroControlePncpAta",
            match facts.index % 150 {
                149 => Tree::null(),
                _ => Tree::string(&format!("{control}-{:06}", facts.index + 1)),
            },
        ),
        (
            "idCompra",
            Tree::string(&siasg_of(facts.day, facts.index, 5)),
        ),
        ("dataAssinatura", midnight(facts.day - Days::new(3))),
        ("dataVigenciaInicial", midnight(facts.day)),
        ("dataVigenciaFinal", midnight(facts.day + Days::new(365))),
        (
            "valorTotal",
            Tree::literal(&format!("{}000000", decimal(cents))),
        ),
        (
            "objeto",
            Tree::string(&words(facts.chance.of("object"), 160)),
        ),
        ("quantidadeItens", Tree::number(8)),
    ]);
}

fn ata_number(facts: &Facts, items: u32) -> String {
    format!("{:05}/{}", facts.index / items + 1, facts.day.year())
}

fn ata_item(record: &mut Tree, facts: &Facts) {
    let ata = facts.index / 8;
    let organ = cnpj(u64::from(ata % 300));
    let control = format!(
        "{organ}-1-{:06}/{}",
        facts.day.ordinal() * 100,
        facts.day.year()
    );
    let cents = 100 + facts.chance.of("cents").below(500_000);
    let quantity = 1 + facts.chance.of("quantity").below(300);
    record.set_all([
        (
            "numeroAtaRegistroPreco",
            Tree::string(&ata_number(facts, 8)),
        ),
        (
            "codigoUnidadeGerenciadora",
            Tree::number(160_000 + facts.day.ordinal()),
        ),
        ("idCompra", Tree::string(&siasg_of(facts.day, ata, 5))),
        ("numeroControlePncpCompra", Tree::string(&control)),
        (
            "numeroControlePncpAta",
            Tree::string(&format!("{control}-{:06}", ata + 1)),
        ),
        (
            "numeroItem",
            Tree::string(&format!("{:05}", facts.index % 8 + 1)),
        ),
        ("classificacaoFornecedor", Tree::string("001")),
        ("dataAssinatura", midnight(facts.day - Days::new(3))),
        ("dataVigenciaInicial", midnight(facts.day)),
        ("dataVigenciaFinal", midnight(facts.day + Days::new(365))),
        (
            "descricaoItem",
            Tree::string(&words(facts.chance.of("text"), 120)),
        ),
        ("niFornecedor", Tree::string(&cnpj(u64::from(facts.index)))),
        (
            "nomeRazaoSocialFornecedor",
            Tree::string("FORNECEDOR SIMULADO LTDA"),
        ),
        ("valorUnitario", Tree::literal(&decimal(cents))),
        ("valorTotal", Tree::literal(&decimal(cents * quantity))),
        (
            "itemExcluido",
            Tree::literal(if facts.version > 0 { "true" } else { "false" }),
        ),
    ]);
}

fn contrato(record: &mut Tree, facts: &Facts) {
    let (organ, number) = organ_of(facts);
    let cents = 1_000 + facts.chance.of("cents").below(90_000_000);
    let year = facts.day.year();
    record.set_all([
        ("codigoOrgao", Tree::number(organ)),
        ("codigoUnidadeGestora", Tree::number(110_161)),
        (
            "numeroContrato",
            Tree::string(&contract_number(facts, number)),
        ),
        (
            "idCompra",
            match number % 90 {
                89 => Tree::null(),
                _ => Tree::string(&siasg_of(facts.day, number, 6)),
            },
        ),
        (
            "numeroCompra",
            Tree::string(&format!("{:05}/{year}", number + 1)),
        ),
        ("niFornecedor", Tree::string(&cnpj(u64::from(number)))),
        (
            "nomeRazaoSocialFornecedor",
            Tree::string("FORNECEDOR SIMULADO LTDA"),
        ),
        (
            "objeto",
            Tree::string(&words(facts.chance.of("object"), 120)),
        ),
        ("dataVigenciaInicial", midnight(facts.day)),
        ("dataVigenciaFinal", midnight(facts.day + Days::new(365))),
        (
            "valorGlobal",
            Tree::literal(&format!("{}000000", decimal(cents))),
        ),
        ("valorParcela", Tree::literal(&decimal(cents))),
        ("valorAcumulado", Tree::literal(&decimal(cents))),
        (
            "numeroControlePncpContrato",
            match number % 5 {
                0 => Tree::string(&format!("05546795000151-2-{:06}/{year}", number + 1)),
                _ => Tree::null(),
            },
        ),
    ]);
}

fn contract_number(facts: &Facts, number: u32) -> String {
    format!(
        "{}NE{:06}",
        facts.day.year(),
        facts.day.ordinal() * 1_000 + number + 1
    )
}

fn contrato_item(record: &mut Tree, facts: &Facts) {
    let (organ, number) = organ_of(facts);
    let contract = number / 3;
    let cents = 100 + facts.chance.of("cents").below(500_000);
    record.set_all([
        ("codigoOrgao", Tree::number(organ)),
        ("codigoUnidadeGestora", Tree::number(110_161)),
        (
            "numeroContrato",
            Tree::string(&contract_number(facts, contract)),
        ),
        ("idCompra", Tree::string(&siasg_of(facts.day, contract, 6))),
        (
            "numeroItem",
            Tree::string(&format!("{:05}", number % 3 + 1)),
        ),
        ("niFornecedor", Tree::string(&cnpj(u64::from(contract)))),
        (
            "nomeRazaoSocialFornecedor",
            Tree::string("FORNECEDOR SIMULADO LTDA"),
        ),
        (
            "descricaoIitem",
            Tree::string(&words(facts.chance.of("text"), 60)),
        ),
        ("dataVigenciaInicial", midnight(facts.day)),
        ("dataVigenciaFinal", midnight(facts.day + Days::new(365))),
        ("valorUnitarioItem", Tree::literal(&decimal(cents))),
        ("valorTotalItem", Tree::literal(&decimal(cents * 10))),
    ]);
}
