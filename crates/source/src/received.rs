//! Results of a request by reqwest: the body of a response, within its bounds, or the failure in words.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use url::Url;

use crate::failure::{Failure, snippet};
use crate::pieces::Pieces;
use crate::transport::TransportError;
use bronzed_model::declaration::RequestLimits;

/// Number of bytes read of an error page: enough for the response rules and a snippet.
const ERROR_BODY_BYTES: u64 = 64 * 1024;

/// Maximum number of bytes allocated up front because of a `Content-Length`.
const TRUSTED_LENGTH: u64 = 1024 * 1024;

/// Reads the body, decompressed. An error page is cut off after its beginning.
pub(super) async fn body(
    mut response: Response,
    limits: &RequestLimits,
) -> Result<Bytes, TransportError> {
    let accepted = response.status().is_success();
    let max = match accepted {
        true => limits.max_body_bytes,
        false => ERROR_BODY_BYTES.min(limits.max_body_bytes),
    };
    let length = response.content_length().unwrap_or_default();
    let trusted = length.min(TRUSTED_LENGTH).min(max);
    let mut body = Pieces::expecting(usize::try_from(trusted).unwrap_or_default());
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(body.join()),
            Err(error) => return Err(failed(error, limits.timeout)),
        };
        if (body.len() as u64).saturating_add(chunk.len() as u64) <= max {
            body.push(chunk);
        } else if accepted {
            return Err(TransportError::TooLarge { max });
        } else {
            return Ok(body.join());
        }
    }
}

/// Converts an error of the HTTP library; `timeout` is the limit that applied to the request.
pub(super) fn failed(error: reqwest::Error, timeout: Duration) -> TransportError {
    // Without the URL, whose query may hold a key.
    let url = error.url().cloned();
    let error = error.without_url();
    // The cause may quote the server, for example the host names of a certificate.
    let cause = snippet(root_cause(&error).as_bytes());
    TransportError::Off(if error.is_connect() {
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("the API");
        Failure::NoConnection {
            hint: hint(&cause, host, url.as_ref()),
            host: host.to_owned(),
            problem: cause,
        }
    } else if error.is_timeout() {
        Failure::TimedOut(timeout)
    } else {
        Failure::BrokeOff(cause)
    })
}

/// Returns a hint for a rejected certificate; empty for any other cause.
fn hint(cause: &str, host: &str, url: Option<&Url>) -> String {
    let port = url.and_then(Url::port_or_known_default).unwrap_or(443);
    if cause.contains("UnknownIssuer") {
        format!(
            ": nobody here knows who issued the server's certificate, be it that it sends its chain \
             without the intermediate certificate, or that its authority is its own. `openssl \
             s_client -showcerts -connect {host}:{port}` shows the issuer (the last line `i:`): put \
             the issuer's own certificate (PEM) into the file that `ca_file` of the source names"
        )
    } else if cause.contains("not valid for name") || cause.contains("NotValidForName") {
        ": it is another host's: mend `base_url`".to_owned()
    } else if cause.contains("certificate expired") || cause.contains("not valid yet") {
        ": the provider has to renew it, or this machine's clock is wrong".to_owned()
    } else {
        String::new()
    }
}

/// Returns the innermost causes, which tell an unknown host from a refused connection. The outermost
/// error is left out: it only says that a request failed, and its URL.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    let innermost = causes.pop().unwrap_or_default();
    match causes.pop() {
        // The second-to-last message often includes the last.
        Some(outer) if !causes.is_empty() && !outer.contains(&innermost) => {
            format!("{outer}: {innermost}")
        }
        Some(outer) if !causes.is_empty() => outer,
        _ => innermost,
    }
}
