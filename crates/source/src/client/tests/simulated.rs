//! The shipped declaration of PNCP against the simulator of its API, on a bad day.

use std::collections::BTreeSet;

use super::*;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Priority, Slice};
use bronzed_model::record::RecordId;
use bronzed_model::slices::slices;
use bronzed_simulator::clock::SimClock;
use bronzed_simulator::faults::Faults;
use bronzed_simulator::pncp::catalog::Catalog;
use bronzed_simulator::{SimConfig, Simulator};
use futures::future::{join_all, try_join_all};

/// PNCP as shipped, but at this URL and with next to no waits between attempts.
fn pncp(base_url: String) -> Source {
    let key = "BRONZED__SOURCES__PNCP__";
    let environment = [("BASE_URL", base_url), ("RETRY__INITIAL", "2ms".to_owned())];
    let environment = environment.map(|(name, value)| (format!("{key}{name}"), value));
    let settings = bronzed_config::load(None, environment).unwrap();
    Source::clone(&settings.sources["pncp"])
}

/// Ids of all pages of a slice; the first page states the number of pages.
async fn walk(
    client: &SourceClient,
    dataset: &Arc<Dataset>,
    day: Day,
    slice: Slice,
    usage: &RequestBudget,
) -> Vec<String> {
    let cancel = CancellationToken::new();
    let read = async |page| {
        let request = PageRequest {
            dataset: Arc::clone(dataset),
            day,
            slice: slice.clone(),
            page,
            next: None,
            priority: Priority::Hourly,
        };
        match client.fetch(&request, usage, &cancel).await? {
            Answer::Page(page) => Ok::<_, FetchError>(Some(page)),
            Answer::Empty { .. } => Ok(None),
        }
    };
    let Some(first) = read(0).await.unwrap() else {
        return Vec::new();
    };
    let stated = dataset.paginator.pages(first.total, first.total_pages);
    let rest = try_join_all((1..stated.unwrap().unwrap()).map(read)).await;
    let pages = rest.unwrap().into_iter().map(Option::unwrap);
    let pages: Vec<_> = [first].into_iter().chain(pages).collect();
    let records = pages.iter().flat_map(Page::records);
    records.map(|text| RecordId::of(dataset, text).id).collect()
}

#[tokio::test]
async fn p2_a_day_full_of_faults_gives_exactly_the_records_of_the_api() {
    let day: Day = "2025-10-22".parse().unwrap();
    let evening = "2025-10-23T06:00:00Z".parse().unwrap();
    let catalog = Catalog::generated(11, day, 1_500, 300);
    let mut config = SimConfig::new(catalog, SimClock::standing(evening));
    config.faults = Faults::bad_day(0.05);
    config.faults.retry_after = Duration::ZERO;
    let simulator = Simulator::start(config).await.unwrap();
    let expected = simulator.catalog().ids(day, simulator.clock().brasilia());

    let source = pncp(simulator.base_url());
    let client = client(&source);
    let dataset = &source.datasets["contratacoes"];
    let usage = RequestBudget::new();
    let walks = slices(dataset)
        .into_iter()
        .map(|slice| walk(&client, dataset, day, slice, &usage));
    let ids: Vec<_> = join_all(walks).await.into_iter().flatten().collect();
    assert_eq!(ids.len(), 1_500);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(usage.retries() > 0);
    assert_eq!(usage.requests(), simulator.ledger().len() as u64);
}
