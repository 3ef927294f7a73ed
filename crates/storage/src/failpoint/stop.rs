//! Counts the passes of each point, and stops at the requested ones.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use super::is_listed;

const VARIABLE: &str = "BRONZED_FAILPOINT";

/// Plan parsed from the environment variable; `None` if it is not set.
static PLAN: LazyLock<Option<StopPlan>> = LazyLock::new(|| {
    let asked = std::env::var(VARIABLE).ok()?;
    match StopPlan::parse(&asked) {
        Ok(plan) => Some(plan),
        Err(problem) => {
            let _ = writeln!(io::stderr(), "{VARIABLE}: {problem}");
            process::exit(2)
        }
    }
});

#[derive(Debug, Default)]
struct StopPlan {
    /// `true` if every pass is reported.
    trace: bool,
    /// Stops: the point, and the number of the pass.
    stops: Vec<(String, u32)>,
    passed: Mutex<BTreeMap<&'static str, u32>>,
}

impl StopPlan {
    fn parse(asked: &str) -> Result<Self, String> {
        let mut plan = Self::default();
        for word in asked.split(',') {
            if word == "trace" {
                plan.trace = true;
                continue;
            }
            let stop = word.split_once(':');
            let stop = stop.and_then(|(name, time)| Some((name, time.parse().ok()?)));
            match stop {
                Some((name, time)) if is_listed(name) => plan.stops.push((name.to_owned(), time)),
                _ => return Err(format!("`{word}` isn't `trace`, or a point and a number")),
            }
        }
        Ok(plan)
    }
}

/// Returns `true` if the environment asks for stops, or for a report of all points.
pub fn is_asked_for() -> bool {
    PLAN.is_some()
}

/// Passes a point, and stops there if planned.
pub fn pass(name: &'static str) {
    let Some(plan) = &*PLAN else {
        return;
    };
    let time = {
        let mut passed = plan.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let time = passed.entry(name).or_default();
        *time += 1;
        *time
    };
    let stops = plan
        .stops
        .iter()
        .any(|(stop, at)| stop == name && *at == time);
    if stops || plan.trace {
        let _ = writeln!(io::stderr(), "failpoint {name}:{time}");
    }
    if stops && !is_told_to_go_on() {
        loop {
            thread::park();
        }
    }
}

fn is_told_to_go_on() -> bool {
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok_and(|read| read > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_or_refused() {
        let plan = StopPlan::parse("trace,data.after:2,data.before:1").unwrap();
        assert!(plan.trace);
        assert_eq!(plan.stops[0], ("data.after".to_owned(), 2));
        assert_eq!(plan.stops.len(), 2);
        for wrong in ["", "data.after", "data.after:x", "data.nowhere:1"] {
            assert!(StopPlan::parse(wrong).is_err(), "{wrong}");
        }
    }
}
