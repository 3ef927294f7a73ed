//! The built program, run as a user runs it.

use std::fs::{self, File};
use std::io::Write;
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
    pub fn start(self) -> Running {
        self.start_with(Stdio::null())
    }

    fn start_with(mut self, input: Stdio) -> Running {
        let output = |name: &str| File::create(self.folder.path().join(name)).expect("a new file");
        let child = self
            .command
            .stdin(input)
            .stdout(output(".stdout"))
            .stderr(output(".stderr"))
            .spawn()
            .expect("the program starts");
        Running {
            child,
            folder: self.folder,
        }
    }

    /// Starts it, to stop at these points of `bronzed::failpoint`: `commit.after_data:2`.
    pub fn start_to_stop_at(self, points: &str) -> Running {
        self.env("BRONZED_FAILPOINT", points)
            .start_with(Stdio::piped())
    }

    /// Runs it to its end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }
}

impl Running {
    /// Waits for its end.
    pub fn wait(mut self) -> Outcome {
        self.wait_while(LIMIT, |running| !running.has_ended());
        self.said()
    }

    /// Waits for its end, for longer than usual, and says how many bytes were resident at most.
    pub fn wait_and_watch_memory(mut self) -> (Outcome, u64) {
        let mut peak = 0;
        self.wait_while(6 * LIMIT, |running| {
            let status = fs::read_to_string(format!("/proc/{}/status", running.child.id()));
            let peaks = status.ok().and_then(|status| resident_at_most(&status));
            peak = peaks.unwrap_or(peak);
            !running.has_ended()
        });
        assert!(peak > 0, "no figure in /proc: this test needs Linux");
        (self.said(), peak)
    }

    /// The first line of its output, as soon as it is there.
    pub fn first_line(&mut self) -> String {
        self.wait_while(LIMIT, |running| {
            let ended = running.has_ended();
            !running.said().stdout.contains('\n') && !ended
        });
        self.said()
            .stdout
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// The first line of its log that is this event, as soon as it is there.
    pub fn log_line(&mut self, event: &str) -> serde_json::Value {
        let find = |running: &mut Self| {
            let said = running.said().stderr;
            let mut lines = said.lines().filter_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                (line["event"] == event).then_some(line)
            });
            lines.next()
        };
        self.wait_while(LIMIT, |running| {
            find(running).is_none() && !running.has_ended()
        });
        find(self).unwrap_or_else(|| panic!("no `{event}`: {:?}", self.said()))
    }

    /// Waits until it stops at one of these points, and says at which; `None`: it has ended without.
    pub fn stops_at<'p>(&mut self, points: &[&'p str]) -> Option<&'p str> {
        let mut at = None;
        self.wait_while(LIMIT, |running| {
            // Whether it has ended is asked first: what it said by then is all that it will say.
            let ended = running.has_ended();
            let said = running.said().stderr;
            let is_told = |point: &&&str| said.contains(&format!("failpoint {point}\n"));
            at = points.iter().find(is_told).copied();
            at.is_none() && !ended
        });
        at
    }

    /// Lets it go on from a point where it has stopped.
    pub fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("it can stop");
        input.write_all(b"\n").expect("it listens");
    }

    fn wait_while(&mut self, limit: Duration, mut condition: impl FnMut(&mut Self) -> bool) {
        let mut waited = Duration::ZERO;
        while condition(self) {
            assert!(waited < limit, "the program hangs: {:?}", self.said());
            thread::sleep(POLL);
            waited += POLL;
        }
    }

    /// Kills it as `kill -9` does: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child");
        self.wait()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends it what Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it a signal: `INT` is what Ctrl-C sends, `TERM` what a supervisor does.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// The first event of this name among its log lines, as soon as it is there.
    pub fn event(&mut self, name: &str) -> serde_json::Value {
        let find = |running: &mut Self| {
            let said = running.said().stderr;
            let mut lines = said
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            lines.find(|line: &serde_json::Value| line["event"] == name)
        };
        self.wait_while(LIMIT, |running| {
            find(running).is_none() && !running.has_ended()
        });
        find(self).unwrap_or_else(|| panic!("no `{name}`: {:?}", self.said()))
    }

    /// Bytes that are resident now.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Bytes that were resident at most, so far.
    pub fn resident_at_most(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let bytes = status.ok().and_then(|status| bytes_of(&status, figure));
        bytes.expect("a figure in /proc: this test needs Linux")
    }

    /// The arguments that other users of the machine see.
    pub fn arguments(&self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.child.id()));
        let line = line.expect("a figure in /proc: this test needs Linux");
        String::from_utf8_lossy(&line).replace('\0', " ")
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

/// From `VmHWM:    93456 kB`, in bytes.
fn resident_at_most(status: &str) -> Option<u64> {
    bytes_of(status, "VmHWM:")
}

fn bytes_of(status: &str, figure: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(figure))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
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

    /// What it printed with `--json`, for one run.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}
