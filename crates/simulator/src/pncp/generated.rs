//! Whole days of records, generated from a seed on demand.
//!
//! A record's shape and texts are those of a recorded one; its id, organ, dates and amounts are drawn.
//! Modalidades are as uneven as in reality: 6 and 8 are large, 2 and 10 are empty. Publication follows
//! office hours, with a burst of batches at night.

use std::sync::{Arc, LazyLock};

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta};

use super::oddity::Oddities;
use super::record::{ID_FIELD, Record};
use super::recorded;
use crate::chance::Chance;
use crate::row::Maker;
use crate::table::TIME_FORMAT;
use crate::tree::Tree;
use bronzed_model::day::Day;

/// Weight of modalidades 1 to 13.
const MODALIDADES: [u32; 13] = [12, 0, 2, 55, 10, 360, 20, 350, 130, 0, 3, 45, 8];

/// Names of modalidades 1 to 13, as PNCP serves them.
const NAMES: [&str; 13] = [
    "Leilão - Eletrônico",
    "Diálogo Competitivo",
    "Concurso",
    "Concorrência - Eletrônica",
    "Concorrência - Presencial",
    "Pregão - Eletrônico",
    "Pregão - Presencial",
    "Dispensa",
    "Inexigibilidade",
    "Manifestação de Interesse",
    "Pré-qualificação",
    "Credenciamento",
    "Leilão - Presencial",
];

/// Weight of the hours of a day.
const HOURS: [u32; 24] = [
    3, 2, 6, 1, 0, 0, 1, 9, 9, 11, 11, 9, 4, 6, 10, 10, 9, 7, 3, 2, 1, 1, 1, 1,
];

/// Number of organs that publish on one day.
const ORGANS: u64 = 3_000;

/// A day to generate.
#[derive(Debug, Clone)]
pub struct GeneratedDay {
    /// The same seed makes the same day, to the byte.
    pub seed: u64,
    /// The day of publication.
    pub day: Day,
    /// Number of records.
    pub records: u32,
    /// Length of a record's JSON, give or take 10 %; not less than its shape needs.
    pub bytes_per_record: usize,
    /// Probabilities that a record deviates from the manual.
    pub oddities: Oddities,
    /// Probability that a record appears only after its publication, later on the same day, which moves the
    /// records that were published after it.
    pub late: f64,
    /// Probability that a record is updated in the three weeks after its publication: the update listing
    /// then has it again, with a result.
    pub updated: f64,
}

impl GeneratedDay {
    /// A day of plain records of 2.4 KB.
    pub fn new(seed: u64, day: Day, records: u32) -> Self {
        Self {
            seed,
            day,
            records,
            bytes_per_record: 2_400,
            oddities: Oddities::default(),
            late: 0.0,
            updated: 0.0,
        }
    }

    /// Returns the day's records; of an updated one, both versions.
    pub fn records(&self) -> impl Iterator<Item = Record> + use<> {
        let generator = Arc::new(Generator::new(self.clone()));
        (0..self.records).flat_map(move |index| Generator::versions(&generator, index))
    }
}

/// Makes the records of one day.
#[derive(Debug)]
pub(super) struct Generator {
    day: GeneratedDay,
    root: Chance,
    /// Indices of the recorded records that aren't longer than `bytes_per_record`, but at least the five
    /// shortest.
    templates: Vec<usize>,
}

/// Recorded texts for lengthening records, and the length of each recorded record.
static CORPUS: LazyLock<Corpus> = LazyLock::new(|| {
    let mut corpus = Corpus::default();
    for tree in recorded::templates() {
        corpus.lengths.push(tree.to_json().len());
        if let Some(text) = tree.get("objetoCompra").and_then(Tree::as_text) {
            corpus.text.push_str(&text);
            corpus.text.push(' ');
        }
    }
    corpus
});

#[derive(Default)]
struct Corpus {
    text: String,
    lengths: Vec<usize>,
}

