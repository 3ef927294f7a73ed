//! Slices out of another dataset: one for each row that is in force.

use super::*;
use crate::source::declaration::{Kind, Window, WindowEnd};
use crate::state::execution::Status;

const SOURCE: &str = r#"
[dataset.orgaos]
kind = "snapshot"
path = "/orgaos"
primary_key = ["id"]
schema = "columns.txt"
paginator = { type = "single" }
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

#[tokio::test]
async fn there_is_a_slice_for_each_value_of_the_other_datasets_rows() {
    let columns = "id = \"string\"\ncodigo = \"int64\"\nn = \"string\"";
    let mut scene = Scene::new(SOURCE, columns, |url| match url.path() {
        "/api/orgaos" => ok(r#"[{"id":"x","codigo":20000},{"id":"y","codigo":7}]"#.to_owned()),
        path => ok(format!(
            r#"[{{"n":"of {}"}}]"#,
            path.rsplit('/').next().unwrap()
        )),
    })
    .await;
    let report = scene.run("contratos", Mode::Full).await;
    assert_eq!(report.status(), Status::Failed);
    let reason = "those of `orgaos`, which has no rows in the lake yet";
    assert!(report.reasons().contains(reason), "{}", report.reasons());

    // A snapshot's first rows are those of a plain reading.
    let declared = Arc::clone(&scene.source);
    let mut source = (*declared).clone();
    let orgaos = Arc::make_mut(source.datasets.get_mut("orgaos").unwrap());
    orgaos.kind = Kind::Dated(Window {
        start_param: None,
        end_param: None,
        format: "%Y".to_owned(),
        end: WindowEnd::Inclusive,
        zone: source.timezone,
    });
    scene.source = Arc::new(source);
    assert!(scene.run("orgaos", Mode::Full).await.complete);
    scene.source = declared;

    let report = scene.run("contratos", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.ids("contratos").await, ["of 20000", "of 7"]);
    let rows = scene.rows("contratos").await;
    let mut slices: Vec<_> = rows.into_iter().map(|row| row.slice.unwrap()).collect();
    slices.sort();
    assert_eq!(slices, ["orgao=20000", "orgao=7"]);
}
