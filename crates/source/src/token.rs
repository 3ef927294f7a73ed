//! Access tokens by OAuth 2.0 client credentials (RFC 6749, 4.4).
//!
//! A token is fetched when the first request needs one, kept until shortly before it expires, and fetched again at once
//! if the API refuses it. Whoever needs a token while one is being fetched waits for that one.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::failure::Failure;
use crate::received;
use crate::transport::{RawResponse, TransportError};
use bronzed_model::declaration::{ClientCredentials, RequestLimits};
use bronzed_model::redact;

/// Lifetime of a token whose response states none.
const LIFETIME: Duration = Duration::from_secs(300);
/// Maximum lifetime that is believed, so that adding it to the current instant can't overflow.
const MOST: Duration = Duration::from_secs(30 * 24 * 3600);
/// Time before its expiry at which a token is replaced; of a shorter-lived one, a tenth of its lifetime.
const MARGIN: Duration = Duration::from_secs(60);

/// Tokens of one source.
#[derive(Debug)]
pub(super) struct AccessTokens {
    credentials: ClientCredentials,
    kept: Mutex<Option<KeptToken>>,
}

#[derive(Debug)]
struct KeptToken {
    token: SecretString,
    until: Instant,
}

/// Response of a token endpoint.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<Lifetime>,
}

/// Lifetime in seconds, as a number or, of some servers, as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lifetime {
    Number(f64),
    Text(String),
}

impl AccessTokens {
    pub(super) fn new(credentials: &ClientCredentials) -> Self {
        Self {
            credentials: credentials.clone(),
            kept: Mutex::new(None),
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.credentials.token_url
    }

    /// Returns a valid token, and requests one from `client` if there is none.
    ///
    /// # Errors
    /// If the token endpoint refuses the credentials, or can't be reached.
    pub(super) async fn token(
        &self,
        client: &Client,
        limits: &RequestLimits,
    ) -> Result<SecretString, TransportError> {
        let mut kept = self.kept.lock().await;
        if let Some(KeptToken { token, until }) = &*kept
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let Granted {
            access_token,
            expires_in,
        } = self.granted(client, limits).await?;
        if let Some(old) = kept.take() {
            redact::forget(old.token.expose_secret());
        }
        redact::register([access_token.clone()]);
        let lifetime = lifetime(expires_in);
        let token = SecretString::from(access_token);
        *kept = Some(KeptToken {
            token: token.clone(),
            until: Instant::now() + lifetime - MARGIN.min(lifetime / 10),
        });
        Ok(token)
    }

    /// Requests a token.
    async fn granted(
        &self,
        client: &Client,
        limits: &RequestLimits,
    ) -> Result<Granted, TransportError> {
        let request = self.request(client).send().await;
        let response = request.map_err(|error| received::failed(error, limits.timeout))?;
        let status = response.status().as_u16();
        let host = self.url().host_str().unwrap_or("the token endpoint");
        let body = received::body(response, limits).await?;
        if let (200..=299, Ok(granted)) = (status, serde_json::from_slice::<Granted>(&body))
            && granted.is_usable()
        {
            return Ok(granted);
        }
        let told = match status {
            // It may have a token, in another form than is understood.
            200..=299 => "the answer has no usable `access_token`".to_owned(),
            _ => {
                let reply = RawResponse {
                    body,
                    secrets: self.secrets(),
                    ..RawResponse::default()
                };
                reply.snippet()
            }
        };
        let snippet = format!("no access token from {host}: {told}");
        Err(match status {
            // Transient statuses; any other one is refused for good.
            408 | 425 | 429 | 500..=599 => TransportError::Off(Failure::Status { status, snippet }),
            _ => TransportError::NoToken { status, snippet },
        })
    }

    /// Returns the credentials, in plain and as encoded in the request.
    pub(super) fn secrets(&self) -> Arc<[SecretString]> {
        let credentials = &self.credentials;
        let (id, secret) = (
            encoded(&credentials.client_id),
            encoded(&credentials.client_secret),
        );
        let pair = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        let plain = [&credentials.client_id, &credentials.client_secret].map(Clone::clone);
        plain
            .into_iter()
            .chain([secret.into(), pair.into()])
            .collect()
    }

    /// Forgets a token that the API has refused, unless another one has replaced it.
    pub(super) async fn refused(&self, token: &SecretString) {
        let mut kept = self.kept.lock().await;
        let is_kept = |kept: &KeptToken| kept.token.expose_secret() == token.expose_secret();
        if let Some(old) = kept.take_if(|kept| is_kept(kept)) {
            redact::forget(old.token.expose_secret());
        }
    }

    /// Builds the request for a token: the credentials are sent by HTTP Basic, which every server must support.
    pub(super) fn request(&self, client: &Client) -> RequestBuilder {
        let credentials = &self.credentials;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &credentials.scope {
            form.append_pair("scope", scope);
        }
        let (id, secret) = (&credentials.client_id, &credentials.client_secret);
        client
            .post(credentials.token_url.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .basic_auth(encoded(id), Some(encoded(secret)))
            .body(form.finish())
    }
}

/// Adds a token to a request.
pub(super) fn authorized(request: RequestBuilder, token: &SecretString) -> RequestBuilder {
    let text = format!("Bearer {}", token.expose_secret());
    match HeaderValue::from_str(&text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(AUTHORIZATION, value)
        }
        Err(_) => request,
    }
}

fn encoded(secret: &SecretString) -> String {
    byte_serialize(secret.expose_secret().as_bytes()).collect()
}

impl Granted {
    /// Returns `true` if the token can be sent in a header.
    fn is_usable(&self) -> bool {
        let token = self.access_token.as_bytes();
        !token.is_empty() && token.iter().all(u8::is_ascii_graphic)
    }
}

fn lifetime(stated: Option<Lifetime>) -> Duration {
    let seconds = match stated {
        Some(Lifetime::Number(seconds)) => Some(seconds),
        Some(Lifetime::Text(text)) => text.trim().parse().ok(),
        None => None,
    };
    let stated = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    stated.unwrap_or(LIFETIME).min(MOST)
}
