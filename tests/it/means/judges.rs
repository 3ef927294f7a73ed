//! Tests of the judges: they find the faults that they exist for.

use std::collections::BTreeSet;
use std::process::Stdio;

use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_storage::invariants::Promise::{self, P1, P2, P3, P4, P5, P7};
use serde_json::json;

use crate::support::lake::Backend;
use crate::support::python::python;
use crate::support::scene::{COMPLETE, Expect, STATE, Scene, at, day, file};

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

/// A fault in a lake, and the promises that it breaks.
type Fault = (&'static [Promise], fn(&Scene));

#[test]
fn the_promises_as_the_program_states_them_are_seen_to_be_broken_in_a_lake() {
    let faults: [Fault; 7] = [
        // A file that the state doesn't count, although no run is under way.
        (&[P1, P7], |scene| {
            let bytes = scene.lake.get(&file(1));
            scene.lake.put(&file(2), bytes);
        }),
        (&[P2, P3, P4, P5, P7], |scene| scene.lake.delete(&file(1))),
        (&[P4], |scene| scene.lake.delete(COMPLETE)),
        // Published before the day was marked complete.
        (&[P2, P4], |scene| {
            let more = GeneratedDay::new(3, day(), 1).records();
            scene.simulator.catalog().extend(more);
        }),
        (&[P2, P7], |scene| {
            let mut state = scene.state();
            state["executions"][0]["new_records"] = json!(6);
            state["executions"][0]["fetched"] = json!(6);
            scene.lake.put(STATE, state.to_string());
        }),
        (&[P3, P5, P2], |scene| {
            let mut state = scene.state();
            let ids = state["processed_ids"].as_array_mut().expect("a list");
            ids.push(json!("of nobody"));
            scene.lake.put(STATE, state.to_string());
        }),
        // The reported run isn't the audited one.
        (&[P7], |scene| {
            let mut state = scene.state();
            state["executions"][0]["run_id"] = json!("00000000-0000-7000-8000-000000000000");
            scene.lake.put(STATE, state.to_string());
        }),
    ];
    for (position, (broken, harm)) in faults.into_iter().enumerate() {
        let scene = Scene::of(Backend::Folder, Catalog::recorded_day());
        scene.simulator.set_now(at("30:00"));
        scene.run().expect(0);
        assert_eq!(scene.broken_promises(Expect::All), []);
        harm(&scene);
        let found = scene.broken_promises(Expect::All);
        let promises: BTreeSet<_> = found.iter().map(|one| one.promise).collect();
        let expected: BTreeSet<_> = broken.iter().copied().collect();
        assert_eq!(promises, expected, "fault {position}: {found:#?}");
    }
}
