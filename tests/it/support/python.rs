//! Python environment for the judges of the lake, which share no code with the program, and for the S3
//! server.
//!
//! It is created on first use, in the target folder, from the pinned `tests/python/requirements.txt`; each
//! set of requirements and interpreter has an environment of its own. If it can't be created, every test
//! that needs it fails with a hint: none is skipped.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// Folder of the scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
/// Oldest minor version of Python 3 that the pinned packages support.
const OLDEST_MINOR: u32 = 11;

/// An interpreter with the pinned packages.
pub struct Python {
    interpreter: PathBuf,
    /// Folder of the packages; `None` if the interpreter finds them by itself.
    site: Option<PathBuf>,
    /// Folder of the packages' programs.
    programs: PathBuf,
}

/// Returns the environment, creating it if necessary.
pub fn python() -> &'static Python {
    static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
    of(&PYTHON, "requirements.txt")
}

/// Returns the environment of the readers of Delta tables, creating it if necessary.
pub fn delta_python() -> &'static Python {
    static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
    of(&PYTHON, "delta.txt")
}

fn of(python: &'static OnceLock<Result<Python, String>>, requirements: &str) -> &'static Python {
    match python.get_or_init(|| prepare(requirements)) {
        Ok(python) => python,
        Err(problem) => panic!(
            "the tests need Python 3.{OLDEST_MINOR} or newer with the packages of \
             tests/python/{requirements}, and couldn't get it: {problem}\n\
             Install python3 with venv or pip, or name another interpreter with PYTHON=…; see that \
             its package index can be reached, and run the tests again."
        ),
    }
}

impl Python {
    /// Returns a command that runs one of the scripts in `tests/python`.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(Path::new(SCRIPTS).join(name))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUTF8", "1");
        if let Some(site) = &self.site {
            command.env("PYTHONPATH", site);
        }
        command
    }

    /// Returns the path of a program from one of the packages.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// Runs a script and parses its output as JSON. Fails the test if the script fails.
#[track_caller]
pub fn json_of(script: &mut Command) -> serde_json::Value {
    let printed = run(script).unwrap_or_else(|problem| panic!("{problem}"));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

fn prepare(requirements: &str) -> Result<Python, String> {
    let interpreter = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let version = run(Command::new(&interpreter).args([
        "-c",
        "import sys; print(sys.version_info[1], sys.version, sys.executable)",
    ]))?;
    let minor = version
        .split(' ')
        .next()
        .and_then(|minor| minor.parse().ok());
    if minor.is_none_or(|minor: u32| minor < OLDEST_MINOR) {
        return Err(format!("{interpreter:?} is too old: 3.{version}"));
    }
    let requirements = Path::new(SCRIPTS).join(requirements);
    let pinned = fs::read_to_string(&requirements).map_err(|error| error.to_string())?;
    let home = home(&[&version, &pinned]);
    made_once(&home, || install(&interpreter, &requirements, &home))?;
    Ok(environment(interpreter, &home))
}

/// Returns `target/python-…`, a separate folder for each set of interpreter and packages.
fn home(ingredients: &[&str]) -> PathBuf {
    let digest = Sha256::digest(ingredients.concat());
    let name: String = digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    target
        .unwrap_or(Path::new("."))
        .join(format!("python-{name}"))
}

/// Creates `folder` atomically and once, even if other processes try at the same time.
fn made_once(folder: &Path, make: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    let lock = File::create(folder.with_extension("lock")).map_err(problem)?;
    lock.lock().map_err(problem)?;
    let seal = folder.join("made");
    if seal.exists() {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(problem)?;
    }
    make()?;
    File::create(seal).map(drop).map_err(problem)
}

fn install(interpreter: &OsStr, requirements: &Path, home: &Path) -> Result<(), String> {
    eprintln!("making a Python environment in {} (once)", home.display());
    let packages = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
    ];
    let pip = |python: &OsStr| {
        let mut command = Command::new(python);
        command
            .args(["-m", "pip"])
            .args(packages)
            .arg("-r")
            .arg(requirements);
        command
    };
    let Err(no_venv) = run(Command::new(interpreter).args(["-m", "venv"]).arg(home)) else {
        return run(&mut pip(home.join("bin/python").as_os_str())).map(drop);
    };
    // Some systems ship Python without venv: a plain folder of packages is used instead.
    _ = fs::remove_dir_all(home);
    run(pip(interpreter).arg("--target").arg(home.join("site")))
        .map(drop)
        .map_err(|no_pip| format!("no venv: {no_venv}; and without one: {no_pip}"))
}

fn environment(interpreter: OsString, home: &Path) -> Python {
    let site = home.join("site");
    if site.exists() {
        return Python {
            interpreter: interpreter.into(),
            programs: site.join("bin"),
            site: Some(site),
        };
    }
    Python {
        interpreter: home.join("bin/python"),
        programs: home.join("bin"),
        site: None,
    }
}

/// Runs a command and returns its output, or the reason of its failure.
fn run(command: &mut Command) -> Result<String, String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).trim().to_owned());
    }
    let said = [stdout, stderr].concat();
    Err(format!(
        "{command:?}: {status}\n{}",
        String::from_utf8_lossy(&said)
    ))
}
