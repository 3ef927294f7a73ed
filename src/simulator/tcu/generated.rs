//! What the TCU's services hold, made from a seed when it is asked for.
//!
//! Nobody who exists is named: persons and companies are simulated ones, whose documents have
//! wrong check digits.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use crate::day::Day;
use crate::simulator::chance::Chance;
use crate::simulator::churn::Churn;
use crate::simulator::pncp::generated::recorded_text;
use crate::simulator::row::{Maker, Row};
use crate::simulator::tree::Tree;

/// The feed of acórdãos, up to a last session.
///
/// The chambers sit on Tuesdays, the plenary on Wednesdays. What they decide is listed `lag` days
/// later, from 09:00 to 18:00, one after the other: the head grows.
#[derive(Debug, Clone)]
pub struct AcordaoFeed {
    /// The same seed makes the same feed.
    pub seed: u64,
    /// The day of the last session.
    pub last: Day,
    /// How many acórdãos there are in all: the newest ones.
    pub records: u32,
    /// How many each session decides; at most 500.
    pub per_session: u32,
    /// Days from a session to its listing.
    pub lag: u32,
    /// How likely one is listed up to 40 days later than the others of its session: not at the
    /// head, but in its place among them.
    pub straggling: f64,
    /// How likely one changes in the two months after its listing: it is declared invalid.
    pub changing: f64,
}

impl AcordaoFeed {
    /// A feed whose acórdãos are listed in order and never change.
    pub fn new(seed: u64, last: Day, records: u32) -> Self {
        Self {
            seed,
            last,
            records,
            per_session: 200,
            lag: 2,
            straggling: 0.0,
            changing: 0.0,
        }
    }

    /// The rows of all acórdãos, and of all their versions.
    pub fn rows(&self) -> Vec<Row> {
        let sessions = self.sessions();
        let root = Chance::new(self.seed).of("acordaos");
        let surplus = (sessions.len() as u32 * self.per_session).saturating_sub(self.records);
        let maker: Arc<dyn Maker> = Arc::new(Acordaos {
            root,
            sessions: sessions.clone(),
            per_session: self.per_session,
        });
        let mut rows = Vec::with_capacity(self.records as usize);
        for index in surplus..surplus + self.records {
            let session = sessions[(index / self.per_session) as usize];
            let number = session.number(index % self.per_session);
            let chance = root.at(number);
            let day = NaiveDateTime::from(session.day);
            let listed = self.listed(session, index % self.per_session, chance);
            let row = |version| {
                let row = Row::made(day, Arc::clone(&maker), index, version);
                row.ranked(number)
            };
            if chance.of("changing").happens(self.changing) {
                let after = 1 + chance.of("change").below(60 * 86_400) as i64;
                let change = listed + TimeDelta::seconds(after);
                rows.push(row(0).appearing(listed).until(change));
                rows.push(row(1).appearing(change));
            } else {
                rows.push(row(0).appearing(listed));
            }
        }
        rows
    }

    /// Ascending, and as many as the records need.
    fn sessions(&self) -> Vec<Session> {
        let wanted = self.records.div_ceil(self.per_session.max(1)) as usize;
        let mut sessions = Vec::with_capacity(wanted + 1);
        let mut day = self.last.date();
        while sessions.len() < wanted {
            // The later one first: all are turned round in the end.
            match day.weekday() {
                Weekday::Wed => sessions.push(Session { day, body: 2 }),
                Weekday::Tue => sessions.extend([1, 0].map(|body| Session { day, body })),
                _ => {}
            }
            let Some(before) = day.checked_sub_days(Days::new(1)) else {
                break;
            };
            day = before;
        }
        sessions.reverse();
        sessions
    }

    fn listed(&self, session: Session, place: u32, chance: Chance) -> NaiveDateTime {
        let bodies = if session.body == 2 { 1 } else { 2 };
        let before = u64::from(session.body % 2) * u64::from(self.per_session);
        let of_day = u64::from(self.per_session * bodies);
        let second = (before + u64::from(place)) * 9 * 3_600 / of_day.max(1);
        let day = session.day + Days::new(u64::from(self.lag));
        let mut listed = day.and_time(NaiveTime::MIN) + TimeDelta::hours(9);
        listed += TimeDelta::seconds(second as i64);
        if chance.of("straggling").happens(self.straggling) {
            listed += TimeDelta::days(1 + chance.of("straggler").below(40) as i64);
        }
        listed
    }
}

