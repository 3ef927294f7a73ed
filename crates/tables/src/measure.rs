//! Costs of a Delta log, in a folder: of a publication beside its commit, and of a log of many commits. Run with
//! `cargo test --release -p bronzed-tables --lib -- --ignored --nocapture measure::`; engines over the lake that the second
//! leaves are timed by `benches/tables.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bronzed_model::clock::{Clock, ManualClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_model::entropy::Entropy;
use bronzed_model::execution::{Execution, Status};
use bronzed_model::record::RecordId;
use bronzed_model::settings::LakeSettings;
use bronzed_storage::bronze::layout;
use bronzed_storage::bronze::writer::{EncodedFile, FileMeta, FileWriter, RowOrigin};
use bronzed_storage::lake::Lake;
use bronzed_storage::state::DayStore;
use chrono::TimeDelta;
use serde_json::Value;
use tokio::time::Instant;

use super::*;

const RECORDS: &str =
    include_str!("../../../tests/fixtures/pncp/contratacoes_20251022.records.json");
/// Commits whose publication is measured.
const COMMITS: u64 = 300;
/// Records of a commit.
const NEW: u64 = 20;
/// Commits of a day of the long log.
const COMMITS_OF_DAY: u64 = 24;

/// Contratações as shipped, a lake in a folder, and records to be stored in it.
struct Bench {
    lake: Lake,
    dataset: Arc<Dataset>,
    records: Vec<Value>,
    clock: ManualClock,
    entropy: Arc<Entropy>,
    number: u64,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let settings = bronzed_config::load(None, []).unwrap();
        let lake = Lake::open(&LakeSettings {
            url: folder.to_str().unwrap().to_owned(),
            options: BTreeMap::new(),
            simulated: false,
        });
        Self {
            lake: lake.unwrap(),
            dataset: Arc::clone(&settings.sources["pncp"].datasets["contratacoes"]),
            records: serde_json::from_str(RECORDS).unwrap(),
            clock: ManualClock::new("2025-10-22T11:00:00Z".parse().unwrap()),
            entropy: Arc::new(Entropy::seeded(15)),
            number: 0,
        }
    }

    fn run(&self) -> Execution {
        let now = self.clock.now();
        let mut run = Execution::begun(self.entropy.run_id(now), "hourly", now);
        run.status = Status::Ok;
        run
    }

    fn file(&mut self, day: Day, run: &Execution, rows: u64) -> EncodedFile {
        let meta = FileMeta {
            dataset: self.dataset.full_name(),
            day,
            run_id: run.run_id,
            job: run.job.clone(),
            ingested_at: self.clock.now(),
        };
        let mut writer = FileWriter::new(&self.dataset.schema, meta).unwrap();
        for _ in 0..rows {
            self.number += 1;
            let length = self.records.len() as u64;
            let record = &mut self.records[usize::try_from(self.number % length).unwrap()];
            record["numeroControlePNCP"] =
                format!("{:014}-1-{:06}/2025", self.number * 7_919, self.number).into();
            let text = record.to_string();
            let id = RecordId::of(&self.dataset, &text);
            writer
                .append_text(&id, RowOrigin::default(), &text)
                .unwrap();
        }
        writer.finish().unwrap()
    }
}

fn after(first: Day, days: u64) -> Day {
    (0..days).fold(first, |day, _| day.next())
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    format!(
        "median {:.2} ms, 95th {:.2} ms, worst {:.2} ms",
        at(50),
        at(95),
        at(100)
    )
}

#[tokio::test]
#[ignore = "it measures"]
async fn a_publication_beside_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path());
    let publisher = Publisher::new(bench.lake.clone());
    let first: Day = "2025-10-22".parse().unwrap();
    let (mut commits, mut publications) = (Vec::new(), Vec::new());
    for commit in 0..COMMITS {
        bench.clock.advance(TimeDelta::hours(1));
        let day = after(first, commit / COMMITS_OF_DAY);
        let store = DayStore {
            lake: bench.lake.clone(),
            dataset: Arc::clone(&bench.dataset),
            zone: chrono_tz::America::Sao_Paulo,
            day,
            clock: Arc::new(bench.clock.clone()),
            entropy: Arc::clone(&bench.entropy),
        };
        let mut run = bench.run();
        let mut state = store.open().await.unwrap();
        let file = bench.file(day, &run, NEW);
        let begun = Instant::now();
        store.commit(&mut state, file, &mut run).await.unwrap();
        store
            .record(&mut state, &run, &BTreeMap::new(), false)
            .await
            .unwrap();
        commits.push(begun.elapsed());
        let begun = Instant::now();
        let published = publisher
            .publish(&bench.dataset, &BTreeSet::from([day]))
            .await
            .unwrap();
        publications.push(begun.elapsed());
        assert_eq!(published.files, 1);
    }
    println!(
        "{COMMITS} commits of {NEW} records, {} columns",
        bench.dataset.schema.columns.len()
    );
    println!("commit:      {}", spread(commits));
    println!("publication: {}", spread(publications));
}

/// Makes the lake in `BRONZED_MEASURE_LAKE`, an empty or missing folder, of `BRONZED_MEASURE_DAYS` (1,800).
#[tokio::test]
#[ignore = "it measures, and writes a gigabyte"]
async fn a_log_of_43_200_commits() {
    let variable = |name| std::env::var(name).ok();
    let days: u64 = variable("BRONZED_MEASURE_DAYS").map_or(1_800, |days| days.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder =
        variable("BRONZED_MEASURE_LAKE").map_or(temporary.path().to_owned(), PathBuf::from);
    let mut bench = Bench::new(&folder);
    let prefix = bench.dataset.prefix.clone();
    let publisher = Publisher::new(bench.lake.clone());
    let first: Day = "2020-01-01".parse().unwrap();
    let mut publications = Vec::new();
    for number in 0..days {
        let day = after(first, number);
        for commit in 1..=COMMITS_OF_DAY {
            bench.clock.advance(TimeDelta::hours(1));
            let run = bench.run();
            let file = bench.file(day, &run, NEW / 2);
            let key = layout::file_key(&prefix, day, commit);
            bench.lake.create(&key, file.bytes).await.unwrap();
        }
        let begun = Instant::now();
        publisher
            .publish(&bench.dataset, &BTreeSet::from([day]))
            .await
            .unwrap();
        publications.push(begun.elapsed());
    }
    let last = publications.split_off(publications.len() - 30.min(publications.len()));
    println!(
        "{} commits of {days} days; publications of a day of them, the last 30: {}",
        days * COMMITS_OF_DAY,
        spread(last)
    );
    let opened = async || {
        let begun = Instant::now();
        newest::load(&bench.lake, &prefix).await.unwrap().unwrap();
        begun.elapsed()
    };
    println!("open: {:?}, {:?}", opened().await, opened().await);
    let begun = Instant::now();
    let day = after(first, days - 1);
    let other = Publisher::new(bench.lake.clone());
    other
        .publish(&bench.dataset, &BTreeSet::from([day]))
        .await
        .unwrap();
    println!("open, and find nothing to publish: {:?}", begun.elapsed());
}
