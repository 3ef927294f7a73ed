//! Redacts the secrets of this process from its output.
//!
//! Error texts often come from outside: an error page that echoes the request, a response of the store, a
//! panic message, a line logged by a library. So every line that is logged or printed, and every foreign text
//! that becomes part of an error, a state or a response, goes through [`redact`]. Values of type `secrecy`
//! redact themselves; this module covers secrets that were sent.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use url::{Url, form_urlencoded};

/// Replacement for a secret.
const HIDDEN: &str = "[secret]";
/// Minimum length of a secret that is redacted, because shorter ones also occur in harmless text.
const MIN_CHARS: usize = 6;

/// Parts of names that indicate a secret.
const PARTS: [&str; 8] = [
    "secret",
    "password",
    "passwd",
    "token",
    "credential",
    "authorization",
    "cookie",
    "key",
];

/// Ends of names that match [`PARTS`] but are not secrets.
const HARMLESS: [&str; 3] = ["token_file", "service_account_path", "key_id"];

/// Returns `true` if a value of this name is probably a secret.
pub fn looks_like_secret(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    !HARMLESS.iter().any(|end| name.ends_with(end)) && PARTS.iter().any(|part| name.contains(part))
}

/// Secrets of the process; global, because logs and panics have no other access to them.
static KNOWN: RwLock<Encodings> = RwLock::new(Encodings(Vec::new()));

/// Registers secrets to be redacted from now on.
pub fn register(secrets: impl IntoIterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    secrets.into_iter().for_each(|secret| known.add(&secret));
}

/// Removes a secret that has been replaced, so that the registered ones don't grow without bound.
pub fn forget(secret: &str) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let forms = forms(secret);
    known.0.retain(|known| !forms.contains(known));
}

/// Redacts all registered secrets in a text.
pub fn redact(text: &str) -> Cow<'_, str> {
    KNOWN
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .redact(text)
}

/// Secrets in every encoding in which they are written or sent, longest first.
#[derive(Debug, Default)]
struct Encodings(Vec<String>);

impl Encodings {
    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < MIN_CHARS {
            return;
        }
        for form in forms(secret) {
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for form in &self.0 {
            if text.contains(form) {
                text = text.replace(form, HIDDEN).into();
            }
        }
        text
    }
}

/// Returns a secret in every encoding in which it is written or sent.
fn forms(secret: &str) -> [String; 4] {
    let secret = secret.trim();
    let in_json = serde_json::Value::from(secret).to_string();
    let in_url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    // A space in a query is a `+` or, as this program sends it, `%20`.
    let as_sent = in_url.replace('+', "%20");
    let in_json = in_json.trim_matches('"').to_owned();
    [secret.to_owned(), in_json, in_url, as_sent]
}

/// Returns the secrets in variables that libraries read by themselves: credentials of stores and proxies.
pub fn of_environment<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in variables {
        let name = name.to_ascii_uppercase();
        let of_store = ["AWS_", "AZURE_", "GOOGLE_"]
            .iter()
            .any(|store| name.starts_with(store));
        if of_store && looks_like_secret(&name) {
            secrets.extend(with_signature(value));
        } else if name.ends_with("_PROXY") {
            secrets.extend(of_proxy(value));
        }
    }
    secrets
}

/// Returns a store's secret and, for a shared access signature (`sv=…&sig=…`), also the signature alone.
pub fn with_signature(secret: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(secret.as_bytes());
    let signatures = pairs.filter(|(name, _)| name == "sig");
    let signatures = signatures.map(|(_, value)| value.into_owned());
    signatures.chain([secret.to_owned()]).collect()
}

/// Returns the secrets of a proxy address: `http://user:password@host:port`.
fn of_proxy(address: &str) -> Vec<String> {
    // The scheme may be left out.
    let whole = match address.contains("://") {
        true => Url::parse(address),
        false => Url::parse(&format!("http://{address}")),
    };
    let Ok(url) = whole else {
        return Vec::new();
    };
    let Some(password) = url.password() else {
        return Vec::new();
    };
    let decoded = |text: &str| {
        let text = text.replace('+', "%2B");
        let pairs = form_urlencoded::parse(text.as_bytes());
        pairs.map(|(text, _)| text.into_owned()).collect::<String>()
    };
    let mut secrets = password_and_pair(&decoded(url.username()), &decoded(password));
    secrets.push(password.to_owned());
    secrets
}

/// Returns a password, and its Basic encoding (base64 of `user:password`).
pub fn password_and_pair(user: &str, password: &str) -> Vec<String> {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    vec![password.to_owned(), pair]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(secrets: &[&str], text: &str) -> String {
        let mut forms = Encodings::default();
        secrets.iter().for_each(|secret| forms.add(secret));
        forms.redact(text).into_owned()
    }

    #[test]
    fn a_secret_is_hidden_in_each_form_that_it_is_written_in() {
        let secret = "a\"b/c d&e";
        for text in [
            secret.to_owned(),
            serde_json::Value::from(secret).to_string(),
            "x?key=a%22b%2Fc+d%26e".to_owned(),
            "x?key=a%22b%2Fc%20d%26e".to_owned(),
        ] {
            let shown = hidden(&[secret], &format!("before {text} after"));
            assert!(shown.contains(HIDDEN) && !shown.contains("c d"), "{shown}");
            assert!(shown.starts_with("before ") && shown.ends_with(" after"));
            assert!(!shown.contains("%2Fc"), "{shown}");
        }
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_of_it() {
        let shown = hidden(
            &["password", "password-and-more"],
            "password-and-more, password",
        );
        assert_eq!(shown, "[secret], [secret]");
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_is_not_hidden() {
        assert_eq!(hidden(&["", " ", "ok"], "ok, all of it"), "ok, all of it");
    }

    #[test]
    fn secrets_of_stores_and_proxies_are_known_from_the_environment() {
        let found = of_environment([
            ("AWS_SECRET_ACCESS_KEY", "in-aws"),
            ("AWS_REGION", "us-east-1"),
            ("AZURE_STORAGE_SAS_KEY", "sv=2022&sig=in%2Fazure"),
            ("https_proxy", "http://me:in%40proxy@host:3128"),
            ("HTTP_PROXY", "me:in-http@host"),
            ("NO_PROXY", "localhost,10.0.0.0/8"),
            ("SHELL_TOKEN", "somebody-elses"),
        ]);
        let pair = |pair: &str| BASE64_STANDARD.encode(pair);
        assert_eq!(
            found,
            [
                "in-aws".to_owned(),
                "in/azure".to_owned(),
                "sv=2022&sig=in%2Fazure".to_owned(),
                "in@proxy".to_owned(),
                pair("me:in@proxy"),
                "in%40proxy".to_owned(),
                "in-http".to_owned(),
                pair("me:in-http"),
                "in-http".to_owned(),
            ]
        );
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "aws_secret_access_key",
            "AWS_SESSION_TOKEN",
            "azure_storage_account_key",
            "azure_client_secret",
            "google_service_account_key",
            "Authorization",
            "X-Api-Key",
            "Set-Cookie",
        ] {
            assert!(looks_like_secret(name), "{name}");
        }
        for name in [
            "aws_endpoint",
            "aws_region",
            "aws_access_key_id",
            "aws_web_identity_token_file",
            "google_service_account_path",
            "Accept",
        ] {
            assert!(!looks_like_secret(name), "{name}");
        }
    }
}
