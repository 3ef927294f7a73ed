//! Running the program.

use std::fs;

use crate::support::lake::{Backend, TestLake};
use crate::support::program::Program;

#[test]
fn the_program_runs_to_its_end() {
    let lake = TestLake::new(Backend::Folder);
    let outcome = Program::new(&["--version"]).on(&lake).run().expect(0);
    assert_eq!(outcome.stderr, "");
    assert!(fs::exists(lake.as_folder()).unwrap());
}

#[test]
fn a_killed_program_has_no_exit_code() {
    let running = Program::new(&["--version"]).start();
    let outcome = running.kill();
    assert!(matches!(outcome.code, None | Some(0)), "{outcome:?}");
}
