//! Requests of a run, collected while they end: within bounds, whatever the number of requests.
//!
//! ```text
//! SourceClient ─► RequestRecorder ─► KeptRequests ─► RunRequests ─► `_bronzed/requests/…`, after the last commit
//!                 (times, texts)     (which ones)       └─► whoever looks while the run is under way
//! ```
//!
//! Which ones are kept, and why, is in `docs/develop/design/009-requests.md`.

mod kept;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::requests::kept::KeptRequests;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Dataset, PagingStyle};
use bronzed_model::redact::redact;
use bronzed_model::requests::{RequestRecord, RunRequests};
use bronzed_source::observer::{EndedRequest, RequestObserver};

/// Maximum length of a text of a record, in characters: of a slice's label, a cursor, a failure.
const TEXT_CHARS: usize = 300;
/// Maximum length of a URL, in characters.
const URL_CHARS: usize = 600;

/// Recorder of a run's requests.
#[derive(Debug)]
pub struct RequestRecorder {
    run_id: Uuid,
    dataset: Arc<Dataset>,
    day: Day,
    started_at: DateTime<Utc>,
    begun: Instant,
    kept: Mutex<KeptRequests>,
}

impl RequestRecorder {
    /// Creates the recorder of a run that begins now.
    pub fn begin(
        run_id: Uuid,
        dataset: &Arc<Dataset>,
        day: Day,
        started_at: DateTime<Utc>,
    ) -> Self {
        Self {
            run_id,
            dataset: Arc::clone(dataset),
            day,
            started_at,
            begun: Instant::now(),
            kept: Mutex::default(),
        }
    }

    /// Returns the requests that have ended so far. `None` if there are none.
    pub fn so_far(&self) -> Option<RunRequests> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = RunRequests {
            run_id: self.run_id,
            source: self.dataset.source.clone(),
            dataset: self.dataset.name.clone(),
            day: self.day,
            started_at: self.started_at,
            took_ms: millis(self.begun.elapsed()),
            total: 0,
            left_out: 0,
            outcomes: Default::default(),
            slices: Vec::new(),
            requests: Vec::new(),
        };
        kept.write(&mut found);
        (found.total > 0).then_some(found)
    }

    fn record(&self, ended: &EndedRequest<'_>) -> RequestRecord {
        let of = ended.of;
        let begun = ended.begun.saturating_duration_since(self.begun);
        let next = of.next.as_deref();
        // A link is in the URL, whose key parameter is taken out there.
        let cursor = next.filter(|_| of.dataset.paginator.style != PagingStyle::NextLink);
        RequestRecord {
            slice: shown(&of.slice.label, TEXT_CHARS),
            page: of.page.saturating_add(1),
            day: (of.day != self.day).then_some(of.day),
            cursor: cursor.map(|cursor| shown(cursor, TEXT_CHARS)),
            attempt: ended.attempt,
            at_ms: millis(begun),
            queued_ms: millis(ended.queued),
            took_ms: millis(ended.took),
            outcome: ended.outcome.to_owned(),
            status: ended.status,
            bytes: ended.bytes,
            wait_ms: ended.wait.map(millis),
            asked_ms: ended.asked.map(millis),
            detail: ended
                .detail
                .as_deref()
                .filter(|text| !text.is_empty())
                .map(|text| shown(text, TEXT_CHARS)),
            url: shown(ended.url.as_str(), URL_CHARS),
        }
    }
}

impl RequestObserver for RequestRecorder {
    fn ended(&self, request: &EndedRequest<'_>) {
        let record = self.record(request);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.add(record);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a text without secrets, and with `…` in place of what is beyond `most` characters.
fn shown(text: &str, most: usize) -> String {
    let text = redact(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
