//! A request and its raw response: the boundary behind which tests and simulations stand in for the network.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use bronzed_model::declaration::RequestLimits;

use crate::failure::{Failure, snippet};

/// Number of bytes of a response that are searched for secrets before its beginning is shown.
const SEARCHED_BYTES: usize = 16 * 1024;

/// Transport for the requests of a source client.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Sends a request and reads the whole response.
    async fn send(
        &self,
        request: &HttpRequest,
        limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError>;
}

/// A request without credentials, which the transport adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The URL, which is shown in logs and errors.
    pub url: Url,
    /// JSON body of a POST; `None` for a GET.
    pub body: Option<Bytes>,
    /// `true` if the response is CSV, plain or zipped; `false` if it is JSON.
    pub csv: bool,
}

/// Reason why there is no [`RawResponse`].
#[derive(Debug)]
pub enum TransportError {
    /// Transient error, worth a retry.
    Off(Failure),
    /// The token endpoint refuses the credentials: a retry doesn't help.
    NoToken {
        /// HTTP status of its response.
        status: u16,
        /// Description, with the beginning of the response.
        snippet: String,
    },
    /// The body of a 2xx response exceeds `max_body_bytes`.
    TooLarge {
        /// The limit in bytes.
        max: u64,
    },
}

/// A raw response with its whole body.
#[derive(Debug, Clone, Default)]
pub struct RawResponse {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if any.
    pub content_type: Option<String>,
    /// The headers, which may state a wait.
    pub headers: HeaderMap,
    /// `true` if HTTP says where the body ends.
    pub framed: bool,
    /// The `Location`, if any.
    pub location: Option<String>,
    /// The `Date`, if any and readable.
    pub date: Option<DateTime<Utc>>,
    /// The body, decompressed.
    pub body: Bytes,
    /// Reason why the body couldn't be decoded. `None` if it was, or hasn't been yet.
    pub unreadable: Option<Unreadable>,
    /// Credentials of the request, which an error page may repeat.
    pub secrets: Arc<[SecretString]>,
}

impl RawResponse {
    /// Returns the beginning of the body for display.
    pub fn snippet(&self) -> String {
        self.shown(&self.body)
    }

    /// Returns the beginning of a part of the response for display, with the request's credentials
    /// redacted: some gateways answer with the request that they refuse.
    pub fn shown(&self, part: &[u8]) -> String {
        let head = &part[..part.len().min(SEARCHED_BYTES)];
        let mut text = String::from_utf8_lossy(head).into_owned();
        let secrets = self.secrets.iter().map(ExposeSecret::expose_secret);
        // Longest first: a secret may be a part of another one.
        let mut secrets: Vec<_> = secrets.collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "[secret]");
        }
        snippet(text.as_bytes())
    }
}

/// Reason why a body can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Compressed with an unsupported method.
    #[error(
        "the body is compressed with {0}, which isn't read: ask for it as it is, with \
         `headers = {{ Accept-Encoding = \"identity\" }}` of the source"
    )]
    Compressed(String),
    /// Compressed, and truncated or corrupt.
    #[error("the body is compressed with {0}, and can't be unpacked: {1}")]
    Damaged(&'static str, String),
    /// A ZIP archive without exactly one file to read.
    #[error(
        "the archive has {files} files to read, where one is wanted: name the end of its name as \
         `csv.file` (it has {names})"
    )]
    Archive {
        /// Number of files whose names fit.
        files: usize,
        /// Names of files in the archive.
        names: String,
    },
    /// CSV without a length, so that it may have been cut off anywhere.
    #[error(
        "the answer says nowhere how long its body is, and CSV has no end of its own: it can't be told from \
         one that was cut off"
    )]
    NoEnd,
    /// Declared with an unsupported charset.
    #[error(
        "the body is declared as charset {0}, which isn't read (UTF-8, ISO-8859-1 and windows-1252 \
         are): ask for UTF-8 with `headers = {{ Accept-Charset = \"utf-8\" }}` of the source"
    )]
    Charset(String),
    /// Not UTF-8, and without a declared charset.
    #[error(
        "the body isn't UTF-8 from its byte {0} on, and no charset is declared: ask for UTF-8 with \
         `headers = {{ Accept-Charset = \"utf-8\" }}` of the source"
    )]
    NoCharset(usize),
}