impl Generator {
    fn new(day: GeneratedDay) -> Self {
        let mut templates: Vec<_> = (0..CORPUS.lengths.len()).collect();
        templates.sort_by_key(|index| CORPUS.lengths[*index]);
        let fitting =
            templates.partition_point(|index| CORPUS.lengths[*index] <= day.bytes_per_record);
        templates.truncate(fitting.max(5));
        let date = u64::from(day.day.date().num_days_from_ce().unsigned_abs());
        Self {
            root: Chance::new(day.seed).of("contratacoes").at(date),
            templates,
            day,
        }
    }

    fn versions(generator: &Arc<Self>, index: u32) -> impl Iterator<Item = Record> + use<> {
        let chance = generator.chance(index);
        let place = generator.place(index, 0);
        let appears = generator.appears(chance, place.published);
        let record = |version| Record::generated(generator, index, version);
        let first = record(0).appearing(appears);
        if !chance.of("changes").happens(generator.day.updated) {
            return [Some(first), None].into_iter().flatten();
        }
        let change = generator.place(index, 1).updated.max(appears);
        let second = record(1).appearing(change);
        [Some(first.until(change)), Some(second)]
            .into_iter()
            .flatten()
    }

    fn appears(&self, chance: Chance, published: NaiveDateTime) -> NaiveDateTime {
        if !chance.of("late").happens(self.day.late) {
            return published;
        }
        let midnight = self.day.day.next().date().and_time(NaiveTime::MIN);
        let rest = (midnight - published).num_seconds().unsigned_abs();
        published + seconds(chance.of("delay").below(rest))
    }

    /// Returns the modalidade and the times under which a version of a record is listed.
    pub(super) fn place(&self, index: u32, version: u32) -> Place {
        let chance = self.chance(index);
        let published = self.published(chance);
        let updated = published + seconds(chance.of("updated").below(600));
        let later = seconds(3_600 + chance.of("later").below(20 * 86_400));
        let opening = published.date().and_time(NaiveTime::MIN) + seconds(32 * 3_600);
        Place {
            modalidade: 1 + chance.of("modalidade").weighted(&MODALIDADES) as u32,
            published,
            updated: if version == 0 {
                updated
            } else {
                updated + later
            },
            opening,
            closing: opening + TimeDelta::days(5 + chance.of("closing").below(40) as i64),
        }
    }

    fn chance(&self, index: u32) -> Chance {
        self.root.at(u64::from(index))
    }

    fn published(&self, chance: Chance) -> NaiveDateTime {
        let hour = chance.of("hour").weighted(&HOURS) as u64;
        let second = chance.of("second").below(3_600);
        self.day.day.date().and_time(NaiveTime::MIN) + seconds(hour * 3_600 + second)
    }

    fn identity(&self, index: u32) -> Identity {
        let chance = self.chance(index);
        let organ = chance.of("organ").below(ORGANS);
        let year = self.day.day.date().year();
        Identity {
            cnpj: cnpj(self.root.of("cnpj").at(organ).below(100_000_000)),
            // Unique on a day: ids differ whatever the organ.
            sequence: index + 1,
            year: year - i32::from(chance.of("year").happens(0.05)),
        }
    }

    fn identify(&self, tree: &mut Tree, index: u32, modalidade: u32) {
        let identity = self.identity(index);
        tree.set(ID_FIELD, Tree::string(&identity.id()));
        tree.set("anoCompra", Tree::literal(&identity.year.to_string()));
        tree.set(
            "sequencialCompra",
            Tree::literal(&identity.sequence.to_string()),
        );
        tree.set(
            "numeroCompra",
            Tree::string(&format!("{:05}", index % 99_999 + 1)),
        );
        if let Some(organ) = tree.get_mut("orgaoEntidade") {
            organ.set("cnpj", Tree::string(&identity.cnpj));
        }
        tree.set("modalidadeId", Tree::literal(&modalidade.to_string()));
        let name = NAMES.get(modalidade as usize - 1).unwrap_or(&"");
        tree.set("modalidadeNome", Tree::string(name));
    }

