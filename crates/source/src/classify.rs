//! Classification of responses: by the dataset's rules in their order, then by defaults.
//!
//! | response | class without a rule |
//! |---|---|
//! | 2xx with whole JSON in the declared envelope (or whole CSV), not declared as HTML | a page |
//! | 2xx with HTML, no body, truncated JSON, another envelope | retry |
//! | 408, 425, 5xx | retry, after `Retry-After` if a 503 has one |
//! | 429 | rate-limited: wait, as long as `Retry-After` says if there is one |
//! | 3xx | a redirect, refused: the configuration should name the new URL |
//! | anything else | refused at once: retries don't help against 400 and 404 |
//!
//! Only a rule can say that a response means "no data" (promise P2).

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::RETRY_AFTER;

use crate::failure::Failure;
use crate::page::{Page, PageError};
use crate::transport::{RawResponse, Unreadable};
use bronzed_model::declaration::{Action, Dataset, ResponseRule, Wait};
use bronzed_model::json;

/// Class of a response.
#[derive(Debug)]
pub enum ResponseClass {
    /// A page of records.
    Page(Page),
    /// No data, as a rule says.
    Empty {
        /// The `Date` of the response.
        date: Option<DateTime<Utc>>,
    },
    /// Retry.
    Retry {
        /// The failure.
        failure: Failure,
        /// Wait that the server asks for.
        asked: Option<Duration>,
        /// Maximum number of attempts, if the rule sets one.
        max_attempts: Option<u32>,
    },
    /// Retry later, with fewer requests in flight.
    RateLimited {
        /// The failure, with the beginning of the body.
        failure: Failure,
        /// Wait that the server asks for.
        asked: Option<Duration>,
    },
    /// The parent doesn't exist, as a rule says.
    Skipped {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// Refused: a retry doesn't help.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// Redirect to another URL.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Target of the redirect.
        location: String,
    },
}

impl ResponseClass {
    /// Creates a retry as the retry table says.
    pub(super) fn again(failure: Failure) -> Self {
        Self::Retry {
            failure,
            asked: None,
            max_attempts: None,
        }
    }
}

/// Classifies `reply` by the rules of `dataset`. A `Retry-After` date is compared with the reply's
/// `Date`, or with `now` if it has none.
pub fn classify(dataset: &Dataset, reply: RawResponse, now: DateTime<Utc>) -> ResponseClass {
    let rule = dataset.responses.iter().find(|rule| matches(rule, &reply));
    match rule {
        Some(rule) => by_rule(rule, dataset, reply, now),
        None => by_status(dataset, reply, now),
    }
}

fn by_rule(
    rule: &ResponseRule,
    dataset: &Dataset,
    reply: RawResponse,
    now: DateTime<Utc>,
) -> ResponseClass {
    match rule.action {
        Action::Ok => page(dataset, reply),
        Action::Empty => ResponseClass::Empty { date: reply.date },
        Action::Retry => retry(&reply, now, Some(rule)),
        Action::RateLimited => rate_limited(&reply, now, Some(rule)),
        Action::Skip => ResponseClass::Skipped {
            status: reply.status,
            snippet: reply.snippet(),
        },
        Action::Fail => refused(&reply),
    }
}

fn by_status(dataset: &Dataset, reply: RawResponse, now: DateTime<Utc>) -> ResponseClass {
    match reply.status {
        200..=299 => accepted(dataset, reply),
        300..=399 => ResponseClass::Redirected {
            status: reply.status,
            location: match &reply.location {
                Some(location) => reply.shown(location.as_bytes()),
                None => "nowhere".to_owned(),
            },
        },
        429 => rate_limited(&reply, now, None),
        408 | 425 | 500..=599 => retry(&reply, now, None),
        _ => refused(&reply),
    }
}

fn retry(reply: &RawResponse, now: DateTime<Utc>, rule: Option<&ResponseRule>) -> ResponseClass {
    let by_rule = rule.and_then(|rule| asked_by_rule(rule, reply, now));
    let asked = by_rule.or_else(|| match reply.status {
        503 => retry_after(reply, now),
        _ => None,
    });
    ResponseClass::Retry {
        failure: Failure::Status {
            status: reply.status,
            snippet: reply.snippet(),
        },
        asked,
        max_attempts: rule.and_then(|rule| rule.max_attempts),
    }
}

