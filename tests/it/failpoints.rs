//! Crash tests: the program is killed (SIGKILL) before and after each write to the lake, and the next run
//! must recover.
//!
//! An undisturbed run of each scenario records the failpoints and how often each is passed. Then the
//! program is killed at each of them, each time in a lake of its own, and run again without a fault. The
//! promises judge the result.

mod scenario;
mod scenarios;
mod trial;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use bronzed_storage::failpoint::POINTS;
use tokio::time::Instant;

use crate::support::lake::Backend;
use trial::{Times, try_all};

/// Kills at every write to the lake, before and after it, and at the first, second and last pass of each point
/// within a folder; with `FAILPOINTS=every`, at every pass of these, too.
/// `FAILPOINTS_SCENARIO=feed` selects one scenario.
#[test]
#[ignore = "takes minutes: .ci/run failpoints"]
fn killed_at_every_point_and_run_again() {
    let times = match env::var("FAILPOINTS").as_deref() {
        Ok("every") => Times::Every,
        _ => Times::SomeWithinFolders,
    };
    let only = env::var("FAILPOINTS_SCENARIO").ok();
    let begun = Instant::now();
    let (mut passed, mut kills) = (BTreeSet::new(), 0);
    let mut failures = Vec::new();
    for make in scenarios::ALL {
        let scenario = make();
        if only.as_ref().is_some_and(|only| *only != scenario.name) {
            continue;
        }
        for backend in [Backend::Folder, Backend::S3] {
            let tried = try_all(&scenario, backend, times);
            println!(
                "{} in {backend:?}: {} points, {} kills ({:.0} s so far)",
                scenario.name,
                tried.points.len(),
                tried.kills,
                begun.elapsed().as_secs_f64()
            );
            kills += tried.kills;
            passed.extend(tried.points);
            failures.extend(tried.failures);
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {kills} kills:\n{}",
        failures.len(),
        failures.join("\n")
    );
    println!(
        "{} points, {kills} kills, each of them healed",
        passed.len()
    );
    if only.is_none() {
        let listed: BTreeSet<_> = POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(passed, listed, "each point is passed by a scenario");
    }
}

/// The compiler checks names against the list; this test checks the documentation.
#[test]
fn every_point_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/develop/failpoints.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let listed: Vec<_> = POINTS
        .iter()
        .map(|(name, what)| format!("| `{name}` | {what} |"))
        .collect();
    assert_eq!(
        rows,
        listed,
        "docs/develop/failpoints.md must read:\n{}",
        listed.join("\n")
    );
}
