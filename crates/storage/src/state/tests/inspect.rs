//! `bronzed state verify`: reports every defect of a day, and nothing for a sound one.

use super::corruption::{earlier_day, sound_day};
use super::support::*;
use crate::invariants::Promise;
use crate::state::digest;
use crate::state::{InspectedTable, Inspection, StateError, inspect};
use bronzed_model::declaration::{Dataset, Version};

async fn found(world: &World) -> Inspection {
    let day = world.day();
    let found = inspect(&day.lake, &day.dataset, day.zone, day.day).await;
    found.unwrap()
}

/// Asserts that these promises are reported as violated, each with this text.
async fn assert_found(world: &World, expected: &[(Promise, &str)]) {
    let findings = found(world).await.findings;
    for (promise, text) in expected {
        let told = findings
            .iter()
            .any(|finding| finding.promise == *promise && finding.what.contains(text));
        assert!(told, "{promise:?} {text}: {findings:#?}");
    }
}

#[tokio::test]
async fn of_a_sound_day_nothing_is_said() {
    for world in [memory(), memory().compressed()] {
        let world = sound_day(world).await;
        let found = found(&world).await;
        assert_eq!((found.files, found.rows, found.ids), (3, 5, 5));
        assert_eq!(found.findings, []);
    }
    let earlier = found(&earlier_day().await).await;
    assert!(earlier.earlier && earlier.findings.is_empty());
}

/// Replaces `from` by `to` in the document and recomputes the digest, as a buggy writer would.
async fn alter(world: &World, from: &str, to: &str) {
    let text = world.text(STATE).await;
    assert!(text.contains(from), "{text}");
    let (text, _) = text.rsplit_once(",\n  \"digest\"").unwrap();
    let mut text = text.replacen(from, to, 1);
    digest::close(&mut text);
    world.put(STATE, text).await;
}

#[tokio::test]
async fn whatever_is_wrong_is_told_by_the_promise_that_it_breaks() {
    use Promise::{P2, P3, P4, P5, P7};
    let world = sound_day(memory()).await;
    alter(&world, "    \"c\",\n", "    \"x\",\n").await;
    assert_found(&world, &[(P3, "x is in the state, and in no file")]).await;
    assert_found(&world, &[(P5, "c is in a file that the state counts")]).await;

    let world = sound_day(memory()).await;
    alter(&world, "\"total_processed\": 5", "\"total_processed\": 4").await;
    assert_found(&world, &[(P2, "the total is 4")]).await;

    let world = sound_day(memory()).await;
    alter(&world, "\"new_records\": 2", "\"new_records\": 3").await;
    assert_found(
        &world,
        &[(P2, "the executions count 6"), (P7, "counts 3 new")],
    )
    .await;

    let world = sound_day(memory()).await;
    alter(&world, "\"commits\": 3", "\"commits\": 2").await;
    assert_found(&world, &[(P7, "the state counts 2 files")]).await;

    let world = sound_day(memory()).await;
    world.delete(&key(2)).await;
    assert_found(&world, &[(P5, "file c000002 is gone: 1 records")]).await;

    let world = sound_day(memory()).await;
    world.put(EARLIER, old_file(&[Some("z")])).await;
    assert_found(
        &world,
        &[(P5, "z is in a file"), (P7, "in executions of []")],
    )
    .await;

    let world = sound_day(memory()).await;
    world.delete(MARKER).await;
    assert_found(&world, &[(P4, "its marker is missing")]).await;

    let world = sound_day(memory()).await;
    alter(&world, "\"complete\": true", "\"complete\": false").await;
    assert_found(&world, &[(P4, "and the state doesn't")]).await;

    let world = sound_day(memory()).await;
    let text = world.text(STATE).await;
    world
        .put(STATE, text.replacen("    \"c\"", "    \"x\"", 1))
        .await;
    assert_found(&world, &[(P5, "isn't that of its `digest`")]).await;

    world.put(STATE, "{").await;
    assert_found(&world, &[(P5, "the state can't be read")]).await;

    world.delete(STATE).await;
    assert_found(&world, &[(P7, "there are files, and no state")]).await;
}

/// P1: records whose ids differ under the current declaration would be stored again.
#[tokio::test]
async fn ids_under_another_declaration_are_told() {
    let world = sound_day(memory()).await;
    let day = world.day();
    for dataset in [
        Dataset {
            primary_key: vec!["/other".to_owned()],
            ..(*day.dataset).clone()
        },
        Dataset {
            version: Version::Field("/numeroControlePNCP".to_owned()),
            ..(*day.dataset).clone()
        },
    ] {
        let found = inspect(&day.lake, &dataset, day.zone, day.day).await;
        let findings = found.unwrap().findings;
        assert_eq!(findings.len(), 3, "one for each file: {findings:#?}");
        for finding in findings {
            assert_eq!(finding.promise, Promise::P1);
            assert!(finding.what.contains("as they are now"), "{finding}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_an_error() {
    let world = sound_day(memory()).await;
    world.put(&key(2), "PAR1").await;
    let day = world.day();
    let error = inspect(&day.lake, &day.dataset, day.zone, day.day).await;
    assert!(matches!(error, Err(StateError::File { .. })), "{error:?}");
}

#[tokio::test]
async fn strays_are_what_readers_may_take_for_the_table() {
    let world = sound_day(memory()).await;
    for stray in [
        "pncp/copy.parquet",
        "pncp/year=2025/month=10/day=22/notes.txt",
    ] {
        world.put(stray, "x").await;
    }
    world.put("pncp/_state/known/20251022", "x").await;
    world.put("pncp_itens/x", "x").await;
    let table = InspectedTable::list(&world.day().lake, "pncp")
        .await
        .unwrap();
    assert_eq!(table.days.into_iter().collect::<Vec<_>>(), [day()]);
    assert_eq!(
        table.strays,
        [
            "pncp/copy.parquet",
            "pncp/year=2025/month=10/day=22/notes.txt"
        ]
    );
}
