//! Command line: one file per subcommand, and shared code.

mod alert;
mod backfill;
mod check;
mod coverage;
mod daemon;
mod day;
#[cfg(feature = "demo")]
mod demo;
mod export;
mod forecast;
mod healthcheck;
mod init;
mod manual;
mod next;
mod online;
mod peek;
mod progress;
mod quality;
mod reading;
mod rows;
mod run;
mod runs;
mod schema;
mod signal;
#[cfg(feature = "delta")]
mod silver;
mod source;
mod state;
mod status;
mod summary;
#[cfg(feature = "delta")]
mod tables;
mod target;
mod text;
mod typed_day;
mod verify;
mod views;
mod watch;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::{Parser, Subcommand};
use indicatif::MultiProgress;
use tracing::warn;

use crate::cli::text::TextPage;
use crate::telemetry::short::ProblemLines;
use crate::telemetry::traces::Traces;
use bronzed_model::problem::Problems as ConfigProblems;
use bronzed_model::redact::{self, redact};
use bronzed_model::settings::Settings;

/// Keeps a bronze lake of Brazil's public procurement data complete, fresh and free of duplicates.
#[derive(Debug, Parser)]
#[command(name = "bronzed", version, after_help = EXIT_CODES)]
struct Cli {
    /// Folder with bronzed.toml and sources/. Default: BRONZED_CONFIG, ./config, the embedded configuration
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Log more: -v for info, -vv for debug, with every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";
const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 partial";

#[derive(Debug, Subcommand)]
enum Command {
    /// Read datasets for a day or a range of days, now
    Run(run::Args),
    /// Complete a range of days, with progress; a restart resumes it
    Backfill(backfill::Args),
    /// Compare days with what the API states now; with --repair, re-read those that differ
    Verify(verify::Args),
    /// Keep every enabled source complete and fresh until stopped
    Daemon(daemon::Args),
    /// Show what is wrong, why, when it is tried again and what to type; then each dataset
    Status(status::Args),
    /// Show the status, refreshed until Ctrl-C
    Watch(watch::Args),
    /// Show the days of datasets as a calendar
    Coverage(coverage::Args),
    /// Show one day: complete or not, why, its slices and runs; or mark days to be read again
    Day(day::Args),
    /// Show the last runs, newest first
    Runs(runs::Args),
    /// Show the expectations of datasets with their last results, worst first
    Quality(quality::Args),
    /// Show what the daemon would do now and later
    Next(next::Args),
    /// Show, verify, rebuild or accept the states of days
    State(state::Args),
    /// Show active alerts, or test the channels that deliver them
    Alert(alert::Args),
    /// Check if the daemon on this machine is healthy; sets the exit code
    Healthcheck(healthcheck::Args),
    /// Validate the configuration without running anything, or check the lake and the APIs against it
    Check(online::Args),
    /// Write a commented configuration, to be changed
    Init(init::Args),
    /// Draft a source of one's own from its answers
    Source(source::Args),
    /// Draft a dataset's columns, or report fields that no column holds
    Schema(schema::Args),
    /// Show rows of a dataset or a silver table, newest first, without any engine
    Peek(peek::Args),
    /// Write the rows of a dataset or a silver table to one CSV or Parquet file
    Export(export::Args),
    /// Print SQL that creates a DuckDB view of each dataset
    Views(views::Args),
    /// Compare the tables' Delta logs with their files, rebuild them, or print SQL for engines
    #[cfg(feature = "delta")]
    Tables(tables::Args),
    /// Build silver tables, the latest version of each record, or show how they stand
    #[cfg(feature = "delta")]
    Silver(silver::Args),
    /// Print the completions of a shell: bash, zsh or fish
    Completions(manual::CompletionArgs),
    /// Print the manual page, or write those of all commands
    Man(manual::ManArgs),
    /// Serve simulated APIs of PNCP, Compras.gov.br and TCU on this machine
    #[cfg(feature = "demo")]
    Simulate(bronzed_simulator::command::Args),
    /// Run a demo: a simulated day of PNCP, read three times, offline
    #[cfg(feature = "demo")]
    Demo(demo::Args),
}

/// Documented outcomes of the program, in order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything requested was done.
    Done,
    /// Partly done: everything that could be read is committed, the rest is reported.
    Partial,
    /// Failed.
    Failed,
    /// Not started: the arguments or the configuration are invalid.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
        })
    }
}

