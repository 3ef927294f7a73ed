//! Sixty days of bronze that were made up: versions of records in a dataset of publications and one of updates, and a snapshot;
//! with late rows, dates that change, records that are withdrawn and return, and rows that vanish.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "only tests use it"
)]

mod fold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, DeletedRows, Kind, SilverColumn, SilverTable, Version};
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::record::RecordId;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_storage::bronze::writer::{FileMeta, FileWriter, Op, RowOrigin};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use bronzed_storage::testing::support;
use chrono::{Days, NaiveDate, TimeDelta};

pub use fold::{Known, SeenRow};

/// Number of days.
pub const DAYS: u64 = 60;

/// A row of bronze, as it was made up.
#[derive(Debug, Clone)]
pub struct Fact {
    pub dataset: String,
    pub day: Day,
    pub file: u64,
    pub row: usize,
    pub id: String,
    pub key: String,
    pub updated: Option<String>,
    pub published: Option<String>,
    pub value: String,
    pub vanished: bool,
}

/// A change of bronze.
#[derive(Debug, Clone)]
pub enum Event {
    Commit(Vec<Fact>),
    /// Ids that the API lists no more, and ids that it lists again.
    Note {
        day: Day,
        gone: Vec<String>,
        returned: Vec<String>,
    },
}

/// Random numbers of a seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

fn dataset(name: &str, kind: Option<Kind>, verify: bool) -> Arc<Dataset> {
    let shipped = support::dataset();
    let columns = [
        ("id", ColumnType::String),
        ("atualizado", ColumnType::String),
        ("publicado", ColumnType::String),
    ];
    let columns = columns.map(|(name, kind)| Column::new(name, kind));
    Arc::new(Dataset {
        name: name.to_owned(),
        prefix: format!("pncp_{name}"),
        primary_key: vec!["/id".to_owned()],
        version: Version::Field("/atualizado".to_owned()),
        kind: kind.unwrap_or_else(|| shipped.kind.clone()),
        verify,
        schema: Arc::new(Schema {
            columns: columns.into(),
            ..Schema::default()
        }),
        ..shipped
    })
}

/// Datasets of publications, of updates, and of a snapshot.
pub fn datasets() -> [Arc<Dataset>; 3] {
    static MADE: OnceLock<[Arc<Dataset>; 3]> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        [
            dataset("publicacao", None, true),
            dataset("atualizacao", None, false),
            dataset("lista", Some(Kind::Snapshot), false),
        ]
    });
    made.clone()
}

fn column(name: &str, kind: ColumnType, pointer: &str) -> SilverColumn {
    SilverColumn {
        column: Column::new(name, kind),
        pointers: vec![pointer.to_owned()],
    }
}

/// Table of the latest versions of records.
pub fn records_table(deleted: DeletedRows) -> SilverTable {
    let [publications, updates, _] = datasets();
    SilverTable {
        source: "pncp".to_owned(),
        name: "registros".to_owned(),
        prefix: "silver/pncp_registros".to_owned(),
        enabled: true,
        inputs: vec![publications, updates],
        order_by: Some("/atualizado".to_owned()),
        deleted,
        history: false,
        columns: vec![
            column("publicado", ColumnType::Date, "/publicado"),
            // It isn't declared in bronze.
            column("valor", ColumnType::String, "/novo/valor"),
        ],
        partition_by: Some("publicado".to_owned()),
        expectations: Arc::default(),
    }
}

/// Table of a snapshot: its current rows, or all.
pub fn list_table(history: bool) -> SilverTable {
    let [_, _, list] = datasets();
    SilverTable {
        name: "lista".to_owned(),
        prefix: "silver/pncp_lista".to_owned(),
        inputs: vec![list],
        order_by: None,
        history,
        partition_by: None,
        ..records_table(DeletedRows::Flag)
    }
}

/// Maker of days.
struct Maker {
    chance: Chance,
    facts: Vec<Fact>,
    ids: BTreeSet<(String, Day, String)>,
    files: BTreeMap<(String, Day), u64>,
    withdrawn: BTreeMap<Day, BTreeSet<String>>,
    /// Current rows of the snapshot, with the number of their versions.
    listed: BTreeMap<String, u32>,
    versions: BTreeMap<String, u32>,
    clock: i64,
    keys: u64,
}

/// Returns the changes of bronze in sixty days, in their order.
pub fn events(seed: u64) -> Vec<Event> {
    let mut maker = Maker {
        chance: Chance::new(seed),
        facts: Vec::new(),
        ids: BTreeSet::new(),
        files: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        listed: BTreeMap::new(),
        versions: BTreeMap::new(),
        clock: 0,
        keys: 0,
    };
    let mut events = Vec::new();
    for number in 0..DAYS {
        maker.day(number, &mut events);
    }
    events
}

