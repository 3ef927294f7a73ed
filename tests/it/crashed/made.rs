//! Processes over a lake of made-up days (`bronzed_tables::testing`), whose bronze grows while they are killed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::time::SystemTime;

use bronzed_model::clock::{Clock as _, SystemClock};
use bronzed_model::day::Day;
use bronzed_storage::bronze::layout;
use bronzed_tables::testing::{BronzeDays, Chance, Event, datasets, events};
use chrono::TimeDelta;
use tempfile::TempDir;

use super::copy::LakeCopy;
use super::judge::{Judge, JudgedTables};
use super::kill::{Stopped, kill_at, open_point, point, stopped};
use crate::support::lake::{Backend, TestLake};
use crate::support::program::Program;
use crate::support::runtime;

/// The datasets and tables of `bronzed_tables::testing`, declared.
const SOURCE: &str = r#"
name = "pncp"
base_url = "http://127.0.0.1:9"
timezone = "America/Sao_Paulo"

[dataset.publicacao]
path = "/publicacao"
primary_key = ["id"]
version = "atualizado"
schema = "columns.txt"
window = { start_param = "dia", format = "%Y-%m-%d" }
paginator = { type = "single" }

[dataset.atualizacao]
path = "/atualizacao"
primary_key = ["id"]
version = "atualizado"
schema = "columns.txt"
verify = false
window = { start_param = "dia", format = "%Y-%m-%d" }
paginator = { type = "single" }

[dataset.lista]
kind = "snapshot"
path = "/lista"
primary_key = ["id"]
schema = "columns.txt"
paginator = { type = "single" }
completeness = { require = "two_walks" }

[silver.flag]
from = ["publicacao", "atualizacao"]
order_by = "atualizado"
partition_by = "publicado"
columns = COLUMNS

[silver.omit]
from = ["publicacao", "atualizacao"]
order_by = "atualizado"
partition_by = "publicado"
deleted = "omit"
columns = COLUMNS

[silver.current]
from = ["lista"]
columns = COLUMNS

[silver.history]
from = ["lista"]
history = true
columns = COLUMNS
"#;
const SILVER_COLUMNS: &str = r#"{ id = false, atualizado = false, publicado = { type = "date" }, "novo.valor" = { name = "valor" } }"#;
/// `novo` is in no file's columns, and in the record.
const COLUMNS: &str = r#"
[columns]
id = "string"
atualizado = "string"
publicado = "string"
[columns.novo]
valor = "string"
"#;
const BRONZE: [&str; 3] = ["pncp_publicacao", "pncp_atualizacao", "pncp_lista"];
const SILVER: [(&str, &str); 4] = [
    ("silver/pncp_flag", "flag"),
    ("silver/pncp_omit", "omit"),
    ("silver/pncp_current", "current"),
    ("silver/pncp_history", "history"),
];

/// A lake, its declaration, and what is to come.
struct MadeLake {
    lake: TestLake,
    backend: Backend,
    copy: LakeCopy,
    config: TempDir,
    bronze: BronzeDays,
    to_come: VecDeque<Event>,
    /// Dataset of the last change.
    changed: String,
    noted: BTreeMap<Day, BTreeSet<String>>,
    notes: Vec<(String, Vec<String>)>,
}

/// Kills so many processes. Returns a line for each kill.
pub fn play(backend: Backend, kills: u32, chance: &mut Chance, judge: &mut Judge) -> Vec<String> {
    let mut made = MadeLake::new(backend, kills, chance.below(u64::MAX));
    let mut killed = Vec::new();
    let mut trial = 0;
    while killed.len() < kills as usize {
        trial += 1;
        assert!(trial < 20 * kills, "{} kills only", killed.len());
        let left = u64::from(kills) - killed.len() as u64;
        let most = (made.to_come.len() as u64 / left).max(1);
        made.grow(1 + chance.below(2 * most));
        let met = made.disturb(chance);
        for line in &met {
            println!("kill {} on {backend:?}: {line}", killed.len() + 1);
            killed.push(line.clone());
        }
        if met.is_empty() {
            continue;
        }
        let after = format!("after {met:?}");
        judge.assert_tables(&made.judged(), false, &after);
        if chance.below(4) == 0 {
            made.undisturbed();
            judge.assert_tables(&made.judged(), true, &after);
        }
    }
    killed.truncate(kills as usize);
    made.grow(u64::MAX);
    made.undisturbed();
    judge.assert_tables(&made.judged(), true, "at the end");
    killed
}

/// Changes of bronze for each kill on a server, where a change takes longer.
const CHANGES_OF_A_KILL: usize = 10;

/// Returns commits of at most so many rows each: several a day, so that there is something to compact.
fn small(event: Event, rows: usize) -> Vec<Event> {
    match event {
        Event::Commit(facts) => facts
            .chunks(rows)
            .map(|facts| Event::Commit(facts.to_vec()))
            .collect(),
        note @ Event::Note { .. } => vec![note],
    }
}