/// One sitting of a body: 0 and 1 the chambers, 2 the plenary.
#[derive(Debug, Clone, Copy)]
struct Session {
    day: NaiveDate,
    body: u32,
}

impl Session {
    /// The number of an acórdão in the whole court: it ascends with time.
    fn number(self, place: u32) -> u64 {
        let days = u64::from(self.day.num_days_from_ce().unsigned_abs());
        (days.saturating_sub(730_000) * 3 + u64::from(self.body)) * 500 + u64::from(place)
    }
}

#[derive(Debug)]
struct Acordaos {
    root: Chance,
    sessions: Vec<Session>,
    per_session: u32,
}

const BODIES: [&str; 3] = ["Primeira Câmara", "Segunda Câmara", "Plenário"];
const KINDS: [&str; 2] = ["ACÓRDÃO", "ACÓRDÃO DE RELAÇÃO"];

impl Maker for Acordaos {
    fn make(&self, index: u32, version: u32) -> Tree {
        let session = self.sessions[(index / self.per_session) as usize];
        let place = index % self.per_session;
        let number = session.number(place);
        let chance = self.root.at(number);
        let (year, week) = (session.day.year(), session.day.iso_week().week());
        let ata = format!("{week}/{year}");
        let own = week * self.per_session + place + 1;
        let of_list = chance.of("kind").happens(0.4);
        let kind = KINDS[usize::from(of_list)];
        let body = BODIES[session.body as usize];
        let title = format!("{kind} {own}/{year} ATA {ata} - {}", body.to_uppercase());
        let summary = match of_list {
            true => Tree::null(),
            false => {
                let start = chance.of("text").bits() as usize % 20_000;
                let length = 150 + chance.of("length").below(500) as usize;
                Tree::string(&recorded_text(start, length).to_uppercase())
            }
        };
        let state = if version == 0 {
            "OFICIALIZADO"
        } else {
            "INVALIDADO"
        };
        let document = "https://contas.tcu.gov.br/sagas/SvlVisualizarRelVotoAc";
        let page = "https://pesquisa.apps.tcu.gov.br/#/doc/acordao-completo";
        let text = |text: String| Tree::string(&text);
        Tree::object([
            ("key", text(format!("ACORDAO-COMPLETO-{number}"))),
            ("tipo", Tree::string(kind)),
            ("anoAcordao", text(year.to_string())),
            ("titulo", text(title)),
            ("numeroAcordao", text(own.to_string())),
            ("numeroAta", text(ata)),
            ("colegiado", Tree::string(body)),
            (
                "dataSessao",
                text(session.day.format("%d/%m/%Y").to_string()),
            ),
            (
                "relator",
                text(format!("RELATOR {}", 1 + chance.of("judge").below(12))),
            ),
            ("situacao", Tree::string(state)),
            ("sumario", summary),
            (
                "urlArquivo",
                text(format!("{document}Rtf?codFiltro={number}")),
            ),
            (
                "urlArquivoPDF",
                text(format!("{document}?codFiltro={number}")),
            ),
            ("urlAcordao", text(format!("{page}/{own}/{year}/{body}"))),
        ])
    }
}

/// Persons barred from office, as `inabilitados` lists them by name.
pub fn inabilitados(churn: &Churn) -> Vec<Row> {
    sanctions(churn, "inabilitados")
}

/// Companies that may not bid, as `inidoneos` lists them by name; see
/// [`recorded::inidoneos`](super::recorded::inidoneos) for real ones.
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
    // A list by name: who is new stands anywhere in it.
    churn.rows(&maker, |row, index| row.ranked(rank(root, index)))
}

fn rank(root: Chance, index: u32) -> u64 {
    root.of("name").at(u64::from(who(index))).bits()
}

/// Each twelfth row is a second one of the party of the row before.
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
        // A newer version of a sanction is one that lasts longer.
        let ends = settled + Days::new(365 * u64::from(5 + version));
        // A name's first 16 letters order the list.
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

/// A hexadecimal digit as a letter; the order stays.
fn letter(digit: char) -> char {
    let value = digit.to_digit(16).unwrap_or_default();
    char::from_u32(u32::from('A') + value).unwrap_or('A')
}

