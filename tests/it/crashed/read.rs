//! Days that `bronzed run` reads from an API and publishes, and the tables made of them, while each is killed.

use std::time::Duration;

use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::pncp::generated::GeneratedDay;
use bronzed_tables::testing::Chance;

use super::copy::LakeCopy;
use super::judge::{Judge, JudgedTables};
use super::kill::{kill_at, point, run_point};
use crate::support::lake::Backend;
use crate::support::scene::{self, Scene, day};

const RECORDS: u32 = 150;
/// Number of kills over one lake.
const KILLS: u32 = 10;

/// Kills so many processes, of a few lakes. Returns a line for each kill.
pub fn play(backend: Backend, kills: u32, chance: &mut Chance, judge: &mut Judge) -> Vec<String> {
    let mut killed = Vec::new();
    while killed.len() < kills as usize {
        let left = kills as usize - killed.len();
        let of_lake = u32::try_from(left).expect("few").min(KILLS);
        killed.extend(of_one_lake(backend, of_lake, chance, judge));
    }
    killed
}

fn of_one_lake(
    backend: Backend,
    kills: u32,
    chance: &mut Chance,
    judge: &mut Judge,
) -> Vec<String> {
    let records = GeneratedDay::new(chance.below(1_000), day(), RECORDS).records();
    let mut config = scene::config(Catalog::new().with(records));
    config.latency = Duration::from_millis(2);
    let scene = Scene::new(backend, config);
    let mut copy = LakeCopy::of(&scene.lake);
    let tables = |copy: &mut LakeCopy| JudgedTables {
        lake: copy.now(&scene.lake).to_owned(),
        bronze: &["pncp"],
        silver: &[("silver/pncp_contratacoes", "keys")],
        notes: &[],
    };
    let reader = || scene.reader().env("BRONZED__COMMIT__MAX_RECORDS", "15");
    let build = ["silver", "build", "pncp.contratacoes"];
    let compact = ["tables", "compact", "pncp.contratacoes"];
    let mut killed = Vec::new();
    for _ in 0..8 * kills {
        if killed.len() == kills as usize {
            break;
        }
        // A folder that isn't a lake yet has no tables.
        let is_lake = scene.lake.keys().iter().any(|key| key.starts_with("pncp/"));
        let (name, at, met) = match chance.below(5) {
            0 if is_lake => {
                let at = point(backend, chance);
                let met = kill_at(scene.program(&build), &at);
                ("silver build", at, met)
            }
            1 if is_lake => {
                let at = point(backend, chance);
                let met = kill_at(scene.program(&compact), &at);
                ("tables compact", at, met)
            }
            _ => {
                let at = run_point(backend, chance);
                let met = kill_at(reader(), &at);
                ("run", at, met)
            }
        };
        if met {
            let line = format!("{name} on {backend:?} at {at}");
            println!("kill of one who reads, {}: {line}", killed.len() + 1);
            judge.assert_tables(&tables(&mut copy), false, &line);
            killed.push(line);
        }
    }
    reader().run().expect(0);
    scene.program(&build).run().expect(0);
    judge.assert_tables(&tables(&mut copy), true, "at the end");
    killed
}
