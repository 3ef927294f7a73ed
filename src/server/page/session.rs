//! Sessions of browsers: who has shown the token once may act until the session ends.
//!
//! The cookie holds a random value, never the token. A form carries a second value of the session, which a
//! page of another site can't know; with `SameSite=Strict` and the check of the request's origin, that makes
//! three things in the way of a forged request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

/// Name of the cookie.
const COOKIE: &str = "bronzed_session";
/// Time after which a session ends.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Maximum number of sessions; a further one ends the oldest.
const MOST: usize = 64;

/// Sessions of this process, by the digest of their cookie.
#[derive(Debug, Default)]
pub(in crate::server) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

/// A session.
#[derive(Debug, Clone)]
pub(in crate::server) struct Session {
    /// Value that the forms of the session carry.
    pub form_token: String,
    begun: Instant,
}

impl Sessions {
    /// Begins a session; returns the value of its cookie. `None` if the system has no randomness.
    pub(in crate::server) fn begin(&self) -> Option<String> {
        let (cookie, form_token) = (secret()?, secret()?);
        let begun = Instant::now();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.begun.elapsed() < LIFE);
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.begun);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(digest(&cookie), Session { form_token, begun });
        Some(cookie)
    }

    /// Returns the session of a request. `None` if it has none, or if the session has ended.
    pub(in crate::server) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&digest(cookie(headers)?))?;
        (session.begun.elapsed() < LIFE).then(|| session.clone())
    }

    /// Ends the session of a request.
    pub(in crate::server) fn end(&self, headers: &HeaderMap) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cookie) = cookie(headers) {
            sessions.remove(&digest(cookie));
        }
    }
}

impl Session {
    /// Returns `true` if a form was made for this session.
    pub(in crate::server) fn made(&self, form_token: &str) -> bool {
        let (own, given) = (digest(&self.form_token), digest(form_token));
        own.ct_eq(&given).into()
    }
}

/// Returns the `Set-Cookie` value that begins a session. `Secure` if the proxy in front says that the browser
/// uses TLS.
pub(in crate::server) fn set_cookie(value: &str, headers: &HeaderMap) -> String {
    let proto = headers.get("x-forwarded-proto");
    let secure = proto.is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"));
    let secure = if secure { "; Secure" } else { "" };
    let age = LIFE.as_secs();
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}")
}

/// Returns the `Set-Cookie` value that ends a session.
pub(in crate::server) fn clear_cookie() -> String {
    format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Returns `true` if a form was sent by a page of this server, as far as the browser tells: by
/// `Sec-Fetch-Site`, and by `Origin`, which must name the requested host.
pub(in crate::server) fn is_of_this_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else {
        // A program that is no browser; it has no cookies of one either.
        return true;
    };
    let host = text(header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let origin = origin.split_once("://").map(|(_, host)| host);
    let origin = origin.and_then(|host| host.parse::<Authority>().ok());
    matches!((host, origin), (Some(host), Some(origin)) if host == origin)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn secret() -> Option<String> {
    let mut bytes = [0_u8; 32];
    SysRng.try_fill_bytes(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_by_itself_and_the_oldest_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        let headers = with(header::COOKIE, &format!("a=b; {COOKIE}={first}"));
        let session = sessions.of(&headers).unwrap();
        assert!(session.made(&session.form_token) && !session.made(&first));
        tokio::time::advance(LIFE - Duration::from_secs(1)).await;
        assert!(sessions.of(&headers).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.of(&headers).is_none());
        let kept: Vec<_> = (0..MOST).map(|_| sessions.begin().unwrap()).collect();
        tokio::time::advance(Duration::from_secs(1)).await;
        sessions.begin();
        let alive = kept.iter().filter(|value| {
            let headers = with(header::COOKIE, &format!("{COOKIE}={value}"));
            sessions.of(&headers).is_some()
        });
        assert_eq!(alive.count(), MOST - 1);
    }

    #[test]
    fn a_form_of_another_site_is_none_of_this_one() {
        let mut headers = with(header::HOST, "lake.example:8080");
        assert!(is_of_this_site(&headers));
        for (origin, is) in [
            ("http://lake.example:8080", true),
            ("http://lake.example", false),
            ("http://evil.example:8080", false),
            ("null", false),
        ] {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(is_of_this_site(&headers), is, "{origin}");
        }
        headers.remove(header::ORIGIN);
        headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
        assert!(!is_of_this_site(&headers));
    }
}
