//! Secrets of a configuration, to be redacted from all output.

use secrecy::ExposeSecret;
use url::Url;

use bronzed_model::alerts::{AlertChannel, AlertSettings};
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
    secrets.extend(of_alerts(&settings.alerts));
    for source in settings.sources.values() {
        match &source.auth {
            Auth::None => {}
            Auth::Bearer(secret) | Auth::ApiKey { key: secret, .. } => {
                secrets.push(secret.expose_secret().to_owned());
            }
            Auth::OAuth2(credentials) => {
                let (id, secret) = (&credentials.client_id, &credentials.client_secret);
                let (id, secret) = (id.expose_secret(), secret.expose_secret());
                secrets.push(id.to_owned());
                secrets.extend(password_and_pair(id, secret));
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

/// Returns the secrets of channels and heartbeat. The path of a URL is one by itself, because an answer may
/// repeat it alone.
fn of_alerts(alerts: &AlertSettings) -> Vec<String> {
    let mut urls = Vec::new();
    let mut secrets = Vec::new();
    for channel in alerts.channels.values() {
        match channel {
            AlertChannel::Webhook { url, .. } => urls.push(url),
            AlertChannel::Telegram { token, .. } => secrets.push(token.expose_secret().to_owned()),
            AlertChannel::Email(email) => {
                let login = email.login.iter();
                secrets.extend(login.flat_map(|(user, password)| {
                    password_and_pair(user, password.expose_secret())
                }));
            }
        }
    }
    if let Some(heartbeat) = &alerts.heartbeat {
        urls.push(&heartbeat.url);
        urls.extend(&heartbeat.failure_url);
    }
    for url in urls.into_iter().map(ExposeSecret::expose_secret) {
        secrets.push(url.to_owned());
        if let Ok(url) = Url::parse(url) {
            secrets.push(url.path().trim_matches('/').to_owned());
            secrets.extend(url.query().map(str::to_owned));
        }
    }
    secrets
}
