//! The requests that tell what an API states of a slice now: its first page, and where there are more its
//! last one. Records that are published late are on it where an API lists by time, even if as many were taken
//! away meanwhile, so that the total is the same.

use crate::ingest::off_day::is_off_day;
use crate::ingest::{Context, Order};
use crate::record::RecordId;
use crate::source::declaration::{Dataset, PagingStyle, Slice};
use crate::source::page::Page;
use crate::source::{Answer, FetchError, PageRequest, Usage};
use crate::state::DayState;
use crate::verify::compare::Stated;

/// Asks for the first and the last page of a slice, and looks which of their records the lake doesn't hold.
///
/// # Errors
/// As for [`crate::source::SourceClient::fetch`].
pub async fn outer_pages(
    context: &Context,
    order: &Order,
    slice: Slice,
    state: &DayState,
    usage: &Usage,
) -> Result<Stated, FetchError> {
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
        Answer::Empty { .. } => return Ok(Stated::nothing()),
        Answer::Page(page) => page,
    };
    let mut stated = stated(order, state, &page);
    if let Some(page) = last_page(&order.dataset, &page) {
        let last = PageRequest { page, ..first };
        // Empty: there are fewer by now, which the next comparison sees.
        if let Answer::Page(page) = client.fetch(&last, usage, &context.cancel).await? {
            stated.missing += missing(order, state, &page);
        }
    }
    Ok(stated)
}

/// The number of the last page, counted from 0, where it isn't the first and can be asked for.
fn last_page(dataset: &Dataset, first: &Page) -> Option<u64> {
    // Too many pages to be read are for a reading to tell of.
    let pages = dataset.paginator.pages(first.total, first.total_pages);
    let pages = pages.ok().flatten();
    pages?.checked_sub(1).filter(|last| *last > 0)
}

fn stated(order: &Order, state: &DayState, page: &Page) -> Stated {
    Stated {
        total: page.total,
        rows: page.len() as u64,
        whole: is_whole(&order.dataset, page),
        missing: missing(order, state, page),
    }
}

/// Counts the records of the page that the lake doesn't hold; rows of other days are left out.
fn missing(order: &Order, state: &DayState, page: &Page) -> u64 {
    let dataset = &order.dataset;
    let off_day = |record: &&str| is_off_day(&dataset.days, order.day, record);
    let missing = page
        .records()
        .filter(|record| !off_day(record))
        .filter(|record| !is_stored(state, &RecordId::of(dataset, record)));
    missing.count() as u64
}

/// Returns whether the record is stored, in this version where the record itself says which one it is. A change of
/// content alone isn't compared: only a reading tells a new version from an old one that has returned.
fn is_stored(state: &DayState, id: &RecordId) -> bool {
    state.contains(&id.id) || (id.content().is_some() && state.contains_version_of(id.key()))
}

/// Whether the page is the whole slice, as it says itself.
fn is_whole(dataset: &Dataset, page: &Page) -> bool {
    dataset.paginator.style == PagingStyle::Single
        || page.has_more == Some(false)
        || page.total_pages.is_some_and(|pages| pages <= 1)
        || page.total == Some(page.len() as u64)
        || (dataset.paginator.stop_on_short_page
            && (page.len() as u64) < dataset.paginator.page_size)
}
