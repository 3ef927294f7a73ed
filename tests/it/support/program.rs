//! The built program, run as a user runs it.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::lake::TestLake;

/// A run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(5);

/// One call of the program, in an empty folder and without the environment of whoever runs the
/// tests.
pub struct Program {
    command: Command,
    folder: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A call that is under way. Dropped, it is killed.
pub struct Running {
    child: Child,
    folder: TempDir,
}

impl Program {
    /// The program with these arguments.
    pub fn new(args: &[&str]) -> Self {
        let folder = TempDir::with_prefix("bronzed-run-").expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bronzed"));
        command.args(args).current_dir(&folder).env_clear();
        Self { command, folder }
    }

    /// Lets it write to `lake`.
    pub fn on(self, lake: &TestLake) -> Self {
        lake.env()
            .into_iter()
            .fold(self, |program, (name, value)| program.env(name, value))
    }

    /// Sets one variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let output = |name: &str| File::create(self.folder.path().join(name)).expect("a new file");
        let child = self
            .command
            .stdin(Stdio::null())
            .stdout(output(".stdout"))
            .stderr(output(".stderr"))
            .spawn()
            .expect("the program starts");
        Running {
            child,
            folder: self.folder,
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }
}

impl Running {
    /// Waits for its end.
    pub fn wait(mut self) -> Outcome {
        let mut waited = Duration::ZERO;
        while self.child.try_wait().expect("a child").is_none() {
            assert!(waited < LIMIT, "the program hangs: {:?}", self.said());
            thread::sleep(POLL);
            waited += POLL;
        }
        self.said()
    }

    /// Kills it as `kill -9` does: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child");
        self.wait()
    }

    fn said(&mut self) -> Outcome {
        let text = |name: &str| {
            let bytes = fs::read(self.folder.path().join(name)).expect("its output");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (text(".stdout"), text(".stderr"));
        let code = self.child.try_wait().expect("a child");
        Outcome {
            code: code.and_then(|status| status.code()),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Outcome {
    /// Fails the test unless the program ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}
