//! Failures of one attempt of a request, in words that an operator can act on.
//!
//! Server output appears in logs and errors only as a [`snippet`]: one line, at most 200 characters, no
//! control characters.

use std::time::Duration;

use bronzed_model::redact::redact;

/// Reason why an attempt gave no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A transient status: 408, 425, 5xx, or one that a rule retries.
    #[error("answered status {status}{}", quoted(snippet))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// Too many requests: status 429, or a response that a rule calls rate-limited.
    #[error(
        "answered \"too many requests\" with status {status}{}",
        quoted(snippet)
    )]
    RateLimited {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// An error page instead of data.
    #[error("answered HTML with status {status}{}", quoted(snippet))]
    Html {
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// A content type other than JSON.
    #[error(
        "answered {content_type} instead of JSON with status {status}{}",
        quoted(snippet)
    )]
    NotJson {
        /// The HTTP status.
        status: u16,
        /// The declared content type.
        content_type: String,
        /// The body's beginning.
        snippet: String,
    },
    /// A page of records whose content type is HTML.
    #[error(
        "answered {content_type} with status {status}, though the body is a page of records: if \
         it is one, declare `{rule}`"
    )]
    Misnamed {
        /// The HTTP status.
        status: u16,
        /// The declared content type.
        content_type: String,
        /// The response rule that would accept the page.
        rule: String,
    },
    /// An empty body, without a rule that says that this means "no data".
    #[error("answered an empty body with status {status}, and no rule says that this is no data")]
    EmptyBody {
        /// The HTTP status.
        status: u16,
    },
    /// Truncated JSON, or another envelope than the declared one.
    #[error("answered status {status}, but {problem}{}", quoted(snippet))]
    BadBody {
        /// The HTTP status.
        status: u16,
        /// Description of the defect.
        problem: String,
        /// The body's beginning.
        snippet: String,
    },
    /// Timeout before the end of the body.
    #[error("no whole answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// No connection: unknown host, refused, TLS.
    #[error("no connection to {host}: {problem}{hint}")]
    NoConnection {
        /// Name of the host.
        host: String,
        /// Error of the network layer.
        problem: String,
        /// Hint, after a colon; empty if none is known.
        hint: String,
    },
    /// The connection broke, or the body ended early.
    #[error("the answer broke off: {0}")]
    BrokeOff(String),
}

impl Failure {
    /// Returns a constant name, for the `reason` field of logs and the label of metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::RateLimited { .. } => "rate_limited",
            Self::Html { .. } => "html",
            Self::NotJson { .. } | Self::Misnamed { .. } => "not_json",
            Self::EmptyBody { .. } => "empty_body",
            Self::BadBody { .. } => "bad_body",
            Self::TimedOut(_) => "timed_out",
            Self::NoConnection { .. } => "no_connection",
            Self::BrokeOff(_) => "broke_off",
        }
    }

    /// Returns the HTTP status; `None` if no whole response arrived.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::RateLimited { status, .. }
            | Self::Html { status, .. }
            | Self::NotJson { status, .. }
            | Self::Misnamed { status, .. }
            | Self::EmptyBody { status }
            | Self::BadBody { status, .. } => Some(*status),
            Self::TimedOut(_) | Self::NoConnection { .. } | Self::BrokeOff(_) => None,
        }
    }
}

/// Maximum length of a snippet, in characters.
const SNIPPET_CHARS: usize = 200;

/// Returns the beginning of a body for display: one line, at most 200 characters, no control characters,
/// no secrets of this process.
pub fn snippet(body: &[u8]) -> String {
    // Collapsed white space doesn't count, so more bytes are read than are shown, up to this bound.
    let head = String::from_utf8_lossy(&body[..body.len().min(SNIPPET_CHARS * 20)]);
    // Redacts secrets of the process, such as a proxy's; `Reply::shown` redacts those of the source.
    let head = redact(&head);
    let printable: String = head
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<_> = printable.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SNIPPET_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Formats a snippet as `: …`; returns an empty string for an empty snippet.
pub(super) fn quoted(snippet: &str) -> String {
    match snippet {
        "" => String::new(),
        _ => format!(": {snippet}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_one_short_line_without_control_characters() {
        let body = "<html>\r\n\t<b>\u{1b}[31mLimite\u{0}</b>  \u{9b}2J excedido";
        assert_eq!(
            snippet(body.as_bytes()),
            "<html> <b> [31mLimite </b> 2J excedido"
        );
        let long = snippet("é".repeat(5_000).as_bytes());
        assert_eq!(long.chars().count(), SNIPPET_CHARS + 1);
        assert_eq!(snippet(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
        assert_eq!(snippet(b" \n "), "");
    }

    #[test]
    fn texts_name_what_was_answered() {
        let html = Failure::Html {
            status: 200,
            snippet: "<html>".to_owned(),
        };
        assert_eq!(html.to_string(), "answered HTML with status 200: <html>");
        let silent = Failure::Status {
            status: 503,
            snippet: String::new(),
        };
        assert_eq!(silent.to_string(), "answered status 503");
        let late = Failure::TimedOut(Duration::from_secs(90));
        assert_eq!(late.to_string(), "no whole answer within 1m 30s");
    }
}
