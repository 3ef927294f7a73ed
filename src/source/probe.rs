//! One look at an API, for `bronzed check --online`: a single request, and what was seen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::time::Instant;
use url::Url;

use crate::day::Day;
use crate::source::classify::classify;
use crate::source::client::{Answer, Inner, SourceClient, settle};
use crate::source::declaration::{Dataset, Priority, Slice};
use crate::source::error::FetchError;
use crate::source::exchange::Broken;
use crate::source::request::PageRequest;

/// What one request saw.
#[derive(Debug)]
pub struct Seen {
    /// What was asked for.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The body after decompression; of an error page its beginning. Not to be shown: it may repeat
    /// credentials, or have personal data in it.
    pub body: Bytes,
    /// What it means to a run; whatever a run would try again is [`FetchError::GaveUp`] after one try.
    pub answer: Result<Answer, FetchError>,
    /// How far the server's clock is ahead of ours, by its `Date`: to whole seconds.
    pub skew: Option<TimeDelta>,
    /// From the request to the body's end.
    pub took: Duration,
}

impl SourceClient {
    /// Asks once for the first page of a slice, within the source's limits but without another
    /// try, past the breaker, and without heed to a blackout: see [`SourceClient::blackout_left`].
    ///
    /// # Errors
    /// Why there is no answer.
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

    /// How long the source is to be left alone from now on; `None`: it may be asked.
    pub fn blackout_left(&self) -> Option<Duration> {
        self.inner().turns.blackout_left()
    }
}

impl Inner {
    async fn look(&self, request: &PageRequest) -> Result<Seen, FetchError> {
        let url = request.url(&self.base_url)?;
        let dataset = &request.dataset;
        let _permits = self.turns.enter(dataset, request.priority).await;
        let begun = Instant::now();
        let reply = self.ask(&url, &dataset.limits).await.map_err(|broken| {
            let url = url.to_string();
            match broken {
                Broken::Off(reason) => FetchError::GaveUp {
                    url,
                    attempts: 1,
                    reason,
                    asked: None,
                },
                Broken::TooLarge { max } => FetchError::TooLarge { url, max },
            }
        })?;
        let took = begun.elapsed();
        let now = self.clock.now();
        let status = reply.status;
        let content_type = reply.content_type.as_ref();
        let content_type = content_type.map(|text| reply.shown(text.as_bytes()));
        let (body, date) = (reply.body.clone(), reply.date);
        let answer = settle(classify(dataset, reply, now), &url, 1);
        Ok(Seen {
            url,
            status,
            content_type,
            body,
            answer,
            skew: date.map(|date| date - now),
            took,
        })
    }
}
