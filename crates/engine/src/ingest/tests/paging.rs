//! Every paging style, from a declaration to rows: no page is left out, and contradictory responses prove
//! nothing.

use super::*;
use bronzed_model::execution::Status;

/// Sets up a dataset `d` of records identified by `id`, with these keys; `api` answers its requests.
async fn scene(keys: &str, api: impl Fn(&Url) -> Vec<u8> + Send + Sync + 'static) -> Scene {
    let toml = format!(
        r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
{keys}
"#
    );
    Scene::new(&toml, "id = \"string\"", api).await
}

/// Checks that the day is complete with the records of this range.
async fn reads_all(scene: &Scene, records: std::ops::Range<usize>) -> RunReport {
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    let expected: Vec<_> = records.map(|n| format!("r{n:03}")).collect();
    assert_eq!(scene.ids("d").await, expected);
    report
}

/// Returns the records on a page of this offset and size, of 25.
fn of_25(offset: usize, size: usize) -> String {
    records(offset.min(25)..(offset + size).min(25))
}

const ORDS: &str = r#"
data_selector = "/items"
paginator = { type = "offset", offset_param = "offset", page_size = 10, page_size_param = "limit", overlap = 3, has_more_path = "/hasMore" }
completeness = { require = "has_more" }
"#;

#[tokio::test]
async fn offsets_with_has_more_and_an_overlap() {
    let scene = scene(ORDS, |url| {
        let (offset, limit) = (number(url, "offset"), number(url, "limit"));
        let more = offset + limit < 25;
        let items = of_25(offset, limit);
        ok(format!(r#"{{"items":{items},"hasMore":{more}}}"#))
    })
    .await;
    let report = reads_all(&scene, 0..25).await;
    let asked = scene.asked();
    let offsets: Vec<_> = asked
        .iter()
        .map(|asked| asked.split("offset=").nth(1).unwrap())
        .collect();
    assert_eq!(
        offsets,
        ["0&limit=10", "7&limit=10", "14&limit=10", "21&limit=10"]
    );
    assert_eq!(
        (report.counts().fetched, report.counts().duplicates),
        (34, 9)
    );
}

#[tokio::test]
async fn an_empty_page_where_more_follow_is_tried_again_and_never_the_end() {
    let hiccups = Mutex::new(2);
    let api = move |url: &Url| {
        let (offset, limit) = (number(url, "offset"), number(url, "limit"));
        let mut left = hiccups.lock().unwrap();
        let items = match offset {
            7 if *left > 0 => {
                *left -= 1;
                "[]".to_owned()
            }
            _ => of_25(offset, limit),
        };
        let more = offset + limit < 25;
        ok(format!(r#"{{"items":{items},"hasMore":{more}}}"#))
    };
    reads_all(&scene(ORDS, api).await, 0..25).await;

    let always = |url: &Url| {
        let offset = number(url, "offset");
        let items = if offset == 7 {
            "[]".to_owned()
        } else {
            of_25(offset, 10)
        };
        ok(format!(r#"{{"items":{items},"hasMore":true}}"#))
    };
    let scene = scene(ORDS, always).await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    let reason = "page 2 is empty in the middle of the slice";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
}

#[tokio::test]
async fn a_first_page_that_is_empty_where_more_follow_is_no_empty_day() {
    let scene = scene(ORDS, |_| ok(r#"{"items":[],"hasMore":true}"#.to_owned())).await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Failed);
    let reason = "the first page is empty where more follow";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
}

const CURSOR: &str = r#"
data_selector = "/data"
paginator = { type = "cursor", cursor_param = "after", next_path = "/meta/next" }
completeness = { require = "has_more" }
"#;

#[tokio::test]
async fn cursors_until_there_is_none_over_pages_that_are_empty() {
    let scene = scene(CURSOR, |url| {
        let page = match param(url, "after").as_deref() {
            None => r#"{"data":[],"meta":{"next":"a/1"}}"#.to_owned(),
            Some("a/1") => format!(r#"{{"data":{},"meta":{{"next":7}}}}"#, records(0..10)),
            Some("7") => r#"{"data":[],"meta":{"next":"z"}}"#.to_owned(),
            Some("z") => format!(r#"{{"data":{},"meta":{{"next":null}}}}"#, records(10..12)),
            Some(_) => return not_found(),
        };
        ok(page)
    })
    .await;
    reads_all(&scene, 0..12).await;
    assert_eq!(scene.asked().len(), 4);
}

#[tokio::test]
async fn cursors_that_go_round_in_a_circle_are_no_walk_without_end() {
    let scene = scene(CURSOR, |url| {
        let next = match param(url, "after").as_deref() {
            None => "a",
            Some("a") => "b",
            Some("b") => "c",
            Some(_) => "a",
        };
        ok(format!(
            r#"{{"data":{},"meta":{{"next":"{next}"}}}}"#,
            records(0..2)
        ))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    let reason = "3 pages in a row brought no record that hadn't come before";
    assert!(report.reasons().contains(reason), "{report:?}");
    assert!(scene.asked().len() < 12, "{:?}", scene.asked());
}

#[tokio::test]
async fn a_cursor_that_leads_to_itself_is_no_walk_without_end() {
    let scene = scene(CURSOR, |_| {
        ok(format!(
            r#"{{"data":{},"meta":{{"next":"same"}}}}"#,
            records(0..2)
        ))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    let reason = "page 2 says that it is itself the next one";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
    assert_eq!(scene.ids("d").await.len(), 2);
}

const LINKS: &str = r#"
data_selector = "/data"
paginator = { type = "next_link", next_path = "/links/next" }
completeness = { require = "has_more" }
"#;

#[tokio::test]
async fn links_to_the_next_page_within_the_api() {
    let scene = scene(LINKS, |url| {
        let host = param(url, "host").unwrap_or_default();
        let page = |rows, next: &str| {
            ok(format!(
                r#"{{"data":{},"links":{{"next":"{next}"}}}}"#,
                records(rows)
            ))
        };
        match (url.path(), number(url, "p")) {
            ("/api/d", 0) => page(0..3, "?p=1"),
            ("/api/d", 1) => page(3..6, "/api/more?p=2"),
            ("/api/more", 2) => ok(format!(r#"{{"data":{}}}"#, records(6..7))),
            _ => panic!("{url} {host}"),
        }
    })
    .await;
    reads_all(&scene, 0..7).await;
    assert_eq!(
        scene.asked(),
        ["/api/d?day=2025-10-22", "/api/d?p=1", "/api/more?p=2"]
    );
}

#[tokio::test]
async fn a_link_to_elsewhere_is_not_followed() {
    let scene = scene(LINKS, |_| {
        let body = r#"{"data":[{"id":"a"}],"links":{"next":"http://169.254.169.254/latest"}}"#;
        ok(body.to_owned())
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    assert!(
        report.reasons().contains("which isn't followed"),
        "{}",
        report.reasons()
    );
    assert_eq!(scene.ids("d").await, ["a"], "what was read is kept");
}

#[tokio::test]
async fn a_bare_array_ends_with_an_empty_page_or_a_short_one_where_that_is_declared() {
    let by_number = |more: &str| {
        format!(
            "paginator = {{ type = \"page_number\", page_param = \"p\", page_size = 10{more} }}"
        )
    };
    let api = |url: &Url| ok(of_25((number(url, "p") - 1) * 10, 10));
    let patient = scene(&by_number(""), api).await;
    reads_all(&patient, 0..25).await;
    assert_eq!(
        patient.asked().len(),
        2 * 4,
        "two walks, each with an empty page"
    );
    let quick = scene(&by_number(", stop_on_short_page = true"), api).await;
    reads_all(&quick, 0..25).await;
    let asked = quick.asked().len();
    assert_eq!(
        asked,
        2 * 3 + 1,
        "the second walk looks behind the short page"
    );
}

#[tokio::test]
async fn one_answer_may_be_everything() {
    let keys = "paginator = { type = \"single\" }";
    let scene = scene(keys, |_| ok(records(0..5))).await;
    reads_all(&scene, 0..5).await;
    assert_eq!(scene.asked().len(), 2);
}

/// A plan is repeated on each page, with a part of its items; totals count the items.
#[tokio::test]
async fn rows_out_of_a_nested_list_are_what_the_total_counts() {
    let toml = r#"
[dataset.d]
path = "/d"
data_selector = "/data"
explode = "itens"
primary_key = ["plano", "/itens/n"]
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "page_number", page_param = "p", page_size = 10, total_records_path = "/total" }
completeness = { require = "unique_total" }
"#;
    let columns = "plano = \"string\"\n[columns.itens]\nn = \"int64\"\nvalor = \"decimal(18,4)\"";
    let scene = Scene::new(toml, columns, |url| {
        let first = (number(url, "p") - 1) * 10;
        let items = (first..(first + 10).min(14)).map(|n| format!(r#"{{"n":{n},"valor":{n}.50}}"#));
        let items: Vec<_> = items.collect();
        let items = items.join(",");
        ok(format!(
            r#"{{"data":[{{"plano":"p/2025","itens":[{items}],"novo":1}}],"total":14}}"#
        ))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    let rows = scene.rows("d").await;
    let row = rows.iter().find(|row| row.id == "p/2025|12").unwrap();
    let expected: Value =
        serde_json::from_str(r#"{"plano":"p/2025","itens":{"n":12,"valor":12.5},"novo":1}"#)
            .unwrap();
    assert_eq!(row.record, expected);
    assert_eq!(rows.len(), 14);
}

/// P4: an empty answer must be confirmed by a second one.
#[tokio::test]
async fn a_cursor_without_rows_and_without_a_next_page_is_asked_for_twice() {
    let scene = scene(CURSOR, |url| {
        let rows = match param(url, "day").as_deref() {
            Some("2025-10-21") => 0..1,
            _ => 0..0,
        };
        let data = records(rows);
        ok(format!(r#"{{"data":{data},"meta":{{"next":null}}}}"#))
    })
    .await;
    scene.clock.set("2025-11-03T12:00:00Z".parse().unwrap());
    assert!(scene.run_for("d", "2025-10-21").await.complete);
    scene.asked();
    let report = scene.run_for("d", "2025-10-25").await;
    assert!(report.complete, "{report:?}");
    let asked = scene.asked();
    assert_eq!(
        asked.len(),
        3,
        "and in between, for rows that are known: {asked:?}"
    );
}
