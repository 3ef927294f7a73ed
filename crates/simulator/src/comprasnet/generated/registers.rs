//! Registers, which are read as whole tables and change slightly each day.

use chrono::Days;

use super::super::compras::words;
use super::super::datasets as of;
use super::super::recorded::Vintage;
use super::made::{Edited, Facts};
use crate::chance::Chance;
use crate::churn::Churn;
use crate::dataset::Dataset;
use crate::pncp::generated::cnpj;
use crate::row::Row;
use crate::tree::Tree;

/// Returns the rows of a register; with `statuses`, in two groups, active and inactive.
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

/// Returns `true` for nine in ten entries.
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

/// Returns the time at which a version of a register's entry was written.
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
