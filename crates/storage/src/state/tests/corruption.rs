//! P1, P2 and P5 with a damaged state: if any single byte changes, or it is truncated anywhere, it is rebuilt
//! from the files or stops the run. No row is lost or duplicated.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::support::*;
use crate::compression::unpack;
use crate::state::{SliceProgress, StateError};

/// Page of the fourth run: one new record among stored ones.
const PAGE: [&str; 6] = ["a", "b", "c", "d", "e", "new"];

/// A day with every part of a state: files of two runs, a proven slice, a withdrawn id, and the marker of a
/// complete day.
pub async fn sound_day(world: World) -> World {
    run_once(&world, "hourly", &["a", "b"]).await;
    let (day, mut run) = (world.day(), world.run("daily"));
    let mut state = day.open().await.unwrap();
    for ids in [["c"].as_slice(), &["d", "e"]] {
        ingest(&world, &day, &mut state, &mut run, ids)
            .await
            .unwrap();
    }
    state.note_withdrawn(["b".into()]);
    let slices = [("modalidade=6".to_owned(), SliceProgress::of(5, 5))];
    day.record(&mut state, &run, &slices.into(), true)
        .await
        .unwrap();
    world
}

/// A day written by the earlier pipeline, whose state names a record that was lost.
pub async fn earlier_day() -> World {
    let world = memory();
    let folder = "pncp/year=2025/month=10/day=22";
    let ids = ["a", "b", "c", "d", "e"].map(Some);
    for (name, ids) in [("080003", &ids[..2]), ("120003", &ids[2..])] {
        let key = format!("{folder}/pncp_20251022_{name}.parquet");
        world.put(&key, old_file(ids)).await;
    }
    let text = r#"{
  "date": "2025-10-22",
  "processed_ids": ["a", "b", "c", "d", "e", "lost"],
  "last_execution": "2025-10-22T12:00:03",
  "total_processed": 6,
  "executions": [
    {"timestamp": "2025-10-22T08:00:03", "new_records": 2, "duplicates_filtered": 0, "filter_rate": 0.0},
    {"timestamp": "2025-10-22T12:00:03", "new_records": 4, "duplicates_filtered": 2, "filter_rate": 33.3}
  ],
  "created_at": "2025-10-22T08:00:02"
}"#;
    world.put(STATE, text).await;
    world
}

/// Days with each kind of state.
async fn days() -> [World; 3] {
    [
        sound_day(memory()).await,
        sound_day(memory().compressed()).await,
        earlier_day().await,
    ]
}

/// Seed of the damage: `CORRUPTION_SEED=7 cargo test corruption`.
fn seed() -> u64 {
    match std::env::var("CORRUPTION_SEED") {
        Ok(seed) => seed.parse().expect("CORRUPTION_SEED is a number"),
        Err(_) => 20_251_022,
    }
}

/// Runs over a day whose state is `damaged`. The run stores the new record once, or stops with an error and
/// changes nothing. Restores the lake afterwards.
async fn survive(world: &World, sound: &Bytes, damaged: Bytes, what: &str) -> Outcome {
    let files = world.files().await;
    let number = 1 + files.keys().filter(|key| key.contains("_c0")).count() as u64;
    world.put(STATE, damaged.clone()).await;
    let day = world.day();
    let outcome = match day.open().await {
        Err(StateError::NewerFormat { .. }) => {
            assert_eq!(
                world.bytes(STATE).await,
                damaged,
                "{what}: nothing is written"
            );
            Outcome::Stopped
        }
        Err(error) => panic!("{what}: {error}"),
        Ok(mut state) => {
            assert_eq!(state.ids().collect::<Vec<_>>(), PAGE[..5], "{what}");
            let proven = state.slices().values().copied().collect::<Vec<_>>();
            let progress = SliceProgress::of(5, 5);
            assert!(proven.is_empty() || proven == [progress], "{what}");
            assert_eq!(state.is_complete(), world.exists(MARKER).await, "{what}");
            let rebuilt = state.recovery().rebuilt.is_some();
            let mut run = world.run("hourly");
            let committed = ingest(world, &day, &mut state, &mut run, &PAGE).await;
            let committed = committed.unwrap().unwrap();
            assert_eq!(committed.key, Some(key(number)), "{what}");
            assert_eq!(committed.rows, 1, "{what}");
            world.assert_sound().await;
            match rebuilt {
                true => Outcome::Rebuilt,
                false => Outcome::Believed,
            }
        }
    };
    if outcome != Outcome::Stopped {
        world.delete(&key(number)).await;
    }
    assert_eq!(world.files().await, files, "{what}");
    world.put(STATE, sound.clone()).await;
    outcome
}

/// Outcome of a run over a damaged state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Rebuilt,
    Stopped,
    Believed,
}

#[tokio::test]
async fn a_state_that_is_cut_off_anywhere_is_rebuilt() {
    for world in days().await {
        let sound = world.bytes(STATE).await;
        for length in 0..sound.len() {
            let what = format!("cut off at {length}");
            let outcome = survive(&world, &sound, sound.slice(..length), &what).await;
            assert_eq!(outcome, Outcome::Rebuilt, "{what}");
        }
    }
}

#[tokio::test]
async fn a_state_with_a_damaged_byte_is_rebuilt_or_stops_the_run() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    for world in days().await {
        let sound = world.bytes(STATE).await;
        let mut stopped = 0;
        for _ in 0..1_000 {
            let mut damaged = sound.to_vec();
            let position = random.random_range(0..damaged.len());
            let change = random.random_range(1..=u8::MAX);
            damaged[position] ^= change;
            let what = format!("seed {seed}: byte {position} changed by {change:#04x}");
            let outcome = survive(&world, &sound, damaged.clone().into(), &what).await;
            // Some bits of a compressed frame have no effect.
            let means_nothing =
                || unpack(&damaged).is_ok_and(|text| text == unpack(&sound).unwrap());
            assert!(outcome != Outcome::Believed || means_nothing(), "{what}");
            stopped += usize::from(outcome == Outcome::Stopped);
        }
        assert!(stopped < 100, "{stopped} of 1,000 stopped the run");
    }
}
