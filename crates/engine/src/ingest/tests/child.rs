//! Children: one walk for each parent, progress per parent, and recovery after a crash.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use bronzed_model::execution::Status;

/// Compras with itens, and resultados of itens.
const SOURCE: &str = r#"
[dataset.compras]
path = "/compras"
primary_key = ["id"]
version = "content"
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "single" }
completeness = { require = "none" }

[dataset.itens]
kind = "child"
path = "/compras/{compra}/itens"
primary_key = ["_parent_id", "n"]
schema = "columns.txt"
parent = { dataset = "compras", bind = { compra = "id" }, when = { aberta = true } }
paginator = { type = "page_number", page_param = "p", page_size = 3, stop_on_short_page = true }
completeness = { require = "none" }
response = [{ status = 404, body_contains = "cadastrada", action = "skip" }]

[dataset.resultados]
kind = "child"
path = "/compras/{compra}/itens/{item}/resultados"
primary_key = ["_parent_id", "n"]
schema = "columns.txt"
parent = { dataset = "itens", bind = { item = "n" } }
response = [{ status = 404, action = "skip" }]
paginator = { type = "single" }
completeness = { require = "none" }
"#;
const COLUMNS: &str = "id = \"string\"\nn = \"int64\"\naberta = \"boolean\"";

/// Responses of the API by path, which a test may change.
type World = Arc<Mutex<BTreeMap<String, String>>>;

/// Sets up the source over an API that serves these paths; any other path is answered 404.
async fn scene(paths: &[(&str, &str)]) -> (Scene, World) {
    let own = |(path, body): &(&str, &str)| ((*path).to_owned(), (*body).to_owned());
    let world: World = Arc::new(Mutex::new(paths.iter().map(own).collect()));
    let known = Arc::clone(&world);
    let scene = Scene::new(SOURCE, COLUMNS, move |url| {
        let path = url.path().strip_prefix("/api").unwrap();
        let page = match param(url, "p") {
            Some(page) if page != "1" => format!("{path}?{page}"),
            _ => path.to_owned(),
        };
        match known.lock().unwrap().get(&page) {
            Some(body) if body.starts_with("500") => answer("500 Oops", "", body.as_bytes()),
            Some(body) => ok(body.clone()),
            None => answer("404 Not Found", "", "Compra não cadastrada.".as_bytes()),
        }
    })
    .await;
    (scene, world)
}

fn say(world: &World, path: &str, body: &str) {
    world
        .lock()
        .unwrap()
        .insert(path.to_owned(), body.to_owned());
}

/// Returns the paths requested since the last call, without the base path, sorted.
fn asked(scene: &Scene) -> Vec<String> {
    let mut asked = scene.asked();
    asked
        .iter_mut()
        .for_each(|path| *path = path.replace("/api", "").replace("?p=1", ""));
    asked.sort();
    asked
}

async fn read(scene: &Scene, dataset: &str) -> RunReport {
    scene.run(dataset, Mode::Full).await
}

const THREE: &str =
    r#"[{"id":"a/1","aberta":true},{"id":"b&2","aberta":true},{"id":"c","aberta":false}]"#;

