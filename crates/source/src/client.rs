//! The client of one source: fetches pages within the source's limits, and retries failures.
//!
//! A request is admitted by limiter and circuit breaker, is sent, and its response is classified by the
//! dataset's rules. Transient failures are retried after a wait, during which the request holds no
//! permit. The result is a page, "no data" as declared by a rule, or a [`FetchError`] that names the
//! cause: never a guess (promise P2).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, debug_span, info, warn};
use url::Url;

use crate::backoff::RetryState;
use crate::breaker::Down;
use crate::classify::{ResponseClass, classify};
use crate::error::{ClientError, FetchError};
use crate::failure::Failure;
use crate::http::Http;
use crate::known_rows::KnownRows;
use crate::lease::{Lease, SharedLimits};
use crate::observer::SentRequest;
use crate::page::Page;
use crate::request::{PageRequest, RequestError, remove_param};
use crate::throttle::{AdmittedRequest, RequestThrottle};
use crate::transport::{HttpRequest, RawResponse, Transport, TransportError};
use crate::usage::RequestBudget;
use bronzed_metrics::events::{self, RequestFinished};
use bronzed_model::clock::Clock;
use bronzed_model::declaration::{Dataset, Source};
use bronzed_model::entropy::Entropy;

/// Result of a successful request.
#[derive(Debug)]
pub enum Answer {
    /// A page of records.
    Page(Page),
    /// No data, as a rule of the declaration says.
    Empty {
        /// The `Date` of the response.
        date: Option<DateTime<Utc>>,
    },
}

/// Fetches pages of one source. Clones share limits, circuit breaker and connections.
#[derive(Debug, Clone)]
pub struct SourceClient(Arc<ClientInner>);

#[derive(Debug)]
pub(super) struct ClientInner {
    name: String,
    pub(super) base_url: Url,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) throttle: RequestThrottle,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<Entropy>,
    /// Notified when a host or endpoint that was down answers again.
    back: Notify,
    known_rows: KnownRows,
    /// Query parameter that holds the key, which is added by the transport.
    key_param: Option<String>,
}

impl SourceClient {
    /// Creates a client with the source's limits. There must be one per source and process, because the
    /// limits are its own.
    ///
    /// # Errors
    /// If base URL, headers or certificates can't be used.
    pub fn new(
        source: &Source,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Result<Self, ClientError> {
        let http = Arc::new(Http::new(source)?);
        Ok(Self::over(http, source, clock, entropy))
    }

    /// Like [`SourceClient::new`], but sends requests over `transport`.
    pub fn over(
        transport: Arc<dyn Transport>,
        source: &Source,
        clock: Arc<dyn Clock>,
        entropy: Arc<Entropy>,
    ) -> Self {
        Self(Arc::new(ClientInner {
            name: source.name.clone(),
            base_url: source.base_url.clone(),
            transport,
            throttle: RequestThrottle::new(source, &clock),
            clock,
            entropy,
            back: Notify::new(),
            known_rows: KnownRows::default(),
            key_param: source.auth.param().map(|(name, _)| name.to_owned()),
        }))
    }

    /// Fetches one page, with retries as the dataset's retry table says. Requests are counted in
    /// `usage`; `cancel` ends waits and requests at once.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(
        &self,
        request: &PageRequest,
        usage: &RequestBudget,
        cancel: &CancellationToken,
    ) -> Result<Answer, FetchError> {
        let answer = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(FetchError::Cancelled),
            answer = self.0.fetch(request, usage) => answer,
        };
        answer.inspect_err(|error| usage.note(error))
    }

    /// State of the open circuit of `dataset`'s host or endpoint, because of which a run can't do
    /// anything now. `None` if it is closed. With `probe_in` zero, one request may probe.
    pub fn down(&self, dataset: &Dataset) -> Option<Down> {
        let url = dataset.base_url.as_ref().unwrap_or(&self.0.base_url);
        self.0.throttle.down(dataset, url)
    }

    /// Waits until a host or endpoint that was down answers again. Supports one waiter: each recovery
    /// wakes only one.
    pub async fn back(&self) {
        self.0.back.notified().await;
    }

    /// Shares the source's limits with the other processes of the lake from now on.
    pub fn lease(&self, shared: SharedLimits) {
        let inner = &*self.0;
        let (clock, entropy) = (inner.clock.clone(), inner.entropy.clone());
        let lease = || Lease::new(&inner.name, &inner.throttle.limiter, shared, clock, entropy);
        inner.throttle.lease.get_or_init(lease);
    }

    /// Releases this process's share of the source's limits. No request is admitted afterwards.
    pub async fn close(&self) {
        if let Some(lease) = self.0.throttle.lease.get() {
            lease.close().await;
        }
    }

    /// Returns the known positions of rows in the source's datasets.
    pub fn known_rows(&self) -> &KnownRows {
        &self.0.known_rows
    }

    pub(super) fn inner(&self) -> &ClientInner {
        &self.0
    }
}

