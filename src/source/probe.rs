//! One look at an API, for `bronzed check --online`: a single request, and what was seen.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;
use url::Url;

use crate::day::Day;
use crate::source::classify::classify;
use crate::source::client::{Answer, Inner, SourceClient, settle};
use crate::source::declaration::{Dataset, Priority, Slice};
use crate::source::error::FetchError;
use crate::source::exchange::Broken;
use crate::source::page::Page;
use crate::source::request::PageRequest;

/// What one request saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What was asked for.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The records of the page; `None` where a rule says that there is no data.
    pub records: Option<usize>,
    /// How many records there are in all, as the page states.
    pub total: Option<u64>,
    /// The body's length after decompression.
    pub bytes: usize,
    /// How far the server's clock is ahead of ours, by its `Date`: to whole seconds.
    pub skew: Option<TimeDelta>,
    /// From the request to the body's end.
    pub took: Duration,
}

impl SourceClient {
    /// Asks once for the first page of a slice, within the source's limits but without another
    /// try and past the breaker.
    ///
    /// # Errors
    /// What a run would meet; whatever it would try again is [`FetchError::GaveUp`] after one try.
    pub async fn probe(
        &self,
        dataset: Arc<Dataset>,
        day: Day,
        slice: Slice,
    ) -> Result<Seen, FetchError> {
        let request = PageRequest {
            dataset,
            day,
            slice,
            page: 0,
            next: None,
            priority: Priority::Hourly,
        };
        self.inner().look(&request).await
    }
}

impl Inner {
    async fn look(&self, request: &PageRequest) -> Result<Seen, FetchError> {
        let url = request.url(&self.base_url)?;
        let dataset = &request.dataset;
        let _permits = self.turns.enter(dataset, request.priority).await;
        let begun = Instant::now();
        let reply = self
            .exchange
            .get(&url, &dataset.limits)
            .await
            .map_err(|broken| {
                let url = url.to_string();
                match broken {
                    Broken::Off(reason) => FetchError::GaveUp {
                        url,
                        attempts: 1,
                        reason,
                    },
                    Broken::TooLarge { max } => FetchError::TooLarge { url, max },
                }
            })?;
        let took = begun.elapsed();
        let now = self.clock.now();
        let (status, content_type) = (reply.status, reply.content_type.clone());
        let (bytes, date) = (reply.body.len(), reply.date);
        let verdict = classify(dataset, reply, now);
        let page = match settle(verdict, &url, 1)? {
            Answer::Page(page) => Some(page),
            Answer::Empty { .. } => None,
        };
        Ok(Seen {
            url,
            status,
            content_type,
            records: page.as_ref().map(Page::len),
            total: page.as_ref().and_then(|page| page.total),
            bytes,
            skew: date.map(|date| date - now),
            took,
        })
    }
}
