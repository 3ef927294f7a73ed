//! Runs and their replacements on one day, at once, under random faults: crashes, lost replies,
//! failed and delayed writes, the loss of the state, and its overwriting by a stale one. P1 and P3
//! hold after every single operation; at the end nothing is lost, and the audit adds up.
//!
//! A seed replays a simulation exactly: its random numbers, and with them the interleaving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::path::Path;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::faulty::{Fault, Op};
use super::support::*;
use crate::bronze::reader;
use crate::state::execution::Status;

const SEEDS: u64 = 150;
const IDS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
/// One after the other of these dies and is replaced; two at a time are alive.
const LIVES: usize = 4;

/// What the faults of one simulation share.
struct Fate {
    rng: SmallRng,
    faults_left: u32,
    /// The state as some run once read it.
    stale: Option<String>,
    ids: BTreeMap<String, Vec<Box<str>>>,
}

type Shared = Arc<Mutex<Fate>>;

#[tokio::test(start_paused = true)]
async fn any_history_of_faults_ends_with_each_record_stored_once() {
    for seed in 0..SEEDS {
        simulate(seed).await;
    }
}

async fn simulate(seed: u64) {
    let world = seeded(seed);
    let fate = Arc::new(Mutex::new(Fate {
        rng: SmallRng::seed_from_u64(seed),
        faults_left: 8,
        stale: None,
        ids: BTreeMap::new(),
    }));
    tokio::join!(live(&world, &fate), live(&world, &fate));
    world.deliver_late().await;
    run_once(&world, "last", &IDS).await;
    world.assert_sound().await;
    let stored: BTreeSet<_> = world.files().await.into_values().flatten().collect();
    assert_eq!(stored.len(), IDS.len(), "P2: nothing is lost (seed {seed})");
}

async fn live(world: &World, fate: &Shared) {
    for _ in 0..LIVES {
        let dead = CancellationToken::new();
        tokio::select! {
            () = dead.cancelled() => {}
            () = run(world, fate, dead.clone()) => {}
        }
    }
}

/// A run as it is: pages, commits, an end. It dies where a fault says so.
async fn run(world: &World, fate: &Shared, dead: CancellationToken) {
    let (faults, elsewhere) = (Arc::clone(fate), world.clone());
    let day = world.faulty_day(move |op, key| Some(decide(&faults, &elsewhere, &dead, op, key)));
    let Ok(mut state) = day.open().await else {
        return;
    };
    let mut run = world.run("hourly");
    for _ in 0..3 {
        let page: Vec<_> = {
            let mut fate = fate.lock().unwrap();
            IDS.into_iter()
                .filter(|_| fate.rng.random_bool(0.4))
                .collect()
        };
        let committed = ingest(world, &day, &mut state, &mut run, &page).await;
        assert!(run.counts.balanced(), "P2: {:?}", run.counts);
        if committed.is_err() {
            run.status = Status::Failed;
            break;
        }
    }
    let _ = day.record(&mut state, &run, &BTreeMap::new(), false).await;
}

/// A fault, or other runs' turn; and after every operation of anyone, the promises.
fn decide(fate: &Shared, world: &World, dead: &CancellationToken, op: Op, key: &str) -> Fault {
    let (fate, world) = (Arc::clone(fate), world.clone());
    let mut now = fate.lock().unwrap();
    let happens = now.rng.random_bool(0.5);
    let kind = now.rng.random_range(0..60);
    if now.faults_left > 0 && kind < 8 {
        now.faults_left -= 1;
        match kind {
            0 | 1 => {
                dead.cancel();
                return Fault::Crash { happens };
            }
            2 => return Fault::Fail,
            3 | 4 if op == Op::Put => return Fault::LoseReply,
            5 | 6 if op == Op::Put => return Fault::Delay,
            _ => {}
        }
        if key == STATE && kind == 7 {
            drop(now);
            return Fault::Meanwhile(Box::pin(async move { harm_state(&world, &fate).await }));
        }
    }
    let pause = Duration::from_millis(now.rng.random_range(0..40));
    let delivers = now.rng.random_bool(0.1);
    drop(now);
    Fault::Meanwhile(Box::pin(async move {
        assert_promises(&world, &fate).await;
        tokio::time::sleep(pause).await;
        if delivers {
            world.late.deliver(world.store.as_ref()).await;
        }
        assert_promises(&world, &fate).await;
    }))
}

/// The state is lost, or a stray writer puts back what it read a while ago.
async fn harm_state(world: &World, fate: &Shared) {
    let stale = fate.lock().unwrap().stale.take();
    match stale {
        Some(stale) => world.put(STATE, stale).await,
        None if world.exists(STATE).await => world.delete(STATE).await,
        None => {}
    }
}

/// P1 and P3 as they are at this instant.
async fn assert_promises(world: &World, fate: &Shared) {
    let mut stored = BTreeSet::new();
    for number in 1.. {
        let key = key(number);
        let known = fate.lock().unwrap().ids.get(&key).cloned();
        let ids = match known {
            Some(ids) => ids,
            None => match world.store.get(&Path::from(key.as_str())).await {
                Ok(found) => {
                    let facts = reader::facts(found.bytes().await.unwrap(), &[]).unwrap();
                    fate.lock().unwrap().ids.insert(key, facts.ids.clone());
                    facts.ids
                }
                Err(_) => break,
            },
        };
        for id in ids {
            assert!(stored.insert(id.clone()), "P1: {id} is stored twice");
        }
    }
    if world.exists(STATE).await {
        let text = world.text(STATE).await;
        let state: serde_json::Value = serde_json::from_str(&text).unwrap();
        for id in strings(&state["processed_ids"]) {
            assert!(stored.contains(id.as_str()), "P3: {id} has no row");
        }
        let mut fate = fate.lock().unwrap();
        if fate.rng.random_bool(0.05) {
            fate.stale = Some(text);
        }
    }
}
