//! Redacts the secrets of this process from its output.
//!
//! Error texts often come from outside: an error page that echoes the request, a response of the store, a
//! panic message, a line logged by a library. So every line that is logged or printed, and every foreign text
//! that becomes part of an error, a state or a response, goes through [`hide`]. Values of type `secrecy`
//! redact themselves; this module covers secrets that were sent.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use url::{Url, form_urlencoded};

use crate::config::settings::Settings;
use crate::config::smells;
use crate::source::declaration::Auth;

/// Replacement for a secret.
const HIDDEN: &str = "[secret]";
/// Minimum length of a secret that is redacted, because shorter ones also occur in harmless text.
const MIN_CHARS: usize = 6;

/// Secrets of the process; global, because logs and panics have no other access to them.
static KNOWN: RwLock<Forms> = RwLock::new(Forms(Vec::new()));

/// Registers secrets to be redacted from now on.
pub fn keep(secrets: impl IntoIterator<Item = String>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    secrets.into_iter().for_each(|secret| known.add(&secret));
}

/// Redacts all registered secrets in a text.
pub fn hide(text: &str) -> Cow<'_, str> {
    KNOWN
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .hide(text)
}

/// Secrets in every encoding in which they are written or sent, longest first.
#[derive(Debug, Default)]
struct Forms(Vec<String>);

impl Forms {
    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < MIN_CHARS {
            return;
        }
        let in_json = serde_json::Value::from(secret).to_string();
        let in_url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [secret, in_json.trim_matches('"'), &in_url] {
            if !self.0.iter().any(|known| known == form) {
                self.0.push(form.to_owned());
            }
        }
        self.0.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for form in &self.0 {
            if text.contains(form) {
                text = text.replace(form, HIDDEN).into();
            }
        }
        text
    }
}

/// Returns the secrets of a configuration.
pub fn of_settings(settings: &Settings) -> Vec<String> {
    let mut secrets = Vec::new();
    let token = settings.server.token.iter();
    secrets.extend(token.map(|token| token.expose_secret().to_owned()));
    for (name, value) in &settings.lake.options {
        if smells(name) {
            secrets.extend(with_signature(value.expose_secret()));
        }
    }
    for source in settings.sources.values() {
        match &source.auth {
            Auth::None => {}
            Auth::Bearer(secret) | Auth::ApiKey { key: secret, .. } => {
                secrets.push(secret.expose_secret().to_owned());
            }
            Auth::Basic { user, password } => {
                secrets.extend(password_and_pair(user, password.expose_secret()));
            }
        }
        let protections = source.datasets.values();
        let protections = protections.filter_map(|dataset| dataset.protection.as_ref());
        let keys = protections.filter_map(|protection| protection.key());
        secrets.extend(keys.map(|key| key.expose_secret().to_owned()));
    }
    secrets
}

/// Returns the secrets in variables that libraries read by themselves: credentials of stores and proxies.
pub fn of_environment<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Vec<String> {
    let mut secrets = Vec::new();
    for (name, value) in variables {
        let name = name.to_ascii_uppercase();
        let of_store = ["AWS_", "AZURE_", "GOOGLE_"]
            .iter()
            .any(|store| name.starts_with(store));
        if of_store && smells(&name) {
            secrets.extend(with_signature(value));
        } else if name.ends_with("_PROXY") {
            secrets.extend(of_proxy(value));
        }
    }
    secrets
}

/// Returns a store's secret and, for a shared access signature (`sv=…&sig=…`), also the signature alone.
fn with_signature(secret: &str) -> Vec<String> {
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
fn password_and_pair(user: &str, password: &str) -> Vec<String> {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    vec![password.to_owned(), pair]
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use indicatif::MultiProgress;

    use super::*;
    use crate::config::settings::{LogFormat, TelemetrySettings};
    use crate::telemetry;

    fn hidden(secrets: &[&str], text: &str) -> String {
        let mut forms = Forms::default();
        secrets.iter().for_each(|secret| forms.add(secret));
        forms.hide(text).into_owned()
    }

    #[test]
    fn a_secret_is_hidden_in_each_form_that_it_is_written_in() {
        let secret = "a\"b/c d&e";
        for text in [
            secret.to_owned(),
            serde_json::Value::from(secret).to_string(),
            "x?key=a%22b%2Fc+d%26e".to_owned(),
        ] {
            let shown = hidden(&[secret], &format!("before {text} after"));
            assert!(shown.contains(HIDDEN) && !shown.contains("c d"), "{shown}");
            assert!(shown.starts_with("before ") && shown.ends_with(" after"));
            assert!(!shown.contains("%2Fc+d"), "{shown}");
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

    const IN_A_PANIC: &str = "planted-in-a-panic-5d20c1";

    /// Run by the next test in a separate process.
    #[test]
    #[ignore = "panics: `a_panic_shows_no_secret` looks at it"]
    fn a_process_that_panics() {
        let settings = TelemetrySettings {
            log: "info".to_owned(),
            format: LogFormat::Json,
        };
        keep([IN_A_PANIC.to_owned()]);
        telemetry::init(&settings, None, &MultiProgress::new()).unwrap();
        telemetry::log_panics();
        let thread = std::thread::spawn(|| panic!("no header: Bearer {IN_A_PANIC}"));
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_panic_shows_no_secret() {
        let this = std::env::current_exe().unwrap();
        let process = Command::new(this)
            .args(["--exact", "secrets::tests::a_process_that_panics"])
            .args(["--ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        let shown = [process.stdout, process.stderr].concat();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("no header: Bearer [secret]"), "{shown}");
        assert!(!shown.contains(IN_A_PANIC), "{shown}");
    }
}