impl MadeLake {
    fn new(backend: Backend, kills: u32, seed: u64) -> Self {
        let lake = TestLake::new(backend);
        // On a server no file is old, so that only days of many files are due for compaction.
        let (rows, most) = match backend {
            Backend::Folder => (2, usize::MAX),
            _ => (1, CHANGES_OF_A_KILL * kills as usize),
        };
        let to_come = events(seed).into_iter();
        let to_come = to_come.flat_map(|event| small(event, rows)).take(most);
        let config = TempDir::with_prefix("bronzed-config-").expect("a temporary folder");
        let source = SOURCE.replace("COLUMNS", SILVER_COLUMNS);
        fs::create_dir(config.path().join("sources")).expect("a new folder");
        for (file, text) in [
            ("bronzed.toml", "[lake]\nurl = \"./unused\"\n"),
            ("sources/pncp.toml", &source),
            ("sources/columns.txt", COLUMNS),
        ] {
            fs::write(config.path().join(file), text).expect("a new file");
        }
        Self {
            bronze: BronzeDays::new(lake.open()),
            copy: LakeCopy::of(&lake),
            backend,
            lake,
            config,
            to_come: to_come.collect(),
            changed: String::new(),
            noted: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    fn judged(&mut self) -> JudgedTables<'_> {
        JudgedTables {
            lake: self.copy.now(&self.lake).to_owned(),
            bronze: &BRONZE,
            silver: &SILVER,
            notes: &self.notes,
        }
    }

    fn program(&self, args: &[&str]) -> Program {
        let config = self.config.path().to_str().expect("a path");
        Program::new(&[args, &["--config", config]].concat()).on(&self.lake)
    }

    /// Makes the next changes of bronze. All days are complete, and some files are old: so days are due for compaction.
    fn grow(&mut self, changes: u64) {
        for _ in 0..changes {
            let Some(event) = self.to_come.pop_front() else {
                return;
            };
            runtime().block_on(self.bronze.apply(&event));
            match &event {
                Event::Commit(facts) => {
                    self.changed.clone_from(&facts[0].dataset);
                    let named = |one: &&_| *one == facts[0].dataset;
                    let all = datasets();
                    let dataset = all.iter().find(|one| named(&&*one.name));
                    let prefix = &dataset.expect("a dataset").prefix;
                    self.settle(prefix, facts[0].day);
                }
                Event::Note {
                    day,
                    gone,
                    returned,
                } => {
                    self.changed = "publicacao".to_owned();
                    let noted = self.noted.entry(*day).or_default();
                    noted.extend(gone.iter().cloned());
                    noted.retain(|id| !returned.contains(id));
                    let ids = noted.iter().cloned().collect();
                    self.notes.push((day.to_string(), ids));
                }
            }
        }
    }

    /// Makes a day complete, in a folder since three days.
    fn settle(&self, prefix: &str, day: Day) {
        self.lake.put(&layout::complete_key(prefix, day), "");
        if self.backend != Backend::Folder {
            return;
        }
        let folder = self.lake.as_folder().join(layout::partition(prefix, day));
        let before = SystemTime::from(SystemClock.now() - TimeDelta::days(3));
        for file in fs::read_dir(folder).expect("a folder") {
            let file = File::open(file.expect("a file").path()).expect("a file");
            file.set_modified(before).expect("a time");
        }
    }

    /// Does all that is to be done.
    fn undisturbed(&self) {
        for args in [
            &["tables", "rebuild", "pncp"][..],
            &["silver", "build", "pncp"],
        ] {
            self.program(args).run().expect(0);
        }
    }

    /// Kills a process, or one of two. Returns a line for each kill.
    fn disturb(&self, chance: &mut Chance) -> Vec<String> {
        // Tables that the last change is of have something to do.
        let silver = match self.changed.as_str() {
            "lista" => ["current", "history"],
            _ => ["flag", "omit"],
        };
        let table = format!("pncp.{}", silver[usize::from(chance.below(2) == 0)]);
        let dataset = format!("pncp.{}", self.changed);
        let build = ["silver", "build", &table];
        let rebuild = ["tables", "rebuild", &dataset];
        let compact = ["tables", "compact", &dataset];
        match chance.below(8) {
            0 | 1 => self.kill(&build, chance),
            2 => self.kill(&["silver", "build", &table, "--rebuild"], chance),
            3 => self.kill(&rebuild, chance),
            4 => {
                self.program(&rebuild).run().expect(0);
                self.kill(&compact, chance)
            }
            5 => self.at_once(&build, &build, chance),
            6 => {
                self.program(&rebuild).run().expect(0);
                self.at_once(&compact, &compact, chance)
            }
            _ => self.at_once(&rebuild, &compact, chance),
        }
    }

    fn kill(&self, args: &[&str], chance: &mut Chance) -> Vec<String> {
        let point = point(self.backend, chance);
        let met = kill_at(self.program(args), &point);
        let line = format!("{args:?} at {point}");
        met.then_some(line).into_iter().collect()
    }

    /// Stops a process, lets another one come in between, and lets the first go on, to a kill or to its end.
    fn at_once(&self, first: &[&str], other: &[&str], chance: &mut Chance) -> Vec<String> {
        let (at, then) = (open_point(chance), open_point(chance));
        let both = format!("{at},{then}");
        let Stopped::At(mut waiting) = stopped(self.program(first), &both) else {
            return Vec::new();
        };
        let mut killed = Vec::new();
        if chance.below(2) == 0 {
            let point = point(self.backend, chance);
            if kill_at(self.program(other), &point) {
                killed.push(format!("{other:?} at {point}, beside {first:?} at {both}"));
            }
        } else {
            self.program(other).run().expect(0);
        }
        match chance.below(3) {
            0 => {
                waiting.go_on();
                waiting.go_on();
                waiting.wait().expect(0);
            }
            _ => {
                waiting.kill();
                killed.push(format!("{first:?} at {both}, beside {other:?}"));
            }
        }
        killed
    }
}
