//! The other datasets, made from a seed: price registers, contracts, the archive, the registers.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta};

use super::compras::{decimal, time, words};
use super::datasets as of;
use super::recorded::{Vintage, template};
use crate::day::Day;
use crate::simulator::chance::Chance;
use crate::simulator::churn::Churn;
use crate::simulator::dataset::Dataset;
use crate::simulator::pncp::generated::cnpj;
use crate::simulator::row::{Maker, Row};
use crate::simulator::table::Tables;
use crate::simulator::tree::Tree;

/// What a record is made of.
struct Facts {
    index: u32,
    version: u32,
    chance: Chance,
    /// The day that it stands for.
    day: NaiveDate,
}

/// Makes records of a dataset after its template.
#[derive(Debug)]
struct Edited {
    dataset: &'static Dataset,
    template: Tree,
    root: Chance,
    day: NaiveDate,
    vintage: Vintage,
    edit: fn(&mut Tree, &Facts),
}

impl Edited {
    fn maker(
        dataset: &'static Dataset,
        seed: u64,
        day: NaiveDate,
        vintage: Vintage,
        edit: fn(&mut Tree, &Facts),
    ) -> Arc<dyn Maker> {
        let date = u64::from(day.num_days_from_ce().unsigned_abs());
        Arc::new(Self {
            dataset,
            template: template(dataset),
            root: Chance::new(seed).of(dataset.name).at(date),
            day,
            vintage,
            edit,
        })
    }
}

impl Maker for Edited {
    fn make(&self, index: u32, version: u32) -> Tree {
        let mut record = self.template.clone();
        let chance = self.root.at(u64::from(index));
        let facts = Facts {
            index,
            version,
            chance,
            day: self.day,
        };
        (self.edit)(&mut record, &facts);
        self.vintage.apply(self.dataset, &mut record);
        record
    }
}

/// A day's worth of rows that are listed by day: so many of one dataset.
#[derive(Debug, Clone, Copy)]
pub struct DayOf {
    /// The same seed makes the same rows.
    pub seed: u64,
    /// The day that they are listed under.
    pub day: Day,
    /// The number of the first record: more of the same day begin after those that are there.
    pub first: u32,
    /// How many records.
    pub records: u32,
    /// How likely a row is listed twice; of items, rather because one of the two was excluded.
    pub repeated: f64,
    /// Whose field names are served.
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