fn date(number: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2025, 1, 15).unwrap();
    first.checked_add_days(Days::new(number)).unwrap()
}

impl Maker {
    fn day(&mut self, number: u64, events: &mut Vec<Event>) {
        let day = Day::new(date(number));
        let new: Vec<_> = (0..3 + self.chance.below(4))
            .map(|_| self.new_key())
            .collect();
        self.commit("publicacao", day, new, false, events);
        let changed = self.some_keys(4);
        self.commit("atualizacao", day, changed, true, events);
        if self.chance.below(3) == 0 {
            let late = Day::new(date(number.saturating_sub(1 + self.chance.below(20))));
            let mut keys = self.some_keys(2);
            keys.push(self.new_key());
            self.commit("publicacao", late, keys, true, events);
        }
        if self.chance.below(3) == 0 {
            self.note(events);
        }
        self.snapshot(day, events);
    }

    fn new_key(&mut self) -> String {
        self.keys += 1;
        // Keys come in no order.
        format!("{:03}-{}", self.keys * 7919 % 1000, self.keys)
    }

    fn some_keys(&mut self, count: u64) -> Vec<String> {
        let known = self.facts.iter().filter(|fact| fact.dataset != "lista");
        let known: BTreeSet<_> = known.map(|fact| fact.key.clone()).collect();
        let known: Vec<_> = known.into_iter().collect();
        let keys: BTreeSet<_> = (0..count)
            .filter_map(|_| {
                let place = self.chance.below(known.len() as u64);
                known.get(usize::try_from(place).unwrap()).cloned()
            })
            .collect();
        keys.into_iter().collect()
    }

    fn commit(
        &mut self,
        dataset: &str,
        day: Day,
        keys: Vec<String>,
        changes: bool,
        events: &mut Vec<Event>,
    ) {
        let mut rows = Vec::new();
        for key in keys {
            self.clock += 60;
            // Some versions are older than what was seen; some have no time.
            let back = i64::try_from(self.chance.below(10)).unwrap() * 600;
            let back = if changes { back } else { 0 };
            let updated = (self.chance.below(12) > 0).then(|| {
                let at = date(0).and_hms_opt(0, 0, 0).unwrap();
                let at = at + TimeDelta::seconds(self.clock - back);
                at.format("%Y-%m-%dT%H:%M:%S").to_string()
            });
            // A date may be another one, or none.
            let published = match self.chance.below(8) {
                0 => None,
                1 if changes => Some(date(self.chance.below(90)).to_string()),
                _ => Some(format!("{}T10:00:00", day)),
            };
            let value = format!("{}", self.chance.below(1_000_000));
            let record = record(&key, &updated, &published, &value);
            let of = datasets().into_iter().find(|of| of.name == dataset);
            let id = RecordId::of(&of.unwrap(), &record).id;
            if !self.ids.insert((dataset.to_owned(), day, id.clone())) {
                continue;
            }
            rows.push((id, key, updated, published, value, false));
        }
        self.push(dataset, day, rows, events);
    }

    fn snapshot(&mut self, day: Day, events: &mut Vec<Event>) {
        let mut rows = Vec::new();
        let mut keys: BTreeSet<_> = (0..2)
            .map(|_| format!("s{}", self.chance.below(30)))
            .collect();
        let listed: Vec<_> = self.listed.keys().cloned().collect();
        for _ in 0..2 {
            let place = self.chance.below(listed.len() as u64);
            keys.extend(listed.get(usize::try_from(place).unwrap()).cloned());
        }
        for key in keys {
            let version = self.versions.entry(key.clone()).or_default();
            *version += 1;
            let vanishes = self.listed.contains_key(&key) && self.chance.below(3) == 0;
            match vanishes {
                true => self.listed.remove(&key),
                false => self.listed.insert(key.clone(), *version),
            };
            let id = format!("{key}@{version:04}-{:032x}", *version);
            let published = (!vanishes).then(|| day.to_string());
            let value = match vanishes {
                true => String::new(),
                false => self.chance.below(1_000_000).to_string(),
            };
            rows.push((id, key, None, published, value, vanishes));
        }
        self.push("lista", day, rows, events);
    }

    #[allow(clippy::type_complexity, reason = "it is a test's")]
    fn push(
        &mut self,
        dataset: &str,
        day: Day,
        rows: Vec<(String, String, Option<String>, Option<String>, String, bool)>,
        events: &mut Vec<Event>,
    ) {
        if rows.is_empty() {
            return;
        }
        let file = self.files.entry((dataset.to_owned(), day)).or_default();
        *file += 1;
        let facts: Vec<_> = rows
            .into_iter()
            .enumerate()
            .map(
                |(row, (id, key, updated, published, value, vanished))| Fact {
                    dataset: dataset.to_owned(),
                    day,
                    file: *file,
                    row,
                    id,
                    key,
                    updated,
                    published,
                    value,
                    vanished,
                },
            )
            .collect();
        self.facts.extend(facts.iter().cloned());
        events.push(Event::Commit(facts));
    }