#[tokio::test]
async fn each_parent_is_asked_once_and_its_rows_say_whose_they_are() {
    let (scene, _) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", r#"[{"n":1},{"n":2},{"n":3}]"#),
        ("/compras/a%2F1/itens?2", r#"[{"n":4}]"#),
        ("/compras/b%262/itens", r#"[{"n":1}]"#),
        ("/compras/b%262/itens/1/resultados", r#"[{"n":7}]"#),
    ])
    .await;
    assert!(read(&scene, "compras").await.complete);
    asked(&scene);
    let report = read(&scene, "itens").await;
    assert!(
        report.complete && report.status() == Status::Ok,
        "{report:?}"
    );
    assert_eq!(
        asked(&scene),
        [
            "/compras/a%2F1/itens",
            "/compras/a%2F1/itens?p=2",
            "/compras/b%262/itens"
        ]
    );
    let ids = ["a/1|1", "a/1|2", "a/1|3", "a/1|4", "b&2|1"];
    assert_eq!(scene.ids("itens").await, ids);
    let rows = scene.rows("itens").await;
    let last = rows.iter().find(|row| row.id == "b&2|1").unwrap();
    assert_eq!(last.parent.as_deref(), Some("b&2"));
    assert_eq!(last.slice.as_deref(), Some("compra=b%262"));

    // A second run requests nothing.
    assert!(read(&scene, "itens").await.complete);
    assert!(asked(&scene).is_empty());

    // The children's children are requested with the inherited values of their parents.
    let report = read(&scene, "resultados").await;
    assert!(report.complete, "{report:?}");
    let of_two = "/compras/b%262/itens/1/resultados";
    assert!(asked(&scene).contains(&of_two.to_owned()));
    let rows = scene.rows("resultados").await;
    assert_eq!((rows.len(), rows[0].id.as_str()), (1, r"b&2\|1|7"));
    assert_eq!(rows[0].slice.as_deref(), Some("compra=b%262&item=1"));
}

#[tokio::test]
async fn new_parents_and_new_versions_are_picked_up_later() {
    let one = r#"[{"id":"a","aberta":true}]"#;
    let itens = r#"[{"n":1}]"#;
    let (scene, world) = scene(&[("/compras", one), ("/compras/a/itens", itens)]).await;
    // The day isn't over.
    scene.clock.set("2025-10-22T15:00:00Z".parse().unwrap());
    assert!(!read(&scene, "compras").await.complete);
    let report = read(&scene, "itens").await;
    assert!(
        report.status() == Status::Ok && !report.complete,
        "{report:?}"
    );
    say(
        &world,
        "/compras",
        r#"[{"id":"a","aberta":true,"v":2},{"id":"b","aberta":true}]"#,
    );
    say(&world, "/compras/a/itens", r#"[{"n":1},{"n":2}]"#);
    say(&world, "/compras/b/itens", itens);
    scene.clock.set(LATER.parse().unwrap());
    assert!(read(&scene, "compras").await.complete);
    asked(&scene);
    let report = read(&scene, "itens").await;
    assert_eq!(asked(&scene), ["/compras/a/itens", "/compras/b/itens"]);
    assert_eq!((report.counts().new, report.counts().duplicates), (2, 1));
    assert!(report.complete);
    assert_eq!(scene.ids("itens").await, ["a|1", "a|2", "b|1"]);
}

#[tokio::test]
async fn a_parent_that_fails_is_named_and_costs_no_other() {
    let (scene, world) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "500"),
        ("/compras/b%262/itens", r#"[{"n":1}]"#),
    ])
    .await;
    read(&scene, "compras").await;
    let report = read(&scene, "itens").await;
    assert_eq!((report.status(), report.complete), (Status::Partial, false));
    let [(label, _)] = report.execution.failed_slices.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(label, "a/1");
    assert_eq!(scene.ids("itens").await, ["b&2|1"]);
    say(&world, "/compras/a%2F1/itens", r#"[{"n":9}]"#);
    asked(&scene);
    assert!(read(&scene, "itens").await.complete);
    assert_eq!(asked(&scene), ["/compras/a%2F1/itens"]);
}

/// Regression: later runs have only this parent left, and failed as a whole.
#[tokio::test]
async fn one_parent_that_fails_for_ever_leaves_the_day_partial_and_not_failed() {
    let (scene, _) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "500"),
        ("/compras/b%262/itens", r#"[{"n":1}]"#),
    ])
    .await;
    read(&scene, "compras").await;
    for _ in 0..3 {
        let report = read(&scene, "itens").await;
        assert_eq!(report.status(), Status::Partial, "{report:?}");
        assert_eq!(report.execution.error, None);
        assert_eq!(report.execution.failed_slices[0].0, "a/1");
    }
}

#[tokio::test]
async fn a_parent_without_children_is_done_when_two_answers_say_so_or_a_rule_does() {
    let (scene, world) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "[]"),
        ("/compras/b%262/itens", r#"[{"n":1}]"#),
    ])
    .await;
    read(&scene, "compras").await;
    asked(&scene);
    let report = read(&scene, "itens").await;
    assert!(report.complete, "{report:?}");
    // An empty list twice, and children of another in between or after them.
    let (empty, other) = ("/compras/a%2F1/itens", "/compras/b%262/itens");
    let asked_for = asked(&scene);
    assert_eq!(asked_for[..2], [empty, empty]);
    assert!(
        asked_for[2..].iter().all(|path| path == other),
        "{asked_for:?}"
    );
    assert!(read(&scene, "itens").await.complete && asked(&scene).is_empty());

    // One that isn't known: a rule lets it pass.
    say(&world, "/compras", r#"[{"id":"z","aberta":true}]"#);
    read(&scene, "compras").await;
    asked(&scene);
    assert!(read(&scene, "itens").await.complete);
    assert_eq!(asked(&scene), ["/compras/z/itens"]);
}