impl ClientInner {
    async fn fetch(
        &self,
        request: &PageRequest,
        usage: &RequestBudget,
    ) -> Result<Answer, FetchError> {
        let sent = self.request_of(request)?;
        let url = &sent.url;
        let mut tries = RetryState::new(&request.dataset.retry, &self.entropy);
        loop {
            let attempt = self.attempt(request, &sent, usage, &mut tries).await?;
            let (verdict, sent_request) = attempt;
            let (failure, wait) = match &verdict {
                ResponseClass::Retry {
                    failure,
                    asked,
                    max_attempts,
                } => (failure, tries.after_failure(*asked, *max_attempts)),
                ResponseClass::RateLimited { failure, asked } => {
                    (failure, tries.after_rate_limit(*asked))
                }
                _ => {
                    sent_request.classified(&verdict, None);
                    return settle(verdict, url, tries.count());
                }
            };
            tell_failure(request, failure, tries.count(), wait);
            let down = wait.map(|_| self.unless_down(&request.dataset, url));
            let is_sent_again = matches!(down, Some(Ok(())));
            sent_request.classified(&verdict, wait.filter(|_| is_sent_again));
            let Some(wait) = wait else {
                return settle(verdict, url, tries.count());
            };
            down.transpose()?;
            tokio::time::sleep(wait).await;
            usage.note_retry(failure);
        }
    }

    /// Returns the request for a page. Its URL is without the key, which the link to a next page may repeat.
    pub(super) fn request_of(&self, request: &PageRequest) -> Result<HttpRequest, RequestError> {
        let mut url = request.url(&self.base_url)?;
        if let Some(name) = &self.key_param {
            remove_param(&mut url, name);
        }
        let body = request.body()?;
        let csv = request.dataset.csv.is_some();
        Ok(HttpRequest { url, body, csv })
    }

    /// Returns an error if the circuit is open, so that the caller doesn't wait for a retry that won't
    /// be sent.
    fn unless_down(&self, dataset: &Dataset, url: &Url) -> Result<(), FetchError> {
        match self.throttle.down(dataset, url) {
            Some(down) if !down.probe_in.is_zero() => Err(FetchError::SourceDown {
                name: self.name.clone(),
                down: Box::new(down),
            }),
            _ => Ok(()),
        }
    }

