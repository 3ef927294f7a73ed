//! A day read by the program, on the backends that its other tests don't use.

use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::Backend;
use crate::support::scene::{COMPLETE, Expect, Scene, at};

fn a_day_grows(backend: Backend) {
    let scene = Scene::of(backend, Catalog::recorded_day());
    for (time, new) in [("08:00", 3), ("12:00", 2), ("30:00", 0)] {
        scene.simulator.set_now(at(time));
        let report = scene.run().expect(0).json();
        assert_eq!(report["new"], new, "{time}");
    }
    scene.assert_lake(Expect::All);
    assert!(scene.lake.keys().contains(&COMPLETE.to_owned()));
    let verify = ["state", "verify", "pncp.contratacoes"];
    scene.program(&verify).run().expect(0);
}

#[test]
fn on_gcs() {
    a_day_grows(Backend::Gcs);
}

#[test]
#[ignore = "it needs Azurite: `.ci/run backends` installs it"]
fn on_azure() {
    a_day_grows(Backend::Azure);
}