/// Two empty answers a moment apart were proof: in a spell of them, parents with children were done for good.
#[tokio::test]
async fn p4_an_api_that_answered_everything_empty_for_minutes_left_parents_done_without_their_children()
 {
    let (scene, world) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "[]"),
        ("/compras/b%262/itens", "[]"),
    ])
    .await;
    read(&scene, "compras").await;
    let report = read(&scene, "itens").await;
    assert!(
        !report.complete && report.status() == Status::Partial,
        "{report:?}"
    );
    assert!(report.execution.again_at.is_some());
    let (_, reason) = &report.execution.failed_slices[0];
    assert!(reason.contains("no other parent is known"), "{reason}");

    // The spell is over.
    say(&world, "/compras/a%2F1/itens", r#"[{"n":1}]"#);
    say(&world, "/compras/b%262/itens", r#"[{"n":1}]"#);
    assert!(read(&scene, "itens").await.complete);
    assert_eq!(scene.ids("itens").await, ["a/1|1", "b&2|1"]);

    // Another one, and a new parent: those that had children show none, either.
    say(
        &world,
        "/compras",
        &THREE.replace(']', r#",{"id":"d","aberta":true}]"#),
    );
    for parent in ["a%2F1", "b%262", "d"] {
        say(&world, &format!("/compras/{parent}/itens"), "[]");
    }
    read(&scene, "compras").await;
    let report = read(&scene, "itens").await;
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    assert_eq!(report.execution.failed_slices[0].0, "d");
}

/// A day whose parents have no children at all can be complete: by a second run hours later.
#[tokio::test]
async fn a_day_on_which_no_parent_has_children_is_believed_hours_later() {
    let (scene, _) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "[]"),
        ("/compras/b%262/itens", "[]"),
    ])
    .await;
    read(&scene, "compras").await;
    let first = read(&scene, "itens").await;
    assert!(!first.complete && !read(&scene, "itens").await.complete);
    scene.clock.set(first.execution.again_at.unwrap());
    let report = read(&scene, "itens").await;
    assert!(report.complete, "{report:?}");
    assert!(scene.files("itens").await.is_empty(), "P6");
}

#[tokio::test]
async fn p5_the_files_tell_which_parents_are_done() {
    let (scene, _) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", "[]"),
        ("/compras/b%262/itens", r#"[{"n":1}]"#),
    ])
    .await;
    read(&scene, "compras").await;
    let key = layout::state_key("s_itens", day());
    read(&scene, "itens").await;
    asked(&scene);
    // The state and the marker are lost.
    scene.store.delete(&key.as_str().into()).await.unwrap();
    let marker = layout::complete_key("s_itens", day());
    scene.store.delete(&marker.as_str().into()).await.unwrap();
    assert!(read(&scene, "itens").await.complete);
    assert!(asked(&scene).is_empty(), "both were done with the one file");
}

