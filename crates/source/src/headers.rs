//! Headers of every request of a source, with its credentials, and the forms in which a response may repeat these.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use secrecy::{ExposeSecret, SecretString};

use crate::error::ClientError;
use crate::request::percent_encoded;
use bronzed_model::declaration::{Auth, KeyPlace, Source};

/// Builds the headers of every request. Default of `Accept`: JSON.
pub(super) fn headers(source: &Source) -> Result<HeaderMap, ClientError> {
    let wrong = |header: &str| ClientError::Header {
        name: source.name.clone(),
        header: header.to_owned(),
    };
    let value = |header: &str, value: &str| HeaderValue::from_str(value).map_err(|_| wrong(header));
    let secret = |header: &str, text: &str| {
        let mut secret = value(header, text)?;
        secret.set_sensitive(true);
        Ok::<_, ClientError>(secret)
    };

    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if reads_csv(source) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let agent = value("user-agent", &source.user_agent)?;
    headers.insert(USER_AGENT, agent);
    for (header, text) in &source.headers {
        let name: HeaderName = header.parse().map_err(|_| wrong(header))?;
        headers.insert(name, value(header, text)?);
    }
    match &source.auth {
        Auth::None | Auth::Basic { .. } | Auth::OAuth2(_) => {}
        Auth::Bearer(token) => {
            let text = format!("Bearer {}", token.expose_secret());
            headers.insert(AUTHORIZATION, secret("authorization", &text)?);
        }
        Auth::ApiKey {
            place: KeyPlace::Param(_),
            ..
        } => {}
        Auth::ApiKey {
            place: KeyPlace::Header(header),
            key,
        } => {
            let name: HeaderName = header.parse().map_err(|_| wrong(header))?;
            headers.insert(name, secret(header, key.expose_secret())?);
        }
    }
    Ok(headers)
}

/// Returns `true` if a dataset of the source is read as CSV.
pub(super) fn reads_csv(source: &Source) -> bool {
    source
        .datasets
        .values()
        .any(|dataset| dataset.csv.is_some())
}

/// Returns the credentials, in plain and as encoded in the request.
pub(super) fn secrets(auth: &Auth) -> Arc<[SecretString]> {
    match auth {
        Auth::None | Auth::OAuth2(_) => Arc::default(),
        Auth::Bearer(secret) => Arc::new([secret.clone()]),
        Auth::ApiKey { key, .. } => {
            let sent = percent_encoded(key.expose_secret());
            Arc::new([key.clone(), sent.into()])
        }
        Auth::Basic { user, password } => {
            let pair = format!("{user}:{}", password.expose_secret());
            let sent = BASE64_STANDARD.encode(pair);
            Arc::new([password.clone(), sent.into()])
        }
    }
}
