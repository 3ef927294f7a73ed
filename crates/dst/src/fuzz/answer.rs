//! Target: a whole API response, from status, headers and body to the ids and days of its records.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Input, sources};
use bronzed_engine::ingest::off_day::own_day;
use bronzed_model::declaration::{Action, Dataset};
use bronzed_model::entropy::Entropy;
use bronzed_model::json;
use bronzed_model::record::{self, RecordId};
use bronzed_source::backoff::RetryState;
use bronzed_source::classify::{ResponseClass, classify};
use bronzed_source::page::Page;
use bronzed_source::transport::RawResponse;

/// Maximum length of a response excerpt in an error: 200 characters and an ellipsis.
const MOST_SHOWN: usize = 201;
/// Maximum length of an error text, which may contain two excerpts.
const MOST_SAID: usize = 3 * MOST_SHOWN;

/// Input: dataset name, status, headers up to an empty line, body.
pub fn answer(input: &[u8]) {
    let mut input = Input::new(input);
    let dataset = sources::dataset(&mut input);
    let Ok(reply) = reply(&mut input).decoded(dataset.limits.max_body_bytes, None) else {
        return;
    };
    let body = reply.body.clone();
    let status = reply.status;
    let now = DateTime::from_timestamp(1_761_134_400, 0).unwrap();
    match classify(dataset, reply, now) {
        ResponseClass::Page(page) => hold_page(dataset, &page, &body),
        ResponseClass::Empty { .. } => {
            let by_rule = dataset.responses.iter().any(|rule| {
                rule.action == Action::Empty && rule.status.is_none_or(|only| only == status)
            });
            assert!(by_rule, "P2: nothing is empty that no rule calls so");
        }
        ResponseClass::Retry {
            failure,
            asked,
            max_attempts,
        } => {
            hold_text(&failure.to_string(), MOST_SAID);
            wait(dataset, |tries| tries.after_failure(asked, max_attempts));
        }
        ResponseClass::RateLimited { failure, asked } => {
            hold_text(&failure.to_string(), MOST_SAID);
            wait(dataset, |tries| tries.after_rate_limit(asked));
        }
        ResponseClass::Skipped { snippet, .. } | ResponseClass::Refused { snippet, .. } => {
            hold_text(&snippet, MOST_SHOWN);
        }
        ResponseClass::Redirected { location, .. } => hold_text(&location, MOST_SHOWN),
    }
}

fn reply(input: &mut Input<'_>) -> RawResponse {
    let status = input.number();
    // Maps the number to a valid HTTP status.
    let status = match status {
        100..=999 => status,
        other => 100 + other % 900,
    };
    let mut headers = HeaderMap::new();
    loop {
        let line = input.line();
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    // Parsed as the transport does.
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let date = text("date").and_then(|date| httpdate::parse_http_date(&date).ok());
    RawResponse {
        framed: true,
        status: u16::try_from(status).unwrap(),
        content_type: text("content-type"),
        location: text("location"),
        date: date.map(DateTime::<Utc>::from),
        headers,
        body: Bytes::copy_from_slice(input.rest()),
        unreadable: None,
        secrets: Arc::new([sources::TOKEN.into()]),
    }
}

fn hold_page(dataset: &Dataset, page: &Page, body: &[u8]) {
    let text = std::str::from_utf8(body).expect("a page is UTF-8");
    serde_json::from_str::<&RawValue>(text).expect("a page is whole JSON");
    let stated = json::pointer(text, &dataset.data_selector);
    let stated = stated.expect("a page can be opened").expect("records");
    let elements = json::elements(stated).expect("an array of records");
    if dataset.explode.is_none() {
        assert_eq!(page.len(), elements.len(), "P2: all records are taken");
    }
    assert!(page.len() >= elements.len(), "P2: no record is lost");
    hold_counts(dataset, page, text);
    for (value, element) in page.values().zip(&elements) {
        let record = value.text();
        serde_json::from_str::<&RawValue>(record).expect("a record is JSON");
        if dataset.explode.is_none() && dataset.protection.is_none() {
            assert_eq!(record, *element, "a record is what the API wrote");
        }
        hold_id(&RecordId::of(dataset, record), record);
        hold_id(&RecordId::of_child(dataset, "parent|1", record), record);
        let _ = record::key(&dataset.primary_key, record);
        if let Some(day) = own_day(&dataset.days, value) {
            let _ = (day.start(dataset.days.zone), day.end(dataset.days.zone));
            let _ = (day.partition(), day.compact(), day.to_string());
        }
        if let Some(protection) = &dataset.protection {
            let again = protection.apply(element).unwrap_or((*element).to_owned());
            assert_eq!(record, again, "the same record is protected alike");
        }
    }
}

/// Asserts that the totals used for paging equal those that `serde_json` reads.
fn hold_counts(dataset: &Dataset, page: &Page, text: &str) {
    let Ok(whole) = serde_json::from_str::<Value>(text) else {
        // Nested deeper than `serde_json` accepts, or with numbers that it can't hold.
        return;
    };
    let paging = &dataset.paginator;
    let at = |path: &Option<String>| whole.pointer(path.as_deref()?);
    if let Some(stated) = at(&paging.total_records_path) {
        assert_eq!(page.total, stated.as_u64());
    }
    if let Some(stated) = at(&paging.total_pages_path) {
        assert_eq!(page.total_pages, stated.as_u64());
    }
    if let Some(stated) = at(&paging.has_more_path) {
        assert_eq!(page.has_more, stated.as_bool());
    }
}

fn hold_id(id: &RecordId, record: &str) {
    assert!(!id.id.is_empty() && id.id.starts_with(id.key()));
    assert_eq!(
        id.version().map(str::len),
        (id.id.len() > id.key().len()).then(|| id.id.len() - id.key().len() - 1)
    );
    if !id.identified {
        assert!(RecordId::is_content_hash(&id.id), "{record}");
    }
}

/// Asserts that an error text is one line, at most `most` characters long and free of the secret.
fn hold_text(text: &str, most: usize) {
    assert!(text.chars().count() <= most, "{text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains(sources::TOKEN), "{text}");
}

/// Asserts that no wait exceeds `max_elapsed`, whatever the response asks for.
fn wait(dataset: &Dataset, mut next: impl FnMut(&mut RetryState<'_>) -> Option<Duration>) {
    let entropy = Entropy::seeded(7);
    let mut tries = RetryState::new(&dataset.retry, &entropy);
    for _ in 0..4 {
        match next(&mut tries) {
            Some(wait) => assert!(wait <= dataset.retry.max_elapsed),
            None => return,
        }
    }
}
