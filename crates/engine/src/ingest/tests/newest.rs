//! Number of requests in `new` mode, by the order in which an API lists its records.

use super::*;

const SOURCE: &str = r#"
[dataset.d]
path = "/d"
primary_key = ["id"]
data_selector = "/data"
schema = "columns.txt"
window = { start_param = "day", format = "%Y-%m-%d" }
paginator = { type = "page_number", page_param = "p", page_size = 80, total_records_path = "/total" }
completeness = { require = "unique_total" }
"#;

/// Returns the number of requests that find 500 new among 20,000 records; `listed` returns their order for a
/// total.
async fn requests_for_500_new(
    listed: impl Fn(usize) -> Vec<usize> + Send + Sync + 'static,
) -> usize {
    let count = Arc::new(Mutex::new(20_000));
    let served = Arc::clone(&count);
    let mut cached = (0, Vec::new());
    let cached = Mutex::new(std::mem::take(&mut cached));
    let scene = Scene::new(SOURCE, "id = \"string\"", move |url| {
        let total = *served.lock().unwrap();
        let mut cached = cached.lock().unwrap();
        if cached.0 != total {
            *cached = (total, listed(total));
        }
        let page = cached.1.chunks(80).nth(number(url, "p") - 1);
        let rows: Vec<_> = page
            .unwrap_or_default()
            .iter()
            .map(|n| format!(r#"{{"id":"r{n}"}}"#))
            .collect();
        let rows = rows.join(",");
        ok(format!(r#"{{"data":[{rows}],"total":{total}}}"#))
    })
    .await;
    let report = scene.run("d", Mode::Full).await;
    assert!(report.complete, "{report:?}");
    scene.asked();
    *count.lock().unwrap() += 500;
    let report = scene.run("d", Mode::New).await;
    assert_eq!(report.counts().new, 500, "{report:?}");
    scene.asked().len()
}

/// Regression: with the newest records first, it took 209 requests; a full reading takes 257.
#[tokio::test]
async fn five_hundred_new_of_twenty_thousand_take_about_seven_pages_in_either_order() {
    let oldest_first = requests_for_500_new(|total| (0..total).collect()).await;
    assert!(oldest_first <= 9, "{oldest_first}");
    let newest_first = requests_for_500_new(|total| (0..total).rev().collect()).await;
    assert!(newest_first <= 9, "{newest_first}");
}
