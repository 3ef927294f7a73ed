//! What a caller of the client has to decide on: one variant for each decision.

use std::path::PathBuf;
use std::time::Duration;

use crate::source::breaker::Down;
use crate::source::failure::{Failure, quoted};
use crate::source::request::RequestError;

/// Why a page couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Every try failed: the slice has failed for this run; a later run may do better.
    #[error(
        "gave up on {url} after {attempts} {}: {reason}{}",
        tries(*attempts),
        asked_for(*asked)
    )]
    GaveUp {
        /// What was asked for.
        url: String,
        /// Requests sent, those told "too many requests" included.
        attempts: u32,
        /// What the last one came to.
        reason: Failure,
        /// How long the server asked to wait then.
        asked: Option<Duration>,
    },
    /// The API refuses this very request: asking again doesn't help. On a page after the first, a
    /// 400 may mean that the slice has become shorter.
    #[error("{url} was refused with status {status}{}", quoted(snippet))]
    Refused {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// A rule says that there is no such parent: it has no children.
    #[error(
        "{url} was skipped with status {status}, as a rule says{}",
        quoted(snippet)
    )]
    Skipped {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The body's beginning.
        snippet: String,
    },
    /// The API has moved: the configuration should follow.
    #[error(
        "{url} redirects to {location} (status {status}), which is not followed: if that is right, \
         put it into the source's `base_url` or the dataset's `path`"
    )]
    Redirected {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Where it leads.
        location: String,
    },
    /// The source fails as a whole, or the dataset's endpoint of it: stop, and try later.
    #[error("source `{name}` is taken for down: {down}")]
    SourceDown {
        /// The source.
        name: String,
        /// What is down, since when, and until when it is left alone.
        down: Box<Down>,
    },
    /// The run has used up its requests: end it as partial.
    #[error("the run has sent the {max} requests that `max_requests_per_run` allows")]
    Budget {
        /// The bound.
        max: u64,
    },
    /// The answer is larger than this process should hold.
    #[error(
        "{url} answered more than {max} bytes: raise `max_body_bytes`, or ask for smaller pages"
    )]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound, in bytes after decompression.
        max: u64,
    },
    /// The run was told to stop.
    #[error("cancelled")]
    Cancelled,
    /// There is no URL for this request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl FetchError {
    /// The status of an answer that refused the request.
    pub fn refused_status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A wait that was asked for, after what it belongs to; to whole seconds where it has some.
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

/// Why there is no client for a source.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL that can be asked over HTTP.
    #[error("source `{name}`: `base_url` must begin with http:// or https:// and name a host")]
    BaseUrl {
        /// The source.
        name: String,
    },
    /// A secret where logs and errors would show it.
    #[error(
        "source `{name}`: `base_url` has a user or a password in it: put them into `auth`, which \
         is never shown"
    )]
    CredentialsInUrl {
        /// The source.
        name: String,
    },
    /// The file of certificates can't be used.
    #[error("source `{name}`: `ca_file` {}: {problem}", path.display())]
    CaFile {
        /// The source.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A header that can't be sent. Its value isn't shown, for it may be a secret.
    #[error("source `{name}`: header `{header}` has a name or a value that HTTP doesn't allow")]
    Header {
        /// The source.
        name: String,
        /// The header.
        header: String,
    },
    /// The HTTP library refuses.
    #[error("source `{name}`: no HTTP client: {problem}")]
    Http {
        /// The source.
        name: String,
        /// What it says.
        problem: String,
    },
}
