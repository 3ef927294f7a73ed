//! Response rules: the first that matches decides.

use regex::Regex;

/// Rule on responses: conditions, all of which must hold, and an action. The first rule that matches
/// decides.
#[derive(Debug, Clone)]
pub struct ResponseRule {
    /// The HTTP status.
    pub status: Option<u16>,
    /// Beginning of the content type.
    pub content_type: Option<String>,
    /// Text that the body contains.
    pub body_contains: Option<String>,
    /// `true`: the body is empty; `false`: it isn't.
    pub body_empty: Option<bool>,
    /// JSON pointer, and the text at that position.
    pub body_equals: Option<(String, String)>,
    /// Action for a matching response.
    pub action: Action,
    /// Maximum number of attempts if the action is a retry. `None`: that of the retry table.
    pub max_attempts: Option<u32>,
    /// Position of the wait in the response. `None`, or nothing there: `Retry-After`.
    pub wait: Option<Wait>,
}

/// Position of the wait in a response.
#[derive(Debug, Clone)]
pub enum Wait {
    /// In this header: seconds, or a date.
    Header(String),
    /// In the body: the only capture group of this pattern.
    Pattern(Regex),
}

/// Action for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Read the body as a page.
    Ok,
    /// There is no data for this request.
    Empty,
    /// Retry; after the last attempt, the slice has failed.
    Retry,
    /// Too many requests: wait longer, with fewer requests in flight.
    RateLimited,
    /// For a child: the parent doesn't exist, so it has no children; it is done, and counted.
    Skip,
    /// The slice has failed, without a retry.
    Fail,
}
