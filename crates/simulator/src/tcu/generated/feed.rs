//! Acórdãos by session.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use crate::chance::Chance;
use crate::pncp::generated::recorded_text;
use crate::row::{Maker, Row};
use crate::tree::Tree;
use bronzed_model::day::Day;

/// The feed of acórdãos, up to a last session.
///
/// The chambers sit on Tuesdays, the plenary on Wednesdays. Their acórdãos are listed `lag` days later,
/// from 09:00 to 18:00, one after the other at the head.
#[derive(Debug, Clone)]
pub struct AcordaoFeed {
    /// The same seed makes the same feed.
    pub seed: u64,
    /// The day of the last session.
    pub last: Day,
    /// Total number of acórdãos, the newest ones.
    pub records: u32,
    /// Number of acórdãos per session; at most 500.
    pub per_session: u32,
    /// Number of days from a session to its listing.
    pub lag: u32,
    /// Probability that an acórdão is listed up to 40 days later than the others of its session: not at the
    /// head, but in its place among them.
    pub straggling: f64,
    /// Probability that an acórdão changes in the two months after its listing: it is declared invalid.
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

    /// Returns the rows of all acórdãos in all versions.
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

    /// Returns as many sessions as the records need, in ascending order.
    fn sessions(&self) -> Vec<Session> {
        let wanted = self.records.div_ceil(self.per_session.max(1)) as usize;
        let mut sessions = Vec::with_capacity(wanted + 1);
        let mut day = self.last.date();
        while sessions.len() < wanted {
            // In descending order; reversed at the end.
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

/// One session of a body: 0 and 1 are the chambers, 2 is the plenary.
#[derive(Debug, Clone, Copy)]
struct Session {
    day: NaiveDate,
    body: u32,
}

impl Session {
    /// Returns the number of an acórdão in the whole court, which ascends with time.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tcu::ACORDAOS;

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
}
