//! A single request to an API and its result, for `bronzed check --online`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::time::Instant;
use url::Url;

use crate::classify::classify;
use crate::client::{Answer, ClientInner, SourceClient, settle};
use crate::error::FetchError;
use crate::request::PageRequest;
use crate::transport::TransportError;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, Priority, Slice};

/// Result of a probe.
#[derive(Debug)]
pub struct ProbeResult {
    /// The requested URL.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The body after decompression; of an error page its beginning. It must not be shown: it may repeat
    /// credentials, or contain personal data.
    pub body: Bytes,
    /// Meaning of the response for a run; a failure that a run would retry is [`FetchError::GaveUp`]
    /// after one attempt.
    pub answer: Result<Answer, FetchError>,
    /// Lead of the server's clock over ours, by its `Date`, which has a resolution of one second.
    pub skew: Option<TimeDelta>,
    /// Duration from the request to the end of the body.
    pub took: Duration,
}

impl SourceClient {
    /// Requests the first page of a slice once, within the source's limits, but without retries, and
    /// regardless of circuit breaker and blackout: see [`SourceClient::blackout_left`].
    ///
    /// # Errors
    /// If the request has no URL, or no whole response arrived.
    pub async fn probe(
        &self,
        dataset: Arc<Dataset>,
        day: Day,
        slice: Slice,
    ) -> Result<ProbeResult, FetchError> {
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

    /// Remaining time of the current blackout; `None` outside of blackouts.
    pub fn blackout_left(&self) -> Option<Duration> {
        self.inner().throttle.blackout_left()
    }
}

impl ClientInner {
    async fn look(&self, request: &PageRequest) -> Result<ProbeResult, FetchError> {
        let sent = self.request_of(request)?;
        let dataset = &request.dataset;
        let _permits = self.throttle.enter(dataset, request.priority).await;
        let begun = Instant::now();
        let reply = self.ask(&sent, dataset).await.map_err(|broken| {
            let url = sent.url.to_string();
            match broken {
                TransportError::Off(reason) => FetchError::GaveUp {
                    url,
                    attempts: 1,
                    reason,
                    asked: None,
                },
                TransportError::NoToken { status, snippet } => FetchError::Refused {
                    url,
                    status,
                    snippet,
                },
                TransportError::TooLarge { max } => FetchError::TooLarge { url, max },
            }
        })?;
        let took = begun.elapsed();
        let now = self.clock.now();
        let status = reply.status;
        let content_type = reply.content_type.as_ref();
        let content_type = content_type.map(|text| reply.shown(text.as_bytes()));
        let (body, date) = (reply.body.clone(), reply.date);
        let answer = settle(classify(dataset, reply, now), &sent.url, 1);
        Ok(ProbeResult {
            url: sent.url,
            status,
            content_type,
            body,
            answer,
            skew: date.map(|date| date - now),
            took,
        })
    }
}