fn rate_limited(
    reply: &RawResponse,
    now: DateTime<Utc>,
    rule: Option<&ResponseRule>,
) -> ResponseClass {
    let by_rule = rule.and_then(|rule| asked_by_rule(rule, reply, now));
    ResponseClass::RateLimited {
        failure: Failure::RateLimited {
            status: reply.status,
            snippet: reply.snippet(),
        },
        asked: by_rule.or_else(|| retry_after(reply, now)),
    }
}

fn refused(reply: &RawResponse) -> ResponseClass {
    ResponseClass::Refused {
        status: reply.status,
        snippet: reply.snippet(),
    }
}

/// Classifies a 2xx response that no rule matches. Whole JSON of the declared shape is a page, whatever
/// its content type, except for HTML: nobody guarantees that an error page can't have that shape.
fn accepted(dataset: &Dataset, reply: RawResponse) -> ResponseClass {
    let status = reply.status;
    let failure = if reply.body.is_empty() {
        Failure::EmptyBody { status }
    } else if is_html(&reply.body) {
        Failure::Html {
            status,
            snippet: reply.snippet(),
        }
    } else {
        let declared = declared(&reply);
        let (media, read) = (declared.media(), read(dataset, &reply));
        match (declared, read) {
            (DeclaredClass::Html(_), Ok(_)) => misnamed(&reply, media),
            (DeclaredClass::Html(_), Err(_)) => Failure::Html {
                status,
                snippet: reply.snippet(),
            },
            (_, Ok(page)) => return ResponseClass::Page(page),
            (DeclaredClass::Other(_), Err(Unread::NotJson(_))) => Failure::NotJson {
                status,
                content_type: media,
                snippet: shown(dataset, &reply),
            },
            (_, Err(unread)) => bad_body(dataset, &reply, &unread),
        }
    };
    ResponseClass::again(failure)
}

/// Declared content type of a body.
enum DeclaredClass {
    /// JSON, or none declared.
    Json,
    Html(String),
    Other(String),
}

impl DeclaredClass {
    /// Returns the content type for display.
    fn media(&self) -> String {
        match self {
            Self::Json => "application/json".to_owned(),
            Self::Html(media) | Self::Other(media) => media.clone(),
        }
    }
}

fn declared(reply: &RawResponse) -> DeclaredClass {
    let Some(declared) = reply.content_type.as_deref() else {
        return DeclaredClass::Json;
    };
    let media = declared.split(';').next().unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    let shown = || reply.shown(declared.as_bytes());
    match media.as_str() {
        "application/json" | "text/json" => DeclaredClass::Json,
        "text/html" | "application/xhtml+xml" => DeclaredClass::Html(shown()),
        media if media.ends_with("+json") => DeclaredClass::Json,
        _ => DeclaredClass::Other(shown()),
    }
}

