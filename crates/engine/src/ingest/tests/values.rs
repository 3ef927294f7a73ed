//! Slice values of another dataset: one slice for each row that is in force.

use super::*;
use bronzed_model::execution::Status;

const SOURCE: &str = r#"
[dataset.orgaos]
kind = "snapshot"
path = "/orgaos"
primary_key = ["id"]
schema = "columns.txt"
paginator = { type = "page_number", page_param = "p", page_size = 1, stop_on_short_page = true }
completeness = { require = "none" }

[dataset.contratos]
path = "/contratos/{orgao}"
primary_key = ["n"]
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
slices = { orgao = { dataset = "orgaos", field = "codigo" } }
paginator = { type = "single" }
completeness = { require = "none" }
"#;
const COLUMNS: &str = "id = \"string\"\ncodigo = \"int64\"\nn = \"string\"";

/// Pages of `orgaos` that the API has; other pages fail.
type Pages = Arc<Mutex<Vec<&'static str>>>;

async fn scene() -> (Scene, Pages) {
    let pages = Pages::default();
    let served = Arc::clone(&pages);
    let scene = Scene::new(SOURCE, COLUMNS, move |url| match url.path() {
        "/api/orgaos" => match served.lock().unwrap().get(number(url, "p") - 1) {
            Some(page) => ok((*page).to_owned()),
            None => answer("500 Oops", "", b"no"),
        },
        path => {
            let orgao = path.rsplit('/').next().unwrap();
            ok(format!(r#"[{{"n":"of {orgao}"}}]"#))
        }
    })
    .await;
    (scene, pages)
}

/// Reads the snapshot on the given day, and then a day of the dataset that depends on it.
async fn read(scene: &mut Scene, day: &str) -> (RunReport, RunReport) {
    scene.day = day.parse().unwrap();
    scene.clock.set(format!("{day}T15:00:00Z").parse().unwrap());
    let orgaos = scene.run("orgaos", Mode::Full).await;
    scene.day = "2025-10-20".parse().unwrap();
    let contratos = scene.run("contratos", Mode::Full).await;
    (orgaos, contratos)
}

const X: &str = r#"[{"id":"x","codigo":20000}]"#;
const Y: &str = r#"[{"id":"y","codigo":7}]"#;
const Z: &str = r#"[{"id":"z","codigo":8}]"#;

#[tokio::test]
async fn there_is_a_slice_for_each_value_of_the_other_datasets_rows() {
    let (mut scene, pages) = scene().await;
    *pages.lock().unwrap() = vec![X, Y, "[]"];
    let (orgaos, contratos) = read(&mut scene, "2025-10-22").await;
    assert!(orgaos.complete && contratos.complete, "{contratos:?}");
    assert_eq!(scene.ids("contratos").await, ["of 20000", "of 7"]);
    let rows = scene.rows("contratos").await;
    let mut slices: Vec<_> = rows.into_iter().map(|row| row.slice.unwrap()).collect();
    slices.sort();
    assert_eq!(slices, ["orgao=20000", "orgao=7"]);
}

/// Regression: a snapshot stores the rows it has seen even if the run fails; days were then complete without
/// the other slices.
#[tokio::test]
async fn half_a_list_is_no_list_and_the_last_whole_one_counts() {
    let (mut scene, pages) = scene().await;
    *pages.lock().unwrap() = vec![X];
    let (orgaos, contratos) = read(&mut scene, "2025-10-22").await;
    assert_eq!((orgaos.counts().new, orgaos.complete), (1, false));
    assert_eq!(contratos.status(), Status::Failed);
    let reason = "those of `orgaos`, which has no complete day";
    let reasons = contratos.reasons();
    assert!(reasons.contains(reason), "{reasons}");
    let state = scene.state("contratos", "2025-10-20").await;
    let audit = state["executions"].as_array().unwrap();
    assert_eq!(audit.len(), 1, "a run that lacks values is audited, too");
    assert_eq!(audit[0]["status"], "failed");
    let error = audit[0]["error"].as_str();
    assert_eq!(error, contratos.execution.error.as_deref());

    // `x` is no longer listed.
    *pages.lock().unwrap() = vec![Y, "[]"];
    let (orgaos, contratos) = read(&mut scene, "2025-10-23").await;
    assert!(orgaos.complete && contratos.complete, "{contratos:?}");
    assert_eq!(scene.ids("contratos").await, ["of 7"]);

    // `z` is new; others may be new on the page that fails.
    *pages.lock().unwrap() = vec![Y, Z];
    let (orgaos, contratos) = read(&mut scene, "2025-10-24").await;
    assert_eq!((orgaos.counts().new, orgaos.complete), (1, false));
    assert!(contratos.complete, "{contratos:?}");
    assert_eq!(scene.ids("contratos").await, ["of 7"]);
}
