//! Target: configuration. Any text gives usable settings, or problems that name location and hint.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use url::Url;

use super::{Input, sources};
use bronzed_config::load_given;
use bronzed_model::cron::Cron;
use bronzed_model::declaration::{Dataset, Priority, Slice, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::problem::Location;
use bronzed_model::settings::Settings;
use bronzed_model::slices::slices;
use bronzed_source::backoff::RetryState;
use bronzed_source::request::PageRequest;

/// Files that the input can replace.
const FILES: [&str; 3] = [
    "bronzed.toml",
    "sources/odd.toml",
    "sources/odd/columns.toml",
];

/// Input: a file name and its text; the other files are valid.
pub fn config(input: &[u8]) {
    let mut input = Input::new(input);
    let file = input.choice(&FILES, str::to_owned);
    let text = input.text();
    let mut files = sources::files();
    files.retain(|name, _| FILES.contains(&name.as_str()));
    files.insert(file.to_owned(), text.clone().into_owned());
    let problems = match load_given(files, sources::environment()) {
        Ok(settings) => return hold_settings(&settings),
        Err(problems) => problems,
    };
    assert!(!problems.is_empty(), "refused without a reason");
    for problem in problems.iter() {
        assert!(!problem.what.is_empty() && !problem.hint.is_empty());
        let shown = problem.to_string();
        assert!(!shown.contains(sources::TOKEN), "{shown}");
        let Location::File(name, line) = &problem.location else {
            panic!("no variable was set: {shown}");
        };
        // An unclosed bracket may be reported on the line after the last one.
        let last = text.lines().count() + 1;
        let within = line.is_none_or(|line| line >= 1 && (line <= last || **name != *file));
        assert!(within, "{shown}");
    }
}

/// Asserts that accepted settings are usable.
fn hold_settings(settings: &Settings) {
    for source in settings.sources.values() {
        for job in source.jobs.values() {
            let cron = Cron::parse(&job.cron, source.timezone).expect("a checked expression");
            let now = DateTime::from_timestamp(1_761_134_400, 0).unwrap();
            assert!(cron.next_after(now).is_some_and(|slot| slot.at > now));
        }
        for dataset in source.datasets.values() {
            hold_dataset(source, dataset);
        }
    }
}

fn hold_dataset(source: &Source, dataset: &Arc<Dataset>) {
    let now: DateTime<Utc> = DateTime::from_timestamp(1_761_134_400, 0).unwrap();
    let meta = bronzed_storage::bronze::writer::FileMeta {
        dataset: dataset.full_name(),
        day: "2025-10-22".parse().unwrap(),
        run_id: uuid::Uuid::from_u128(7),
        job: "hourly".to_owned(),
        ingested_at: now,
    };
    bronzed_storage::bronze::writer::FileWriter::new(&dataset.schema, meta)
        .expect("columns make a table");
    let slices = slices(dataset);
    let slice = slices.into_iter().next().unwrap_or(Slice {
        label: "all".into(),
        values: Vec::new(),
        parent: None,
    });
    let request = PageRequest {
        dataset: Arc::clone(dataset),
        day: "2025-10-22".parse().unwrap(),
        slice,
        page: 0,
        next: None,
        priority: Priority::Daily,
    };
    let url: Result<Url, _> = request.url(&source.base_url);
    url.unwrap_or_else(|error| panic!("{}: {error}", dataset.full_name()));
    assert!(dataset.paginator.step() >= 1 && dataset.paginator.max_pages >= 1);
    let entropy = Entropy::seeded(7);
    let mut tries = RetryState::new(&dataset.retry, &entropy);
    for _ in 0..3 {
        let _ = (
            tries.after_failure(None, None),
            tries.after_rate_limit(None),
        );
    }
    let _ = dataset.days.settle + source.limits.timeout;
}
