//! The command line: one file per subcommand, and what they share.

mod backfill;
mod check;
mod daemon;
mod day;
mod demo;
mod forecast;
mod healthcheck;
mod online;
mod progress;
mod run;
mod schema;
mod signal;
mod simulate;
mod state;
mod status;
mod summary;
mod table;
mod target;
mod verify;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use indicatif::MultiProgress;
use tracing::warn;

use crate::config::problem::Problems;
use crate::config::settings::Settings;
use crate::secrets;

/// Keeps a bronze lake of Brazil's public procurement data complete, fresh and free of duplicates.
#[derive(Debug, Parser)]
#[command(name = "bronzed", version, after_help = EXIT_CODES)]
struct Cli {
    /// The folder with bronzed.toml and sources/; else BRONZED_CONFIG, else ./config where there
    /// is one, else the configuration that the program carries
    #[arg(long, global = true, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Log more: -v what happens, -vv every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 partial";

#[derive(Debug, Subcommand)]
enum Command {
    /// Read datasets for a day or a range of days, now
    Run(run::Args),
    /// Make a range of days complete, with progress; started again, it goes on where it was
    Backfill(backfill::Args),
    /// Compare days with what the API states now, and read again those that differ
    Verify(verify::Args),
    /// Keep every enabled source complete and fresh, until it is told to stop
    Daemon(daemon::Args),
    /// Say what the lake holds of each dataset, and what the last run did
    Status(status::Args),
    /// Look at the states of days, check them, make them anew
    State(state::Args),
    /// Have days read again
    Day(day::Args),
    /// Say whether the daemon of this machine is well, by its exit code
    Healthcheck(healthcheck::Args),
    /// Say whether the configuration is right, without running anything
    Check(online::Args),
    /// Draft a dataset's columns, or report what the lake has beside them
    Schema(schema::Args),
    /// Serve a stand-in for the API of PNCP on this machine
    Simulate(simulate::Args),
    /// See it work: a simulated day of PNCP, read three times, offline
    Demo(demo::Args),
}

/// The documented outcomes of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// Done in part: what could be read is committed, the rest is named.
    Partial,
    /// Not done.
    Failed,
    /// Not begun: the arguments or the configuration are wrong.
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

/// Why a command ended without its result.
#[derive(Debug)]
enum Stop {
    /// The arguments or the configuration are wrong.
    Usage(String),
    /// It was tried, and failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// What every command is given.
struct Shell {
    config: Option<PathBuf>,
    verbose: u8,
    bars: MultiProgress,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let shell = Shell {
        config: cli.config,
        verbose: cli.verbose,
        bars: MultiProgress::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(&shell, cli.command)),
        Err(error) => Err(Stop::Failed(error.into())),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(Stop::Usage(message)) => {
            complain(&message);
            Exit::Usage.into()
        }
        Err(Stop::Failed(error)) => {
            complain(&format!("{error:#}"));
            Exit::Failed.into()
        }
    }
}

async fn dispatch(shell: &Shell, command: Command) -> Result<Exit, Stop> {
    match command {
        Command::Run(args) => run::run(shell, args).await,
        Command::Backfill(args) => backfill::run(shell, args).await,
        Command::Verify(args) => verify::run(shell, args).await,
        Command::Daemon(args) => daemon::run(shell, args).await,
        Command::Status(args) => status::run(shell, args).await,
        Command::State(args) => state::run(shell, args).await,
        Command::Day(args) => day::run(shell, args).await,
        Command::Healthcheck(args) => healthcheck::run(shell, args).await,
        Command::Check(args) => online::run(shell, args).await,
        Command::Schema(args) => schema::run(shell, args).await,
        Command::Simulate(args) => {
            simulate::run(args).await?;
            Ok(Exit::Done)
        }
        Command::Demo(args) => demo::run(shell, args).await,
    }
}

/// Reads the configuration of a folder, with variables on top.
type Load = fn(Option<&Path>, Vec<(String, String)>) -> Result<Settings, Problems>;

impl Shell {
    /// The settings that this process runs by.
    fn settings(&self) -> Result<Settings, Stop> {
        self.load(crate::config::load)
    }

    /// The settings to be looked at: secrets may be missing, and nothing may be run by them.
    fn settings_to_look_at(&self) -> Result<Settings, Stop> {
        self.load(crate::config::load_without_secrets)
    }

    fn load(&self, load: Load) -> Result<Settings, Stop> {
        let folder = self.config_folder();
        // A variable that isn't Unicode is none of ours.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let variables: Vec<_> = variables.collect();
        let pairs = variables.iter();
        secrets::keep(secrets::of_environment(
            pairs.map(|(name, value)| (name.as_str(), value.as_str())),
        ));
        let settings = load(folder.as_deref(), variables)
            .map_err(|problems| Stop::Usage(problems.to_string()))?;
        secrets::keep(secrets::of_settings(&settings));
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

    /// Begins to log, with what is doubtful in the settings. `quiet`: for a person, only warnings,
    /// unless more was asked for.
    fn log(&self, settings: &Settings, quiet: bool) -> Result<(), Stop> {
        self.begin_log(settings, quiet)?;
        for warning in &settings.warnings {
            warn!(
                place = %warning.place,
                detail = warning.what,
                hint = warning.instead,
                "configuration looks wrong"
            );
        }
        Ok(())
    }

    fn begin_log(&self, settings: &Settings, quiet: bool) -> Result<(), Stop> {
        let asked = std::env::var("RUST_LOG").ok();
        let filter = match self.verbose {
            0 if asked.is_some() => asked.as_deref(),
            0 if quiet && settings.telemetry.log == "info" => Some("warn"),
            0 => None,
            1 => Some("info"),
            _ => Some("bronzed=debug,info"),
        };
        crate::telemetry::init(&settings.telemetry, filter, &self.bars)
            .map_err(|error| Stop::Usage(error.to_string()))?;
        crate::telemetry::log_panics();
        Ok(())
    }
}

fn complain(message: &str) {
    // Nothing is left to do where even standard error is gone.
    let _ = writeln!(std::io::stderr(), "bronzed: {}", harmless(message));
}

/// Prints to standard output; a reader that has gone away (`| head`) ends the output, no more.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", harmless(text));
}

/// Without secrets, and without what a terminal would obey: names of fields, values and slices are what
/// an API made them.
fn harmless(text: &str) -> Cow<'_, str> {
    let text = secrets::hide(text);
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(obeyed) {
        text.replace(obeyed, "\u{fffd}").into()
    } else {
        text
    }
}
