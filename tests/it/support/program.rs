//! The built program, run as a user runs it.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::lake::TestLake;

/// Timeout of a call.
const LIMIT: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(5);

/// A call of the program, in an empty folder and without the environment of the test runner.
pub struct Program {
    command: Command,
    folder: TempDir,
}

/// Result of a call.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running call. Dropping it kills the program.
pub struct Running {
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Prepares a call with these arguments.
    pub fn new(args: &[&str]) -> Self {
        let folder = TempDir::with_prefix("bronzed-run-").expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bronzed"));
        command.args(args).current_dir(&folder).env_clear();
        Self { command, folder }
    }

    /// Directs the program to `lake`.
    pub fn on(self, lake: &TestLake) -> Self {
        self.envs(&lake.env())
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    /// Sets environment variables.
    pub fn envs<'v, N, V>(self, variables: impl IntoIterator<Item = &'v (N, V)>) -> Self
    where
        N: AsRef<str> + 'v,
        V: AsRef<str> + 'v,
    {
        let set = |program: Self, (name, value): &(N, V)| program.env(name.as_ref(), value);
        variables.into_iter().fold(self, set)
    }

    /// Starts the program.
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

    /// Starts the program with pauses at these points of `bronzed_storage::failpoint`: `data.after:2`.
    pub fn start_to_stop_at(self, points: &str) -> Running {
        self.env("BRONZED_FAILPOINT", points)
            .start_with(Stdio::piped())
    }

    /// Runs the program to its end.
    pub fn run(self) -> Outcome {
        self.start().wait()
    }
}

impl Running {
    /// Waits for the end of the program.
    pub fn wait(mut self) -> Outcome {
        self.wait_while(LIMIT, |running| !running.has_ended());
        self.said()
    }

    /// Waits for the end of the program with a longer timeout; also returns the peak of resident bytes.
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

    /// Waits for the first line of output and returns it.
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

    /// Waits for the first line of output that contains `part` and returns it.
    pub fn line(&mut self, part: &str) -> String {
        let find = |running: &mut Self| {
            let said = running.said().stdout;
            let mut lines = said.lines().filter(|line| line.contains(part));
            lines.next().map(str::to_owned)
        };
        self.wait_while(LIMIT, |running| {
            find(running).is_none() && !running.has_ended()
        });
        find(self).unwrap_or_else(|| panic!("no `{part}`: {:?}", self.said()))
    }

    /// Waits for the first log line of this event and returns it.
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

    /// Waits until the program pauses at one of these points and returns it; `None` if the program has
    /// ended first.
    pub fn stops_at<'p>(&mut self, points: &[&'p str]) -> Option<&'p str> {
        let mut at = None;
        self.wait_while(LIMIT, |running| {
            // Tested before the output is read, so that the output of an ended program is complete.
            let ended = running.has_ended();
            let said = running.said().stderr;
            let is_told = |point: &&&str| said.contains(&format!("failpoint {point}\n"));
            at = points.iter().find(is_told).copied();
            at.is_none() && !ended
        });
        at
    }

    /// Resumes the program from a pause.
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

    /// Kills the program as `kill -9` does: no handler runs, nothing is flushed.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child");
        self.wait()
    }

    /// Returns `true` if the program has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends the signal of Ctrl-C.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends a signal: `INT` as Ctrl-C does, `TERM` as a supervisor does.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// Waits for the first log line with this event name and returns it.
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

    /// Returns the number of resident bytes.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Returns the peak of resident bytes so far.
    pub fn resident_at_most(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, figure: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let bytes = status.ok().and_then(|status| bytes_of(&status, figure));
        bytes.expect("a figure in /proc: this test needs Linux")
    }

    /// Returns the arguments as other users of the machine see them.
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

/// Parses `VmHWM:    93456 kB`; returns bytes.
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
    /// Fails the test unless the program exited with this code.
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

    /// Parses the output of a single run with `--json`.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// Returns what the shipped unit tells the allocator.
pub fn allocator_as_deployed() -> Vec<(&'static str, &'static str)> {
    let unit = include_str!("../../../deploy/systemd/bronzed.service").lines();
    let set = unit.filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    let told: Vec<_> = set
        .filter(|(name, _)| name.starts_with("MALLOC_"))
        .collect();
    assert!(!told.is_empty(), "the unit tells the allocator nothing");
    told
}
