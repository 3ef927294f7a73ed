//! Errors of the client: one variant for each decision that a caller takes.

use std::path::PathBuf;
use std::time::Duration;

use crate::breaker::Down;
use crate::failure::{Failure, quoted};
use crate::request::RequestError;

/// Reason why a page couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Every attempt failed: the slice has failed for this run; a later run may succeed.
    #[error(
        "gave up on {url} after {attempts} {}: {reason}{}",
        tries(*attempts),
        asked_for(*asked)
    )]
    GaveUp {
        /// The requested URL.
        url: String,
        /// Number of requests sent, including rate-limited ones.
        attempts: u32,
        /// Failure of the last attempt.
        reason: Failure,
        /// Wait that the server asked for after the last attempt.
        asked: Option<Duration>,
    },
    /// The API refuses this request: a retry doesn't help. On a page after the first, a 400 may mean
    /// that the slice has become shorter.
    #[error("{url} was refused with status {status}{}", quoted(snippet))]
    Refused {
        /// The requested URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// A rule says that the parent doesn't exist, so it has no children.
    #[error(
        "{url} was skipped with status {status}, as a rule says{}",
        quoted(snippet)
    )]
    Skipped {
        /// The requested URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// The API has moved: the configuration should be changed.
    #[error(
        "{url} redirects to {location} (status {status}), which is not followed: if that is right, \
         put it into the source's `base_url` or the dataset's `path`"
    )]
    Redirected {
        /// The requested URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Target of the redirect.
        location: String,
    },
    /// The circuit of the source's host or the dataset's endpoint is open: stop, and try later.
    #[error("source `{name}` is taken for down: {down}")]
    SourceDown {
        /// The source.
        name: String,
        /// State of the open circuit.
        down: Box<Down>,
    },
    /// The run has sent `max_requests_per_run` requests: end it as partial.
    #[error("the run has sent the {max} requests that `max_requests_per_run` allows")]
    Budget {
        /// The limit.
        max: u64,
    },
    /// The response exceeds `max_body_bytes`.
    #[error(
        "{url} answered more than {max} bytes: raise `max_body_bytes`, or ask for smaller pages"
    )]
    TooLarge {
        /// The requested URL.
        url: String,
        /// The limit, in bytes after decompression.
        max: u64,
    },
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The request has no URL.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl FetchError {
    /// Returns the status of a refused request; `None` for other errors.
    pub fn refused_status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Formats the wait that a server asks for, as the end of an error message; in whole seconds from one
/// second on.
fn asked_for(wait: Option<Duration>) -> String {
    let Some(wait) = wait else {
        return String::new();
    };
    let shown = match wait.as_secs() {
        0 => wait,
        seconds => Duration::from_secs(seconds),
    };
    format!("; it asks to wait {}", humantime::format_duration(shown))
}

fn tries(count: u32) -> &'static str {
    if count == 1 { "try" } else { "tries" }
}

/// Reason why a source has no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `base_url` isn't an HTTP URL with a host.
    #[error("source `{name}`: `base_url` must begin with http:// or https:// and name a host")]
    BaseUrl {
        /// The source.
        name: String,
    },
    /// `base_url` has credentials, which logs and errors would show.
    #[error(
        "source `{name}`: `base_url` has a user or a password in it: put them into `auth`, which \
         is never shown"
    )]
    CredentialsInUrl {
        /// The source.
        name: String,
    },
    /// `ca_file` can't be used.
    #[error("source `{name}`: `ca_file` {}: {problem}", path.display())]
    CaFile {
        /// The source.
        name: String,
        /// The file.
        path: PathBuf,
        /// Description of the problem.
        problem: String,
    },
    /// A header that can't be sent. Its value isn't shown, because it may be a secret.
    #[error("source `{name}`: header `{header}` has a name or a value that HTTP doesn't allow")]
    Header {
        /// The source.
        name: String,
        /// The header.
        header: String,
    },
    /// The HTTP library can't create a client.
    #[error("source `{name}`: no HTTP client: {problem}")]
    Http {
        /// The source.
        name: String,
        /// Error message of the HTTP library.
        problem: String,
    },
}