    /// Lengthens the record to the requested size, with text that compresses like real text.
    fn fill(&self, tree: &mut Tree, chance: Chance, length: usize) {
        let target =
            self.day.bytes_per_record as f64 * (0.9 + 0.2 * chance.of("length").fraction());
        let missing = (target as usize).saturating_sub(length);
        if missing == 0 {
            return;
        }
        let start = chance.of("text").below(CORPUS.text.len() as u64) as usize;
        let own = tree.get("informacaoComplementar").and_then(Tree::as_text);
        let longer = own.unwrap_or_default() + &recorded_text(start, missing);
        tree.set("informacaoComplementar", Tree::string(&longer));
    }
}

impl Maker for Generator {
    fn make(&self, index: u32, version: u32) -> Tree {
        let chance = self.chance(index);
        let place = self.place(index, version);
        let drawn = chance.of("template").below(self.templates.len() as u64) as usize;
        let template = self.templates[drawn];
        let mut tree = recorded::templates()[template].clone();
        self.identify(&mut tree, index, place.modalidade);
        place.date(&mut tree, version);
        price(&mut tree, chance.of("price"));
        if version > 0 {
            let estimate = tree.get("valorTotalEstimado").cloned();
            tree.set("valorTotalHomologado", estimate.unwrap_or(Tree::null()));
        }
        self.fill(&mut tree, chance, CORPUS.lengths[template]);
        self.day.oddities.apply(&mut tree, chance.of("oddity"));
        tree
    }

    fn id(&self, index: u32) -> Option<String> {
        let oddity = self.chance(index).of("oddity");
        (!self.day.oddities.loses_id(oddity)).then(|| self.identity(index).id())
    }
}

/// Modalidade and times under which a version of a record is listed.
pub(super) struct Place {
    pub modalidade: u32,
    pub published: NaiveDateTime,
    pub updated: NaiveDateTime,
    opening: NaiveDateTime,
    pub closing: NaiveDateTime,
}

impl Place {
    /// Sets the record's own date fields.
    fn date(&self, tree: &mut Tree, version: u32) {
        let text = |time: NaiveDateTime| Tree::string(&time.format(TIME_FORMAT).to_string());
        for field in ["dataInclusao", "dataPublicacaoPncp", "dataAtualizacao"] {
            tree.set(field, text(self.published));
        }
        if version > 0 {
            tree.set("dataAtualizacao", text(self.updated));
        }
        tree.set("dataAtualizacaoGlobal", text(self.updated));
        tree.set("dataAberturaProposta", text(self.opening));
        tree.set("dataEncerramentoProposta", text(self.closing));
    }
}

/// Returns recorded text from about byte `start` on, repeated up to `length` bytes.
pub(crate) fn recorded_text(start: usize, length: usize) -> String {
    let text = &CORPUS.text;
    let mut filling = String::with_capacity(length);
    let mut rest = &text[text.floor_char_boundary(start)..];
    while filling.len() < length {
        let part = &rest[..rest.floor_char_boundary(length - filling.len())];
        if part.is_empty() {
            break; // The next character is longer than what is missing.
        }
        filling.push_str(part);
        rest = text;
    }
    filling
}

/// Publisher and number of a record.
struct Identity {
    cnpj: String,
    sequence: u32,
    year: i32,
}

impl Identity {
    fn id(&self) -> String {
        format!("{}-1-{:06}/{}", self.cnpj, self.sequence, self.year)
    }
}

/// Returns a CNPJ with its two check digits: the head office (`0001`) of the company `root`.
pub(crate) fn cnpj(root: u64) -> String {
    let mut digits: Vec<u32> = format!("{root:08}0001")
        .chars()
        .filter_map(|c| c.to_digit(10))
        .collect();
    for _ in 0..2 {
        // Weights 2 to 9 from the right, repeated.
        let weights = (2..=9).cycle();
        let sum: u32 = digits
            .iter()
            .rev()
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum();
        digits.push(match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        });
    }
    digits
        .iter()
        .filter_map(|digit| char::from_digit(*digit, 10))
        .collect()
}

/// Sets the estimated amount: a quarter are 0, most have cents, some four decimals or none.
fn price(tree: &mut Tree, chance: Chance) {
    let units = chance.of("units").below(9_000_000);
    let decimals = chance.of("decimals").below(10_000);
    let amount = match chance.of("form").below(20) {
        0..=4 => "0.0".to_owned(),
        5..=6 => format!("{units}.{decimals:04}"),
        7..=8 => format!("{units}.0"),
        9 => units.to_string(),
        _ => format!("{units}.{:02}", decimals / 100),
    };
    tree.set("valorTotalEstimado", Tree::literal(&amount));
}

