//! Response of the simulated API, before it is sent as HTTP.

use std::time::Duration;

use bytes::Bytes;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain;charset=UTF-8";
const HTML: &str = "text/html; charset=utf-8";

/// A response: status, a few headers, a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type; `None` for some empty responses.
    pub content_type: Option<&'static str>,
    /// The `Retry-After` header, in whole seconds.
    pub retry_after: Option<Duration>,
    /// The body that the headers announce.
    pub body: Bytes,
    /// Number of body bytes sent before the connection is closed; `None` if the whole body is sent and the
    /// connection stays open.
    pub cut_at: Option<usize>,
}

impl Answer {
    /// A JSON body.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(status, Some(JSON), body.into())
    }

    /// A plain text.
    pub fn text(status: u16, body: &'static str) -> Self {
        Self::of(status, Some(TEXT), body.into())
    }

    /// An HTML body.
    pub fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(status, Some(HTML), body.into())
    }

    /// A body of no bytes.
    pub fn empty(status: u16) -> Self {
        Self::of(status, None, Bytes::new())
    }

    fn of(status: u16, content_type: Option<&'static str>, body: Bytes) -> Self {
        Self {
            status,
            content_type,
            retry_after: None,
            body,
            cut_at: None,
        }
    }

    /// Returns the same response with a `Retry-After` header.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }
}

/// Outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A response.
    Answer(Answer),
    /// No byte is sent for this long; then the connection is closed.
    Hang(Duration),
    /// The connection is reset at once.
    Reset,
}

impl Outcome {
    /// Returns the status that the client sees; `None` if there is no response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            Self::Hang(_) | Self::Reset => None,
        }
    }
}
