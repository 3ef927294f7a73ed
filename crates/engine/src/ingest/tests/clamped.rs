//! Pages that are shorter than declared, pages that are repeated, and totals in all forms that APIs use.

use super::*;
use bronzed_model::execution::Status;

/// A dataset `d` whose pages are declared to have 50 records.
async fn scene(keys: &str, api: impl Fn(&Url) -> Vec<u8> + Send + Sync + 'static) -> Scene {
    let toml = format!(
        r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/data"
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
{keys}
"#
    );
    Scene::new(&toml, "id = \"string\"", api).await
}

/// Returns the records on a page of at most `size` of 120, from index `first` on.
fn of_120(first: usize, size: usize) -> String {
    records(first.min(120)..(first + size).min(120))
}

async fn reads_all_120(scene: &Scene, most: usize) -> RunReport {
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.ids("d").await.len(), 120);
    let asked = scene.asked();
    assert!(asked.len() <= most, "{}: {asked:?}", asked.len());
    report
}

const BY_NUMBER: &str = r#"paginator = { type = "page_number", page_param = "p", page_size = 50, total_records_path = "/total" }"#;

/// Regression F01: 303 of 1,203 rows were accepted as complete, by whatever proof.
#[tokio::test]
async fn a_server_that_clamps_its_pages_is_read_by_the_size_that_it_uses() {
    for require in ["two_walks", "row_total", "unique_total", "none"] {
        let keys = format!("{BY_NUMBER}\ncompleteness = {{ require = \"{require}\" }}");
        let scene = scene(&keys, |url| {
            let data = of_120((number(url, "p") - 1) * 10, 10);
            ok(format!(r#"{{"data":{data},"total":120}}"#))
        })
        .await;
        reads_all_120(&scene, 24).await;
    }
}

#[tokio::test]
async fn a_clamp_is_seen_with_a_size_that_is_sent_and_a_number_of_pages_that_is_stated() {
    let keys = r#"paginator = { type = "page_number", page_param = "p", page_size = 50, page_size_param = "size", total_records_path = "/total", total_pages_path = "/pages" }"#;
    // The API computes the number of pages from the size in use, or from the size requested.
    for honest in [true, false] {
        let scene = scene(keys, move |url| {
            let asked = number(url, "size");
            let size = asked.min(10);
            let pages = 120_usize.div_ceil(if honest { size } else { asked });
            let data = of_120((number(url, "p") - 1) * size, size);
            ok(format!(r#"{{"data":{data},"total":120,"pages":{pages}}}"#))
        })
        .await;
        reads_all_120(&scene, 24).await;
    }
}

#[tokio::test]
async fn a_clamp_is_seen_by_offset_with_a_total_with_has_more_and_with_neither() {
    for (paths, require) in [
        (r#", total_records_path = "/total""#, "unique_total"),
        (r#", has_more_path = "/more""#, "has_more"),
        ("", "two_walks"),
        (", stop_on_short_page = true", "two_walks"),
    ] {
        let keys = format!(
            r#"paginator = {{ type = "offset", offset_param = "offset", page_size = 50, page_size_param = "limit", overlap = 2{paths} }}
completeness = {{ require = "{require}" }}"#
        );
        let scene = scene(&keys, |url| {
            let (offset, size) = (number(url, "offset"), number(url, "limit").min(10));
            let (data, more) = (of_120(offset, size), offset + size < 120);
            ok(format!(r#"{{"data":{data},"total":120,"more":{more}}}"#))
        })
        .await;
        reads_all_120(&scene, 50).await;
    }
}

#[tokio::test]
async fn a_bare_listing_by_number_that_stops_on_short_pages_is_looked_behind_once() {
    let keys = r#"paginator = { type = "page_number", page_param = "p", page_size = 50, stop_on_short_page = true }"#;
    let scene = scene(keys, |url| {
        let data = of_120((number(url, "p") - 1) * 10, 10);
        ok(format!(r#"{{"data":{data}}}"#))
    })
    .await;
    reads_all_120(&scene, 1 + 2 * 13).await;
}

/// A first page that lacks a row doesn't mean a smaller page size: pages go on as declared, and the total
/// isn't met.
#[tokio::test]
async fn a_first_page_that_lacks_a_row_is_told_with_the_size_that_was_asked_for() {
    let scene = scene(BY_NUMBER, |url| {
        let page = number(url, "p") - 1;
        let data = of_120(page * 50, if page == 0 { 49 } else { 50 });
        ok(format!(r#"{{"data":{data},"total":120}}"#))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    let reason = "its first page has 49 rows where `page_size` is 50";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
    assert_eq!(scene.ids("d").await.len(), 119);
}

/// Regression F06: 1,133 requests for 21 records, and nothing stored.
#[tokio::test]
async fn a_page_parameter_that_is_ignored_ends_the_walk_within_a_few_requests() {
    let cursor = |url: &Url| {
        let next = number(url, "after") + 1;
        ok(format!(
            r#"{{"data":{},"next":{next},"total":500000}}"#,
            records(0..21)
        ))
    };
    let link = |url: &Url| {
        let next = number(url, "n") + 1;
        ok(format!(
            r#"{{"data":{},"next":"?n={next}"}}"#,
            records(0..21)
        ))
    };
    let plain = |_: &Url| ok(format!(r#"{{"data":{},"total":500000}}"#, records(0..21)));
    type Api = Box<dyn Fn(&Url) -> Vec<u8> + Send + Sync>;
    let cases: [(&str, Api); 5] = [
        (
            r#"paginator = { type = "page_number", page_param = "p", page_size = 21 }"#,
            Box::new(plain),
        ),
        (
            r#"paginator = { type = "offset", offset_param = "o", page_size = 21 }"#,
            Box::new(plain),
        ),
        (
            r#"paginator = { type = "page_number", page_param = "p", page_size = 100, max_pages = 100000, total_records_path = "/total" }"#,
            Box::new(plain),
        ),
        (
            r#"paginator = { type = "cursor", cursor_param = "after", next_path = "/next" }"#,
            Box::new(cursor),
        ),
        (
            r#"paginator = { type = "next_link", next_path = "/next" }"#,
            Box::new(link),
        ),
    ];
    for (keys, api) in cases {
        let scene = scene(keys, api).await;
        let report = scene.run("d", Mode::Full).await;
        assert_eq!(report.status(), Status::Partial, "{keys}: {report:?}");
        let reason = "3 pages in a row brought no record that hadn't come before";
        assert!(report.reasons().contains(reason), "{}", report.reasons());
        assert_eq!(scene.ids("d").await.len(), 21, "what it has is stored");
        let asked = scene.asked().len();
        assert!(asked <= 12, "{asked} requests: {keys}");
    }
}

/// Regression F14: the day stayed partial forever.
#[tokio::test]
async fn a_total_that_stands_on_the_first_page_only_can_be_declared_and_is_met() {
    let keys = r#"
paginator = { type = "page_number", page_param = "p", page_size = 50, total_records_path = "/total", totals_on_first_page_only = true }
completeness = { require = "unique_total" }"#;
    for total in ["120", "\"120\"", "120.0"] {
        let scene = scene(keys, move |url| {
            let page = number(url, "p") - 1;
            let data = of_120(page * 50, 50);
            ok(match page {
                0 => format!(r#"{{"data":{data},"total":{total}}}"#),
                _ => format!(r#"{{"data":{data}}}"#),
            })
        })
        .await;
        reads_all_120(&scene, 3).await;
    }
    let undeclared = keys.replace(", totals_on_first_page_only = true", "");
    let scene = scene(&undeclared, |url| {
        let page = number(url, "p") - 1;
        let data = of_120(page * 50, 50);
        ok(match page {
            0 => format!(r#"{{"data":{data},"total":120}}"#),
            _ => format!(r#"{{"data":{data}}}"#),
        })
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    let hint = "totals_on_first_page_only";
    assert!(report.reasons().contains(hint), "{}", report.reasons());
}

/// Regression of finding 4: `D` was never listed, and four rows of four had been read.
#[tokio::test]
async fn p4_a_row_total_met_by_a_row_that_came_twice_is_no_proof() {
    let keys = r#"
paginator = { type = "page_number", page_param = "p", page_size = 2, total_records_path = "/total" }
completeness = { require = "row_total" }"#;
    // Each walk lists the rows in another order.
    let walks = Arc::new(Mutex::new(0));
    let scene = scene(keys, move |url| {
        let mut walks = walks.lock().unwrap();
        let page = number(url, "p");
        *walks += usize::from(page == 1);
        let rows = match (*walks, page) {
            (1, 1) => ["a", "b"],
            (1, _) => ["b", "c"],
            (_, 1) => ["a", "b"],
            _ => ["c", "d"],
        };
        let rows = rows.map(|id| format!(r#"{{"id":"{id}"}}"#)).join(",");
        ok(format!(r#"{{"data":[{rows}],"total":4}}"#))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.ids("d").await, ["a", "b", "c", "d"]);
    assert_eq!(scene.asked().len(), 6, "a third walk confirms the second");
    assert_eq!(report.counts().repeats, 1);
}

/// Regression of finding 15: `a` in two versions was counted for `b`, which had shifted to another page.
#[tokio::test]
async fn p4_a_record_in_two_versions_does_not_stand_for_two_records() {
    let keys = r#"
version = "v"
paginator = { type = "page_number", page_param = "p", page_size = 1, total_records_path = "/total" }
completeness = { require = "unique_total" }"#;
    let toml = format!(
        r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/data"
schema = "columns.txt"
window = {{ start_param = "day", format = "%Y-%m-%d" }}
{keys}
"#
    );
    let columns = "id = \"string\"\nv = \"string\"";
    let scene = Scene::new(&toml, columns, |url| {
        let v = number(url, "p");
        ok(format!(r#"{{"data":[{{"id":"a","v":"{v}"}}],"total":2}}"#))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert!(!report.complete, "{report:?}");
    let reason = "1 different ids read where the API states 2 (2 rows)";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
}
