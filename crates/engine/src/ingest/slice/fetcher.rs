//! Fetches one page of a slice, and retries until the response agrees with what the API stated before.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::ingest::slice::ReadContext;
use bronzed_model::declaration::{Dataset, PagingStyle, Slice};
use bronzed_source::page::Page;
use bronzed_source::{Answer, FetchError, PageRequest};

/// Position of a page in a slice.
#[derive(Debug, Clone, Default)]
pub struct PageCursor {
    /// Index of the page, counted from 0.
    pub index: u64,
    /// Cursor, link or offset, for paging styles that derive it from the page before.
    pub next: Option<String>,
}

impl PageCursor {
    pub fn nth(index: u64) -> Self {
        Self { index, next: None }
    }
}

/// Reason why a walk ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A request failed permanently.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The API contradicts itself, even when asked again.
    #[error("{0}")]
    Contradiction(String),
    /// The intake takes no more deliveries, because the run has failed elsewhere.
    #[error("stopped: the run failed while committing")]
    Stopped,
}

impl WalkError {
    /// Returns `true` if the error concerns one page, so that other pages of the slice are worth requesting.
    pub fn is_of_one_page(&self) -> bool {
        match self {
            Self::Contradiction(_) => true,
            Self::Fetch(error) => matches!(
                error,
                FetchError::GaveUp { .. }
                    | FetchError::Refused { .. }
                    | FetchError::TooLarge { .. }
            ),
            Self::Stopped => false,
        }
    }
}

/// Fetcher of the pages of one slice.
pub struct PageFetcher<'a> {
    pub read: ReadContext<'a>,
    pub slice: &'a Slice,
    /// Dataset with the page size that the server uses, if that isn't the declared one.
    sized: OnceLock<Arc<Dataset>>,
}

impl<'a> PageFetcher<'a> {
    pub fn new(read: ReadContext<'a>, slice: &'a Slice) -> Self {
        Self {
            read,
            slice,
            sized: OnceLock::new(),
        }
    }
}

impl PageFetcher<'_> {
    /// Returns the dataset with the page size in use.
    pub fn dataset(&self) -> &Arc<Dataset> {
        self.sized.get().unwrap_or(&self.read.order.dataset)
    }

    /// Adopts the page size of `sized` for all further pages. Only the first call has an effect.
    pub fn resize(&self, sized: Arc<Dataset>) {
        let _ = self.sized.set(sized);
    }

    /// Returns the number of pages of the slice, as `page` states it.
    pub fn pages(&self, page: &Page) -> Result<Option<u64>, WalkError> {
        let paginator = &self.dataset().paginator;
        if paginator.style == PagingStyle::Single {
            return Ok(Some(1));
        }
        paginator
            .pages(page.total, page.total_pages)
            .map_err(|error| WalkError::Contradiction(error.to_string()))
    }

    /// Returns `true` if the page itself has the cursor or link of the next one; such a page may be empty.
    pub fn leads_on(&self, page: &Page) -> bool {
        let style = &self.dataset().paginator.style;
        let by_page = matches!(style, PagingStyle::Cursor { .. } | PagingStyle::NextLink);
        by_page && page.next.is_some()
    }

    /// Fetches a page that must have records. `None` if the slice has become shorter and ends before it.
    pub async fn fetch_page(&self, index: u64) -> Result<Option<Page>, WalkError> {
        Ok(
            match self.fetch_consistent(&PageCursor::nth(index)).await? {
                Some(Answer::Page(page)) => Some(page),
                Some(Answer::Empty { .. }) | None => None,
            },
        )
    }

    /// Fetches a page until the response agrees with what the API stated before. `None` if the slice has
    /// become shorter and ends before the page.
    pub async fn fetch_consistent(&self, place: &PageCursor) -> Result<Option<Answer>, WalkError> {
        let index = place.index;
        let retry = &self.read.order.dataset.retry;
        let mut wait = retry.initial;
        let mut reason = String::new();
        for attempt in 0..retry.max_attempts.max(1) {
            if attempt > 0 {
                self.pause(wait).await?;
                wait = wait.saturating_mul(2).min(retry.max);
            }
            reason = match self.fetch(place).await {
                Ok(Answer::Page(page)) if self.leads_on(&page) => {
                    return Ok(Some(Answer::Page(page)));
                }
                Ok(Answer::Page(page)) if page.is_empty() && index == 0 => {
                    match (page.total, page.has_more) {
                        (Some(total), _) if total > 0 => {
                            format!("the first page is empty where {total} records are stated")
                        }
                        (_, Some(true)) => "the first page is empty where more follow".to_owned(),
                        _ => return Ok(Some(Answer::Page(page))),
                    }
                }
                Ok(Answer::Empty { date }) if index == 0 => {
                    return Ok(Some(Answer::Empty { date }));
                }
                Ok(Answer::Page(page)) if !page.is_empty() => return Ok(Some(Answer::Page(page))),
                Ok(_) if self.end_is_before(index).await? => return Ok(None),
                Ok(_) => format!("page {} is empty in the middle of the slice", index + 1),
                Err(WalkError::Fetch(error))
                    if index > 0 && error.refused_status() == Some(400) =>
                {
                    if self.end_is_before(index).await? {
                        return Ok(None);
                    }
                    error.to_string()
                }
                Err(error) => return Err(error),
            };
            tracing::warn!(
                slice = &*self.slice.label,
                page = index + 1,
                attempt = attempt + 1,
                reason,
                "answer contradicts the slice"
            );
        }
        Err(WalkError::Contradiction(reason))
    }

    /// Fetches the first page again, without taking it in. Returns `true` if the slice now ends before
    /// `index`.
    async fn end_is_before(&self, index: u64) -> Result<bool, WalkError> {
        Ok(match self.fetch(&PageCursor::default()).await? {
            Answer::Page(page) => self.pages(&page)?.is_some_and(|pages| pages <= index),
            Answer::Empty { .. } => false,
        })
    }

    pub async fn fetch(&self, place: &PageCursor) -> Result<Answer, WalkError> {
        self.fetch_as(self.dataset(), place).await
    }

    /// Requests a page of `dataset`, whose page size may differ from the declared one.
    pub async fn fetch_as(
        &self,
        dataset: &Arc<Dataset>,
        place: &PageCursor,
    ) -> Result<Answer, WalkError> {
        let ReadContext {
            context,
            order,
            usage,
        } = self.read;
        let request = PageRequest {
            dataset: dataset.clone(),
            day: order.day,
            slice: self.slice.clone(),
            page: place.index,
            next: place.next.clone(),
            priority: order.priority,
        };
        let answer = context.client.fetch(&request, usage, &context.cancel);
        let answer = answer.await?;
        if matches!(&answer, Answer::Page(page) if !page.is_empty()) {
            usage.note_answered();
        }
        Ok(answer)
    }

    async fn pause(&self, most: Duration) -> Result<(), WalkError> {
        let context = self.read.context;
        tokio::select! {
            () = tokio::time::sleep(context.entropy.up_to(most)) => Ok(()),
            () = context.cancel.cancelled() => Err(FetchError::Cancelled.into()),
        }
    }
}