/// Error that ends a command.
#[derive(Debug)]
enum CliError {
    /// The arguments or the configuration are invalid.
    Usage(String),
    /// The command was started and failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Context of every command: the global arguments and the progress bars.
struct CliContext {
    config: Option<PathBuf>,
    verbose: u8,
    bars: MultiProgress,
    problems: Arc<ProblemLines>,
    traces: OnceLock<Traces>,
}

/// Runs the command given by the arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut shell = CliContext {
        config: cli.config,
        verbose: cli.verbose,
        bars: MultiProgress::new(),
        problems: Arc::default(),
        traces: OnceLock::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let outcome = dispatch(&shell, cli.command).await;
            if let Some(traces) = shell.traces.take() {
                traces.end().await;
            }
            outcome
        }),
        Err(error) => Err(CliError::Failed(error.into())),
    };
    for line in shell.problems.untold() {
        let _ = writeln!(std::io::stderr(), "{}", harmless(&line));
    }
    match outcome {
        Ok(exit) => exit.into(),
        Err(CliError::Usage(message)) => {
            complain(&message);
            Exit::Usage.into()
        }
        Err(CliError::Failed(error)) => {
            complain(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

async fn dispatch(shell: &CliContext, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(shell, args).await,
        Command::Backfill(args) => backfill::run(shell, args).await,
        Command::Verify(args) => verify::run(shell, args).await,
        Command::Daemon(args) => daemon::run(shell, args).await,
        Command::Status(args) => status::run(shell, args).await,
        Command::Watch(args) => watch::run(shell, args).await,
        Command::Coverage(args) => coverage::run(shell, args).await,
        Command::Day(args) => day::run(shell, args).await,
        Command::Alert(args) => alert::run(shell, args).await,
        Command::Runs(args) => runs::run(shell, args).await,
        Command::Quality(args) => quality::run(shell, args).await,
        Command::Next(args) => next::run(shell, args).await,
        Command::State(args) => state::run(shell, args).await,
        Command::Peek(args) => peek::run(shell, args).await,
        Command::Export(args) => export::run(shell, args).await,
        Command::Views(args) => views::run(shell, args).await,
        #[cfg(feature = "delta")]
        Command::Tables(args) => tables::run(shell, args).await,
        #[cfg(feature = "delta")]
        Command::Silver(args) => silver::run(shell, args).await,
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        Command::Healthcheck(args) => healthcheck::run(shell, args).await,
        Command::Check(args) => online::run(shell, args).await,
        Command::Init(args) => init::run(shell, args),
        Command::Source(args) => source::run(shell, args).await,
        Command::Schema(args) => schema::run(shell, args).await,
        #[cfg(feature = "demo")]
        Command::Simulate(args) => {
            bronzed_simulator::command::run(args).await?;
            Ok(Exit::Done)
        }
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::run(shell, args).await,
    }
}

/// Loads the configuration of a folder, overridden by variables.
trait Load: FnOnce(Option<&Path>, Vec<(String, String)>) -> Result<Settings, ConfigProblems> {}
impl<F> Load for F where
    F: FnOnce(Option<&Path>, Vec<(String, String)>) -> Result<Settings, ConfigProblems>
{
}

impl CliContext {
    /// Loads the settings to run with.
    fn settings(&self) -> Result<Settings, CliError> {
        self.load(bronzed_config::load)
    }

    /// Loads the settings for display: secrets may be missing, and the settings must not be used to run
    /// anything.
    fn settings_to_look_at(&self) -> Result<Settings, CliError> {
        self.load(bronzed_config::load_without_secrets)
    }

    /// Loads the settings to draft the columns of a dataset, whose file of columns may be missing.
    fn settings_to_draft(&self, dataset: &str) -> Result<Settings, CliError> {
        self.load(|folder, variables| bronzed_config::load_to_draft(folder, variables, dataset))
    }

    fn load(&self, load: impl Load) -> Result<Settings, CliError> {
        let folder = self.config_folder();
        // A variable that isn't Unicode can't be one of this program.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let variables: Vec<_> = variables.collect();
        let pairs = variables.iter();
        redact::register(redact::of_environment(
            pairs.map(|(name, value)| (name.as_str(), value.as_str())),
        ));
        let settings = load(folder.as_deref(), variables)
            .map_err(|problems| CliError::Usage(problems.to_string()))?;
        redact::register(bronzed_config::secrets::of_settings(&settings));
        Ok(settings)
    }

    fn config_folder(&self) -> Option<PathBuf> {
        let named = self.config.clone();
        let named = named.or_else(|| std::env::var_os("BRONZED_CONFIG").map(PathBuf::from));
        named.or_else(|| {
            let here = Path::new("config");
            here.join("bronzed.toml").exists().then(|| here.to_owned())
        })
    }

    /// Initialises logging, and logs the warnings of the configuration. `quiet`: for interactive commands,
    /// only warnings are logged, unless more was requested.
    fn log(&self, settings: &Settings, quiet: bool) -> Result<(), CliError> {
        self.begin_log(settings, quiet)?;
        for warning in &settings.warnings {
            warn!(
                place = %warning.location,
                detail = warning.what,
                hint = warning.hint,
                "configuration looks wrong"
            );
        }
        Ok(())
    }

    fn begin_log(&self, settings: &Settings, quiet: bool) -> Result<(), CliError> {
        let asked = std::env::var("RUST_LOG").ok();
        let filter = match self.verbose {
            0 if asked.is_some() => asked.as_deref(),
            0 if quiet && settings.telemetry.log == "info" => Some("warn"),
            0 => None,
            1 => Some("info"),
            _ => Some("bronzed=debug,info"),
        };
        let short = (quiet && self.verbose == 0 && asked.is_none()).then(|| self.problems.clone());
        let usage = |error: &dyn std::error::Error| CliError::Usage(error.to_string());
        if self.traces.get().is_none()
            && let Some(traces) = Traces::of_environment().map_err(|error| usage(&error))?
        {
            let _ = self.traces.set(traces);
        }
        let traces = self.traces.get();
        crate::telemetry::init(&settings.telemetry, filter, &self.bars, short, traces)
            .map_err(|error| usage(&error))?;
        crate::telemetry::log_panics();
        Ok(())
    }
}

fn complain(message: &str) {
    // An error is ignored, because nothing can be done if even standard error is closed.
    let _ = writeln!(std::io::stderr(), "bronzed: {}", harmless(message));
}

/// Notice above what is told of a demo's lake.
const SIMULATED: &str =
    "A demo's lake: its records are made up, and nothing real is stored beside them.\n";

/// Prints to standard output. A closed pipe (`| head`) is ignored.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", harmless(text));
}

/// Prints a page to standard output. A closed pipe (`| head`) is ignored.
fn show(page: &TextPage) {
    let _ = writeln!(std::io::stdout(), "{}", redact(&page.text()));
}

/// Redacts secrets, and replaces control characters that a terminal would interpret, because names of fields,
/// values and slices come from an API.
fn harmless(text: &str) -> Cow<'_, str> {
    let text = redact(text);
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(obeyed) {
        text.replace(obeyed, "\u{fffd}").into()
    } else {
        text
    }
}
