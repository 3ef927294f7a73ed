//! Requests the first page of a slice, and the last if there are more. Where an API lists by time, records
//! that were published late are on the last page, even if as many were withdrawn meanwhile, so that the total
//! is unchanged.

use crate::ingest::off_day::is_off_day;
use crate::ingest::{Context, Order};
use crate::verify::compare::ReportedCounts;
use bronzed_model::declaration::{Dataset, PagingStyle, Slice};
use bronzed_model::json::tape::Value;
use bronzed_model::record::RecordId;
use bronzed_source::page::Page;
use bronzed_source::{Answer, FetchError, PageRequest, RequestBudget};
use bronzed_storage::state::DayState;

/// Requests the first and the last page of a slice, and counts their records that the lake doesn't hold.
///
/// # Errors
/// As for [`bronzed_source::SourceClient::fetch`].
pub async fn outer_pages(
    context: &Context,
    order: &Order,
    slice: Slice,
    state: &DayState,
    usage: &RequestBudget,
) -> Result<ReportedCounts, FetchError> {
    let first = PageRequest {
        dataset: order.dataset.clone(),
        day: order.day,
        slice,
        page: 0,
        next: None,
        priority: order.priority,
    };
    let client = &context.client;
    let page = match client.fetch(&first, usage, &context.cancel).await? {
        Answer::Empty { .. } => return Ok(ReportedCounts::nothing()),
        Answer::Page(page) => page,
    };
    let mut stated = stated(order, state, &page);
    if let Some(page) = last_page(&order.dataset, &page) {
        let last = PageRequest { page, ..first };
        // An empty page means that there are fewer records by now; the next comparison sees that.
        if let Answer::Page(page) = client.fetch(&last, usage, &context.cancel).await? {
            stated.missing += missing(order, state, &page);
        }
    }
    Ok(stated)
}

/// Returns the index of the last page, from 0. `None` if it is the first page, or if the number of pages is
/// unknown.
fn last_page(dataset: &Dataset, first: &Page) -> Option<u64> {
    // Ignore the error for too many pages: the full read of the day reports it.
    let pages = dataset.paginator.pages(first.total, first.total_pages);
    let pages = pages.ok().flatten();
    pages?.checked_sub(1).filter(|last| *last > 0)
}

fn stated(order: &Order, state: &DayState, page: &Page) -> ReportedCounts {
    ReportedCounts {
        total: page.total,
        rows: page.len() as u64,
        whole: is_whole(&order.dataset, page),
        missing: missing(order, state, page),
    }
}

/// Counts the records of the page that the lake doesn't hold; rows of other days are left out.
fn missing(order: &Order, state: &DayState, page: &Page) -> u64 {
    let dataset = &order.dataset;
    let off_day = |record: &Value<'_>| is_off_day(&dataset.days, order.day, *record);
    let missing = page
        .values()
        .filter(|record| !off_day(record))
        .filter(|record| !is_stored(state, &RecordId::of_value(dataset, *record)));
    missing.count() as u64
}

/// Returns `true` if the record is stored, in this version if the record has a version field. Content
/// versions are not compared, because only a full read can tell a new version from an old one that has
/// returned.
fn is_stored(state: &DayState, id: &RecordId) -> bool {
    state.contains(&id.id) || (id.content().is_some() && state.contains_version_of(id.key()))
}

/// `true` if the page is the whole slice, as stated by the response.
fn is_whole(dataset: &Dataset, page: &Page) -> bool {
    dataset.paginator.style == PagingStyle::Single
        || page.has_more == Some(false)
        || page.total_pages.is_some_and(|pages| pages <= 1)
        || page.total == Some(page.len() as u64)
        || (dataset.paginator.stop_on_short_page
            && (page.len() as u64) < dataset.paginator.page_size)
}
