//! Records that deviate from the manual: without an id, with undeclared fields, with values of another
//! type.
//!
//! The deviations belong to the record: they are the same in every response.

use super::record::ID_FIELD;
use crate::chance::Chance;
use crate::tree::Tree;

/// Probabilities that a generated record deviates, in each of three ways.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Oddities {
    /// The id is absent, null, empty or an object, or the record isn't an object at all.
    pub without_id: f64,
    /// There are undeclared fields, at the top level and nested.
    pub unknown_field: f64,
    /// A number is text, a text is a number, an object is text, and the like.
    pub mistyped: f64,
}

impl Oddities {
    /// The same probability for each way.
    pub fn each(probability: f64) -> Self {
        Self {
            without_id: probability,
            unknown_field: probability,
            mistyped: probability,
        }
    }

    /// Returns `true` if the record of this `chance` has no usable id.
    pub(super) fn loses_id(&self, chance: Chance) -> bool {
        chance.of("without id").happens(self.without_id)
    }

    /// Applies the deviations that are drawn from the record's `chance`.
    pub(super) fn apply(&self, record: &mut Tree, chance: Chance) {
        if chance.of("unknown field").happens(self.unknown_field) {
            add_unknown(record, chance.of("which field"));
        }
        if chance.of("mistyped").happens(self.mistyped) {
            mistype(record, chance.of("which type"));
        }
        if self.loses_id(chance) {
            lose_id(record, chance.of("which id"));
        }
    }
}

fn add_unknown(record: &mut Tree, chance: Chance) {
    match chance.below(3) {
        0 => record.set("indicadorDeTeste", Tree::literal("true")),
        1 => {
            let value = r#"{"codigo":7,"rotulos":["a","b"],"fator":0.10}"#;
            record.set("classificacaoDeTeste", parsed(value));
        }
        _ => {
            if let Some(organ) = record.get_mut("orgaoEntidade") {
                organ.set(
                    "naturezaDeTeste",
                    Tree::string("autarquia\u{2028}\"especial\""),
                );
            }
        }
    }
}

fn mistype(record: &mut Tree, chance: Chance) {
    let (field, value) = match chance.below(9) {
        0 => ("valorTotalEstimado", Tree::string("1.234,56")),
        1 => ("valorTotalEstimado", Tree::literal("1e-30")),
        2 => ("numeroCompra", Tree::literal("90006.0")),
        3 => ("unidadeOrgao", Tree::string("PREFEITURA MUNICIPAL")),
        4 => ("srp", Tree::string("S")),
        5 => ("anoCompra", Tree::string("2025")),
        6 => ("fontesOrcamentarias", parsed(r#"[{"codigo":"2"},null,7]"#)),
        7 => ("dataAberturaProposta", Tree::string("22/10/2025 08:00")),
        _ => ("amparoLegal", parsed(r#"["Lei 14.133/2021",2]"#)),
    };
    record.set(field, value);
}

fn lose_id(record: &mut Tree, chance: Chance) {
    match chance.below(5) {
        0 => record.remove(ID_FIELD),
        1 => record.set(ID_FIELD, Tree::literal("null")),
        2 => record.set(ID_FIELD, Tree::string("")),
        3 => record.set(ID_FIELD, parsed(r#"{"cnpj":"00000000000191","ano":2025}"#)),
        // Keep the value distinct: two equal values would be one record.
        _ => *record = Tree::Array(vec![record.get(ID_FIELD).cloned().unwrap_or(parsed("0"))]),
    }
}

/// Parses a JSON literal of this file.
fn parsed(text: &str) -> Tree {
    Tree::parse(text).unwrap_or_else(|_| Tree::literal("null"))
}
