//! Walks over a known number of pages, while the slice grows and shrinks, and pages fail.

use super::*;
use bronzed_model::execution::Status;
use bronzed_storage::testing::faulty::{Fault, Faulty, Op};

/// Pages of ten, which state the total.
const SOURCE: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/data"
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d", day_field = "date" }
paginator = { type = "page_number", page_param = "p", page_size = 10, total_records_path = "/total" }
completeness = { require = "unique_total", rewalks = 1 }
response = [{ status = 204, action = "empty" }]
"#;

/// The records that the API has, in the order of its pages.
type Rows = Arc<Mutex<Vec<usize>>>;

/// Sets up an API with these records. `meddle` is called before each page with its number, and may change
/// the records or answer instead.
async fn listing(
    rows: std::ops::Range<usize>,
    meddle: impl Fn(usize, &mut Vec<usize>) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> (Scene, Rows) {
    let rows: Rows = Arc::new(Mutex::new(rows.collect()));
    let served = Arc::clone(&rows);
    let scene = Scene::new(SOURCE, "id = \"string\"\ndate = \"string\"", move |url| {
        let (page, mut rows) = (number(url, "p"), served.lock().unwrap());
        meddle(page, &mut rows).unwrap_or_else(|| page_of(&rows, page))
    })
    .await;
    (scene, rows)
}

/// Returns a page, counted from 1; empty beyond the end.
fn page_of(rows: &[usize], page: usize) -> Vec<u8> {
    let page = rows.chunks(10).nth(page - 1).unwrap_or_default();
    let records: Vec<_> = page
        .iter()
        .map(|n| format!(r#"{{"id":"r{n:03}"}}"#))
        .collect();
    let (data, total) = (records.join(","), rows.len());
    ok(format!(r#"{{"data":[{data}],"total":{total}}}"#))
}

fn refused() -> Vec<u8> {
    answer("400 Bad Request", "", b"no such page")
}

/// Returns the pages requested since the last call.
fn pages(scene: &Scene) -> Vec<usize> {
    let asked = scene.asked();
    let pages = asked.iter().map(|asked| asked.split("p=").nth(1).unwrap());
    pages.map(|page| page.parse().unwrap()).collect()
}

/// Returns the pages requested since the last call, sorted.
fn sorted_pages(scene: &Scene) -> Vec<usize> {
    let mut pages = pages(scene);
    pages.sort_unstable();
    pages
}

fn ids(rows: impl IntoIterator<Item = usize>) -> Vec<String> {
    rows.into_iter().map(|n| format!("r{n:03}")).collect()
}

#[tokio::test]
async fn p4_every_page_is_read_once_and_the_last_one_last() {
    let (scene, _) = listing(0..35, |_, _| None).await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.ids("d").await, ids(0..35));
    let asked = pages(&scene);
    assert_eq!((asked.first(), asked.last()), (Some(&1), Some(&4)));
    assert_eq!(asked.len(), 4, "{asked:?}");
    scene.run("d", Mode::Full).await;
    assert_eq!(
        sorted_pages(&scene),
        [1, 2, 3, 4],
        "full is full, whatever is known"
    );
}

#[tokio::test]
async fn p4_a_slice_that_grows_while_it_is_read_is_followed_and_proven_by_the_next_walk() {
    let (scene, _) = listing(0..15, |page, rows| {
        if page == 2 {
            *rows = (0..35).collect();
        }
        None
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    assert_eq!(scene.ids("d").await, ids(0..35));
    // The former last page is read again, because it may have filled up.
    assert_eq!(sorted_pages(&scene), [1, 1, 2, 2, 2, 3, 3, 4, 4]);
}

#[tokio::test]
async fn p8_an_end_that_runs_away_is_not_followed_for_ever() {
    let (scene, _) = listing(0..15, |page, rows| {
        if page == rows.len().div_ceil(10) {
            let more = rows.len()..rows.len() + 10;
            rows.extend(more);
        }
        None
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Partial);
    let reason = "total went from";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
    assert!(pages(&scene).len() < 30);
}

#[tokio::test]
async fn p4_a_slice_that_shrinks_while_it_is_read_is_proven_by_the_next_walk() {
    for beyond in [None, Some(refused())] {
        // The slice shrinks before the last page is read, and before one in the middle.
        for (at, left) in [(4, 25), (3, 15), (2, 5)] {
            let beyond = beyond.clone();
            let (scene, _) = listing(0..35, move |page, rows| {
                if page == at {
                    rows.truncate(left);
                }
                let is_beyond = page > rows.len().div_ceil(10);
                beyond.clone().filter(|_| is_beyond)
            })
            .await;
            let report = scene.run("d", Mode::Full).await;
            assert!(report.complete, "{at}: {report:?}");
            assert_eq!(scene.ids("d").await[..left], ids(0..left), "{at}");
        }
    }
}

#[tokio::test]
async fn a_page_in_the_middle_that_fails_costs_no_other_one() {
    let nothing = || answer("204 No Content", "", b"");
    let empty = || page_of(&[], 1);
    for (answered, reason, tries) in [
        (not_found(), "404", 1),
        (refused(), "400", 5),
        (nothing(), "page 2 is empty in the middle", 5),
        (empty(), "page 2 is empty in the middle", 5),
    ] {
        let (scene, _) = listing(0..35, move |page, _| (page == 2).then(|| answered.clone())).await;
        let report = scene.run("d", Mode::Full).await;
        assert_eq!(report.status(), Status::Partial, "{reason}");
        assert!(report.reasons().contains(reason), "{}", report.reasons());
        assert_eq!(scene.ids("d").await, ids((0..10).chain(20..35)), "{reason}");
        let asked = pages(&scene);
        let second = asked.iter().filter(|page| **page == 2);
        assert_eq!(second.count(), tries, "{reason}");
    }
}

#[tokio::test]
async fn a_first_page_that_is_refused_is_not_asked_for_again() {
    let (scene, _) = listing(0..35, |_, _| Some(refused())).await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Failed);
    assert_eq!(pages(&scene), [1]);
}

#[tokio::test]
async fn p4_a_first_page_is_empty_where_none_are_stated_and_a_failure_where_some_are() {
    for empty in [page_of(&[], 1), answer("204 No Content", "", b"")] {
        let (scene, _) = listing(0..0, move |_, _| Some(empty.clone())).await;
        let report = scene.run("d", Mode::Full).await;
        // The test module `emptied` covers when an empty answer is believed.
        let reason = "answered empty, and no other day is known to have rows";
        assert!(report.reasons().contains(reason), "{}", report.reasons());
        assert_eq!(report.status(), Status::Partial);
        assert_eq!(pages(&scene), [1]);
    }
    let (scene, _) = listing(0..0, |_, _| Some(ok(r#"{"data":[],"total":3}"#.to_owned()))).await;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Failed);
    let reason = "the first page is empty where 3 records are stated";
    assert!(report.reasons().contains(reason), "{}", report.reasons());
}

/// A run that can't commit sends no more requests.
#[tokio::test]
async fn nothing_more_is_asked_for_when_the_run_has_failed_while_committing() {
    let (mut scene, _) = listing(0..1_000, |_, _| None).await;
    let refuses =
        |op, key: &str| (op == Op::Put && key.ends_with(".parquet")).then_some(Fault::Deny);
    let store = Faulty::new(scene.store.clone(), Arc::default(), refuses);
    scene.lake = Lake::over(Arc::new(store), "faulty:///");
    scene.commit.max_records = 10;
    let report = scene.run("d", Mode::Full).await;
    assert_eq!(report.status(), Status::Failed);
    let asked = pages(&scene).len();
    assert!(asked < 50, "{asked} of 100 pages");
}

/// Reads a day with its proof, changes it, and reads it in `new` mode. Returns the pages requested and the
/// report of the second run.
async fn after(change: impl Fn(&mut Vec<usize>)) -> (Scene, Vec<usize>, RunReport) {
    let (scene, rows) = listing(0..35, |_, _| None).await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    pages(&scene);
    change(&mut rows.lock().unwrap());
    let report = scene.run("d", Mode::New).await;
    let mut expected = rows.lock().unwrap().clone();
    expected.sort_unstable();
    let stored = scene.ids("d").await;
    let missing: Vec<_> = ids(expected)
        .into_iter()
        .filter(|id| !stored.contains(id))
        .collect();
    assert_eq!(missing, [""; 0], "P2");
    let asked = pages(&scene);
    (scene, asked, report)
}

#[tokio::test]
async fn what_is_new_is_looked_for_from_the_end_until_the_total_is_met() {
    let (_, asked, _) = after(|_| ()).await;
    assert_eq!(asked, [1], "the total is the one that was proven");
    let (_, asked, report) = after(|rows| rows.extend(35..38)).await;
    assert_eq!((asked, report.counts().new), (vec![1, 4], 3));
    let (_, mut asked, _) = after(|rows| rows.extend(35..58)).await;
    asked.sort_unstable();
    assert_eq!(asked, [1, 4, 5, 6], "those that should hold them, at once");
    let (_, asked, _) = after(|rows| rows.insert(5, 40)).await;
    assert_eq!(asked, [1], "the first page had it");
    let (_, asked, _) = after(|rows| rows.insert(15, 40)).await;
    assert_eq!(asked, [1, 4, 3, 2], "back towards the start");
}

#[tokio::test]
async fn what_is_new_on_several_pages_is_counted_page_by_page() {
    let (_, asked, report) = after(|rows| {
        rows.insert(5, 40);
        rows.insert(25, 41);
        rows.push(42);
    })
    .await;
    assert_eq!((asked, report.counts().new), (vec![1, 4, 3], 3));
}

#[tokio::test]
async fn a_total_that_fell_or_is_not_met_by_what_is_found_is_read_in_full() {
    let (_, mut asked, report) = after(|rows| rows.truncate(25)).await;
    asked.sort_unstable();
    assert_eq!((asked, report.counts().new), (vec![1, 1, 2, 3], 0));
    // One record was added, and the API lists it twice.
    let (_, asked, report) = after(|rows| {
        rows.insert(15, 40);
        rows.insert(15, 40);
    })
    .await;
    assert_eq!(report.counts().new, 1);
    assert!(asked.len() > 4, "{asked:?}");
}

/// P4: an empty slice that had rows is a failure of the API.
#[tokio::test]
async fn p4_a_slice_that_had_rows_and_answers_empty_has_failed() {
    let (scene, rows) = listing(0..35, |_, _| None).await;
    assert!(scene.run("d", Mode::Full).await.complete);
    rows.lock().unwrap().clear();
    for mode in [Mode::Full, Mode::New] {
        let report = scene.run("d", mode).await;
        let reason = "answered empty, where 35 records were stated before";
        assert!(report.reasons().contains(reason), "{report:?}");
        assert_eq!(report.status(), Status::Failed);
    }
}

/// P2: every row is counted exactly once.
#[tokio::test]
async fn p2_each_row_is_new_a_duplicate_or_of_another_day() {
    let of = |id: &str, day: &str| format!(r#"{{"id":{id},"date":"{day}"}}"#);
    let rows = [
        of("\"a\"", DAY),
        of("\"a\"", DAY),
        of("null", DAY),
        of("[1]", DAY),
        of("\"b\"", "2025-10-21"),
        of("\"c\"", "2025-10-23"),
        of("\"d\"", "2025-10-23"),
        of("\"e\"", "unknown"),
    ];
    let body = format!(r#"{{"data":[{}],"total":8}}"#, rows.join(","));
    let (scene, _) = listing(0..0, move |_, _| Some(ok(body.clone()))).await;
    scene.clock.set("2025-10-22T12:00:00Z".parse().unwrap());
    let report = scene.run("d", Mode::Full).await;
    let counts = report.counts();
    assert_eq!(
        (counts.fetched, counts.new, counts.duplicates),
        (8, 4, 1),
        "{counts:?}"
    );
    assert_eq!((counts.off_day, counts.unidentified), (3, 2), "{counts:?}");
    assert_eq!(scene.rows("d").await.len(), 4);
}
