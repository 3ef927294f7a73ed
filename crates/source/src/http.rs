//! HTTP transport: sends one request and reads the whole response, within bounds of time and size.
//!
//! Redirects aren't followed, nothing is retried here, and each way in which a request can break has its
//! own [`Failure`]. The client sends requests only through the trait [`Transport`], so that a simulation
//! can supply the responses.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION,
    TRANSFER_ENCODING,
};
use reqwest::{Certificate, Client, ClientBuilder, Version, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use crate::error::ClientError;
use crate::failure::{Failure, snippet};
use crate::headers::{headers, reads_csv, secrets};
use crate::received::{body, failed, root_cause};
use crate::request::add_param;
use crate::token::{AccessTokens, authorized};
use crate::transport::{HttpRequest, RawResponse, Transport, TransportError};
use bronzed_model::declaration::{Auth, RequestLimits, Source};

/// Connect timeout: longer than it takes to reach an available host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The HTTP client of one source.
#[derive(Debug)]
pub(super) struct Http {
    /// Client for remote hosts, through the proxy of the environment if there is one.
    outer: Client,
    /// Client without proxy for loopback hosts, which a proxy can't reach. `None` if no base URL is a
    /// loopback one.
    loopback: Option<Client>,
    /// Failure of every HTTPS request. `None` unless this machine has no certificate authorities.
    no_authorities: Option<Failure>,
    basic: Option<(String, SecretString)>,
    tokens: Option<AccessTokens>,
    /// `true` if the source declares an `Accept` of its own.
    own_accept: bool,
    /// Name and value of the query parameter that holds the key.
    param: Option<(String, SecretString)>,
    /// Credentials of the requests, in every form in which a response may repeat them.
    secrets: Arc<[SecretString]>,
}

#[async_trait]
impl Transport for Http {
    async fn send(
        &self,
        request: &HttpRequest,
        limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError> {
        match tokio::time::timeout(limits.timeout, self.whole(request, limits)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TransportError::Off(Failure::TimedOut(limits.timeout))),
        }
    }
}

impl Http {
    pub(super) fn new(source: &Source) -> Result<Self, ClientError> {
        let name = || source.name.clone();
        let url = &source.base_url;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ClientError::BaseUrl { name: name() });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ClientError::CredentialsInUrl { name: name() });
        }
        let client = |proxied: bool| {
            let builder = Client::builder()
                .default_headers(headers(source)?)
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .connect_timeout(CONNECT_TIMEOUT.min(source.limits.timeout))
                .pool_max_idle_per_host(source.limits.concurrency.max(1));
            // The library takes the length away with the packing, and CSV needs it.
            let builder = match reads_csv(source) {
                true => builder.no_gzip(),
                false => builder,
            };
            Ok(if proxied { builder } else { builder.no_proxy() })
        };
        let (outer, no_authorities) = build(source, &client, true)?;
        let datasets = source.datasets.values();
        let urls = datasets.filter_map(|dataset| dataset.base_url.as_ref());
        let tokens = match &source.auth {
            Auth::OAuth2(credentials) => Some(AccessTokens::new(credentials)),
            _ => None,
        };
        let mut urls = urls.chain(tokens.as_ref().map(AccessTokens::url));
        let any_loopback = is_loopback(url) || urls.any(is_loopback);
        Ok(Self {
            outer,
            loopback: match any_loopback {
                true => Some(build(source, &client, false)?.0),
                false => None,
            },
            no_authorities,
            basic: match &source.auth {
                Auth::Basic { user, password } => Some((user.clone(), password.clone())),
                _ => None,
            },
            secrets: match &tokens {
                Some(tokens) => tokens.secrets(),
                None => secrets(&source.auth),
            },
            tokens,
            own_accept: source
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("accept")),
            param: source
                .auth
                .param()
                .map(|(name, key)| (name.to_owned(), key.clone())),
        })
    }

    /// Returns the client for a host.
    fn client(&self, url: &Url) -> Result<&Client, TransportError> {
        if let (Some(failure), "https") = (&self.no_authorities, url.scheme()) {
            return Err(TransportError::Off(failure.clone()));
        }
        Ok(match &self.loopback {
            Some(client) if is_loopback(url) => client,
            _ => &self.outer,
        })
    }

    /// Sends a request with an access token, if the source has any. A token that is refused is replaced once.
    async fn whole(
        &self,
        sent: &HttpRequest,
        limits: &RequestLimits,
    ) -> Result<RawResponse, TransportError> {
        let Some(tokens) = &self.tokens else {
            return self.once(sent, limits, None).await;
        };
        let client = self.client(tokens.url())?;
        let token = tokens.token(client, limits).await?;
        let reply = self.once(sent, limits, Some(&token)).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        tokens.refused(&token).await;
        let token = tokens.token(client, limits).await?;
        self.once(sent, limits, Some(&token)).await
    }

    async fn once(
        &self,
        sent: &HttpRequest,
        limits: &RequestLimits,
        token: Option<&SecretString>,
    ) -> Result<RawResponse, TransportError> {
        let client = self.client(&sent.url)?;
        let failed = |error| failed(error, limits.timeout);
        // The key joins the URL only here, so that no other part of the program sees it.
        let mut url = sent.url.clone();
        if let Some((name, key)) = &self.param {
            add_param(&mut url, name, key.expose_secret());
        }
        let mut request = match &sent.body {
            Some(body) => {
                let json = HeaderValue::from_static("application/json");
                client
                    .post(url)
                    .header(CONTENT_TYPE, json)
                    .body(body.clone())
            }
            None => client.get(url),
        };
        if sent.csv && !self.own_accept {
            request = request.header(ACCEPT, "text/csv, application/zip, */*;q=0.5");
        }
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let mut secrets = Arc::clone(&self.secrets);
        if let Some(token) = token {
            request = authorized(request, token);
            secrets = secrets.iter().chain([token]).cloned().collect();
        }
        let response = request.send().await.map_err(failed)?;
        let headers = response.headers().clone();
        let header = |name: HeaderName| {
            let value = headers.get(name)?.as_bytes();
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let mut reply = RawResponse {
            status: response.status().as_u16(),
            content_type: header(CONTENT_TYPE),
            location: header(LOCATION),
            date: header(DATE).and_then(|text| {
                let date = httpdate::parse_http_date(&text).ok()?;
                Some(DateTime::<Utc>::from(date))
            }),
            framed: response.version() >= Version::HTTP_2
                || headers.contains_key(CONTENT_LENGTH)
                || headers.contains_key(TRANSFER_ENCODING),
            body: Bytes::new(),
            unreadable: None,
            secrets,
            headers,
        };
        reply.body = body(response, limits).await?;
        Ok(reply)
    }
}

