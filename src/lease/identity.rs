//! The process that holds a lease, as people look for it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells two leases of one process apart.
static LEASES: AtomicU64 = AtomicU64::new(0);

/// A process.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The machine's name; empty where it isn't known.
    pub host: String,
    /// The process's number.
    pub pid: u32,
    /// What it does: `daemon`, `backfill`.
    pub command: String,
    /// Whether there is a process of this number on this machine; `None`: that can't be told.
    pub runs: fn(u32) -> Option<bool>,
}

impl Identity {
    /// This process.
    pub fn of_process() -> Self {
        Self {
            host: host(),
            pid: std::process::id(),
            command: std::env::args().nth(1).unwrap_or_default(),
            runs,
        }
    }

    /// A name that no other lease has.
    pub(super) fn name(&self, since_millis: i64) -> String {
        let number = LEASES.fetch_add(1, Ordering::Relaxed);
        let Self { host, pid, .. } = self;
        format!("{host}/{pid}/{since_millis}/{number}")
    }

    /// Whether a process that isn't this one is known to be gone: it was on this machine and runs
    /// no longer, or had the number that this one has now, as in a container that was started again.
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
        let one = Identity {
            host: "a".to_owned(),
            pid: 1,
            command: String::new(),
            runs: |pid| Some(pid == 7),
        };
        assert!(one.knows_gone("a", 1), "its number is taken by another one");
        assert!(one.knows_gone("a", 8));
        assert!(!one.knows_gone("a", 7));
        assert!(!one.knows_gone("b", 8));
        let nameless = Identity {
            host: String::new(),
            ..one.clone()
        };
        assert!(!nameless.knows_gone("", 8));
        let untold = Identity {
            runs: |_| None,
            ..one
        };
        assert!(!untold.knows_gone("a", 8));
    }

    #[test]
    fn this_process_runs() {
        assert_ne!(runs(std::process::id()), Some(false));
        let who = Identity::of_process();
        assert_ne!(who.name(0), who.name(0));
    }
}
