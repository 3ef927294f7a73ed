//! `bronzed status`, `bronzed state show` and `bronzed healthcheck`.

use bronzed_simulator::pncp::catalog::Catalog;
use serde_json::{Value, json};

use crate::support::lake::Backend;
use crate::support::program::Program;
use crate::support::scene::{DAY, STATE, Scene, day};

fn scene() -> Scene {
    Scene::of(Backend::Folder, Catalog::generated(5, day(), 60, 2_400))
}

fn status(scene: &Scene) -> Value {
    let args = ["status", "pncp.contratacoes", "--json"];
    scene.program(&args).run().expect(0).json()
}

#[test]
fn status_tells_what_the_lake_holds_and_what_the_last_run_did() {
    let scene = scene();
    let args = ["status", "pncp.contratacoes", "--json"];
    let nothing = scene.program(&args).run().expect(1);
    assert!(nothing.stderr.contains("there is no lake"), "{nothing:?}");
    assert!(
        scene.lake.keys().is_empty(),
        "who only looks creates nothing"
    );

    let first = scene.run().expect(0).json();
    let later = "2025-10-25";
    let args = ["run", "pncp.contratacoes", "--day", later, "--json"];
    let last = scene.program(&args).run().expect(0).json();
    assert_eq!(first["complete"], true);
    let told = status(&scene);
    assert_eq!(
        told["complete_days"], 1,
        "of the other, the simulated API says that it isn't over"
    );
    assert_eq!(told["newest_complete"], DAY);
    assert_eq!(told["days_with_state"], 2);
    // Two manually read days don't turn a year between them into missing days.
    assert_eq!(told["since"], Value::Null);
    assert_eq!(told["incomplete"], json!([later]));
    assert_eq!(told["open"][0]["day"], later);
    assert_eq!(told["last_run"]["run_id"], last["run_id"]);
    assert_eq!(told["last_run"]["day"], later);

    let covered = scene
        .program(&["status", "pncp", "--json"])
        .env(
            "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__COVERAGE__FROM",
            "2025-10-20",
        )
        .run()
        .expect(0);
    let lines: Vec<Value> = covered
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let contratacoes = lines
        .iter()
        .find(|line| line["dataset"] == "pncp.contratacoes");
    assert_eq!(contratacoes.unwrap()["incomplete"][0], "2025-10-20");

    let table = scene.program(&["status"]).run().expect(0).stdout;
    assert!(table.contains("pncp.contratacoes"), "{table}");
    assert!(
        table.contains("pncp.contratacoes: 1 day not complete"),
        "{table}"
    );
    assert!(
        table.contains("why       read, not proven: the day had not settled"),
        "{table}"
    );
    assert!(table.contains("next try"), "{table}");
    let mend = format!("bronzed run pncp.contratacoes --day {later}");
    assert!(table.contains(&mend), "{table}");
}

#[test]
fn datasets_that_are_switched_off_are_named() {
    let scene = scene();
    scene.run().expect(0);
    let objects = |args: &[&str]| -> Vec<Value> {
        let told = scene.program(args).run().expect(0).stdout;
        let lines = told.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("objects")
    };
    let find = |found: &[Value], name: &str| {
        let one = found.iter().find(|one| one["dataset"] == name);
        one.cloned().unwrap_or_default()
    };
    let all = objects(&["status", "--json"]);
    assert_eq!(find(&all, "pncp.contratacoes")["enabled"], true);
    let off = json!({"dataset": "pncp.pca", "enabled": false});
    assert_eq!(find(&all, "pncp.pca"), off);
    assert_eq!(find(&all, "tcu.pedidos_congresso")["enabled"], false);
    // A source that is named tells of its own; a dataset that is named is read.
    let source = objects(&["status", "pncp", "--json"]);
    assert_eq!(find(&source, "pncp.pca"), off);
    assert_eq!(find(&source, "tcu.pedidos_congresso"), Value::Null);
    let named = objects(&["status", "pncp.pca", "--json"]);
    assert_eq!((named.len(), &named[0]["enabled"]), (1, &json!(false)));
    assert_eq!(named[0]["complete_days"], 0);

    let told = scene.program(&["status", "tcu"]).run().expect(0).stdout;
    let line = "switched off (`enabled = false`): tcu.pedidos_congresso";
    assert_eq!(told.lines().last(), Some(line), "{told}");
    let off = scene
        .program(&["status"])
        .env("BRONZED__SOURCES__TCU__ENABLED", "false")
        .run()
        .expect(0);
    assert!(off.stdout.contains("tcu.acordaos"), "{}", off.stdout);
}

