//! What the simulated API says to one request, before it becomes HTTP.

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
    /// The content type; some empty answers have none.
    pub content_type: Option<&'static str>,
    /// The `Retry-After` header, in whole seconds.
    pub retry_after: Option<Duration>,
    /// The body that the headers announce.
    pub body: Bytes,
    /// How many bytes of it are sent before the connection is closed; `None`: all, and the
    /// connection stays.
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

    /// The same answer with a `Retry-After` header.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered.
    Answer(Answer),
    /// No byte comes for this long; then the connection is closed.
    Hang(Duration),
    /// The connection is reset at once.
    Reset,
}

impl Outcome {
    /// The status that the client sees, where it sees one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            Self::Hang(_) | Self::Reset => None,
        }
    }
}