fn seconds(count: u64) -> TimeDelta {
    TimeDelta::seconds(count as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn day(records: u32) -> GeneratedDay {
        GeneratedDay::new(1, "2025-10-22".parse().unwrap(), records)
    }

    #[test]
    fn the_same_seed_makes_the_same_day_to_the_byte() {
        let texts = |day: GeneratedDay| -> Vec<_> {
            day.records()
                .map(|record| (record.id(), record.tree().to_json()))
                .collect()
        };
        assert_eq!(texts(day(50)), texts(day(50)));
        let other = GeneratedDay { seed: 2, ..day(50) };
        assert_ne!(texts(day(50)), texts(other));
    }

    #[test]
    fn ids_differ_and_are_those_in_the_record() {
        let ids: BTreeSet<_> = day(5_000).records().map(|record| record.id()).collect();
        assert_eq!(ids.len(), 5_000);
        for record in day(20).records() {
            let tree = record.tree();
            assert_eq!(
                tree.get(ID_FIELD).and_then(Tree::as_text),
                Some(record.id())
            );
            assert!(
                Record::new(tree).is_ok_and(|read| read.published() == record.published()
                    && read.modalidade() == record.modalidade())
            );
        }
    }

    #[test]
    fn records_are_as_long_as_asked_for() {
        let lengths: Vec<_> = day(500)
            .records()
            .map(|record| record.tree().to_json().len())
            .collect();
        let mean = lengths.iter().sum::<usize>() / lengths.len();
        assert!((2_300..2_600).contains(&mean), "{mean}");
    }

    #[test]
    fn modalidades_are_uneven_and_some_are_empty() {
        let mut counts = BTreeMap::<u32, usize>::new();
        for record in day(3_000).records() {
            *counts.entry(record.modalidade()).or_default() += 1;
        }
        assert!(counts[&6] > 900 && counts[&8] > 900, "{counts:?}");
        assert!(!counts.contains_key(&2) && !counts.contains_key(&10));
        assert!(counts.len() >= 10, "{counts:?}");
    }

    #[test]
    fn odd_records_keep_one_id_each() {
        let odd = GeneratedDay {
            oddities: Oddities::each(0.5),
            ..day(400)
        };
        let ids: BTreeSet<_> = odd.records().map(|record| record.id()).collect();
        assert_eq!(ids.len(), 400);
        let hashed = ids.iter().filter(|id| id.starts_with("sha256:")).count();
        assert!((150..250).contains(&hashed), "{hashed}");
        for record in odd.records() {
            assert_eq!(
                record.id(),
                super::super::datasets::CONTRATACOES.id(&record.tree())
            );
        }
    }

    #[test]
    fn a_record_that_is_updated_has_two_versions_and_one_id() {
        let updated = GeneratedDay {
            updated: 0.3,
            oddities: Oddities::default(),
            ..day(300)
        };
        let records: Vec<_> = updated.records().collect();
        let ids: BTreeSet<_> = records.iter().map(Record::id).collect();
        assert_eq!(ids.len(), 300);
        assert!((360..420).contains(&records.len()), "{}", records.len());
        let texts: BTreeSet<_> = records
            .iter()
            .map(|record| record.tree().to_json())
            .collect();
        assert_eq!(texts.len(), records.len());
    }

    #[test]
    fn late_records_appear_on_their_day_all_the_same() {
        let late = GeneratedDay {
            late: 1.0,
            ..day(200)
        };
        let evening = late.day.date().and_hms_opt(23, 59, 59).unwrap();
        for record in late.records() {
            assert_eq!(
                record.listing(evening),
                super::super::record::Listing::Visible
            );
        }
    }

    #[test]
    fn a_cnpj_has_its_check_digits() {
        assert_eq!(cnpj(0), "00000000000191");
        assert_eq!(cnpj(7_954_480), "07954480000179");
    }
}
