//! The one request that tells what an API states of a slice now: its first page.

use crate::ingest::off_day::is_off_day;
use crate::ingest::{Context, Order};
use crate::record::RecordId;
use crate::source::declaration::{Dataset, PagingStyle, Slice, Version};
use crate::source::page::Page;
use crate::source::{Answer, FetchError, PageRequest, Usage};
use crate::state::DayState;
use crate::verify::compare::Stated;

/// Asks for the first page of a slice, and looks which of its records the lake doesn't hold.
///
/// # Errors
/// As for [`crate::source::SourceClient::fetch`].
pub async fn first_page(
    context: &Context,
    order: &Order,
    slice: Slice,
    state: &DayState,
    usage: &Usage,
) -> Result<Stated, FetchError> {
    let request = PageRequest {
        dataset: order.dataset.clone(),
        day: order.day,
        slice,
        page: 0,
        next: None,
        priority: order.priority,
    };
    let answer = context
        .client
        .fetch(&request, usage, &context.cancel)
        .await?;
    Ok(match answer {
        Answer::Empty { .. } => Stated::nothing(),
        Answer::Page(page) => stated(order, state, &page),
    })
}

fn stated(order: &Order, state: &DayState, page: &Page) -> Stated {
    let dataset = &order.dataset;
    let off_day = |record: &&str| is_off_day(&dataset.days, order.day, record);
    let missing = page
        .records()
        .filter(|record| !off_day(record))
        .filter(|record| !is_stored(dataset, state, &RecordId::of(dataset, record)));
    Stated {
        total: page.total,
        rows: page.len() as u64,
        whole: is_whole(dataset, page),
        missing: missing.count() as u64,
    }
}

/// A record that is stored in an older version isn't missing: that contents change is another
/// matter.
fn is_stored(dataset: &Dataset, state: &DayState, id: &RecordId) -> bool {
    state.contains(&id.id)
        || (dataset.version != Version::None && state.contains_version_of(id.key()))
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
