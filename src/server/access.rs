//! Access rules: the permission that each kind of route requires.
//!
//! | | on loopback | on another address | on another address, `public_reads = true` |
//! |---|---|---|---|
//! | probes, `/metrics` | open | open | open |
//! | read routes | open if `Host` is a loopback name or address | token | open |
//! | write routes | token | token | token |
//!
//! A page is a read route; a browser shows by the cookie of its session that it has shown the token before
//! ([`super::page::session`]). The API takes no cookies.
//!
//! A route that needs a token answers 403 if no token is configured; the response says how to set one.
//!
//! On loopback, read routes are open to local programs, but not to web pages in local browsers. A page
//! can't read responses from another origin (no CORS headers are sent), doesn't know the token, and can't
//! evade both by DNS rebinding (resolving its own domain to 127.0.0.1), because the `Host` header then
//! holds that domain.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::server::error::ApiError;
use crate::server::page::session::Sessions;
use bronzed_model::settings::ServerSettings;

/// Permission that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredAccess {
    /// None: the route is open.
    Public,
    /// Permission to read.
    Read,
    /// Permission to change something.
    Change,
}

/// Access rules for one listen address.
#[derive(Debug)]
pub(super) struct Access {
    loopback: bool,
    public_reads: bool,
    /// SHA-256 digest of the token. The presented token is hashed too, so that the time of the comparison
    /// reveals neither the content nor the length of the token.
    token: Option<[u8; 32]>,
    /// Sessions of browsers that have shown the token.
    sessions: Sessions,
}

impl Access {
    pub(super) fn new(settings: &ServerSettings, listen: SocketAddr) -> Self {
        Self {
            loopback: listen.ip().to_canonical().is_loopback(),
            public_reads: settings.public_reads,
            token: settings.token.as_ref().and_then(digest_of_token),
            sessions: Sessions::default(),
        }
    }

    /// Returns the sessions of browsers.
    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns `true` if a token is configured.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Returns an error unless a page may be read: by its session, or as any read route.
    pub(super) fn check_page(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        match self.sessions.of(headers) {
            Some(_) => Ok(()),
            None => self.check(RequiredAccess::Read, uri, headers),
        }
    }

    /// Returns an error unless a request with these headers has the permission `need`.
    fn check(&self, need: RequiredAccess, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        match need {
            RequiredAccess::Public => Ok(()),
            RequiredAccess::Change => self.check_token(headers),
            RequiredAccess::Read if self.public_reads => Ok(()),
            RequiredAccess::Read => match self.check_token(headers) {
                Err(_) if self.loopback && is_for_this_machine(uri, headers) => Ok(()),
                Err(_) if self.loopback => Err(ApiError::ForeignHost),
                checked => checked,
            },
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self.token.is_none() {
            return Err(ApiError::NoTokenConfigured);
        }
        self.check_given(bearer(headers).ok_or(ApiError::TokenMissing)?)
    }

    /// Returns an error unless this is the token.
    pub(super) fn check_given(&self, presented: &[u8]) -> Result<(), ApiError> {
        let expected = self.token.ok_or(ApiError::NoTokenConfigured)?;
        match bool::from(digest(presented).ct_eq(&expected)) {
            true => Ok(()),
            false => Err(ApiError::TokenWrong),
        }
    }
}

/// Middleware in front of each route: rejects requests without the required permission.
pub(super) async fn guard(
    State((access, need)): State<(Arc<Access>, RequiredAccess)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    access.check(need, request.uri(), request.headers())?;
    Ok(next.run(request).await)
}

/// Returns `None` for a blank token: `BRONZED__SERVER__TOKEN=` must not let everyone in.
fn digest_of_token(token: &SecretString) -> Option<[u8; 32]> {
    let token = token.expose_secret().trim();
    (!token.is_empty()).then(|| digest(token.as_bytes()))
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Returns the token of an `Authorization: Bearer …` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

/// Returns `true` if `Host` is a loopback name or address. The port is ignored, because it may be
/// forwarded.
fn is_for_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let in_header = Authority::try_from(host.as_bytes());
    in_header.is_ok_and(|authority| is_loopback(&authority))
        // The request line may hold an absolute URL: its host must be loopback, too.
        && uri.authority().is_none_or(is_loopback)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let unbracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match unbracketed {
        Some(inner) => inner.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback()),
        None => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn named(host: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        is_for_this_machine(&Uri::from_static("/"), &headers)
    }

    #[test]
    fn this_machine_is_known_by_its_loopback_names() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1:9",
            "127.1.2.3",
            "[::1]:80",
        ] {
            assert!(named(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil@localhost.example",
            "192.168.0.7:8080",
            "[2001:db8::1]",
            "0.0.0.0",
            "",
            "local host",
        ] {
            assert!(!named(host), "{host}");
        }
    }

    #[test]
    fn a_request_with_two_names_or_none_is_not_for_this_machine() {
        let local = HeaderValue::from_static("localhost");
        let mut headers = HeaderMap::new();
        assert!(!is_for_this_machine(&Uri::from_static("/"), &headers));
        headers.append(header::HOST, local.clone());
        let elsewhere = Uri::from_static("http://evil.example/api/v1/jobs");
        assert!(!is_for_this_machine(&elsewhere, &headers));
        headers.append(header::HOST, local);
        assert!(!is_for_this_machine(&Uri::from_static("/"), &headers));
    }

    #[test]
    fn a_token_is_found_behind_its_scheme_only() {
        let token = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            bearer(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(token("Bearer abc").unwrap(), b"abc");
        assert_eq!(token("bearer  abc").unwrap(), b"abc");
        for other in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(token(other), None, "{other}");
        }
    }
}
