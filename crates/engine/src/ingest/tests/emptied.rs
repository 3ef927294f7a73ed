//! Empty answers: of a slice or a whole day, temporary or permanent.

use super::*;
use bronzed_model::execution::Status;

/// Three slices, one page each. 2025-10-22 is a Wednesday, 2025-10-25 and 26 are a weekend.
const SOURCE: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/data"
schema = "columns.txt"
params = { s = "{s}" }
slices = { s = [1, 2, 3] }
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "page_number", page_param = "p", page_size = 10, total_records_path = "/total" }
completeness = { require = "unique_total" }
response = [{ status = 204, action = "empty" }]
"#;

/// The ids that the API has, by day and slice.
type Listed = Arc<Mutex<BTreeMap<(String, usize), Vec<String>>>>;

struct World {
    scene: Scene,
    listed: Listed,
    /// `true` if the API answers every request with "nothing".
    silent: Arc<Mutex<bool>>,
    /// A clock that each request advances by a second.
    ticking: Arc<Mutex<Option<ManualClock>>>,
}

impl World {
    async fn new(keys: &str) -> Self {
        Self::of(SOURCE, keys).await
    }

    async fn of(source: &str, keys: &str) -> Self {
        let (listed, silent) = (Listed::default(), Arc::new(Mutex::new(false)));
        let (served, quiet) = (Arc::clone(&listed), Arc::clone(&silent));
        let ticking = Arc::new(Mutex::new(None::<ManualClock>));
        let ticks = Arc::clone(&ticking);
        let toml = format!("{source}{keys}");
        let scene = Scene::new(&toml, "id = \"string\"", move |url| {
            if let Some(clock) = &*ticks.lock().unwrap() {
                clock.advance(chrono::TimeDelta::seconds(1));
            }
            let key = (param(url, "day").unwrap(), number(url, "s"));
            let listed = served.lock().unwrap();
            let rows = listed.get(&key).filter(|rows| !rows.is_empty());
            let Some(rows) = rows.filter(|_| !*quiet.lock().unwrap()) else {
                return answer("204 No Content", "", b"");
            };
            let data: Vec<_> = rows
                .iter()
                .map(|id| format!(r#"{{"id":"{id}"}}"#))
                .collect();
            let (data, total) = (data.join(","), rows.len());
            ok(format!(r#"{{"data":[{data}],"total":{total}}}"#))
        })
        .await;
        Self {
            scene,
            listed,
            silent,
            ticking,
        }
    }

    /// Returns a world in which 2025-10-22 was read at noon with one record, which is taken away now; another day is
    /// known to have rows.
    async fn emptied() -> Self {
        let world = Self::new("").await;
        world.list("2025-10-21", 2, &["k"]);
        world.at("2025-11-03T12:00:00Z", "2025-10-21").await;
        world.list("2025-10-22", 1, &["a"]);
        world.at("2025-10-22T12:00:00Z", "2025-10-22").await;
        world.list("2025-10-22", 1, &[]);
        world
    }

    fn list(&self, day: &str, slice: usize, ids: &[&str]) -> &Self {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let mut listed = self.listed.lock().unwrap();
        listed.insert((day.to_owned(), slice), ids);
        drop(listed);
        self
    }

    fn silent(&self, silent: bool) -> &Self {
        *self.silent.lock().unwrap() = silent;
        self
    }

    async fn at(&self, time: &str, day: &str) -> RunReport {
        self.scene.clock.set(time.parse().unwrap());
        self.scene.run_for("d", day).await
    }
}

/// Regression of finding 3: status 204 on all requests for 14 s made 1,060 days complete forever.
#[tokio::test]
async fn p4_a_spell_of_nothing_makes_no_day_complete() {
    let world = World::new("").await;
    for day in ["2025-10-22", "2025-10-25"] {
        world.list(day, 1, &["a"]);
    }
    world.list("2025-10-21", 2, &["k"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-21")
            .await
            .complete
    );
    world.silent(true);
    for day in ["2025-10-22", "2025-10-25"] {
        let report = world.at("2025-11-03T12:01:00Z", day).await;
        assert!(!report.complete, "{report:?}");
        let reason = "so is s=2 of 2025-10-21, which is known to have rows";
        assert!(report.reasons().contains(reason), "{}", report.reasons());
    }
    // Hours later, the API is silent again.
    let report = world.at("2025-11-03T19:00:00Z", "2025-10-22").await;
    assert!(!report.complete, "{report:?}");
    world.silent(false);
    for day in ["2025-10-22", "2025-10-25"] {
        let report = world.at("2025-11-03T20:00:00Z", day).await;
        assert!(report.complete, "{report:?}");
        assert_eq!(report.counts().new, 1, "{report:?}");
    }
}

/// The API falls silent while a day is read: the slices that were read before prove nothing.
#[tokio::test]
async fn p4_a_spell_that_begins_within_a_run_is_seen_by_a_page_that_is_known() {
    let world = World::new("").await;
    world.list("2025-10-21", 2, &["k"]);
    world
        .list("2025-10-22", 1, &["a"])
        .list("2025-10-22", 3, &["b"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-21")
            .await
            .complete
    );
    let silent = Arc::clone(&world.silent);
    let listed = Arc::clone(&world.listed);
    let scene = Scene::new(SOURCE, "id = \"string\"", move |url| {
        // The first slice is answered, and no request after it.
        let (day, slice) = (param(url, "day").unwrap(), number(url, "s"));
        let mut silent = silent.lock().unwrap();
        let rows = listed.lock().unwrap().get(&(day, slice)).cloned();
        match rows.filter(|_| !*silent) {
            Some(rows) => {
                *silent = slice == 1;
                let data: Vec<_> = rows
                    .iter()
                    .map(|id| format!(r#"{{"id":"{id}"}}"#))
                    .collect();
                let (data, total) = (data.join(","), rows.len());
                ok(format!(r#"{{"data":[{data}],"total":{total}}}"#))
            }
            None => answer("204 No Content", "", b""),
        }
    })
    .await;
    let scene = Scene {
        lake: world.scene.lake.clone(),
        ..scene
    };
    scene.clock.set("2025-11-03T13:00:00Z".parse().unwrap());
    for _ in 0..5 {
        let report = scene.run_for("d", "2025-10-22").await;
        assert!(
            !report.complete || scene.ids("d").await.len() == 2,
            "{report:?}"
        );
        *world.silent.lock().unwrap() = false;
    }
}

#[tokio::test]
async fn p4_a_working_day_without_a_record_waits_for_a_second_run_and_a_weekend_does_not() {
    let world = World::new("").await;
    world.list("2025-10-21", 2, &["k"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-21")
            .await
            .complete
    );
    let report = world.at("2025-11-03T12:00:00Z", "2025-10-25").await;
    assert!(report.complete, "a Saturday: {report:?}");

    let report = world.at("2025-11-03T12:00:00Z", "2025-10-22").await;
    assert!(!report.complete, "{report:?}");
    assert_eq!(report.status(), Status::Partial);
    let again_at = report.execution.again_at.unwrap();
    assert_eq!(again_at.to_rfc3339(), "2025-11-03T15:00:00+00:00");
    let report = world.at("2025-11-03T14:29:00Z", "2025-10-22").await;
    assert!(!report.complete, "too soon: {report:?}");
    assert_eq!(report.execution.again_at, Some(again_at));
    let report = world.at("2025-11-03T15:00:00Z", "2025-10-22").await;
    assert!(report.complete, "{report:?}");
    assert_eq!(report.status(), Status::Ok);
}

#[tokio::test]
async fn p4_a_working_day_between_empty_complete_ones_needs_no_second_run() {
    let world = World::new("").await;
    world.list("2025-10-16", 2, &["k"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-16")
            .await
            .complete
    );
    for day in ["2025-10-25", "2025-10-23"] {
        world.at("2025-11-03T12:00:00Z", day).await;
        world.at("2025-11-03T16:00:00Z", day).await;
    }
    let report = world.at("2025-11-03T16:00:00Z", "2025-10-24").await;
    assert!(report.complete, "{report:?}");
}

#[tokio::test]
async fn p4_an_empty_day_is_not_believed_where_no_day_is_known_to_have_rows() {
    let world = World::new("").await;
    let report = world.at("2025-11-03T12:00:00Z", "2025-10-25").await;
    assert!(!report.complete, "{report:?}");
    let reason = "no other day is known to have rows";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
    assert!(report.execution.again_at.is_some());
    // Another run finds rows of another day; it could as well be another process.
    world.list("2025-10-30", 3, &["k"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-30")
            .await
            .complete
    );
    let report = world.at("2025-11-03T12:10:00Z", "2025-10-25").await;
    assert!(report.complete, "{report:?}");
}

#[tokio::test]
async fn p4_an_empty_answer_from_before_a_day_has_settled_is_no_first_one() {
    let world = World::new("").await;
    world.list("2025-10-21", 2, &["k"]);
    world.at("2025-11-03T12:00:00Z", "2025-10-21").await;
    // Noon (local time) of the day itself.
    let report = world.at("2025-10-22T15:00:00Z", "2025-10-22").await;
    assert_eq!(report.status(), Status::Ok);
    let report = world.at("2025-10-23T03:10:00Z", "2025-10-22").await;
    assert!(!report.complete, "{report:?}");
    assert!(
        world
            .at("2025-10-23T06:10:00Z", "2025-10-22")
            .await
            .complete
    );
}

/// Regression of finding 2: the day stayed partial forever, and no command helped.
#[tokio::test]
async fn p10_a_slice_that_has_emptied_converges_by_answers_hours_apart() {
    let world = World::new("").await;
    world.list("2025-10-22", 1, &["a", "b"]);
    world.list("2025-10-22", 2, &["c"]);
    // The slice totals are recorded while the day is in progress.
    let report = world.at("2025-10-22T15:00:00Z", "2025-10-22").await;
    assert_eq!(report.counts().new, 3, "{report:?}");
    world.list("2025-10-22", 2, &[]);
    let report = world.at("2025-10-24T12:00:00Z", "2025-10-22").await;
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    let reason = "s=2: answered empty, where 1 records were stated before";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
    let again_at = report.execution.again_at.unwrap().to_rfc3339();
    assert_eq!(again_at, "2025-10-24T15:00:00+00:00");
    let report = world.at("2025-10-24T14:00:00Z", "2025-10-22").await;
    assert!(!report.complete, "too soon: {report:?}");
    let report = world.at("2025-10-24T15:00:00Z", "2025-10-22").await;
    assert!(report.complete, "{report:?}");
    assert_eq!(report.counts().withdrawn, 1, "{report:?}");
    let state = world.scene.state("d", "2025-10-22").await;
    assert_eq!(state["withdrawn_ids"].as_object().unwrap().len(), 1);
    assert_eq!(state["slices"]["s=2"]["total"], 0);
    assert_eq!(world.scene.ids("d").await, ["a", "b", "c"], "rows stay");
}

/// Regression of finding 2 for the hourly job, whose runs stayed `partial`.
#[tokio::test]
async fn p10_a_slice_that_has_emptied_converges_while_the_day_is_under_way() {
    let world = World::new("").await;
    world
        .list("2025-10-22", 1, &["a"])
        .list("2025-10-22", 2, &["c"]);
    world.at("2025-10-22T12:00:00Z", "2025-10-22").await;
    world.list("2025-10-22", 2, &[]);
    for (time, status) in [
        ("2025-10-22T13:00:00Z", Status::Partial),
        ("2025-10-22T14:00:00Z", Status::Partial),
        ("2025-10-22T16:00:00Z", Status::Ok),
        ("2025-10-22T17:00:00Z", Status::Ok),
    ] {
        world.scene.clock.set(time.parse().unwrap());
        let report = world.scene.run("d", Mode::New).await;
        assert_eq!(report.status(), status, "{time}: {report:?}");
    }
}

#[tokio::test]
async fn p10_a_day_that_has_emptied_converges_by_answers_hours_apart() {
    let world = World::new("").await;
    world.list("2025-10-21", 2, &["k"]);
    world.list("2025-10-22", 1, &["a", "b"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-21")
            .await
            .complete
    );
    world.at("2025-10-22T15:00:00Z", "2025-10-22").await;
    world.list("2025-10-22", 1, &[]);
    let report = world.at("2025-10-24T12:00:00Z", "2025-10-22").await;
    assert_eq!(report.status(), Status::Partial, "{report:?}");
    // After the slices have lost their totals, the stored rows still count against an empty day.
    let mut times = ["2025-10-24T15:00:00Z", "2025-10-24T18:00:00Z"].into_iter();
    let report = loop {
        let report = world.at(times.next().unwrap(), "2025-10-22").await;
        if report.complete {
            break report;
        }
        assert!(report.execution.again_at.is_some(), "{report:?}");
    };
    assert_eq!(report.counts().withdrawn, 2, "{report:?}");
    let report = world.at("2025-10-24T19:00:00Z", "2025-10-22").await;
    assert_eq!(report.status(), Status::Ok, "and it stays so: {report:?}");
}

/// A day whose only record was taken away before the day had settled failed every three hours until then: an empty
/// answer to which no proof was due was not noted, so that the next one had nothing to agree with.
#[tokio::test]
async fn p10_a_day_that_has_emptied_before_it_had_settled_failed_every_three_hours() {
    let world = World::emptied().await;
    let mut ended = Vec::new();
    for time in [
        "2025-10-22T13:00:00Z",
        "2025-10-22T16:00:01Z",
        "2025-10-22T19:00:02Z",
        "2025-10-22T22:00:03Z",
    ] {
        let report = world.at(time, "2025-10-22").await;
        ended.push((report.status(), report.execution.again_at.is_some()));
    }
    assert_eq!(ended[2..], [(Status::Ok, false); 2], "{ended:?}");
}

/// The answers of a run come within minutes of each other. A run at the very time for which the one before asked
/// found one of its slices two seconds too early, and the day was put off by eleven days.
#[tokio::test]
async fn p10_a_run_at_the_time_that_was_asked_for_agrees_with_all_answers_of_the_one_before() {
    let world = World::emptied().await;
    *world.ticking.lock().unwrap() = Some(world.scene.clock.clone());
    let first = world.at("2025-10-24T12:00:00Z", "2025-10-22").await;
    let again_at = first.execution.again_at.unwrap().to_rfc3339();
    let report = world.at(&again_at, "2025-10-22").await;
    assert!(report.complete, "{report:?}");
}

/// Regression of finding 2 on `contratacoes_atualizacao`: rows leave their day with the next update.
#[tokio::test]
async fn p10_a_slice_whose_rows_leave_by_design_is_no_fault_once_the_day_has_settled() {
    let world = World::new("rows_leave = true\n").await;
    world
        .list("2025-10-22", 1, &["a"])
        .list("2025-10-22", 3, &["b"]);
    world.at("2025-10-22T15:00:00Z", "2025-10-22").await;
    world.list("2025-10-22", 3, &[]);
    let report = world.at("2025-10-24T12:00:00Z", "2025-10-22").await;
    assert!(report.complete, "{report:?}");
    assert_eq!(report.counts().withdrawn, 0, "they are elsewhere");

    world.list("2025-10-23", 1, &["c"]);
    world.at("2025-10-23T15:00:00Z", "2025-10-23").await;
    world.list("2025-10-23", 1, &[]);
    let report = world.at("2025-10-25T12:00:00Z", "2025-10-23").await;
    assert!(report.complete, "a whole day: {report:?}");
}

/// Regression of finding 9: complete days stayed complete without the fifteenth modality.
#[tokio::test]
async fn a_slice_that_is_declared_later_is_all_that_is_read_of_a_complete_day() {
    let world = World::new("").await;
    world
        .list("2025-10-22", 1, &["a"])
        .list("2025-10-22", 4, &["n"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-22")
            .await
            .complete
    );
    let state = world.scene.state("d", "2025-10-22").await;
    assert_eq!(state["slices"]["s=1"]["proven"], true, "{state}");

    let more = World::of(&SOURCE.replace("[1, 2, 3]", "[1, 2, 3, 4]"), "").await;
    more.list("2025-10-22", 1, &["a"])
        .list("2025-10-22", 4, &["n"]);
    let scene = Scene {
        lake: world.scene.lake.clone(),
        ..more.scene
    };
    // Simulates that the table's document has recorded the new slice.
    scene.lake.set_generation("s_d", 1);
    scene.asked();
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.asked(), ["/api/d?s=4&day=2025-10-22&p=1"]);
    assert_eq!(scene.ids("d").await, ["a", "n"]);
    scene.run("d", Mode::Full).await;
    assert!(scene.asked().len() > 4, "full is full again");
}

/// Regression: by design, the rows of old days have moved to the days of their updates. A page of the day
/// that had rows months ago was empty, so that the API was considered silent, and the new slice stayed
/// unproven forever.
#[tokio::test]
async fn p10_a_new_slice_is_proven_empty_of_a_day_that_its_rows_have_left() {
    let leave = "rows_leave = true\n";
    let world = World::of(SOURCE, leave).await;
    let old = ["2025-03-03", "2025-03-04", "2025-03-05"];
    for day in old {
        world.list(day, 1, &["a"]);
        assert!(world.at("2025-03-10T12:00:00Z", day).await.complete);
    }
    world.list("2025-10-21", 1, &["k"]);
    assert!(
        world
            .at("2025-11-03T12:00:00Z", "2025-10-21")
            .await
            .complete
    );

    let more = World::of(&SOURCE.replace("[1, 2, 3]", "[1, 2, 3, 4]"), leave).await;
    more.list("2025-10-21", 1, &["k"]);
    let silent = Arc::clone(&more.silent);
    let scene = Scene {
        lake: world.scene.lake.clone(),
        ..more.scene
    };
    scene.lake.set_generation("s_d", 1);
    scene.clock.set("2025-11-04T12:00:00Z".parse().unwrap());
    *silent.lock().unwrap() = true;
    let report = scene.run_for("d", old[1]).await;
    assert!(!report.complete, "the API is silent: {report:?}");
    *silent.lock().unwrap() = false;
    scene.clock.set("2025-11-05T12:00:00Z".parse().unwrap());
    for day in old {
        let report = scene.run_for("d", day).await;
        assert!(report.complete, "{day}: {report:?}");
    }
}

/// Two empty answers, of which only the second is after the end of the day by the server's clock.
#[tokio::test]
async fn p4_both_walks_of_a_proof_begin_after_the_end_of_the_day() {
    let asked = Arc::new(Mutex::new(0));
    let scene = Scene::new(
        &SOURCE.replace("[1, 2, 3]", "[1]"),
        "id = \"string\"",
        move |url| {
            if param(url, "day").unwrap() == "2025-10-21" {
                return ok(r#"{"data":[{"id":"k"}],"total":1}"#.to_owned());
            }
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            let date = match *asked {
                1 => "Date: Sat, 25 Oct 2025 20:00:00 GMT\r\n",
                _ => "Date: Sun, 26 Oct 2025 20:00:00 GMT\r\n",
            };
            answer("204 No Content", date, b"")
        },
    )
    .await;
    scene.clock.set("2025-10-26T20:00:00Z".parse().unwrap());
    assert!(scene.run_for("d", "2025-10-21").await.complete);
    let report = scene.run_for("d", "2025-10-25").await;
    assert_eq!((report.status(), report.counts().requests), (Status::Ok, 3));
    assert!(!report.complete, "{report:?}");
    let report = scene.run_for("d", "2025-10-25").await;
    assert!(report.complete, "now both are: {report:?}");
}