    /// Makes one attempt, once limiter and circuit breaker admit it. An error is final.
    async fn attempt<'r>(
        &self,
        request: &'r PageRequest,
        sent: &'r HttpRequest,
        usage: &RequestBudget,
        tries: &mut RetryState<'_>,
    ) -> Result<(ResponseClass, SentRequest<'r>), FetchError> {
        let (dataset, url) = (&request.dataset, &sent.url);
        let arrived = Instant::now();
        let turn = self.throttle.wait(dataset, url, request.priority).await;
        let turn = turn.map_err(|down| FetchError::SourceDown {
            name: self.name.clone(),
            down: Box::new(down),
        })?;
        let queued = arrived.elapsed();
        tries.leave_out(queued);
        let max = dataset.limits.max_requests_per_run;
        if !usage.take(max, tries.count() > 0) {
            return Err(FetchError::Budget {
                max: max.unwrap_or(u64::MAX),
            });
        }
        let attempt = tries.count() + 1;
        let mut sent_request = SentRequest::new(usage.observer(), (request, url), attempt, queued);
        let span = request_span(request, url, attempt);
        let asked = self.ask(sent, dataset);
        let answer = asked.instrument(span.clone()).await;
        if let Ok(reply) = &answer {
            span.record("http.response.status_code", i64::from(reply.status));
        }
        let finished = RequestFinished {
            source: &self.name,
            dataset: &dataset.name,
            status: answer.as_ref().ok().map(|reply| reply.status),
            duration: sent_request.elapsed(),
        };
        finished.record();
        let verdict = match answer {
            Ok(reply) => {
                let (status, bytes) = (reply.status, reply.body.len());
                log_answer(request, attempt, status, bytes);
                sent_request.answered(status, bytes);
                classify(dataset, reply, self.clock.now())
            }
            Err(TransportError::Off(failure)) => ResponseClass::again(failure),
            // The API itself wasn't asked, so nothing is learned about it.
            Err(TransportError::NoToken { status, snippet }) => {
                sent_request.failed("no_token", snippet.clone());
                return Err(FetchError::Refused {
                    url: url.to_string(),
                    status,
                    snippet,
                });
            }
            Err(TransportError::TooLarge { max }) => {
                self.is_back(turn.alive());
                let error = FetchError::TooLarge {
                    url: url.to_string(),
                    max,
                };
                sent_request.failed("too_large", error.to_string());
                return Err(error);
            }
        };
        self.learn(url, &verdict, turn);
        Ok((verdict, sent_request))
    }

    /// Sends one request and decodes the body of the response.
    pub(super) async fn ask(
        &self,
        sent: &HttpRequest,
        dataset: &Dataset,
    ) -> Result<RawResponse, TransportError> {
        let limits = &dataset.limits;
        let reply = self.transport.send(sent, limits).await?;
        reply.decoded(limits.max_body_bytes, dataset.csv.as_ref())
    }

    /// Reports the outcome of a request to limiter and circuit breaker.
    fn learn(&self, url: &Url, verdict: &ResponseClass, turn: AdmittedRequest<'_>) {
        match verdict {
            ResponseClass::RateLimited { .. } => turn.rate_limited(),
            ResponseClass::Retry { failure, .. } => {
                if let Some(down) = turn.failed(url, failure) {
                    let (what, reason) = (&*down.what, &*down.last);
                    let failures = down.failures;
                    warn!(
                        source = self.name,
                        what, failures, reason, "source taken for down"
                    );
                }
            }
            ResponseClass::Page(_)
            | ResponseClass::Empty { .. }
            | ResponseClass::Skipped { .. }
            | ResponseClass::Refused { .. }
            | ResponseClass::Redirected { .. } => self.is_back(turn.answered()),
        }
    }

    /// Logs that a host or endpoint that was down answers again, and wakes the waiter.
    fn is_back(&self, was: Option<Down>) {
        let Some(was) = was else {
            return;
        };
        let away = (self.clock.now() - was.since).to_std().unwrap_or_default();
        let (what, seconds) = (&*was.what, away.as_secs());
        info!(source = self.name, what, seconds, "source answers again");
        self.back.notify_one();
    }
}

/// Converts the last verdict of a request into its result.
pub(super) fn settle(
    verdict: ResponseClass,
    url: &Url,
    attempts: u32,
) -> Result<Answer, FetchError> {
    let url = url.to_string();
    Err(match verdict {
        ResponseClass::Page(page) => return Ok(Answer::Page(page)),
        ResponseClass::Empty { date } => return Ok(Answer::Empty { date }),
        ResponseClass::Retry { failure, asked, .. }
        | ResponseClass::RateLimited { failure, asked } => FetchError::GaveUp {
            url,
            attempts,
            reason: failure,
            asked,
        },
        ResponseClass::Refused { status, snippet } => FetchError::Refused {
            url,
            status,
            snippet,
        },
        ResponseClass::Skipped { status, snippet } => FetchError::Skipped {
            url,
            status,
            snippet,
        },
        ResponseClass::Redirected { status, location } => FetchError::Redirected {
            url,
            status,
            location,
        },
    })
}

/// Span of one request, for traces: the log has the same in the event of its response. Numbers are signed, because
/// traces have no others.
fn request_span(request: &PageRequest, url: &Url, attempt: u32) -> Span {
    let page = i64::try_from(request.page.saturating_add(1)).unwrap_or(i64::MAX);
    debug_span!(
        "request",
        otel.kind = "client",
        url.full = %url,
        http.response.status_code = Empty,
        source = request.dataset.source,
        dataset = request.dataset.name,
        slice = &*request.slice.label,
        page,
        attempt = i64::from(attempt),
    )
}

/// Logs a response; logged page numbers count from 1.
fn log_answer(request: &PageRequest, attempt: u32, status: u16, bytes: usize) {
    debug!(
        source = request.dataset.source,
        dataset = request.dataset.name,
        day = %request.day,
        slice = &*request.slice.label,
        page = request.page.saturating_add(1),
        attempt,
        status,
        bytes,
        "request answered"
    );
}

/// Logs a failed attempt; without `wait_ms` it was the last.
fn tell_failure(request: &PageRequest, failure: &Failure, attempt: u32, wait: Option<Duration>) {
    if wait.is_some() {
        events::request_retried(&request.dataset.source, failure.kind());
    }
    warn!(
        source = request.dataset.source,
        dataset = request.dataset.name,
        day = %request.day,
        slice = &*request.slice.label,
        page = request.page.saturating_add(1),
        attempt,
        status = failure.status(),
        reason = failure.kind(),
        detail = %failure,
        wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        "request failed"
    );
}

#[cfg(test)]
mod tests;
