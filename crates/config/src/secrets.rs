//! Secrets of a configuration, to be redacted from all output.

use secrecy::ExposeSecret;

use bronzed_model::declaration::Auth;
use bronzed_model::redact::{looks_like_secret, password_and_pair, with_signature};
use bronzed_model::settings::Settings;

/// Returns the secrets of a configuration.
pub fn of_settings(settings: &Settings) -> Vec<String> {
    let mut secrets = Vec::new();
    let token = settings.server.token.iter();
    secrets.extend(token.map(|token| token.expose_secret().to_owned()));
    for (name, value) in &settings.lake.options {
        if looks_like_secret(name) {
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