#[test]
fn a_state_is_shown_and_nothing_is_changed() {
    let scene = scene();
    let show = ["state", "show", "pncp.contratacoes", "--day", DAY];
    let report = scene.run().expect(0).json();
    let other = ["state", "show", "pncp.contratacoes", "--day", "2025-10-01"];
    let unknown = scene.program(&other).run().expect(0).stdout;
    assert!(
        unknown.contains("the lake knows nothing of this day"),
        "{unknown}"
    );
    let before = scene.lake.get(STATE);
    let mut as_json = show.to_vec();
    as_json.push("--json");
    let shown = scene.program(&as_json).run().expect(0).json();
    assert_eq!(shown["records"], 60);
    assert_eq!(shown["complete"], true);
    assert_eq!(shown["executions"][0]["run_id"], report["run_id"]);
    assert_eq!(
        shown["slices"]["modalidade=6"],
        scene.state()["slices"]["modalidade=6"]
    );
    let words = scene.program(&show).run().expect(0).stdout;
    assert!(words.contains("60 records in 1 numbered file"), "{words}");
    assert!(words.contains("modalidade=6"), "{words}");

    scene.lake.put(STATE, "{");
    let damaged = scene.program(&as_json).run().expect(0).json();
    let why = damaged["to_set_right"]["rebuild"].as_str().unwrap();
    assert!(why.contains("can't be read"), "{why}");
    assert_eq!(damaged["records"], 60, "P5: the files decide");
    assert_eq!(scene.lake.get(STATE), b"{");
    scene.lake.put(STATE, before);
}

#[test]
fn what_can_not_be_shown_is_said() {
    let scene = scene();
    let wrong = ["state", "show", "pncp.contratacao", "--day", DAY];
    let refused = scene.program(&wrong).run().expect(2);
    assert!(refused.stderr.contains("has no dataset"), "{refused:?}");
    let nowhere = Program::new(&["status"])
        .env("BRONZED__LAKE__URL", "file:///proc/nowhere")
        .run()
        .expect(1);
    assert!(nowhere.stderr.contains("/proc/nowhere"), "{nowhere:?}");
}

#[test]
fn a_daemon_that_is_well_is_told_from_one_that_is_not_there() {
    let scene = scene();
    let listen = "127.0.0.1:0";
    let mut daemon = scene
        .program(&["daemon"])
        .env("BRONZED__SERVER__LISTEN", listen)
        .env("RUST_LOG", "info")
        .start();
    let started = daemon.log_line("daemon started");
    let address = started["listen"].as_str().unwrap().to_owned();
    let check = |more: &[&str]| {
        let mut args = vec!["healthcheck"];
        args.extend(more);
        Program::new(&args).env("BRONZED__SERVER__LISTEN", &address)
    };
    check(&[]).run().expect(0);
    check(&["--url", &format!("http://{address}/healthz")])
        .run()
        .expect(0);
    let wrong = check(&["--url", &format!("http://{address}/nowhere")]).run();
    assert!(wrong.expect(1).stderr.contains("404"));
    // Ready once the lake has been read; polled until then.
    let mut tries = 0;
    while check(&["--ready"]).run().code != Some(0) {
        tries += 1;
        assert!(tries < 200, "never ready");
    }
    daemon.interrupt();
    daemon.wait().expect(0);
    let gone = check(&[]).run().expect(1);
    assert!(gone.stderr.contains("is the daemon running?"), "{gone:?}");
    let said = json!(gone.stdout);
    assert_eq!(said, "");
}