    fn rows(&self, dataset: &'static Dataset, edit: fn(&mut Tree, &Facts)) -> Vec<Row> {
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

    /// Price registers (atas) that are valid from this day on, known up to 90 days before, and
    /// their items, eight to each; an item that was excluded is listed a second time.
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

    /// Contracts of an organ that begin on this day, and their items, three to each.
    pub fn add_contratos(&self, tables: &Tables, organ: u32) {
        let of_organ = |row: Row| {
            let ends = row.at() + Days::new(365);
            row.in_group(u64::from(organ)).ending(ends)
        };
        // The organ goes along in the index of each record: see `organ_of`.
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

    /// A day of the closed archive: tenders, auctions, purchases without a tender, and the items
    /// of all, two to each. Items of purchases without a tender are listed three times.
    pub fn add_legado(&self, tables: &Tables) {
        let year = u64::from(self.day.date().year().unsigned_abs());
        let items = Self {
            first: self.first * 2,
            records: self.records * 2,
            ..*self
        };
        let fill = |dataset: &'static Dataset, rows: Vec<Row>, group: u64| {
            let rows = rows.into_iter().map(|row| row.in_group(group));
            tables.of(dataset).extend(rows);
        };
        fill(
            &of::LEGADO_LICITACOES,
            self.rows(&of::LEGADO_LICITACOES, licitacao),
            0,
        );
        let rows = items.rows(&of::LEGADO_ITENS_LICITACAO, licitacao_item);
        fill(&of::LEGADO_ITENS_LICITACAO, rows, 5);
        fill(
            &of::LEGADO_PREGOES,
            self.rows(&of::LEGADO_PREGOES, pregao),
            0,
        );
        fill(
            &of::LEGADO_ITENS_PREGOES,
            items.rows(&of::LEGADO_ITENS_PREGOES, pregao_item),
            0,
        );
        let dataset = &of::LEGADO_COMPRAS_SEM_LICITACAO;
        fill(dataset, self.rows(dataset, sem_licitacao), year);
        let dataset = &of::LEGADO_ITENS_SEM_LICITACAO;
        let rows = items.rows(dataset, sem_licitacao_item);
        let thrice = (0..3).flat_map(|time: u32| {
            rows.iter()
                .map(move |row| row.clone().ranked(row.rank.rotate_left(time * 20)))
        });
        fill(dataset, thrice.collect(), year);
    }
}

/// How many records of an organ a day may have.
const PER_ORGAN: u32 = 10_000;

/// The organ of a record, and its number within that.
fn organ_of(facts: &Facts) -> (u32, u32) {
    (facts.index / PER_ORGAN, facts.index % PER_ORGAN)
}

/// The id of SIASG of the `number`th purchase of a day.
fn siasg_of(day: NaiveDate, number: u32, modality: u32) -> String {
    let unit = 160_000 + day.ordinal();
    format!("{unit}{modality:02}{:05}{}", number + 1, day.year())
}

fn midnight(day: NaiveDate) -> Tree {
    Tree::string(&time(NaiveDateTime::from(day)))
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

fn licitacao(record: &mut Tree, facts: &Facts) {
    record.set_all([
        (
            "id_compra",
            Tree::string(&siasg_of(facts.day, facts.index, 5)),
        ),
        (
            "identificador",
            Tree::string(&siasg_of(facts.day, facts.index, 5)),
        ),
        (
            "objeto",
            Tree::string(&words(facts.chance.of("object"), 200)),
        ),
        ("data_publicacao", Tree::string(&facts.day.to_string())),
    ]);
}

fn licitacao_item(record: &mut Tree, facts: &Facts) {
    let compra = siasg_of(facts.day, facts.index / 2, 5);
    let number = facts.index % 2 + 1;
    record.set_all([
        (
            "id_compra_item",
            Tree::string(&format!("{compra}{number:05}")),
        ),
        ("id_compra", Tree::string(&compra)),
        ("numero_item_licitacao", Tree::number(number)),
        (
            "quantidade",
            Tree::string(&(1 + facts.chance.below(90)).to_string()),
        ),
    ]);
}

fn pregao(record: &mut Tree, facts: &Facts) {
    let cents = facts.chance.of("cents").below(90_000_000);
    record.set_all([
        (
            "id_compra",
            Tree::string(&siasg_of(facts.day, facts.index, 5)),
        ),
        (
            "tx_objeto",
            Tree::string(&words(facts.chance.of("object"), 200)),
        ),
        ("valorEstimadoTotal", Tree::string(&decimal(cents))),
        ("valorHomologadoTotal", Tree::string(&decimal(cents / 2))),
        ("dt_data_edital", Tree::string(&facts.day.to_string())),
    ]);
}

fn pregao_item(record: &mut Tree, facts: &Facts) {
    let compra = siasg_of(facts.day, facts.index / 2, 5);
    let cents = facts.chance.of("cents").below(9_000_000);
    record.set_all([
        (
            "id_compra_item",
            Tree::string(&format!("{compra}{:05}", facts.index % 2 + 1)),
        ),
        ("id_compra", Tree::string(&compra)),
        (
            "descricao_detalhada_item",
            Tree::string(&words(facts.chance.of("text"), 90)),
        ),
        ("valor_estimado_item", Tree::string(&decimal(cents))),
        ("menor_lance", Tree::string(&decimal(cents / 2))),
        ("valorHomologadoItem", Tree::string(&decimal(cents / 2))),
        ("no_adjudic", Tree::string("PESSOA SIMULADA")),
        ("no_hom", Tree::string("PESSOA SIMULADA")),
        ("dt_hom", Tree::string(&facts.day.to_string())),
    ]);
}

fn sem_licitacao(record: &mut Tree, facts: &Facts) {
    record.set_all([
        (
            "idCompra",
            Tree::string(&siasg_of(facts.day, facts.index, 6)),
        ),
        ("dt_ano_aviso", Tree::number(facts.day.year())),
        ("nu_aviso_licitacao", Tree::number(facts.index + 1)),
        (
            "ds_objeto_licitacao",
            Tree::string(&words(facts.chance.of("object"), 200)),
        ),
        ("dt_alteracao", Tree::string(&facts.day.to_string())),
    ]);
}

fn sem_licitacao_item(record: &mut Tree, facts: &Facts) {
    let compra = siasg_of(facts.day, facts.index / 2, 6);
    let number = facts.index % 2 + 1;
    record.set_all([
        (
            "idCompraItem",
            Tree::string(&format!("{compra}{number:05}")),
        ),
        ("idCompra", Tree::string(&compra)),
        ("dt_ano_aviso_licitacao", Tree::number(facts.day.year())),
        ("nu_item_material", Tree::number(number)),
        ("no_responsavel_decl_disp", Tree::string("PESSOA SIMULADA")),
        (
            "ds_detalhada",
            Tree::string(&words(facts.chance.of("text"), 120)),
        ),
    ]);
}

/// A register that is read whole: what it lists by status is in two groups, active and not.
fn register(
    dataset: &'static Dataset,
    churn: &Churn,
    statuses: bool,
    edit: fn(&mut Tree, &Facts),
) -> Vec<Row> {
    let day = churn.first.date();
    let maker = Edited::maker(dataset, churn.seed, day, Vintage::Current, edit);
    let root = Chance::new(churn.seed).of("rank").of(dataset.name);
    churn.rows(&maker, |row, index| {
        let row = row.ranked(root.at(u64::from(index)).bits());
        match statuses {
            true => row.in_group(u64::from(is_active(index))),
            false => row,
        }
    })
}

/// One in ten isn't.
fn is_active(index: u32) -> bool {
    index % 10 != 9
}

fn active(facts: &Facts) -> Tree {
    Tree::literal(if is_active(facts.index) {
        "true"
    } else {
        "false"
    })
}

/// When a version of a register's entry was written.
fn moved(facts: &Facts) -> Tree {
    let day = facts.day + Days::new(u64::from(facts.version));
    Tree::string(&day.format("%Y-%m-%dT09:12:00").to_string())
}

/// Purchasing units.
pub fn uasg(churn: &Churn) -> Vec<Row> {
    register(&of::UASG, churn, true, |record, facts| {
        record.set_all([
            (
                "codigoUasg",
                Tree::string(&(150_000 + facts.index).to_string()),
            ),
            (
                "nomeUasg",
                Tree::string(&format!("UNIDADE SIMULADA {}", facts.index)),
            ),
            ("statusUasg", active(facts)),
            ("dataHoraMovimento", moved(facts)),
        ]);
    })
}

/// Organs, their codes from 20000 on.
pub fn orgaos(churn: &Churn) -> Vec<Row> {
    register(&of::ORGAOS, churn, true, |record, facts| {
        record.set_all([
            ("codigoOrgao", Tree::number(20_000 + facts.index)),
            (
                "nomeOrgao",
                Tree::string(&format!("ORGAO SIMULADO {}", facts.index)),
            ),
            ("statusOrgao", active(facts)),
            ("dataHoraMovimento", moved(facts)),
        ]);
    })
}

/// Suppliers: companies only.
pub fn fornecedores(churn: &Churn) -> Vec<Row> {
    register(&of::FORNECEDORES, churn, true, |record, facts| {
        let town = format!("MUNICIPIO {}", facts.version);
        record.set_all([
            ("cnpj", Tree::string(&cnpj(u64::from(facts.index)))),
            ("ativo", active(facts)),
            (
                "nomeRazaoSocialFornecedor",
                Tree::string("FORNECEDOR SIMULADO LTDA"),
            ),
            ("nomeMunicipio", Tree::string(&town)),
        ]);
    })
}

/// The catalogue of materials.
pub fn materiais(churn: &Churn) -> Vec<Row> {
    register(&of::MATERIAIS, churn, false, |record, facts| {
        let updated = format!("{}T17:49:19.424{:03}", facts.day, facts.version % 1_000);
        record.set_all([
            ("codigoItem", Tree::number(200_000 + facts.index)),
            ("descricaoItem", Tree::string(&words(facts.chance, 80))),
            ("statusItem", active(facts)),
            ("dataHoraAtualizacao", Tree::string(&updated)),
        ]);
    })
}

/// The catalogue of services.
pub fn servicos(churn: &Churn) -> Vec<Row> {
    register(&of::SERVICOS, churn, false, |record, facts| {
        let updated = format!("{}T09:09:59.689{:03}", facts.day, facts.version % 1_000);
        record.set_all([
            ("codigoServico", Tree::number(1_000 + facts.index)),
            ("nomeServico", Tree::string(&words(facts.chance, 40))),
            ("statusServico", active(facts)),
            ("dataHoraAtualizacao", Tree::string(&updated)),
        ]);
    })
}
