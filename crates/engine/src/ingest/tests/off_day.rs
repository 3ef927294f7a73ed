//! Off-day rows: each is in a file of some day (promise P2).

use super::*;
use bronzed_model::execution::Status;

const SOURCE: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d", day_field = "date", earliest = 2025-01-01 }
paginator = { type = "single" }
completeness = { require = "none" }
"#;
const BEFORE: &str = "2025-10-21";

type Listed = Arc<Mutex<BTreeMap<String, Vec<(String, String)>>>>;

/// Sets up an API that lists, for each day, the records (id and date) that the test sets.
async fn scene(version: &str) -> (Scene, Listed) {
    let listed = Listed::default();
    let said = Arc::clone(&listed);
    let toml = format!("{SOURCE}version = \"{version}\"\n");
    let columns = "id = \"string\"\ndate = \"string\"";
    let scene = Scene::new(&toml, columns, move |url| {
        let said = said.lock().unwrap();
        let rows = said.get(&param(url, "day").unwrap());
        let rows = rows.into_iter().flatten();
        let rows: Vec<_> = rows
            .map(|(id, date)| format!(r#"{{"id":"{id}","date":"{date}"}}"#))
            .collect();
        ok(format!("[{}]", rows.join(",")))
    })
    .await;
    (scene, listed)
}

fn list(listed: &Listed, day: &str, rows: &[(&str, &str)]) {
    let rows = rows.iter();
    let rows = rows.map(|(id, date)| ((*id).to_owned(), (*date).to_owned()));
    listed
        .lock()
        .unwrap()
        .insert(day.to_owned(), rows.collect());
}

async fn read(scene: &mut Scene, day: &str) -> RunReport {
    scene.day = day.parse().unwrap();
    let report = scene.run("d", Mode::Full).await;
    assert!(report.counts().balanced(), "{report:?}");
    report
}

async fn ids_of(scene: &mut Scene, day: &str) -> Vec<String> {
    scene.day = day.parse().unwrap();
    scene.ids("d").await
}

/// Regression: an API filters by another clock than its records' dates; both days were complete, and the row
/// was in no file.
#[tokio::test]
async fn a_row_that_its_own_day_does_not_list_is_stored_where_it_was_read() {
    let (mut scene, listed) = scene("none").await;
    list(&listed, BEFORE, &[("b", BEFORE)]);
    list(
        &listed,
        DAY,
        &[("a", DAY), ("late", BEFORE), ("late", BEFORE)],
    );
    assert!(read(&mut scene, BEFORE).await.complete);
    let report = read(&mut scene, DAY).await;
    assert!(report.complete, "{report:?}");
    let counts = report.counts();
    let of = (
        counts.new,
        counts.misplaced,
        counts.off_day,
        counts.duplicates,
    );
    // Two walks read three rows each.
    assert_eq!(of, (2, 1, 0, counts.fetched - 2), "{counts:?}");
    assert_eq!(ids_of(&mut scene, DAY).await, ["a", "late"]);
    let report = read(&mut scene, DAY).await;
    let counts = report.counts();
    assert_eq!((counts.new, counts.misplaced, counts.off_day), (0, 0, 0));
}

#[tokio::test]
async fn a_row_that_its_own_day_has_is_left_to_it() {
    for version in ["none", "content"] {
        let (mut scene, listed) = scene(version).await;
        list(&listed, BEFORE, &[("b", BEFORE), ("late", BEFORE)]);
        list(&listed, DAY, &[("a", DAY), ("late", BEFORE)]);
        assert!(read(&mut scene, BEFORE).await.complete);
        let report = read(&mut scene, DAY).await;
        assert!(report.complete, "{report:?}");
        let counts = report.counts();
        assert_eq!((counts.new, counts.misplaced), (1, 0), "{counts:?}");
        assert!(counts.off_day > 0);
        assert_eq!(ids_of(&mut scene, DAY).await.len(), 1);
    }
}

/// Dates in the year 202 (for 2022) or 1, and before `earliest`: no run ever reads such days.
#[tokio::test]
async fn a_row_whose_date_no_day_can_have_is_stored_at_once() {
    let (mut scene, listed) = scene("none").await;
    let rows = [
        ("a", DAY),
        ("b", "0202-05-01"),
        ("c", "0001-01-01"),
        ("d", "2024-12-31"),
        ("e", "2031-01-01"),
    ];
    list(&listed, DAY, &rows);
    // The day is in progress and will be read again.
    scene.clock.set("2025-10-22T15:00:00Z".parse().unwrap());
    let report = read(&mut scene, DAY).await;
    assert_eq!((report.status(), report.complete), (Status::Ok, false));
    assert_eq!((report.counts().new, report.counts().misplaced), (5, 4));
    assert_eq!(ids_of(&mut scene, DAY).await, ["a", "b", "c", "d", "e"]);
}

/// The row's own day may bring it until this day isn't read again.
#[tokio::test]
async fn a_row_waits_for_its_own_day_until_this_day_is_read_for_the_last_time() {
    let (mut scene, listed) = scene("none").await;
    list(&listed, DAY, &[("a", DAY), ("late", BEFORE)]);
    scene.clock.set("2025-10-22T15:00:00Z".parse().unwrap());
    let report = read(&mut scene, DAY).await;
    assert_eq!((report.counts().new, report.counts().misplaced), (1, 0));
    assert!(report.counts().off_day > 0);
    scene.clock.set(LATER.parse().unwrap());
    let report = read(&mut scene, DAY).await;
    assert!(report.complete, "{report:?}");
    assert_eq!((report.counts().new, report.counts().misplaced), (1, 1));
    assert_eq!(ids_of(&mut scene, DAY).await, ["a", "late"]);
}

/// The API ignores the date filter: each day lists the whole table, and would store it.
#[tokio::test]
async fn a_day_that_lists_the_rows_of_others_is_complete_when_those_are() {
    let (mut scene, listed) = scene("none").await;
    let ids: Vec<_> = (0..1_200).map(|n| format!("r{n:04}")).collect();
    let mut rows: Vec<_> = ids.iter().map(|id| (id.as_str(), BEFORE)).collect();
    rows.push(("a", DAY));
    list(&listed, DAY, &rows);
    list(&listed, BEFORE, &rows);
    let report = read(&mut scene, DAY).await;
    assert_eq!((report.status(), report.complete), (Status::Partial, false));
    assert!(
        report.reasons().contains("200 rows more than can be held"),
        "{}",
        report.reasons()
    );
    assert_eq!((report.counts().new, report.counts().misplaced), (1, 0));
    assert!(read(&mut scene, BEFORE).await.complete);
    let report = read(&mut scene, DAY).await;
    assert!(report.complete, "{report:?}");
    assert_eq!((report.counts().new, report.counts().misplaced), (0, 0));
    assert_eq!(ids_of(&mut scene, DAY).await, ["a"]);
}

/// Regression: the state was written twice, with the file and again with the verdict.
#[tokio::test]
async fn a_run_with_news_writes_the_state_once() {
    let (mut scene, listed) = scene("none").await;
    list(&listed, DAY, &[("a", DAY)]);
    assert!(read(&mut scene, DAY).await.complete);
    let key = layout::state_key("s_d", scene.day);
    let (state, _) = scene.lake.get(&key).await.unwrap().unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(
        (&state["revision"], &state["complete"]),
        (&1.into(), &true.into())
    );
    assert_eq!(state["executions"][0]["status"], "ok");
    assert_eq!(state["executions"][0]["files"].as_array().unwrap().len(), 1);
}
