//! Observer of requests: each attempt that was sent is reported once, when its outcome and what follows are known.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::classify::ResponseClass;
use crate::request::PageRequest;
use bronzed_model::requests::{CANCELLED, EMPTY, PAGE, SKIPPED};

/// Receiver of requests that have ended. Called from the run's own task: it must not block.
pub trait RequestObserver: Debug + Send + Sync {
    /// Handles a request.
    fn ended(&self, request: &EndedRequest<'_>);
}

/// A request that has ended.
#[derive(Debug)]
pub struct EndedRequest<'r> {
    /// The page that was asked for.
    pub of: &'r PageRequest,
    /// URL without credentials.
    pub url: &'r Url,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Time that it waited until it was admitted.
    pub queued: Duration,
    /// Time at which it was sent.
    pub begun: Instant,
    /// Time from sending to the end of the response.
    pub took: Duration,
    /// Kind of the outcome; a failure's is that of [`crate::failure::Failure::kind`].
    pub outcome: &'static str,
    /// HTTP status, if a whole response came.
    pub status: Option<u16>,
    /// Length of the body, if a whole response came.
    pub bytes: Option<u64>,
    /// Wait before the next attempt. `None` if there is none.
    pub wait: Option<Duration>,
    /// Wait that the server asked for.
    pub asked: Option<Duration>,
    /// The failure in words.
    pub detail: Option<String>,
}

/// A request that was sent. If it is dropped before its outcome is known, it is reported as cancelled.
pub(super) struct SentRequest<'r> {
    observer: Option<Arc<dyn RequestObserver>>,
    ended: EndedRequest<'r>,
}

impl<'r> SentRequest<'r> {
    pub(super) fn new(
        observer: Option<Arc<dyn RequestObserver>>,
        (of, url): (&'r PageRequest, &'r Url),
        attempt: u32,
        queued: Duration,
    ) -> Self {
        let ended = EndedRequest {
            of,
            url,
            attempt,
            queued,
            begun: Instant::now(),
            took: Duration::ZERO,
            outcome: CANCELLED,
            status: None,
            bytes: None,
            wait: None,
            asked: None,
            detail: None,
        };
        Self { observer, ended }
    }

    /// Time since it was sent.
    pub(super) fn elapsed(&self) -> Duration {
        self.ended.begun.elapsed()
    }

    /// Notes the end of the response.
    pub(super) fn answered(&mut self, status: u16, bytes: usize) {
        self.ended.took = self.elapsed();
        self.ended.status = Some(status);
        self.ended.bytes = Some(bytes as u64);
    }

    /// Reports a request without a usable response that isn't sent again.
    pub(super) fn failed(mut self, outcome: &'static str, detail: String) {
        self.ended.outcome = outcome;
        self.ended.detail = Some(detail);
    }

    /// Reports the outcome, and the wait before the next attempt.
    pub(super) fn classified(mut self, class: &ResponseClass, wait: Option<Duration>) {
        let ended = &mut self.ended;
        ended.wait = wait;
        (ended.outcome, ended.detail) = match class {
            ResponseClass::Page(_) => (PAGE, None),
            ResponseClass::Empty { .. } => (EMPTY, None),
            ResponseClass::Skipped { snippet, .. } => (SKIPPED, Some(snippet.clone())),
            ResponseClass::Refused { snippet, .. } => ("refused", Some(snippet.clone())),
            ResponseClass::Redirected { location, .. } => ("redirected", Some(location.clone())),
            ResponseClass::Retry { failure, asked, .. }
            | ResponseClass::RateLimited { failure, asked } => {
                ended.asked = *asked;
                (failure.kind(), Some(failure.to_string()))
            }
        };
    }
}

impl Drop for SentRequest<'_> {
    fn drop(&mut self) {
        if self.ended.status.is_none() {
            self.ended.took = self.elapsed();
        }
        if let Some(observer) = &self.observer {
            observer.ended(&self.ended);
        }
    }
}
