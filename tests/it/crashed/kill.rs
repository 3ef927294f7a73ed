//! Kills of a process at a moment drawn by chance: at a point of `bronzed_storage::failpoint`, when it is passed for the n-th time.

use bronzed_tables::testing::Chance;

use crate::support::lake::Backend;
use crate::support::program::{Program, Running};

/// Points, with the greatest number of the pass that is drawn.
const POINTS: [(&str, u64); 10] = [
    ("data.before", 4),
    ("data.after", 4),
    ("document.before", 2),
    ("document.after", 2),
    ("removal.after", 1),
    ("folder.locked", 4),
    ("folder.made", 3),
    ("folder.staged", 6),
    ("folder.written", 6),
    ("folder.linked", 6),
];
/// Points at which a run stops, too.
const RUN_POINTS: [(&str, u64); 5] = [
    ("data.before", 5),
    ("data.after", 5),
    ("state.before", 2),
    ("state.after", 2),
    ("marker.after", 1),
];

/// Draws a point of any process, `data.after:2`.
pub fn point(backend: Backend, chance: &mut Chance) -> String {
    drawn(points(backend), chance)
}

/// Draws a point of a run.
pub fn run_point(backend: Backend, chance: &mut Chance) -> String {
    match chance.below(2) {
        0 => drawn(&RUN_POINTS, chance),
        _ => drawn(points(backend), chance),
    }
}

/// Returns the points of any process: only a folder has some within a write.
fn points(backend: Backend) -> &'static [(&'static str, u64)] {
    match backend {
        Backend::Folder => &POINTS,
        _ => &POINTS[..5],
    }
}

/// Draws a point at which a process holds no lock of the folder, so that another one can go on.
pub fn open_point(chance: &mut Chance) -> String {
    drawn(&POINTS[..4], chance)
}

fn drawn(points: &[(&str, u64)], chance: &mut Chance) -> String {
    let place = usize::try_from(chance.below(points.len() as u64)).expect("few");
    let (name, most) = points[place];
    // Few processes get to later passes.
    let most = 1 + chance.below(most);
    format!("{name}:{}", 1 + chance.below(most))
}

/// A process that has stopped at a point, or ended before it.
pub enum Stopped {
    At(Running),
    Ended,
}

/// Starts the program, and waits until it stops at the point. One that ends before must have done its work.
#[track_caller]
pub fn stopped(program: Program, point: &str) -> Stopped {
    let mut running = program.start_to_stop_at(point);
    let points: Vec<_> = point.split(',').collect();
    match running.stops_at(&points) {
        Some(_) => Stopped::At(running),
        None => {
            running.wait().expect(0);
            Stopped::Ended
        }
    }
}

/// Kills the program at the point. Returns `false` if it has done its work before.
#[track_caller]
pub fn kill_at(program: Program, point: &str) -> bool {
    match stopped(program, point) {
        Stopped::At(running) => {
            running.kill();
            true
        }
        Stopped::Ended => false,
    }
}
