//! What an answer means: the dataset's rules first, in their order, then what holds everywhere.
//!
//! | answer | meaning without a rule |
//! |---|---|
//! | 2xx with whole JSON in the declared envelope, called anything but HTML | a page |
//! | 2xx with HTML, no body, cut-off JSON, another envelope | retry |
//! | 408, 425, 5xx | retry, after `Retry-After` where a 503 has one |
//! | 429 | too many requests: wait, as a rule or `Retry-After` says, where one does |
//! | 3xx | a redirect, refused: the configuration should name the new place |
//! | anything else | refused at once: 400 and 404 don't get better by asking again |
//!
//! "No data" is only what a rule says is empty (promise P2).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};

use crate::json;
use crate::mutation::mutated;
use crate::source::declaration::{Action, Dataset, ResponseRule, Wait};
use crate::source::decode::Unreadable;
use crate::source::failure::{Failure, snippet};
use crate::source::page::{Page, PageError};

/// How much of an answer is searched for secrets before its beginning is shown.
const SEARCHED_BYTES: usize = 16 * 1024;

/// One answer, its body whole.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The headers, which may say how long to wait.
    pub headers: HeaderMap,
    /// The `Location`, if any.
    pub location: Option<String>,
    /// The `Date`, if any and readable.
    pub date: Option<DateTime<Utc>>,
    /// The body, decompressed.
    pub body: Bytes,
    /// Why its text can't be read, where it was tried in vain.
    pub unreadable: Option<Unreadable>,
    /// What proved who asked: an error page may repeat it.
    pub secrets: Arc<[SecretString]>,
}

impl Reply {
    /// The beginning of the body for people.
    fn snippet(&self) -> String {
        self.shown(&self.body)
    }

    /// The beginning of a part of the answer for people, without what was sent in confidence:
    /// gateways are known to answer with the request that they refuse.
    pub(super) fn shown(&self, part: &[u8]) -> String {
        let head = &part[..part.len().min(SEARCHED_BYTES)];
        let mut text = String::from_utf8_lossy(head).into_owned();
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "[secret]");
        }
        snippet(text.as_bytes())
    }
}

/// What an answer means.
#[derive(Debug)]
pub enum Verdict {
    /// Records.
    Page(Page),
    /// A rule says that there is no data.
    Empty {
        /// The `Date` of the response.
        date: Option<DateTime<Utc>>,
    },
    /// Try again.
    Retry {
        /// What was wrong.
        failure: Failure,
        /// How long the server asks to wait.
        asked: Option<Duration>,
        /// Tries in all, where the rule has a number of its own.
        max_attempts: Option<u32>,
    },
    /// Try again later, with fewer requests in flight.
    RateLimited {
        /// What was said.
        failure: Failure,
        /// How long the server asks to wait.
        asked: Option<Duration>,
    },
    /// A rule says that there is no such parent.
    Skipped {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// Don't try again.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// Asks for another URL.
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to.
        location: String,
    },
}

impl Verdict {
    /// To be tried again as the retry table says.
    pub(super) fn again(failure: Failure) -> Self {
        Self::Retry {
            failure,
            asked: None,
            max_attempts: None,
        }
    }
}

/// What `reply` means for `dataset`. `now` is what a `Retry-After` date is compared with where the
/// reply has no `Date`.
pub fn classify(dataset: &Dataset, reply: Reply, now: DateTime<Utc>) -> Verdict {
    let rule = dataset.responses.iter().find(|rule| matches(rule, &reply));
    match rule {
        Some(rule) => by_rule(rule, dataset, reply, now),
        None => by_status(dataset, reply, now),
    }
}

fn by_rule(rule: &ResponseRule, dataset: &Dataset, reply: Reply, now: DateTime<Utc>) -> Verdict {
    match rule.action {
        Action::Ok => page(dataset, reply),
        Action::Empty => Verdict::Empty { date: reply.date },
        Action::Retry => retry(&reply, now, Some(rule)),
        Action::RateLimited => rate_limited(&reply, now, Some(rule)),
        Action::Skip => Verdict::Skipped {
            status: reply.status,
            snippet: reply.snippet(),
        },
        Action::Fail => refused(&reply),
    }
}

