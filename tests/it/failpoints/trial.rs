//! Execution of a scenario with a kill at each of its failpoints.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::scenario::Scenario;
use crate::support::lake::Backend;

/// Number of concurrent trials: they wait for disks and responses more than they compute.
const AT_ONCE: usize = 8;

/// Passes of a failpoint at which the program is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each pass of a write; the first, second and last of a point within a folder.
    SomeWithinFolders,
    Every,
}

/// Result of a scenario.
#[derive(Debug, Default)]
pub struct Tried {
    /// Failpoints that the undisturbed run passes.
    pub points: BTreeSet<String>,
    /// Number of kills.
    pub kills: usize,
    /// Failures, each with its failpoint.
    pub failures: Vec<String>,
}

impl Times {
    fn of(self, point: &str, passed: u32) -> BTreeSet<u32> {
        match self {
            Self::SomeWithinFolders if point.starts_with("folder.") => {
                BTreeSet::from([1, passed.min(2), passed])
            }
            Self::SomeWithinFolders | Self::Every => (1..=passed).collect(),
        }
    }
}

/// Kills the scenario at each of its failpoints.
pub fn try_all(scenario: &Scenario, backend: Backend, times: Times) -> Tried {
    let sound = scenario.lake(Backend::Folder);
    let mut passed = scenario.sound_run(&sound);
    passed.retain(|point, _| scenario.is_about(point));
    let truth = scenario.truth(&sound);
    scenario.judge(&sound, &truth);
    if backend != Backend::Folder {
        passed.retain(|point, _| !point.starts_with("folder."));
    }
    let trials: Vec<_> = passed
        .iter()
        .flat_map(|(point, passed)| {
            let times = times.of(point, *passed);
            times.into_iter().map(move |time| format!("{point}:{time}"))
        })
        .collect();
    let failures = side_by_side(&trials, |point| {
        let lake = scenario.lake(backend);
        scenario.kill_at(point, &lake);
        scenario.run_again(&lake);
        scenario.judge(&lake, &truth);
    });
    let name = scenario.name;
    Tried {
        points: passed.into_keys().collect(),
        kills: trials.len(),
        failures: failures
            .into_iter()
            .map(|(point, why)| format!("{name} in {backend:?}, killed at {point}: {why}"))
            .collect(),
    }
}

/// Runs the trials concurrently; returns those that panicked, with the message.
fn side_by_side(trials: &[String], does: impl Fn(&str) + Sync) -> BTreeMap<String, String> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = panic::catch_unwind(AssertUnwindSafe(|| does(trial))) {
                        let mut failures = failures.lock().expect("no panic while it is held");
                        failures.insert(trial.clone(), said(&*why));
                    }
                }
            });
        }
    });
    failures.into_inner().expect("no panic while it is held")
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// Counts the passes of each failpoint in the output of a traced run.
pub fn passed(told: &str) -> BTreeMap<String, u32> {
    let mut passed = BTreeMap::new();
    let lines = told
        .lines()
        .filter_map(|line| line.strip_prefix("failpoint "));
    for (point, time) in lines.filter_map(|line| line.split_once(':')) {
        passed.insert(point.to_owned(), time.parse().expect("a number"));
    }
    passed
}
