//! Identity of the process that holds a lease, readable by people.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counter that distinguishes the leases of one process.
static LEASES: AtomicU64 = AtomicU64::new(0);

/// Identity of a process.
#[derive(Debug, Clone)]
pub struct ProcessIdentity {
    /// Name of the machine; empty if unknown.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Command of the process: `daemon`, `backfill`.
    pub command: String,
    /// Returns `true` if a process with this id exists on this machine; `None` if that can't be determined.
    pub runs: fn(u32) -> Option<bool>,
}

impl ProcessIdentity {
    /// Returns the identity of this process.
    pub fn of_process() -> Self {
        Self {
            host: host(),
            pid: std::process::id(),
            command: std::env::args().nth(1).unwrap_or_default(),
            runs,
        }
    }

    /// Returns a name that is unique among leases.
    pub(super) fn name(&self, since_millis: i64) -> String {
        let number = LEASES.fetch_add(1, Ordering::Relaxed);
        let Self { host, pid, .. } = self;
        format!("{host}/{pid}/{since_millis}/{number}")
    }

    /// Returns `true` if another process is known to be gone: it was on this machine and doesn't run any
    /// more, or it had this process's id, as in a restarted container.
    pub(super) fn knows_gone(&self, host: &str, pid: u32) -> bool {
        let here = !self.host.is_empty() && self.host == host;
        here && (pid == self.pid || (self.runs)(pid) == Some(false))
    }
}

fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = named.map(|name| name.trim().to_owned());
    let named = named.filter(|name| !name.is_empty() && name != "localhost");
    named
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .unwrap_or_default()
}

fn runs(pid: u32) -> Option<bool> {
    let processes = Path::new("/proc");
    let own = processes.join(std::process::id().to_string());
    own.exists()
        .then(|| processes.join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_this_machine_are_known_to_be_gone() {
        let one = ProcessIdentity {
            host: "a".to_owned(),
            pid: 1,
            command: String::new(),
            runs: |pid| Some(pid == 7),
        };
        assert!(one.knows_gone("a", 1), "its number is taken by another one");
        assert!(one.knows_gone("a", 8));
        assert!(!one.knows_gone("a", 7));
        assert!(!one.knows_gone("b", 8));
        let nameless = ProcessIdentity {
            host: String::new(),
            ..one.clone()
        };
        assert!(!nameless.knows_gone("", 8));
        let untold = ProcessIdentity {
            runs: |_| None,
            ..one
        };
        assert!(!untold.knows_gone("a", 8));
    }

    #[test]
    fn this_process_runs() {
        assert_ne!(runs(std::process::id()), Some(false));
        let who = ProcessIdentity::of_process();
        assert_ne!(who.name(0), who.name(0));
    }
}
