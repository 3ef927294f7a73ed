//! What answers mean: rules of which the first that matches decides.

use regex::Regex;

/// What an answer means. The first rule that matches decides.
#[derive(Debug, Clone)]
pub struct ResponseRule {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The content type begins with this.
    pub content_type: Option<String>,
    /// The body has this text in it.
    pub body_contains: Option<String>,
    /// The body has no bytes at all (or some, where `false`).
    pub body_empty: Option<bool>,
    /// JSON pointer and the text that must stand there.
    pub body_equals: Option<(String, String)>,
    /// What to do.
    pub action: Action,
    /// Tries in all where the action is to try again; else those of the retry table.
    pub max_attempts: Option<u32>,
    /// Where the answer says how long to wait; else in `Retry-After`.
    pub wait: Option<Wait>,
}

/// Where an answer says how many seconds to wait.
#[derive(Debug, Clone)]
pub enum Wait {
    /// In this header: seconds, or a date.
    Header(String),
    /// In the body: what the one group of this pattern captures.
    Pattern(Regex),
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Read it as a page.
    Ok,
    /// There is nothing for this request.
    Empty,
    /// Try again; when that doesn't help, the slice has failed.
    Retry,
    /// Too many requests: wait longer, with fewer in flight.
    RateLimited,
    /// Of a child: there is no such parent, and it has no children; it is done, and counted.
    Skip,
    /// The slice has failed, at once.
    Fail,
}
