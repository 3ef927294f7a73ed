//! Sources of other shapes than the shipped ones: each is declared in a folder of its own, read by the built
//! program from a real HTTP server on loopback, and compared with what that server served.

mod api;
mod csv;
mod months;
mod oauth2;
mod post;
mod query_key;

use std::collections::BTreeMap;

use bronzed_storage::bronze::reader;
use serde_json::Value;
use tempfile::TempDir;

use self::api::{Api, Asked, Reply};
use crate::support::lake::{Backend, TestLake};
use crate::support::program::{Outcome, Program};

/// Day that is read, unless a case says another.
const DAY: &str = "2025-01-17";

/// A source of one dataset, `shape.records`, with its API and a lake.
struct Shape {
    api: Api,
    lake: TestLake,
    config: TempDir,
}

impl Shape {
    /// Declares the source by `keys` (beside its name, zone and address) and its columns, over an API that
    /// answers by `answer`.
    fn new(
        keys: &str,
        columns: &str,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let shape = Self {
            api: Api::start(answer),
            lake: TestLake::new(Backend::Folder),
            config: TempDir::with_prefix("bronzed-config-").unwrap(),
        };
        let source = format!(
            "name = \"shape\"\nbase_url = \"{}/api\"\ntimezone = \"America/Sao_Paulo\"\n{keys}",
            shape.api.url
        );
        shape.write("bronzed.toml", "[lake]\nurl = \"./unused\"\n");
        shape.write("sources/shape.toml", &source);
        shape.write("sources/shape/records.toml", columns);
        shape
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.config.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Prepares a call of the program with this configuration and lake, and short waits.
    fn program(&self, args: &[&str]) -> Program {
        let config = self.config.path().to_str().unwrap();
        Program::new(&[args, &["--config", config]].concat())
            .on(&self.lake)
            .env("BRONZED__SOURCES__SHAPE__RETRY__INITIAL", "1ms")
            .env("BRONZED__SOURCES__SHAPE__RETRY__MAX", "5ms")
    }

    /// Runs a day, and returns the report.
    fn run(&self, day: &str) -> (Outcome, Value) {
        self.run_with(day, &[])
    }

    /// Runs a day with these variables, and returns the report.
    fn run_with(&self, day: &str, variables: &[(&str, &str)]) -> (Outcome, Value) {
        let program = self.program(&["run", "shape.records", "--day", day, "--json"]);
        let outcome = program.envs(variables).run();
        let report = serde_json::from_str(&outcome.stdout).unwrap_or_default();
        (outcome, report)
    }

    /// Replaces a text in the source's file.
    #[track_caller]
    fn edit(&self, right: &str, other: &str) {
        let file = self.config.path().join("sources/shape.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(right), "{right}: {text}");
        std::fs::write(file, text.replace(right, other)).unwrap();
    }

    /// Asserts that no secret is in anything that was printed or stored.
    #[track_caller]
    fn assert_hidden(&self, secrets: &[&str], outcomes: &[&Outcome]) {
        let shown = outcomes.iter().map(|one| format!("{one:?}"));
        let keys = self.lake.keys().into_iter();
        let stored = keys.map(|key| String::from_utf8_lossy(&self.lake.get(&key)).into_owned());
        for text in shown.chain(stored) {
            for secret in secrets {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }

    /// Returns the output of `check` for people.
    fn check(&self, more: &[&str]) -> Outcome {
        self.program(&[&["check"], more].concat()).run()
    }

    /// Returns the stored records by the key of their file.
    fn stored(&self) -> BTreeMap<String, Vec<Value>> {
        let keys = self.lake.keys().into_iter();
        let files = keys.filter(|key| key.ends_with(".parquet"));
        let read = |key: String| {
            let rows = reader::records(self.lake.get(&key).into()).expect("a file of ours");
            let rows = rows.iter().map(|row| serde_json::from_str(row).unwrap());
            (key, rows.collect())
        };
        files.map(read).collect()
    }

    /// Returns all stored records, sorted by their text.
    fn rows(&self) -> Vec<Value> {
        let mut rows: Vec<_> = self.stored().into_values().flatten().collect();
        rows.sort_by_key(Value::to_string);
        rows
    }

    /// Returns the ids in the state of a day, and whether the day is complete.
    fn state(&self, day: &str) -> (Vec<String>, bool) {
        let day: bronzed_model::day::Day = day.parse().unwrap();
        let state = self.lake.json(&bronzed_storage::bronze::layout::state_key(
            "shape_records",
            day,
        ));
        let ids = state["processed_ids"].as_array().unwrap().iter();
        let ids = ids.map(|id| id.as_str().unwrap().to_owned());
        (ids.collect(), state["complete"] == true)
    }
}

/// Asserts that a configuration with `wrong` in place of `right` is refused at the line of the `¶` in `wrong`,
/// which isn't written.
#[track_caller]
fn assert_refused(shape: &Shape, right: &str, wrong: &str, what: &str) {
    let file = shape.config.path().join("sources/shape.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(right).count(), 1, "{right}: {text}");
    let spoilt = text.replace(right, wrong);
    let at = spoilt.find('¶').unwrap();
    let line = spoilt[..at].matches('\n').count() + 1;
    std::fs::write(&file, spoilt.replace('¶', "")).unwrap();
    let outcome = shape.check(&[]);
    std::fs::write(&file, text).unwrap();
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let place = format!("sources/shape.toml:{line}");
    assert!(outcome.stderr.contains(&place), "no {place}: {outcome:?}");
    assert!(outcome.stderr.contains(what), "no {what}: {outcome:?}");
}