    fn note(&mut self, events: &mut Vec<Event>) {
        let of = self
            .facts
            .iter()
            .filter(|fact| fact.dataset == "publicacao");
        let of: Vec<_> = of.collect();
        let place = usize::try_from(self.chance.below(of.len() as u64)).unwrap();
        let day = of[place].day;
        let ids: Vec<_> = of
            .iter()
            .filter(|fact| fact.day == day)
            .map(|fact| fact.id.clone())
            .collect();
        let noted = self.withdrawn.entry(day).or_default();
        let (mut gone, mut returned) = (Vec::new(), Vec::new());
        for id in ids {
            match (noted.contains(&id), self.chance.below(2)) {
                (true, 0) => returned.push(id),
                (false, 0) => gone.push(id),
                _ => {}
            }
        }
        noted.extend(gone.iter().cloned());
        for id in &returned {
            noted.remove(id);
        }
        events.push(Event::Note {
            day,
            gone,
            returned,
        });
    }
}

fn record(key: &str, updated: &Option<String>, published: &Option<String>, value: &str) -> String {
    let mut record = format!(r#"{{"id":"{key}""#);
    if let Some(updated) = updated {
        record.push_str(&format!(r#","atualizado":"{updated}""#));
    }
    if let Some(published) = published {
        record.push_str(&format!(r#","publicado":"{published}""#));
    }
    record.push_str(&format!(r#","novo":{{"valor":{value}}}}}"#));
    record
}

/// Writer of made-up days into a lake.
pub struct BronzeDays {
    lake: Lake,
    clock: ManualClock,
    entropy: Arc<Entropy>,
}

impl BronzeDays {
    pub fn new(lake: Lake) -> Self {
        Self {
            lake,
            clock: ManualClock::new("2025-10-22T11:00:00Z".parse().unwrap()),
            entropy: Arc::new(Entropy::seeded(7)),
        }
    }

    fn store(&self, dataset: &Arc<Dataset>, day: Day) -> DayStore {
        DayStore {
            lake: self.lake.clone(),
            dataset: Arc::clone(dataset),
            zone: chrono_tz::America::Sao_Paulo,
            day,
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::clone(&self.entropy),
        }
    }

    /// Makes a change.
    pub async fn apply(&self, event: &Event) {
        self.clock.advance(TimeDelta::seconds(60));
        match event {
            Event::Commit(facts) => self.commit(facts).await,
            Event::Note {
                day,
                gone,
                returned,
            } => {
                let [publications, ..] = datasets();
                let store = self.store(&publications, *day);
                let mut state = store.open().await.unwrap();
                let run = self.run();
                state.note_withdrawn(gone.iter().map(|id| id.as_str().into()));
                for id in returned {
                    // The record is listed in exactly this version.
                    state.note_listed(&RecordId::plain(id));
                }
                let none = BTreeMap::new();
                store.record(&mut state, &run, &none, false).await.unwrap();
            }
        }
    }

    fn run(&self) -> Execution {
        let now = self.clock.now();
        let mut run = Execution::begun(self.entropy.run_id(now), "hourly", now);
        run.status = Status::Ok;
        run
    }

    async fn commit(&self, facts: &[Fact]) {
        let first = &facts[0];
        let all = datasets();
        let dataset = all.iter().find(|of| of.name == first.dataset).unwrap();
        let (store, mut run) = (self.store(dataset, first.day), self.run());
        let mut state = store.open().await.unwrap();
        let meta = FileMeta {
            dataset: dataset.full_name(),
            day: first.day,
            run_id: run.run_id,
            job: "hourly".to_owned(),
            ingested_at: self.clock.now(),
        };
        let mut writer = FileWriter::new(&dataset.schema, meta).unwrap();
        for fact in facts {
            let version = fact.id.strip_prefix(&format!("{}@", fact.key)).unwrap();
            let id = RecordId::of_version(&fact.key, version);
            let origin = RowOrigin {
                op: fact.vanished.then_some(Op::Vanished),
                ..RowOrigin::default()
            };
            let text = match fact.vanished {
                true => "{}".to_owned(),
                false => record(&fact.key, &fact.updated, &fact.published, &fact.value),
            };
            writer.append_text(&id, origin, &text).unwrap();
        }
        run.counts.fetched = facts.len() as u64;
        run.counts.new = facts.len() as u64;
        let file = writer.finish().unwrap();
        store.commit(&mut state, file, &mut run).await.unwrap();
        let none = BTreeMap::new();
        store.record(&mut state, &run, &none, false).await.unwrap();
    }
}