fn by_status(dataset: &Dataset, reply: Reply, now: DateTime<Utc>) -> Verdict {
    match reply.status {
        200..=299 => accepted(dataset, reply),
        300..=399 => Verdict::Redirected {
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

fn retry(reply: &Reply, now: DateTime<Utc>, rule: Option<&ResponseRule>) -> Verdict {
    let by_rule = rule.and_then(|rule| asked_by_rule(rule, reply, now));
    let asked = by_rule.or_else(|| match reply.status {
        503 => retry_after(reply, now),
        _ => None,
    });
    Verdict::Retry {
        failure: Failure::Status {
            status: reply.status,
            snippet: reply.snippet(),
        },
        asked,
        max_attempts: rule.and_then(|rule| rule.max_attempts),
    }
}

fn rate_limited(reply: &Reply, now: DateTime<Utc>, rule: Option<&ResponseRule>) -> Verdict {
    let by_rule = rule.and_then(|rule| asked_by_rule(rule, reply, now));
    Verdict::RateLimited {
        failure: Failure::RateLimited {
            status: reply.status,
            snippet: reply.snippet(),
        },
        asked: by_rule.or_else(|| retry_after(reply, now)),
    }
}

fn refused(reply: &Reply) -> Verdict {
    Verdict::Refused {
        status: reply.status,
        snippet: reply.snippet(),
    }
}

/// An accepted answer that no rule speaks of. Whole JSON of the declared shape is a page, whatever
/// the server calls it, but for HTML: that an error page can't have that shape is nobody's promise.
fn accepted(dataset: &Dataset, reply: Reply) -> Verdict {
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
            (Declared::Html(_), Ok(_)) => misnamed(&reply, media),
            (Declared::Html(_), Err(_)) => Failure::Html {
                status,
                snippet: reply.snippet(),
            },
            (_, Ok(page)) => return Verdict::Page(page),
            (Declared::Other(_), Err(Unread::NotJson(_))) => Failure::NotJson {
                status,
                content_type: media,
                snippet: shown(dataset, &reply),
            },
            (_, Err(unread)) => bad_body(dataset, &reply, &unread),
        }
    };
    match mutated!(UnreadableIsEmpty) {
        true => Verdict::Empty { date: reply.date },
        false => Verdict::again(failure),
    }
}

/// What a server calls a body.
enum Declared {
    /// JSON, or nothing.
    Json,
    Html(String),
    Other(String),
}

impl Declared {
    /// Its text for people.
    fn media(&self) -> String {
        match self {
            Self::Json => "application/json".to_owned(),
            Self::Html(media) | Self::Other(media) => media.clone(),
        }
    }
}

fn declared(reply: &Reply) -> Declared {
    let Some(declared) = reply.content_type.as_deref() else {
        return Declared::Json;
    };
    let media = declared.split(';').next().unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    let shown = || reply.shown(declared.as_bytes());
    match media.as_str() {
        "application/json" | "text/json" => Declared::Json,
        "text/html" | "application/xhtml+xml" => Declared::Html(shown()),
        media if media.ends_with("+json") => Declared::Json,
        _ => Declared::Other(shown()),
    }
}

/// Whether a body begins as HTML does.
fn is_html(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"].iter().any(|start| {
        let head = body.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

/// A page that is called HTML: read only where a rule says so.
fn misnamed(reply: &Reply, media: String) -> Failure {
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

/// Why a body gives no page.
enum Unread {
    /// Not JSON from its first to its last byte.
    NotJson(String),
    /// Another envelope, or an encoding that isn't read.
    Otherwise(String),
}

fn read(dataset: &Dataset, reply: &Reply) -> Result<Page, Unread> {
    if let Some(unreadable) = &reply.unreadable {
        return Err(Unread::Otherwise(unreadable.to_string()));
    }
    Page::parse(dataset, reply.body.clone(), reply.date).map_err(|problem| match problem {
        PageError::Json(_) => Unread::NotJson(problem.to_string()),
        // A text that isn't JSON at all isn't looked through for its end.
        problem if !matches!(reply.body.trim_ascii_start(), [b'{' | b'[', ..]) => {
            Unread::NotJson(problem.to_string())
        }
        problem => Unread::Otherwise(problem.to_string()),
    })
}

fn bad_body(dataset: &Dataset, reply: &Reply, unread: &Unread) -> Failure {
    let (Unread::NotJson(problem) | Unread::Otherwise(problem)) = unread;
    Failure::BadBody {
        status: reply.status,
        problem: problem.clone(),
        snippet: match reply.unreadable {
            Some(Unreadable::Compressed(_) | Unreadable::Broken(..)) => String::new(),
            _ => shown(dataset, reply),
        },
    }
}

/// Reads the body as a page, as a rule says; what can't be read may be whole the next time.
fn page(dataset: &Dataset, reply: Reply) -> Verdict {
    match read(dataset, &reply) {
        Ok(page) => Verdict::Page(page),
        Err(_) if mutated!(UnreadableIsEmpty) => Verdict::Empty { date: reply.date },
        Err(unread) => Verdict::again(bad_body(dataset, &reply, &unread)),
    }
}

/// The beginning of a body that may have records in it, where nothing in them is protected.
fn shown(dataset: &Dataset, reply: &Reply) -> String {
    match dataset.protection {
        Some(_) => String::new(),
        None => reply.snippet(),
    }
}

/// Whether every condition of the rule holds.
fn matches(rule: &ResponseRule, reply: &Reply) -> bool {
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

fn has_type(reply: &Reply, beginning: &str) -> bool {
    let declared = reply.content_type.as_deref().unwrap_or_default();
    declared
        .get(..beginning.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(beginning))
}

/// The text at a JSON pointer: a string's content, anything else verbatim.
fn value_at(body: &[u8], path: &str) -> Option<String> {
    let found = json::pointer(std::str::from_utf8(body).ok()?, path).ok()??;
    match json::kind(found) {
        json::Kind::String => Some(json::string(found).ok()?.into_owned()),
        _ => Some(found.to_owned()),
    }
}

/// How long a rule finds in the answer that is to be waited.
fn asked_by_rule(rule: &ResponseRule, reply: &Reply, now: DateTime<Utc>) -> Option<Duration> {
    match rule.wait.as_ref()? {
        Wait::Header(name) => wait_of(reply.headers.get(name)?.to_str().ok()?, reply, now),
        Wait::Pattern(pattern) => {
            let body = String::from_utf8_lossy(&reply.body);
            wait_of(pattern.captures(&body)?.get(1)?.as_str(), reply, now)
        }
    }
}

/// What `Retry-After` asks for.
fn retry_after(reply: &Reply, now: DateTime<Utc>) -> Option<Duration> {
    wait_of(reply.headers.get(RETRY_AFTER)?.to_str().ok()?, reply, now)
}

/// From here on a number is a moment, and no wait: 2001-09-09 in seconds since 1970.
const FIRST_MOMENT: f64 = 1e9;
/// From here on it is one in milliseconds.
const FIRST_IN_MILLISECONDS: f64 = 1e12;

/// Seconds, with a fraction or without, or a moment: an HTTP date, one of RFC 3339, or what has
/// passed since 1970. A wait that is over already is none, and neither is nonsense.
fn wait_of(value: &str, reply: &Reply, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    // The server's date is meant by the server's clock.
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