/// A CPF, or a CNPJ, whose first check digit is wrong.
fn document(person: bool, number: u32) -> String {
    let digits = format!("{number:08}");
    let (a, b, c) = (&digits[..2], &digits[2..5], &digits[5..]);
    match person {
        true => format!("9{a}.{b}.{c}-{}", wrong(&format!("9{digits}"), 11)),
        false => format!("{a}.{b}.{c}/0001-{}", wrong(&format!("{digits}0001"), 9)),
    }
}

/// Two digits that don't check `digits`.
fn wrong(digits: &str, highest: u32) -> String {
    format!("{}0", (check_digit(digits, highest) + 1) % 10)
}

/// The first check digit; weights go from 2 to `highest`, from the right.
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

/// The contracts of the TCU itself.
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

/// What the Congress has asked of the TCU, the newest first.
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
    use crate::simulator::tcu::acordaos::ACORDAOS;

    fn feed(records: u32) -> AcordaoFeed {
        AcordaoFeed::new(1, "2025-10-22".parse().unwrap(), records)
    }

    #[test]
    fn a_feed_has_as_many_acordaos_as_asked_for_and_as_many_keys() {
        let rows = feed(5_000).rows();
        let ids: BTreeSet<_> = rows.iter().map(|row| ACORDAOS.id(&row.tree())).collect();
        assert_eq!((rows.len(), ids.len()), (5_000, 5_000));
        let days: BTreeSet<_> = rows.iter().map(Row::at).collect();
        assert_eq!(days.len(), 17);
        assert_eq!(days.last().unwrap().to_string(), "2025-10-22 00:00:00");
        let session = rows[0].tree().get("dataSessao").unwrap().as_text().unwrap();
        assert_eq!(session, rows[0].at().format("%d/%m/%Y").to_string());
    }

    #[test]
    fn a_longer_feed_has_the_same_head() {
        let texts = |records| -> BTreeSet<_> {
            let rows = feed(records).rows().into_iter().rev().take(300);
            rows.map(|row| row.tree().to_json()).collect()
        };
        assert_eq!(texts(300), texts(900));
    }

    #[test]
    fn the_head_grows_in_order_unless_some_straggle() {
        let in_order = |feed: AcordaoFeed| {
            let rows = feed.rows();
            rows.is_sorted_by_key(|row| row.appears())
        };
        assert!(in_order(feed(3_000)));
        let straggling = AcordaoFeed {
            straggling: 0.01,
            ..feed(3_000)
        };
        assert!(!in_order(straggling));
    }

    #[test]
    fn one_that_changes_has_two_versions() {
        let changing = AcordaoFeed {
            changing: 0.1,
            ..feed(2_000)
        };
        let rows = changing.rows();
        assert!((2_100..2_300).contains(&rows.len()), "{}", rows.len());
        let states = rows
            .iter()
            .filter(|row| row.tree().to_json().contains("INVALIDADO"));
        assert_eq!(states.count(), rows.len() - 2_000);
    }

    #[test]
    fn sanctions_have_a_key_of_three_fields_and_parties_with_several() {
        let first = "2025-10-20T06:00:00".parse().unwrap();
        let rows = inabilitados(&Churn::still(1, 600, first));
        let dataset = &crate::simulator::tcu::ords::INABILITADOS;
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

    #[test]
    fn contracts_and_requests_have_ids_of_their_own() {
        let first = "2025-10-20T06:00:00".parse().unwrap();
        let churn = Churn {
            days: 1,
            changed: 3,
            ..Churn::still(1, 300, first)
        };
        for (rows, dataset) in [
            (
                termos_contratuais(&churn),
                &crate::simulator::tcu::lists::TERMOS,
            ),
            (
                pedidos_congresso(&churn),
                &crate::simulator::tcu::lists::PEDIDOS,
            ),
        ] {
            let texts: BTreeSet<_> = rows.iter().map(|row| row.tree().to_json()).collect();
            let ids: BTreeSet<_> = rows.iter().map(|row| dataset.id(&row.tree())).collect();
            assert_eq!((texts.len(), ids.len()), (303, 300), "{}", dataset.name);
        }
    }
}
