//! `bronzed init`: writes a commented configuration, to be changed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::text::{Paint, Screen, TextPage, counted};
use crate::cli::{CliContext, CliError, Exit, say, show};

/// File that makes a folder a configuration.
pub const MAIN: &str = "bronzed.toml";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bronzed init                  all shipped sources, into ./config\n  \
                        bronzed init --only pncp      one of them\n  \
                        bronzed init --empty          none: `bronzed source new` adds your own"
)]
pub struct Args {
    /// Folder to write to; it must not have a bronzed.toml. Default: --config, else ./config
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write only this source; may be repeated
    #[arg(long, value_name = "SOURCE", conflicts_with = "empty")]
    only: Vec<String>,
    /// Write bronzed.toml alone, without sources
    #[arg(long)]
    empty: bool,
    /// Print one JSON object: the folder and the files written
    #[arg(long)]
    json: bool,
}

pub fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let folder = args.folder.or_else(|| shell.config.clone());
    let folder = folder.unwrap_or_else(|| "config".into());
    if folder.join(MAIN).exists() {
        return Err(CliError::Usage(format!(
            "`{}` has a {MAIN} already; name another folder, or remove it",
            folder.display()
        )));
    }
    let sources: Vec<_> = bronzed_config::embedded()
        .filter_map(|(name, _)| source_of(name))
        .collect();
    if let Some(unknown) = args
        .only
        .iter()
        .find(|name| !sources.contains(&name.as_str()))
    {
        let known = sources.iter().map(|name| (*name).to_owned());
        let mut known: Vec<_> = known.collect();
        known.dedup();
        return Err(CliError::Usage(format!(
            "no source `{unknown}` is shipped; there is `{}`",
            known.join("`, `")
        )));
    }
    let wanted = |name: &str| match source_of(name) {
        None => true,
        Some(_) if args.empty => false,
        Some(source) => args.only.is_empty() || args.only.iter().any(|one| one == source),
    };
    let mut written = Vec::new();
    for (name, text) in bronzed_config::embedded().filter(|(name, _)| wanted(name)) {
        write_new(&folder.join(name), text)?;
        written.push(folder.join(name));
    }
    // A configuration folder has this one even if it is empty.
    fs::create_dir_all(folder.join("sources")).map_err(anyhow::Error::from)?;
    match args.json {
        true => say(&json!({"folder": folder, "files": written}).to_string()),
        false => tell(&folder, written.len(), args.empty),
    }
    Ok(Exit::Done)
}

/// Returns the source that a file belongs to. `None` for the main file.
fn source_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("sources/")?;
    Some(rest.split(['/', '.']).next().unwrap_or(rest))
}

/// Writes a new file, with its folders.
///
/// # Errors
/// Returns an error if the file exists, or can't be written.
pub fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    let created = folder.and_then(|()| fs::File::create_new(file));
    created
        .and_then(|mut created| created.write_all(text.as_bytes()))
        .map_err(|error| CliError::Usage(format!("`{}` can't be written: {error}", file.display())))
}

fn tell(folder: &Path, written: usize, empty: bool) {
    let mut page = TextPage::new(Screen::stdout());
    let shown = folder.display();
    page.line(&format!(
        "{} written to {shown}. What to do next:",
        counted(written, "file")
    ));
    let option = match folder == Path::new("config") {
        true => String::new(),
        false => format!(" --config {shown}"),
    };
    let edit = format!("edit {shown}/{MAIN}");
    let check = format!("bronzed check{option}");
    let online = format!("bronzed check --online{option}");
    let daemon = format!("bronzed daemon{option}");
    let source = format!("bronzed source new NAME --from URL{option}");
    let width = [&edit, &check, &online, &daemon]
        .iter()
        .map(|text| text.len())
        .max();
    let width = width.unwrap_or(0).max(if empty { source.len() } else { 0 }) + 2;
    let mut fact = |command: &str, what: &str| {
        page.fact(2, (command, width), what, Paint::Dim);
    };
    fact(&edit, "lake.url: where the data go");
    if empty {
        fact(&source, "drafts a source from its answers");
    }
    fact(&check, "is it right?");
    fact(&online, "do lake and APIs answer?");
    fact(&daemon, "keeps everything complete");
    show(&page);
}