/// Builds a client. On a machine without any certificate authority, returns a client for plain HTTP
/// only, and the failure of every HTTPS request.
fn build(
    source: &Source,
    builder: &dyn Fn(bool) -> Result<ClientBuilder, ClientError>,
    proxied: bool,
) -> Result<(Client, Option<Failure>), ClientError> {
    let unusable = |error: &reqwest::Error| ClientError::Http {
        name: source.name.clone(),
        problem: root_cause(error),
    };
    let error = match with_ca_file(builder(proxied)?, source)?.build() {
        Ok(client) => return Ok((client, None)),
        Err(error) => error,
    };
    let plain = builder(proxied)?.tls_certs_only([]).build();
    let client = plain.map_err(|_| unusable(&error))?;
    let failure = Failure::NoConnection {
        host: source.base_url.host_str().unwrap_or("the API").to_owned(),
        problem: snippet(root_cause(&error).as_bytes()),
        hint: format!(
            ": install the system's `ca-certificates`, or name a file of certificates (PEM) as \
             `ca_file` of source `{}`",
            source.name
        ),
    };
    Ok((client, Some(failure)))
}

/// Adds the certificates of `ca_file` to the trusted ones of the system.
fn with_ca_file(builder: ClientBuilder, source: &Source) -> Result<ClientBuilder, ClientError> {
    let Some(path) = &source.ca_file else {
        return Ok(builder);
    };
    let unusable = |problem: String| ClientError::CaFile {
        name: source.name.clone(),
        path: path.clone(),
        problem,
    };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let certificates =
        Certificate::from_pem_bundle(&pem).map_err(|error| unusable(root_cause(&error)))?;
    if certificates.is_empty() {
        return Err(unusable("has no PEM certificate in it".to_owned()));
    }
    Ok(builder.tls_certs_merge(certificates))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
