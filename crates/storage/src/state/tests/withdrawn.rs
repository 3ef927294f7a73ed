//! Notes about withdrawn records.

use std::collections::BTreeMap;

use serde_json::json;

use super::support::*;
use bronzed_model::declaration::Version;
use bronzed_model::record::RecordId;

#[tokio::test]
async fn notes_are_kept_by_who_reads_the_state_again_after_a_lost_race() {
    let (_folder, worlds) = worlds();
    for world in worlds {
        run_once(&world, "daily", &["a", "b", "c"]).await;
        let (day, run) = (world.day(), world.run("verify"));
        let mut state = day.open().await.unwrap();
        assert_eq!(state.note_withdrawn(["b".into()]), 1);
        assert_eq!(
            state.note_withdrawn(["b".into(), "x".into()]),
            1,
            "the other one"
        );
        // Another run writes before the notes are written.
        run_once(&world, "manual", &["d"]).await;
        day.record(&mut state, &run, &BTreeMap::new(), true)
            .await
            .unwrap();
        world.assert_sound().await;
        let noted = world.state().await["withdrawn_ids"].clone();
        let noted: Vec<_> = noted.as_object().unwrap().keys().cloned().collect();
        assert_eq!(noted, ["b"], "of ids that are stored, and no others");
        assert_eq!(world.state().await["total_processed"], 4);

        let mut state = day.open().await.unwrap();
        assert_eq!(state.withdrawn().keys().collect::<Vec<_>>(), [&"b".into()]);
        assert_eq!(state.note_withdrawn(["b".into()]), 0, "it is noted");
        assert_eq!(state.note_listed(&RecordId::plain("a")), 0);
        assert_eq!(state.note_listed(&RecordId::plain("b")), 1);
        assert_eq!(state.note_listed(&RecordId::plain("b")), 0, "counted once");
        run_once(&world, "manual", &["e"]).await;
        day.record(&mut state, &run, &BTreeMap::new(), false)
            .await
            .unwrap();
        assert_eq!(world.state().await.get("withdrawn_ids"), None);
    }
}

#[tokio::test]
async fn a_record_that_returns_takes_the_notes_of_all_its_versions_back() {
    let world = memory();
    let ids = ["x@1", "x@2", "y@1", "xx@1"];
    run_once(&world, "daily", &ids).await;
    let (day, run) = (world.day(), world.run("verify"));
    let mut state = day.open().await.unwrap();
    state.note_withdrawn(ids.map(Into::into));
    day.record(&mut state, &run, &BTreeMap::new(), true)
        .await
        .unwrap();

    assert!(state.contains_version_of("x") && !state.contains_version_of("x@"));

    let mut dataset = crate::testing::support::dataset();
    dataset.version = Version::Field("/v".to_owned());
    let newer = RecordId::of(&dataset, r#"{"numeroControlePNCP": "x", "v": 3}"#);
    let mut state = day.open().await.unwrap();
    assert_eq!(state.note_listed(&newer), 2);
    day.record(&mut state, &run, &BTreeMap::new(), true)
        .await
        .unwrap();
    let noted = world.state().await["withdrawn_ids"].clone();
    let noted: Vec<_> = noted.as_object().unwrap().keys().cloned().collect();
    assert_eq!(json!(noted), json!(["xx@1", "y@1"]));
}
