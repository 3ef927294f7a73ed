//! What a record costs from the bytes of a page to the bytes of a Parquet file.
//!
//! The design's figure is 10 µs of CPU for a record of 2.5 KB, on one core. Records are the
//! recorded ones of PNCP with ids of their own and a longer text, so that compression has to work.
//!
//! ```text
//! cargo bench --bench decode_encode
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use bronzed_model::declaration::Dataset;
use bronzed_model::json;
use bronzed_model::record::RecordId;
use bronzed_source::page::Page;
use bronzed_storage::bronze::writer::{FileMeta, FileWriter, RowOrigin};
use bytes::Bytes;
use chrono::DateTime;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

const RECORDS: usize = 20_000;
const PAGE: usize = 50;
const RECORD_BYTES: usize = 2_500;
const ROUNDS: usize = 5;

const RECORDED: &str =
    include_str!("../tests/fixtures/pncp/contratacoes_modalidade4_sc.envelope.json");

/// How long each stage took for all records.
#[derive(Debug, Clone, Copy, Default)]
struct Stages {
    pages: Duration,
    ids: Duration,
    columns: Duration,
    bytes: usize,
}

impl Stages {
    fn total(self) -> Duration {
        self.pages + self.ids + self.columns
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = bronzed_config::load(None, [])?;
    let source = settings.sources.get("pncp").ok_or("no source pncp")?;
    let dataset = source.datasets.get("contratacoes").ok_or("no dataset")?;
    let pages = pages()?;
    let mut best: Option<Stages> = None;
    for _ in 0..ROUNDS {
        let stages = round(dataset, &pages)?;
        if best.is_none_or(|best| stages.total() < best.total()) {
            best = Some(stages);
        }
    }
    let best = best.unwrap_or_default();
    let json: usize = pages.iter().map(Bytes::len).sum();
    let micros = |stage: Duration| stage.as_secs_f64() * 1e6 / RECORDS as f64;
    println!(
        "{RECORDS} records of {} bytes, best of {ROUNDS}",
        json / RECORDS
    );
    println!(
        "  page to records     {:6.2} us a record",
        micros(best.pages)
    );
    println!("  ids                 {:6.2} us a record", micros(best.ids));
    println!(
        "  columns to Parquet  {:6.2} us a record",
        micros(best.columns)
    );
    println!(
        "  in all              {:6.2} us a record",
        micros(best.total())
    );
    println!(
        "  Parquet             {:6} bytes a record",
        best.bytes / RECORDS
    );
    Ok(())
}

/// All pages into one file, each stage over all of them before the next.
fn round(dataset: &Dataset, bodies: &[Bytes]) -> Result<Stages, Box<dyn Error>> {
    let mut stages = Stages::default();
    let mut watch = Stopwatch::start();
    let mut pages = Vec::with_capacity(bodies.len());
    for body in bodies {
        pages.push(Page::parse(dataset, body.clone(), None)?);
    }
    stages.pages = watch.lap();

    let records = || pages.iter().flat_map(Page::values);
    let ids: Vec<_> = records()
        .map(|text| RecordId::of_value(dataset, text))
        .collect();
    stages.ids = watch.lap();

    let mut writer = FileWriter::new(&dataset.schema, meta()?)?;
    for (id, record) in ids.iter().zip(records()) {
        writer.append(id, RowOrigin::slice("modalidade=4"), record)?;
    }
    stages.bytes = writer.finish()?.bytes.len();
    stages.columns = watch.lap();
    Ok(stages)
}

fn meta() -> Result<FileMeta, Box<dyn Error>> {
    Ok(FileMeta {
        dataset: "pncp.contratacoes".to_owned(),
        day: "2025-10-22".parse()?,
        run_id: Uuid::nil(),
        job: "bench".to_owned(),
        ingested_at: DateTime::UNIX_EPOCH,
    })
}

/// Pages as PNCP answers them.
fn pages() -> Result<Vec<Bytes>, Box<dyn Error>> {
    let data = json::pointer(RECORDED, "/data")?.ok_or("no records in the fixture")?;
    let recorded = json::elements(data)?;
    let mut random = SmallRng::seed_from_u64(1);
    let words: Vec<&str> = RECORDED
        .split(' ')
        .filter(|word| !word.contains(['"', '\\']))
        .collect();
    let mut records = Vec::with_capacity(RECORDS);
    for number in 0..RECORDS {
        let members = json::members(recorded[number % recorded.len()])?;
        records.push(record(&members, number, &words, &mut random));
    }
    let total = RECORDS.div_ceil(PAGE);
    let page = |(index, data): (usize, &[String])| {
        let number = index + 1;
        Bytes::from(format!(
            r#"{{"data":[{}],"totalRegistros":{RECORDS},"totalPaginas":{total},"numeroPagina":{number},"paginasRestantes":{},"empty":false}}"#,
            data.join(","),
            total - number,
        ))
    };
    Ok(records.chunks(PAGE).enumerate().map(page).collect())
}

/// A recorded record with an id of its own, and a text that makes it as long as most.
fn record(
    members: &[(std::borrow::Cow<'_, str>, &str)],
    number: usize,
    words: &[&str],
    random: &mut SmallRng,
) -> String {
    let length: usize = members
        .iter()
        .map(|(key, value)| key.len() + value.len() + 4)
        .sum();
    let mut text = String::new();
    while length + text.len() < RECORD_BYTES {
        text.push_str(words[random.random_range(0..words.len())]);
        text.push(' ');
    }
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| match key.as_ref() {
            "numeroControlePNCP" => format!(r#""{key}":"82777301000190-1-{number:06}/2026""#),
            "sequencialCompra" => format!(r#""{key}":{number}"#),
            "objetoCompra" => format!(r#""{key}":{}"#, json::quote(&text)),
            _ => format!(r#""{key}":{value}"#),
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bench measures the machine's own time"
    )]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let lap = self.0.elapsed();
        *self = Self::start();
        lap
    }
}
