//! HTTP requests of channels and of the heartbeat.

use std::error::Error;

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};

use super::TIMEOUT;
use crate::outbound;
use bronzed_model::redact::redact;

/// Maximum number of characters of an answer that an error shows.
const SHOWN: usize = 200;

/// Error of a request.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No client can be built on this machine.
    #[error("no HTTP client: {0}")]
    NoClient(String),
    /// There was no answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The receiver refused the request.
    #[error("answered {status}{answer}: is the URL or the token still right?")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Beginning of the answer, after a colon; empty if there is none.
        answer: String,
    },
}

/// Builds a client for these URLs.
pub(in crate::alerts) fn client(urls: &[&str]) -> Result<Client, HttpError> {
    outbound::client(urls, TIMEOUT).map_err(|error| HttpError::NoClient(cause(&error)))
}

/// Requests a URL that is a secret; anything but 2xx is an error.
pub(in crate::alerts) async fn get(client: &Client, url: &SecretString) -> Result<(), HttpError> {
    send(client.get(url.expose_secret())).await
}

/// Sends a request; anything but 2xx is an error.
pub(super) async fn send(request: RequestBuilder) -> Result<(), HttpError> {
    let answer = request.send().await;
    // The URL is a secret.
    let answer = answer.map_err(|error| HttpError::NoAnswer(cause(&error.without_url())))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.text().await.unwrap_or_default();
    let text: String = redact(text.trim()).chars().take(SHOWN).collect();
    Err(HttpError::Refused {
        status: status.as_u16(),
        answer: match text.is_empty() {
            true => String::new(),
            false => format!(": {}", text.replace(char::is_control, " ")),
        },
    })
}

/// Returns the innermost cause of an error, which names what went wrong.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    redact(&cause.to_string()).into_owned()
}
