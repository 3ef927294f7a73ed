//! Expectations: evaluated on the new rows of a run, in its audit entry, and holding nothing back.

use super::*;
use bronzed_model::quality::Results;
use bronzed_storage::state::report;

const TOML: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/rows"
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "page_number", page_param = "page", page_size = 2, total_records_path = "/total" }
completeness = { require = "row_total" }

[dataset.d.expect.positive]
check = "between"
column = "v"
min = 1
severity = "error"

[dataset.d.expect.distinct]
check = "unique"
column = "v"

[dataset.d.expect.some]
check = "row_count_between"
min = 5
"#;

/// Sets up a dataset of four rows on two pages, with the values 1, 0, 1, -1.
async fn scene(most_rows_of_a_file: usize) -> Scene {
    let columns = "id = \"int64\"\nv = \"int64\"";
    let mut scene = Scene::new(TOML, columns, |url| {
        let rows = match url.query().unwrap().contains("page=1") {
            true => r#"{"id":1,"v":1},{"id":2,"v":0}"#,
            false => r#"{"id":3,"v":1},{"id":4,"v":-1}"#,
        };
        ok(format!(r#"{{"total":4,"rows":[{rows}]}}"#))
    })
    .await;
    scene.commit.max_records = most_rows_of_a_file;
    scene
}

async fn audited(scene: &Scene) -> Results {
    let zone = chrono_tz::America::Sao_Paulo;
    let found = report(&scene.lake, "s_d", day(), zone).await;
    let dataset = &scene.source.datasets["d"];
    found.unwrap().unwrap().expectations(&dataset.expectations)
}

#[tokio::test]
async fn results_are_the_same_however_many_files_a_run_writes() {
    for (most, files) in [(1_000, 1), (2, 2)] {
        let scene = scene(most).await;
        let run = scene.run("d", Mode::Full).await;
        assert!(run.complete, "an expectation holds nothing back: {run:?}");
        assert_eq!(run.execution.files.len(), files);
        assert_eq!(scene.rows("d").await.len(), 4);
        let results = audited(&scene).await;
        assert_eq!(results, run.execution.expectations);
        let of = |name: &str| {
            let result = &results[name];
            (result.evaluated, result.unexpected, result.success)
        };
        assert_eq!(of("positive"), (4, 2, false));
        assert_eq!(of("distinct"), (4, 1, false));
        assert_eq!(of("some"), (1, 1, false));
        let examples = results["positive"].examples.iter();
        let examples: Vec<_> = examples
            .map(|one| (&*one.id, one.value.as_deref()))
            .collect();
        assert_eq!(examples, [("2", Some("0")), ("4", Some("-1"))]);
    }
}

#[tokio::test]
async fn a_run_without_new_rows_evaluates_the_day_alone_and_adds_nothing_to_the_day() {
    let scene = scene(1_000).await;
    scene.run("d", Mode::Full).await;
    let before = audited(&scene).await;
    let again = scene.run("d", Mode::Full).await;
    let evaluated: Vec<_> = again.execution.expectations.keys().collect();
    assert_eq!(evaluated, ["some"]);
    assert_eq!(audited(&scene).await, before);
}
