//! The judges in Python: that they find the faults they are there for.

use std::process::Stdio;

use crate::support::python::python;

#[test]
fn the_judges_find_every_planted_fault() {
    let output = python()
        .script("test_judges.py")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}
