//! The TCU's own contracts, and the requests of the Congress to the TCU.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate};

use super::sanctions::document;
use crate::chance::Chance;
use crate::churn::Churn;
use crate::pncp::generated::recorded_text;
use crate::row::{Maker, Row};
use crate::tree::Tree;

/// The TCU's own contracts.
pub fn termos_contratuais(churn: &Churn) -> Vec<Row> {
    let root = Chance::new(churn.seed).of("termos");
    let maker: Arc<dyn Maker> = Arc::new(Termos {
        root,
        first: churn.first.date(),
    });
    churn.rows(&maker, |row, index| {
        row.ranked(root.of("rank").at(u64::from(index)).bits())
    })
}

#[derive(Debug)]
struct Termos {
    root: Chance,
    first: NaiveDate,
}

impl Maker for Termos {
    fn make(&self, index: u32, version: u32) -> Tree {
        let chance = self.root.at(u64::from(index));
        let signed = self.first - Days::new(chance.of("signed").below(2_000));
        let local =
            |day: NaiveDate| Tree::string(&day.format("%Y-%m-%dT00:00:00-0300").to_string());
        let cents = 100_000 + chance.of("cents").below(90_000_000);
        let amount = |cents: u64| Tree::literal(&format!("{}.{:02}", cents / 100, cents % 100));
        let until = signed + Days::new(365 * u64::from(1 + version));
        let start = chance.of("text").bits() as usize % 20_000;
        let number = |number: u64| Tree::literal(&number.to_string());
        Tree::object([
            ("codigoTipoContratacao", Tree::number(9)),
            (
                "tipoContratacao",
                Tree::string("CONTRATACAO POR NOTA DE EMPENHO"),
            ),
            ("numero", number(1 + u64::from(index) % 900)),
            ("ano", Tree::number(signed.year())),
            ("unidadeGestora", Tree::string("SEC-RJ")),
            ("codUnidadeGestora", Tree::number(199_180)),
            (
                "nomeFornecedor",
                Tree::string(&format!("FORNECEDOR SIMULADO {index}")),
            ),
            (
                "cnpjFornecedor",
                Tree::string(&digits(&document(false, index))),
            ),
            ("objeto", Tree::string(&recorded_text(start, 200))),
            ("valorInicial", amount(cents)),
            ("dataAssinatura", local(signed)),
            ("dataInicioVigencia", local(signed + Days::new(8))),
            ("dataTerminoVigencia", local(signed + Days::new(365))),
            ("dataPublicacao", local(signed + Days::new(9))),
            (
                "numeroProcesso",
                Tree::string(&format!("017.{:03}/2025-1", index % 1_000)),
            ),
            ("modalidadeLicitacao", Tree::string("DISPENSA DE LICITACAO")),
            ("numeroAditamentos", Tree::number(version)),
            (
                "valorAtualizado",
                amount(cents * u64::from(10 + version) / 10),
            ),
            ("dataTerminoVigenciaSegundoAditamentos", local(until)),
            ("codigo", number(30_000 + u64::from(index))),
            ("codigoModalidadeLicitacao", Tree::number(48)),
            (
                "unidadesFiscalizadoras",
                Tree::Array(vec![Tree::object([
                    ("codigo", Tree::number(300_046)),
                    ("sigla", Tree::string("SEC-RJ")),
                    (
                        "nome",
                        Tree::string("Secretaria do TCU no Estado do Rio de Janeiro"),
                    ),
                ])]),
            ),
        ])
    }
}

fn digits(document: &str) -> String {
    document.chars().filter(char::is_ascii_digit).collect()
}

/// Requests of the Congress to the TCU, newest first.
pub fn pedidos_congresso(churn: &Churn) -> Vec<Row> {
    let maker: Arc<dyn Maker> = Arc::new(Pedidos {
        root: Chance::new(churn.seed).of("pedidos"),
        first: churn.first.date(),
    });
    churn.rows(&maker, |row, index| row.ranked(u64::from(u32::MAX - index)))
}

#[derive(Debug)]
struct Pedidos {
    root: Chance,
    first: NaiveDate,
}

impl Maker for Pedidos {
    fn make(&self, index: u32, version: u32) -> Tree {
        let chance = self.root.at(u64::from(index));
        let approved = self.first - Days::new(chance.of("approved").below(1_000));
        let author = match version {
            0 if chance.of("author").happens(0.3) => Tree::null(),
            version => Tree::string(&format!("Comissão simulada {version}")),
        };
        let start = chance.of("text").bits() as usize % 20_000;
        let matter = 100_000 + index;
        let kind = if chance.of("kind").happens(0.8) {
            "REQ"
        } else {
            "SIT"
        };
        let page = format!("https://www25.senado.leg.br/web/atividade/materias/-/materia/{matter}");
        let data = format!("https://legis.senado.leg.br/dadosabertos/materia/{matter}");
        Tree::object([
            ("tipo", Tree::string(kind)),
            ("numero", Tree::number(1 + index % 90)),
            (
                "data_aprovacao",
                Tree::string(&approved.format("%Y-%m-%dT03:00:00Z").to_string()),
            ),
            ("assunto", Tree::string(&recorded_text(start, 160))),
            ("autor", author),
            (
                "processo_scn",
                Tree::string(&format!(
                    "{:03}.{:03}/2026-6",
                    index / 1_000 % 1_000,
                    index % 1_000
                )),
            ),
            ("link_proposicao", Tree::string(&page)),
            ("xml_proposicao", Tree::string(&data)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn contracts_and_requests_have_ids_of_their_own() {
        let first = "2025-10-20T06:00:00".parse().unwrap();
        let churn = Churn {
            days: 1,
            changed: 3,
            ..Churn::still(1, 300, first)
        };
        for (rows, dataset) in [
            (termos_contratuais(&churn), &crate::tcu::TERMOS),
            (pedidos_congresso(&churn), &crate::tcu::PEDIDOS),
        ] {
            let texts: BTreeSet<_> = rows.iter().map(|row| row.tree().to_json()).collect();
            let ids: BTreeSet<_> = rows.iter().map(|row| dataset.id(&row.tree())).collect();
            assert_eq!((texts.len(), ids.len()), (303, 300), "{}", dataset.name);
        }
    }
}
