//! `bronzed schema infer`: drafts a dataset's columns.
//!
//! The records come from a file (a whole response, an array of records, or one record per line) or from the
//! API: the first page of each slice of a day.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use indicatif::ProgressBar;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::init::write_new;
use crate::cli::reading::spinner;
use crate::cli::signal::cancel_on_signal;
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, complain, say, target};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Kind, Priority, Source};
use bronzed_model::entropy::Entropy;
use bronzed_model::json;
use bronzed_model::slices::slices;
use bronzed_source::page::Page;
use bronzed_source::{Answer, FetchError, PageRequest, RequestBudget, SourceClient};
use bronzed_storage::bronze::infer::Draft;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dataset: `pncp.contratacoes`
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    /// File with an API response, an array of its records, or one record per line
    #[arg(long, value_name = "FILE", required_unless_present = "day")]
    from: Option<PathBuf>,
    /// Request the first page of each slice of this day from the API
    #[arg(long, value_name = DAY, conflicts_with = "from")]
    day: Option<TypedDay>,
    /// Write the draft to this file instead of standard output; it must not exist yet
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print one JSON object with the draft as text
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings_to_draft(&args.target)?;
    let (source, datasets) = target::find(&settings, &args.target)?;
    let one = args.target.contains('.');
    let Some(dataset) = datasets.first().filter(|_| one) else {
        let what = format!("`{}` is a source; name one of its datasets", args.target);
        return Err(CliError::Usage(format!("{what}: `{0}.NAME`", source.name)));
    };
    shell.log(&settings, true)?;
    let (mut draft, mut exit) = (Draft::default(), Exit::Done);
    if let Some(file) = &args.from {
        see_file(&mut draft, dataset, file)?;
    }
    if let Some(typed) = args.day {
        askable(dataset)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let today = Day::of(clock.now(), source.timezone);
        let day = typed.on(today);
        target::check_days(day, day, &source, &datasets, today)?;
        let bar = spinner(shell, &dataset.full_name(), slices(dataset).len(), "slices");
        exit = see_day(&mut draft, &source, dataset, day, clock, &bar).await?;
        bar.finish_and_clear();
    }
    let name = dataset.full_name();
    let text = draft.text(&name).ok_or_else(|| {
        let records = draft.records();
        anyhow!(
            "{records} records of `{name}` have no field with a value: there is nothing to declare"
        )
    })?;
    match &args.output {
        None if args.json => say(&json!({
            "dataset": name,
            "records": draft.records(),
            "columns": text,
        })
        .to_string()),
        None => say(text.trim_end()),
        Some(file) => write_new(file, &text)?,
    }
    Ok(exit)
}

fn see_file(draft: &mut Draft, dataset: &Dataset, file: &Path) -> Result<(), CliError> {
    let text = fs::read_to_string(file)
        .map_err(|error| CliError::Usage(format!("`{}` can't be read: {error}", file.display())))?;
    let records = records(dataset, &text).ok_or_else(|| {
        let file = file.display();
        let pointer = &dataset.data_selector;
        anyhow!(
            "`{file}` has no records of `{}`: it must be an answer with an array at `{pointer}`, an \
             array of records, or one record a line",
            dataset.full_name()
        )
    })?;
    records.iter().for_each(|record| draft.see(record));
    Ok(())
}

/// Parses the records of a whole response, of an array, or of lines. `None` if the text is none of them.
fn records(dataset: &Dataset, text: &str) -> Option<Vec<String>> {
    let owned = |records: Vec<&str>| records.into_iter().map(str::to_owned).collect();
    if let Ok(page) = Page::parse(dataset, text.to_owned().into(), None) {
        return Some(page.records().map(str::to_owned).collect());
    }
    // A page whose totals were removed or changed is still usable.
    let pointed = json::pointer(text, &dataset.data_selector).ok().flatten();
    if let Some(Ok(records)) = pointed.map(json::elements) {
        return Some(owned(records));
    }
    if let Ok(records) = json::elements(text) {
        return Some(owned(records));
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.map(|line| json::members(line).ok().map(|_| line));
    let lines: Vec<_> = lines.collect::<Option<_>>()?;
    (!lines.is_empty()).then(|| owned(lines))
}

/// Checks that a dataset can be requested without records of another dataset.
fn askable(dataset: &Dataset) -> Result<(), CliError> {
    let name = dataset.full_name();
    let why = match &dataset.kind {
        Kind::Child(parent) => format!("is read for each record of `{}`", parent.dataset),
        _ if slices(dataset).is_empty() => "takes its slices from another dataset".to_owned(),
        _ => return Ok(()),
    };
    Err(CliError::Usage(format!(
        "`{name}` {why}, so that --day can't ask for it: give an answer of the API in a file with --from"
    )))
}

/// Reads the first page of each slice. A slice that fails is reported, and the others are read.
async fn see_day(
    draft: &mut Draft,
    source: &Source,
    dataset: &Arc<Dataset>,
    day: Day,
    clock: Arc<dyn Clock>,
    bar: &ProgressBar,
) -> Result<Exit, CliError> {
    let entropy = Arc::new(Entropy::from_system());
    let client = SourceClient::new(source, clock, entropy).context("the API can't be asked")?;
    let (cancel, usage) = (CancellationToken::new(), RequestBudget::new());
    cancel_on_signal(cancel.clone());
    let (mut exit, mut last) = (Exit::Done, None);
    for slice in slices(dataset) {
        let label = slice.label.clone();
        bar.set_message(label.to_string());
        let request = PageRequest {
            dataset: dataset.clone(),
            day,
            slice,
            page: 0,
            next: None,
            priority: Priority::Hourly,
        };
        match client.fetch(&request, &usage, &cancel).await {
            Ok(Answer::Page(page)) => page.records().for_each(|record| draft.see(record)),
            Ok(Answer::Empty { .. }) => {}
            Err(FetchError::Cancelled) => return Ok(Exit::Partial),
            Err(error) => {
                bar.suspend(|| complain(&format!("slice {label}: {error}")));
                exit = Exit::Partial;
                last = Some(error);
            }
        }
        bar.inc(1);
    }
    match last {
        Some(error) if draft.records() == 0 => Err(CliError::Failed(error.into())),
        _ => Ok(exit),
    }
}
