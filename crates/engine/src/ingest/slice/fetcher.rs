//! Fetches one page of a slice, and retries until the response agrees with what the API stated before.

use std::sync::Arc;
use std::time::Duration;

use crate::ingest::slice::reader::SliceReader;
use crate::ingest::slice::scan::{SliceWalk, WalkError};
use bronzed_model::declaration::Dataset;
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

impl SliceWalk<'_> {
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
        let retry = &self.reader.order.dataset.retry;
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
        let SliceReader {
            context,
            order,
            usage,
            ..
        } = self.reader;
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
        let context = self.reader.context;
        tokio::select! {
            () = tokio::time::sleep(context.entropy.up_to(most)) => Ok(()),
            () = context.cancel.cancelled() => Err(FetchError::Cancelled.into()),
        }
    }
}
