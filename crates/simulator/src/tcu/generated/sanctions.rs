//! Parties barred from bidding, and persons barred from office.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate};

use crate::chance::Chance;
use crate::churn::Churn;
use crate::row::{Maker, Row};
use crate::tree::Tree;

/// Persons barred from office, ordered by name like `inabilitados`.
pub fn inabilitados(churn: &Churn) -> Vec<Row> {
    sanctions(churn, "inabilitados")
}

/// Companies barred from bidding, ordered by name like `inidoneos`; see
/// [`recorded::inidoneos`](crate::tcu::recorded::inidoneos) for real ones.
pub fn inidoneos(churn: &Churn) -> Vec<Row> {
    sanctions(churn, "inidoneos")
}

fn sanctions(churn: &Churn, list: &'static str) -> Vec<Row> {
    let root = Chance::new(churn.seed).of(list);
    let maker: Arc<dyn Maker> = Arc::new(Sanctions {
        root,
        persons: list == "inabilitados",
        first: churn.first.date(),
    });
    // Ordered by name: a new row can be anywhere in the list.
    churn.rows(&maker, |row, index| row.ranked(rank(root, index)))
}

fn rank(root: Chance, index: u32) -> u64 {
    root.of("name").at(u64::from(who(index))).bits()
}

/// Returns the index of the party of a row: every twelfth row has the party of the row before.
fn who(index: u32) -> u32 {
    index - u32::from(index % 12 == 11)
}

#[derive(Debug)]
struct Sanctions {
    root: Chance,
    persons: bool,
    first: NaiveDate,
}

impl Maker for Sanctions {
    fn make(&self, index: u32, version: u32) -> Tree {
        let chance = self.root.at(u64::from(index));
        let decided = self.first - Days::new(200 + chance.of("decided").below(1_500));
        let midnight = |day: NaiveDate| Tree::string(&day.format("%Y-%m-%dT03:00:00Z").to_string());
        let settled = decided + Days::new(40 + chance.of("settled").below(150));
        // A newer version of a sanction lasts longer.
        let ends = settled + Days::new(365 * u64::from(5 + version));
        // The 16 letters at the end of the name order the list.
        let letters = format!("{:016x}", rank(self.root, index));
        let letters: String = letters.chars().map(letter).collect();
        let (field, name) = match self.persons {
            true => ("cpf", format!("PESSOA SIMULADA {letters}")),
            false => ("cpf_cnpj", format!("EMPRESA SIMULADA {letters}")),
        };
        let process = format!(
            "{:03}.{:03}/{}-{}",
            chance.of("process").below(40),
            index % 1_000,
            decided.year() - 3,
            index / 1_000 % 10
        );
        let decision = chance.of("decision").below(9_999);
        let town = match self.persons {
            true => Tree::string("MUNICIPIO SIMULADO"),
            false => Tree::null(),
        };
        Tree::object([
            ("nome", Tree::string(&name)),
            (field, Tree::string(&document(self.persons, who(index)))),
            ("processo", Tree::string(&process)),
            (
                "deliberacao",
                Tree::string(&format!("AC-{decision:06}/{}-PL", decided.year())),
            ),
            ("data_transito_julgado", midnight(settled)),
            ("data_final", midnight(ends)),
            (
                "data_acordao",
                Tree::string(&decided.format("%Y-%m-%dT17:30:00Z").to_string()),
            ),
            ("uf", Tree::string("DF")),
            ("municipio", town),
        ])
    }
}

/// Returns a hexadecimal digit as a letter, in the same order.
fn letter(digit: char) -> char {
    let value = digit.to_digit(16).unwrap_or_default();
    char::from_u32(u32::from('A') + value).unwrap_or('A')
}

/// Returns a CPF or CNPJ whose first check digit is wrong.
pub(super) fn document(person: bool, number: u32) -> String {
    let digits = format!("{number:08}");
    let (a, b, c) = (&digits[..2], &digits[2..5], &digits[5..]);
    match person {
        true => format!("9{a}.{b}.{c}-{}", wrong(&format!("9{digits}"), 11)),
        false => format!("{a}.{b}.{c}/0001-{}", wrong(&format!("{digits}0001"), 9)),
    }
}

/// Returns two check digits, the first of which is wrong for `digits`.
fn wrong(digits: &str, highest: u32) -> String {
    format!("{}0", (check_digit(digits, highest) + 1) % 10)
}

/// Returns the first check digit; weights go from 2 to `highest`, from the right.
fn check_digit(digits: &str, highest: u32) -> u32 {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip((2..=highest).cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn digits(document: &str) -> String {
        document.chars().filter(char::is_ascii_digit).collect()
    }

    #[test]
    fn sanctions_have_a_key_of_three_fields_and_parties_with_several() {
        let first = "2025-10-20T06:00:00".parse().unwrap();
        let rows = inabilitados(&Churn::still(1, 600, first));
        let dataset = &crate::tcu::INABILITADOS;
        let ids: BTreeSet<_> = rows.iter().map(|row| dataset.id(&row.tree())).collect();
        let parties: BTreeSet<_> = ids.iter().map(|id| id.split('|').next().unwrap()).collect();
        assert_eq!((ids.len(), parties.len()), (600, 550));
    }

    #[test]
    fn documents_are_nobodys() {
        assert_eq!(check_digit("000000000001", 9), 9); // Banco do Brasil: …0001-91
        for number in 0..2_000 {
            for (person, highest) in [(true, 11), (false, 9)] {
                let document = digits(&document(person, number));
                let (body, check) = document.split_at(document.len() - 2);
                let right = check_digit(body, highest).to_string();
                assert!(!check.starts_with(&right), "{body}-{check}");
            }
        }
    }
}
