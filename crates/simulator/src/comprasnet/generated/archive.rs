//! The closed archive of purchases before Lei 14.133.

use chrono::Datelike;

use super::super::compras::{decimal, words};
use super::super::datasets as of;
use super::days::DayOf;
use super::made::{Facts, siasg_of};
use crate::dataset::Dataset;
use crate::row::Row;
use crate::table::Tables;
use crate::tree::Tree;

impl DayOf {
    /// Adds a day of the closed archive: tenders, auctions, purchases without a tender, and two items of
    /// each. Items of purchases without a tender are listed three times.
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
