//! `bronzed source`: sources of one's own.

mod draft;
mod request;
mod sample;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono_tz::Tz;
use clap::Subcommand;
use serde_json::json;

use self::draft::SourceDraft;
use self::request::SampledRequest;
use self::sample::AnswerSample;
use crate::cli::init::{MAIN, write_new};
use crate::cli::text::{Paint, Screen, TextPage};
use crate::cli::{CliContext, CliError, Exit, complain, say, show};

/// Time limit of the request for a sample.
const PATIENCE: Duration = Duration::from_secs(90);
/// Greatest size of a sample.
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draft a source's file and its columns from a real answer
    New(NewArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, with the URL of one page of one day, as the API's documentation shows it:
  bronzed source new rivers.readings --from \\
    'https://rivers.example.org/api/readings?after=2025-06-01&before=2025-06-02&page=1&per_page=100'")]
struct NewArgs {
    /// Name of the source (`rivers`), or of source and dataset (`rivers.readings`). Default of the dataset:
    /// the last word of the URL's path
    #[arg(value_name = "NAME[.DATASET]")]
    name: String,
    /// URL to request once, or a file with an answer
    #[arg(long, value_name = "URL|FILE")]
    from: String,
    /// With a file: the URL that it is the answer to
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Time zone of the API's days
    #[arg(long, value_name = "ZONE", default_value = "America/Sao_Paulo")]
    zone: Tz,
    /// Print the files instead of writing them
    #[arg(long)]
    print: bool,
    /// Print one JSON object: the files with their texts, and what is still to be mended
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let Command::New(args) = args.command;
    let (request, answer) = asked(&args).await?;
    let sample = AnswerSample::of(&answer).ok_or_else(|| {
        anyhow!(
            "`{}` has no array of objects in it, so there are no records to draft from",
            args.from
        )
    })?;
    let (source, dataset) = match args.name.split_once('.') {
        Some((source, dataset)) => (source.to_owned(), dataset.to_owned()),
        None => (args.name.clone(), request.dataset_name()),
    };
    for name in [&source, &dataset] {
        check_name(name)?;
    }
    let draft = SourceDraft {
        source: &source,
        dataset: &dataset,
        zone: args.zone,
        request: &request,
        sample: &sample,
    };
    let columns = sample.columns(&format!("{source}.{dataset}"));
    let columns = columns.context("the records have no field with a value")?;
    let files = [
        (format!("sources/{source}.toml"), draft.text()),
        (format!("sources/{source}/{dataset}.toml"), columns),
    ];
    if args.print && args.json {
        say(&as_json(&draft, Path::new(""), &files, None).to_string());
        return Ok(Exit::Done);
    }
    if args.print {
        for (name, text) in &files {
            say(&format!("# {name}\n{}", text.trim_end()));
        }
        return Ok(Exit::Done);
    }
    let folder = shell.config_folder().unwrap_or_else(|| "config".into());
    write(&folder, &files)?;
    let loaded = bronzed_config::load(Some(&folder), std::env::vars());
    let problems = loaded.err().map(|problems| problems.to_string());
    match args.json {
        true => say(&as_json(&draft, &folder, &files, Some(problems)).to_string()),
        false => tell(shell, &folder, &draft, (&files, problems)),
    }
    Ok(Exit::Done)
}

/// Returns the draft as one JSON object. `checked`: the problems of the configuration that it was written into;
/// `None` if it was only printed.
fn as_json(
    draft: &SourceDraft<'_>,
    folder: &Path,
    files: &[(String, String)],
    checked: Option<Option<String>>,
) -> serde_json::Value {
    let files = files.iter();
    let files = files.map(|(name, text)| json!({"path": folder.join(name), "text": text}));
    json!({
        "source": draft.source,
        "dataset": draft.dataset,
        "records": draft.sample.records.len(),
        "day": draft.request.day(),
        "files": files.collect::<Vec<_>>(),
        "written": checked.is_some(),
        "problems": checked.flatten(),
    })
}

/// Checks that a name can be one of a source or a dataset.
fn check_name(name: &str) -> Result<(), CliError> {
    let right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match !name.is_empty() && name.chars().all(right) {
        true => Ok(()),
        false => Err(CliError::Usage(format!(
            "`{name}` is no name: lower-case letters, digits and `_` only, as in `rivers.readings`"
        ))),
    }
}

/// Returns the request, and the text of its answer.
async fn asked(args: &NewArgs) -> Result<(SampledRequest, String), CliError> {
    let of_url = |url: &str| {
        SampledRequest::parse(url).map_err(|error| CliError::Usage(format!("`{url}`: {error}")))
    };
    if args.from.starts_with("http://") || args.from.starts_with("https://") {
        return Ok((of_url(&args.from)?, get(&args.from).await?));
    }
    let text = std::fs::read_to_string(&args.from)
        .map_err(|error| CliError::Usage(format!("`{}` can't be read: {error}", args.from)))?;
    let request = match &args.url {
        Some(url) => of_url(url)?,
        None => {
            complain("without --url the requests can't be drafted: put in what stands as EDIT");
            SampledRequest::unknown()
        }
    };
    Ok((request, text))
}

async fn get(url: &str) -> anyhow::Result<String> {
    let agent = concat!("bronzed/", env!("CARGO_PKG_VERSION"));
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .user_agent(agent)
        .build()?;
    let asking = client.get(url).header("Accept", "application/json");
    let mut answer = asking.send().await.context("the API doesn't answer")?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("the answer broke off")? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return Err(anyhow!(
                "the answer is larger than 64 MiB: ask for one page"
            ));
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    if !status.is_success() {
        let start: String = text.chars().take(300).collect();
        return Err(anyhow!("the API answers {status}: {start}"));
    }
    Ok(text)
}

/// Writes the files of the source into a configuration folder; none is overwritten.
fn write(folder: &Path, files: &[(String, String)]) -> Result<(), CliError> {
    if !folder.join(MAIN).exists() {
        return Err(CliError::Usage(format!(
            "`{}` has no {MAIN}: `bronzed init --empty` writes one, or --print shows the draft",
            folder.display()
        )));
    }
    let taken = files.iter().find(|(name, _)| folder.join(name).exists());
    if let Some((name, _)) = taken {
        return Err(CliError::Usage(format!(
            "`{}` exists; --print shows the draft, to be copied by hand",
            folder.join(name).display()
        )));
    }
    for (name, text) in files {
        write_new(&folder.join(name), text)?;
    }
    Ok(())
}

/// Says what was written, what the configuration lacks, and what to do next.
fn tell(
    shell: &CliContext,
    folder: &Path,
    draft: &SourceDraft<'_>,
    (files, problems): (&[(String, String)], Option<String>),
) {
    let mut page = TextPage::new(Screen::stdout());
    let records = draft.sample.records.len();
    page.line(&format!("drafted from {records} records:"));
    for (name, _) in files {
        page.indented(2, &folder.join(name).display().to_string());
    }
    match problems {
        None => page.painted(&[(Paint::Good, "the configuration is right")]),
        Some(problems) => {
            page.painted(&[(Paint::Warn, "still to be mended:")]);
            page.indented(2, &problems);
        }
    }
    let option = shell
        .config
        .as_ref()
        .map(|folder| format!(" --config {}", folder.display()));
    let option = option.unwrap_or_default();
    let name = draft.source;
    page.blank();
    page.line("What to do next:");
    page.indented(
        2,
        "look the files through: what was guessed is marked `guessed`",
    );
    page.indented(2, &format!("bronzed check --online {name}{option}"));
    let day = match draft.request.day() {
        Some(day) => format!(" --day {day}"),
        None => String::new(),
    };
    page.indented(
        2,
        &format!("bronzed run {name}.{}{day}{option}", draft.dataset),
    );
    show(&page);
}