/// Returns `true` if a body begins like HTML.
fn is_html(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|start| {
        let head = body.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

/// Returns the failure of a page declared as HTML, which is read only if a rule says so.
fn misnamed(reply: &RawResponse, media: String) -> Failure {
    let kind = media.split(';').next().unwrap_or_default().trim();
    let rule = format!(
        "[[response]] status = {}, content_type = \"{kind}\", action = \"ok\"",
        reply.status
    );
    Failure::Misnamed {
        status: reply.status,
        rule,
        content_type: media,
    }
}

/// Reason why a body isn't a page.
enum Unread {
    /// Not JSON from its first to its last byte.
    NotJson(String),
    /// Another envelope, or an unsupported encoding.
    Otherwise(String),
}

fn read(dataset: &Dataset, reply: &RawResponse) -> Result<Page, Unread> {
    if let Some(unreadable) = &reply.unreadable {
        return Err(Unread::Otherwise(unreadable.to_string()));
    }
    Page::parse(dataset, reply.body.clone(), reply.date).map_err(|problem| match problem {
        PageError::Csv(_) => Unread::Otherwise(problem.to_string()),
        PageError::Json(_) | PageError::Text(_) => Unread::NotJson(problem.to_string()),
        // A page is an object or an array. A single number or word is the text of an error.
        problem if !matches!(reply.body.trim_ascii_start(), [b'{' | b'[', ..]) => {
            Unread::NotJson(problem.to_string())
        }
        problem => Unread::Otherwise(problem.to_string()),
    })
}

fn bad_body(dataset: &Dataset, reply: &RawResponse, unread: &Unread) -> Failure {
    let (Unread::NotJson(problem) | Unread::Otherwise(problem)) = unread;
    Failure::BadBody {
        status: reply.status,
        problem: problem.clone(),
        snippet: match reply.unreadable {
            Some(
                Unreadable::Compressed(_) | Unreadable::Damaged(..) | Unreadable::Archive { .. },
            ) => String::new(),
            _ => shown(dataset, reply),
        },
    }
}

/// Reads the body as a page because a rule says so. A body that can't be read is retried, because the
/// next one may be whole.
fn page(dataset: &Dataset, reply: RawResponse) -> ResponseClass {
    match read(dataset, &reply) {
        Ok(page) => ResponseClass::Page(page),
        Err(unread) => ResponseClass::again(bad_body(dataset, &reply, &unread)),
    }
}

/// Returns the beginning of a body that may contain records; empty if the dataset has protected fields.
fn shown(dataset: &Dataset, reply: &RawResponse) -> String {
    match dataset.protection {
        Some(_) => String::new(),
        None => reply.snippet(),
    }
}

/// Returns `true` if all conditions of the rule hold.
fn matches(rule: &ResponseRule, reply: &RawResponse) -> bool {
    let holds = |condition: Option<bool>| condition.unwrap_or(true);
    holds(rule.status.map(|status| status == reply.status))
        && holds(rule.body_empty.map(|empty| empty == reply.body.is_empty()))
        && holds(rule.content_type.as_ref().map(|kind| has_type(reply, kind)))
        && holds(rule.body_contains.as_ref().map(|text| {
            let body = String::from_utf8_lossy(&reply.body);
            body.contains(text.as_str())
        }))
        && holds(
            rule.body_equals
                .as_ref()
                .map(|(path, expected)| value_at(&reply.body, path).as_deref() == Some(expected)),
        )
}

fn has_type(reply: &RawResponse, beginning: &str) -> bool {
    let declared = reply.content_type.as_deref().unwrap_or_default();
    declared
        .get(..beginning.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(beginning))
}

/// Returns the text at a JSON pointer: the content of a string, anything else verbatim.
fn value_at(body: &[u8], path: &str) -> Option<String> {
    let found = json::pointer(std::str::from_utf8(body).ok()?, path).ok()??;
    match json::kind(found) {
        json::Kind::String => Some(json::string(found).ok()?.into_owned()),
        _ => Some(found.to_owned()),
    }
}

/// Returns the wait found in the response at the rule's position.
fn asked_by_rule(rule: &ResponseRule, reply: &RawResponse, now: DateTime<Utc>) -> Option<Duration> {
    match rule.wait.as_ref()? {
        Wait::Header(name) => wait_of(reply.headers.get(name)?.to_str().ok()?, reply, now),
        Wait::Pattern(pattern) => {
            let body = String::from_utf8_lossy(&reply.body);
            wait_of(pattern.captures(&body)?.get(1)?.as_str(), reply, now)
        }
    }
}

/// Returns the wait of the `Retry-After` header.
fn retry_after(reply: &RawResponse, now: DateTime<Utc>) -> Option<Duration> {
    wait_of(reply.headers.get(RETRY_AFTER)?.to_str().ok()?, reply, now)
}

/// Numbers from here on are Unix timestamps, not durations: 2001-09-09 in seconds since 1970.
const FIRST_MOMENT: f64 = 1e9;
/// Numbers from here on are Unix timestamps in milliseconds.
const FIRST_IN_MILLISECONDS: f64 = 1e12;

/// Parses a wait: seconds, with or without a fraction, or a time (HTTP date, RFC 3339 or Unix
/// timestamp). `None` if the time has passed, or the value is anything else.
fn wait_of(value: &str, reply: &RawResponse, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    // The server's time is compared with the server's own clock, if the response has a `Date`.
    let until = |at: DateTime<Utc>| (at - reply.date.unwrap_or(now)).to_std().ok();
    let wait = match value.parse::<f64>() {
        Ok(number) if number >= FIRST_MOMENT => {
            let thousandths = match number < FIRST_IN_MILLISECONDS {
                true => number * 1e3,
                false => number,
            };
            until(DateTime::from_timestamp_millis(thousandths as i64)?)?
        }
        Ok(number) => Duration::try_from_secs_f64(number).ok()?,
        Err(_) => match httpdate::parse_http_date(value) {
            Ok(at) => until(DateTime::<Utc>::from(at))?,
            Err(_) => until(DateTime::parse_from_rfc3339(value).ok()?.to_utc())?,
        },
    };
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests;