#[tokio::test]
async fn parents_that_cannot_be_asked_for_are_named() {
    let without = r#"[{"aberta":true},{"id":"b","aberta":true}]"#;
    let (scene, _) = scene(&[("/compras", without), ("/compras/b/itens", r#"[{"n":1}]"#)]).await;
    read(&scene, "compras").await;
    let report = read(&scene, "itens").await;
    assert_eq!(report.status(), Status::Partial);
    assert!(
        report.reasons().contains("no value for `{compra}`"),
        "{}",
        report.reasons()
    );
    assert_eq!(scene.ids("itens").await, ["b|1"]);
}

#[tokio::test]
async fn a_source_that_is_down_is_not_asked_for_every_parent() {
    let parents: Vec<_> = (0..500)
        .map(|n| format!(r#"{{"id":"p{n}","aberta":true}}"#))
        .collect();
    let parents = format!("[{}]", parents.join(","));
    let (scene, world) = scene(&[("/compras", &parents)]).await;
    read(&scene, "compras").await;
    for n in 0..500 {
        say(&world, &format!("/compras/p{n}/itens"), "500");
    }
    asked(&scene);
    let report = read(&scene, "itens").await;
    assert_eq!(report.status(), Status::Failed);
    assert!(
        report.reasons().contains("parents weren't read"),
        "{}",
        report.reasons()
    );
    assert!(
        asked(&scene).len() < 60,
        "the breaker opens at 20 failures in a row"
    );
}

/// Day of 2,000 parents with two kinds of children: two crashes, and every twentieth response is a fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_2000_parents_survives_two_crashes_and_reads_no_parent_again() {
    const PARENTS: usize = 2_000;
    let toml = SOURCE.replace(
        "[dataset.resultados]",
        r#"[dataset.arquivos]
kind = "child"
path = "/compras/{compra}/arquivos"
primary_key = ["_parent_id", "n"]
schema = "columns.txt"
parent = { dataset = "compras", bind = { compra = "id" } }
paginator = { type = "single" }
completeness = { require = "none" }

[dataset.resultados]"#,
    );
    // Each parent has 1 to 4 children and a page has 5, so that one request reads one parent.
    let toml = toml.replace("page_size = 3", "page_size = 5");
    let count = |compra: usize| compra % 4 + 1;
    let requests = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&requests);
    let scene = Scene::new(&toml, COLUMNS, move |url| {
        let steps: Vec<_> = url.path_segments().unwrap().collect();
        let [_, _, compra, _] = steps[..] else {
            let all = (0..PARENTS).map(|n| format!(r#"{{"id":"{n}","aberta":true}}"#));
            return ok(format!("[{}]", all.collect::<Vec<_>>().join(",")));
        };
        let children: Vec<_> = (0..count(compra.parse().unwrap()))
            .map(|n| format!(r#"{{"n":{n}}}"#))
            .collect();
        let whole = ok(format!("[{}]", children.join(",")));
        let turn = sent.fetch_add(1, Ordering::SeqCst);
        match turn % 80 {
            19 => answer("500 Internal Server Error", "", b"pool exhausted"),
            39 => answer(
                "429 Too Many Requests",
                "Retry-After: 0\r\n",
                b"<html>Limite</html>",
            ),
            59 => whole[..whole.len() - 1].to_vec(),
            79 => answer(
                "200 OK",
                "Content-Type: text/html\r\n",
                b"<html>busy</html>",
            ),
            _ => whole,
        }
    })
    .await;
    read(&scene, "compras").await;

    for dataset in ["itens", "arquivos"] {
        requests.store(0, Ordering::SeqCst);
        scene.asked();
        let (mut committed, mut log) = (BTreeSet::new(), Vec::new());
        for crash_at in [900, 800, usize::MAX] {
            let from = requests.load(Ordering::SeqCst);
            let crash = async {
                while requests.load(Ordering::SeqCst) - from < crash_at {
                    tokio::task::yield_now().await;
                }
            };
            let finished = tokio::select! {
                biased;
                // Drops the run at once, in the middle of whatever it is doing.
                () = crash => None,
                report = read(&scene, dataset) => Some(report),
            };
            let asked = scene.asked();
            let again = asked
                .iter()
                .filter(|path| committed.contains(&parent_in(path)));
            assert_eq!(
                again.count(),
                0,
                "of {} that were committed",
                committed.len()
            );
            log.push(asked.len());
            committed = scene.parents_done(dataset).await;
            if let Some(report) = finished {
                assert!(report.complete, "{report:?}");
            }
        }
        assert_eq!(committed.len(), PARENTS);
        let expected: BTreeSet<_> = (0..PARENTS)
            .flat_map(|compra| (0..count(compra)).map(move |n| format!("{compra}|{n}")))
            .collect();
        let ids = scene.ids(dataset).await;
        assert_eq!(ids.len(), expected.len(), "P1: each once");
        assert!(ids.into_iter().collect::<BTreeSet<_>>() == expected);
        println!("{dataset}: {PARENTS} parents, requests between crashes: {log:?}");
        assert!(log.iter().sum::<usize>() < PARENTS + PARENTS / 10 + 2 * 520);
    }
}

/// Returns the parent in a path: 17 in `/api/compras/17/itens?p=1`.
fn parent_in(path: &str) -> String {
    path.split('/').nth(3).unwrap_or_default().to_owned()
}

impl Scene {
    /// Returns the keys of the parents that state and files list as done.
    async fn parents_done(&self, dataset: &str) -> BTreeSet<String> {
        let prefix = &self.source.datasets[dataset].prefix;
        let mut done = BTreeSet::new();
        let mut note = |ids: Vec<String>| {
            done.extend(
                ids.iter()
                    .map(|id| id.split('@').next().unwrap().to_owned()),
            );
        };
        let state = layout::state_key(prefix, day());
        if let Some((bytes, _)) = self.lake.get(&state).await.unwrap() {
            let state: Value = serde_json::from_slice(&bytes).unwrap();
            note(serde_json::from_value(state["parents_done"].clone()).unwrap_or_default());
        }
        for entry in self
            .lake
            .list(&layout::partition(prefix, day()))
            .await
            .unwrap()
        {
            let (bytes, _) = self.lake.get(&entry.key).await.unwrap().unwrap();
            let facts = reader::facts(bytes, &[]).unwrap();
            note(facts.parents.iter().map(ToString::to_string).collect());
        }
        done
    }
}

#[tokio::test]
async fn a_marker_of_parents_without_their_state_made_a_day_of_children_complete() {
    let (scene, _) = scene(&[
        ("/compras", THREE),
        ("/compras/a%2F1/itens", r#"[{"n":1}]"#),
        ("/compras/b%262/itens", "[]"),
    ])
    .await;
    assert!(read(&scene, "compras").await.complete);
    // Files may have been removed together with the state, so there may have been more parents.
    let state = layout::state_key("s_compras", day());
    scene.store.delete(&state.as_str().into()).await.unwrap();
    let report = read(&scene, "itens").await;
    assert_eq!((report.status(), report.complete), (Status::Ok, false));
    assert!(read(&scene, "compras").await.complete);
    assert!(read(&scene, "itens").await.complete);
}
