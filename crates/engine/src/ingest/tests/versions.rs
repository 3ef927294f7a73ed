//! Versions: a record is stored again if it has changed, and only then.

use super::*;

/// Sets up a dataset of one record `x`, whose text the test sets.
async fn scene(version: &str) -> (Scene, Arc<Mutex<String>>) {
    let toml = format!(
        r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
version = "{version}"
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
paginator = {{ type = "single" }}
completeness = {{ require = "none" }}
"#
    );
    let text = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&text);
    let columns = "id = \"string\"\nv = \"int64\"\nat = \"string\"";
    let scene = Scene::new(&toml, columns, move |_| {
        ok(format!("[{}]", said.lock().unwrap()))
    })
    .await;
    (scene, text)
}

/// Returns the number of rows after each of these contents was read.
async fn rows_after(version: &str, contents: &[&str]) -> (Scene, Vec<usize>) {
    let (scene, text) = scene(version).await;
    let mut counts = Vec::new();
    for content in contents {
        (*content).clone_into(&mut text.lock().unwrap());
        let report = scene.run("d", Mode::Full).await;
        assert!(report.complete, "{report:?}");
        counts.push(scene.rows("d").await.len());
    }
    (scene, counts)
}

#[tokio::test]
async fn a_then_b_then_a_again_are_three_versions_and_a_new_null_is_none() {
    let (a, b) = (r#"{"id":"x","v":1}"#, r#"{"id":"x","v":2}"#);
    let contents = [a, a, b, b, a, r#"{"v":1.0,"novo":null,"id":"x"}"#];
    let (scene, counts) = rows_after("content", &contents).await;
    assert_eq!(counts, [1, 1, 2, 2, 3, 3]);
    let rows = scene.rows("d").await;
    assert!(rows.iter().all(|row| row.key == "x"));
    let versions: Vec<_> = rows
        .iter()
        .map(|row| row.version.clone().unwrap())
        .collect();
    let (first, rest) = versions[0].split_once('-').unwrap();
    assert_eq!(first, "0001");
    assert!(versions[1].starts_with("0002-") && !versions[1].ends_with(rest));
    assert_eq!(versions[2], format!("0003-{rest}"));
    assert_eq!(rows[2].id, format!("x@{}", versions[2]));
}

#[tokio::test]
async fn p5_the_last_version_is_known_from_the_files_alone() {
    let (scene, text) = scene("content").await;
    for content in [r#"{"id":"x","v":1}"#, r#"{"id":"x","v":2}"#] {
        content.clone_into(&mut text.lock().unwrap());
        scene.run("d", Mode::Full).await;
        let state = layout::state_key("s_d", day());
        scene.store.delete(&state.as_str().into()).await.unwrap();
    }
    assert_eq!(scene.run("d", Mode::Full).await.counts().new, 0);
    r#"{"id":"x","v":1}"#.clone_into(&mut text.lock().unwrap());
    assert_eq!(scene.run("d", Mode::Full).await.counts().new, 1);
    assert_eq!(scene.rows("d").await.len(), 3);
}

#[tokio::test]
async fn versions_of_one_page_are_told_apart_before_they_are_committed() {
    let both = r#"{"id":"x","v":1},{"id":"x","v":2},{"id":"x","v":2},{"id":"x@y","v":2}"#;
    let (_, counts) = rows_after("content", &[both]).await;
    assert_eq!(counts, [3]);
}

#[tokio::test]
async fn versions_by_a_field_are_stored_once_each_and_one_that_lacks_it_by_its_content() {
    let contents = [
        r#"{"id":"x","v":1,"at":"1"}"#,
        r#"{"id":"x","v":1,"at":"2"}"#,
        r#"{"id":"x","v":9,"at":"1"}"#,
        r#"{"id":"x","v":1}"#,
        r#"{"id":"x","v":2}"#,
        r#"{"id":"x","v":2,"at":null}"#,
    ];
    let (scene, counts) = rows_after("at", &contents).await;
    assert_eq!(counts, [1, 2, 2, 3, 4, 4]);
    let rows = scene.rows("d").await;
    assert_eq!((rows[0].id.as_str(), rows[1].id.as_str()), ("x@1", "x@2"));
    assert!(rows[2].id.starts_with("x@sha256:") && rows[2].key == "x");
}

/// An update doesn't change the total, so an unchanged total doesn't show that nothing is new.
#[tokio::test]
async fn an_update_behind_an_unchanged_total_is_not_missed_where_only_the_new_is_asked_for() {
    let toml = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
version = "at"
data_selector = "/rows"
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "page_number", page_param = "page", page_size = 1, total_records_path = "/total" }
"#;
    let at = Arc::new(Mutex::new("1"));
    let said = Arc::clone(&at);
    let scene = Scene::new(toml, "id = \"string\"\nat = \"string\"", move |url| {
        let row = match url.query().unwrap().contains("page=1") {
            true => r#"{"id":"x","at":"1"}"#.to_owned(),
            false => format!(r#"{{"id":"y","at":"{}"}}"#, said.lock().unwrap()),
        };
        ok(format!(r#"{{"total":2,"rows":[{row}]}}"#))
    })
    .await;
    assert_eq!(scene.run("d", Mode::New).await.counts().new, 2);
    *at.lock().unwrap() = "2";
    assert_eq!(scene.run("d", Mode::New).await.counts().new, 1);
    let rows = scene.rows("d").await;
    assert_eq!(rows.last().unwrap().id, "y@2");
}
